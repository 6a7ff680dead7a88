//! The service's own domain name: its certificate, and where DNS leads.

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};

use super::{Command, Finding};
use crate::aws::{Aws, explain};
use crate::engine::identity::dns::Dns;
use crate::spec::{Domain, Spec};

/// Nothing without a domain, which no service needs.
pub async fn look(aws: &Aws, spec: &Spec, command: &Command<'_>) -> Vec<Finding> {
    let Some(domain) = &spec.domain else { return Vec::new() };
    let (certificate, name) = tokio::join!(certificate(aws, domain), name(domain, command));
    vec![certificate, name]
}

async fn certificate(aws: &Aws, domain: &Domain) -> Finding {
    const CHECK: &str = "certificate";
    let region = domain.certificate_arn.split(':').nth(3).unwrap_or_default();
    if region != aws.region {
        return Finding::problem(
            CHECK,
            format!("the certificate is of {region}, and the service of {}", aws.region),
            "request one in the service's own Region",
        );
    }
    if aws.is_local() {
        return Finding::ok(CHECK, "the local AWS asks for none");
    }
    match aws.acm().describe_certificate().certificate_arn(&domain.certificate_arn).send().await {
        Ok(answer) => match answer.certificate {
            Some(certificate) => judge(&certificate, &domain.name),
            None => Finding::problem(CHECK, "ACM tells nothing of the certificate", "look at it in the ACM console"),
        },
        Err(error) => match explain("the certificate cannot be read", error) {
            // No deploy looks at it.
            denied if denied.code == "access_denied" => Finding::unknown(CHECK, &denied),
            failure => Finding::failed(CHECK, &failure),
        },
    }
}

fn judge(certificate: &CertificateDetail, name: &str) -> Finding {
    const CHECK: &str = "certificate";
    let names = certificate.subject_alternative_names().iter().map(String::as_str).chain(certificate.domain_name());
    if !names.into_iter().any(|pattern| covers(pattern, name)) {
        return Finding::problem(CHECK, format!("the certificate does not cover `{name}`"), "request one that does");
    }
    match certificate.status() {
        Some(CertificateStatus::Issued) => Finding::ok(CHECK, format!("is issued for `{name}`")),
        Some(CertificateStatus::PendingValidation) => Finding::problem(
            CHECK,
            "the certificate waits for its validation",
            "add the CNAME that ACM shows, and wait until it is issued",
        ),
        status => Finding::problem(
            CHECK,
            format!("the certificate is {}", status.map_or("in no state", CertificateStatus::as_str)),
            "request another one",
        ),
    }
}

/// A wildcard stands for one label.
fn covers(pattern: &str, name: &str) -> bool {
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    match pattern.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| same(rest, parent)),
        None => same(pattern, name),
    }
}

async fn name(domain: &Domain, command: &Command<'_>) -> Finding {
    const CHECK: &str = "domain";
    let found = match Dns::new(None) {
        Ok(dns) => dns.leads_somewhere(&domain.name).await,
        Err(failure) => return Finding::unknown(CHECK, &failure),
    };
    match found {
        Ok(true) => Finding::ok(CHECK, format!("`{}` leads somewhere", domain.name)),
        Ok(false) => Finding::warning(
            CHECK,
            format!("`{}` leads nowhere yet", domain.name),
            format!("after the deploy, point it at the `DomainTarget` that `{}` tells", command("outputs")),
        ),
        Err(cause) => Finding::warning(CHECK, format!("`{}` cannot be looked up: {cause}", domain.name), "try again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::Level;

    #[test]
    fn a_certificate_is_issued_and_covers_the_name() {
        let certificate = |name: &str, status| {
            judge(&CertificateDetail::builder().domain_name(name).status(status).build(), "join.example.com").level
        };
        assert_eq!(certificate("join.example.com", CertificateStatus::Issued), Level::Ok);
        assert_eq!(certificate("*.example.com", CertificateStatus::Issued), Level::Ok);
        assert_eq!(certificate("*.com", CertificateStatus::Issued), Level::Problem);
        assert_eq!(certificate("example.com", CertificateStatus::Issued), Level::Problem);
        for status in [CertificateStatus::PendingValidation, CertificateStatus::Expired] {
            assert_eq!(certificate("join.example.com", status), Level::Problem);
        }
    }
}
