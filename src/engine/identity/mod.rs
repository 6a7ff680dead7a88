//! SES identities: the addresses and domains that mail may be sent from. They are shared by whatever else sends from
//! the account: one that exists is adopted as it is.

pub mod dns;
pub mod records;
pub mod sender;

use aws_sdk_sesv2::operation::get_email_identity::GetEmailIdentityOutput;
use aws_sdk_sesv2::types::{
    BehaviorOnMxFailure, DkimSigningAttributesOrigin, MailFromDomainStatus, Tag, VerificationError, VerificationStatus,
};
use serde::Serialize;
use signup_service::address::Address;

use super::desired::SERVICE_TAG;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};
use records::Record;

/// Where SES publishes the keys of domains, where its answer does not say.
const DKIM_ZONE: &str = "dkim.amazonses.com";

/// The subdomain that takes the bounces of a domain that signupctl begins.
const MAIL_FROM: &str = "bounce";

/// How far SES is with an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Verified,
    /// SES waits for the owner to answer its mail, or for DNS records.
    Pending,
    /// SES could not look; it goes on trying.
    TemporaryFailure,
    /// SES has given up.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Address,
    Domain,
}

/// An identity as SES knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    pub name: String,
    pub kind: Kind,
    pub standing: Standing,
    /// What SES says about a failure.
    pub why: Option<&'static str>,
    /// The service that began it, when signupctl did.
    pub owner: Option<String>,
    /// The records that verify a domain.
    #[serde(skip)]
    pub dkim: Vec<Record>,
    pub mail_from: Option<MailFrom>,
}

/// A MAIL FROM domain of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailFrom {
    pub domain: String,
    pub standing: Standing,
}

impl Identity {
    fn new(name: &str, answer: GetEmailIdentityOutput) -> Self {
        let kind = if name.contains('@') { Kind::Address } else { Kind::Domain };
        let standing = match answer.verification_status {
            _ if answer.verified_for_sending_status => Standing::Verified,
            Some(VerificationStatus::Failed) => Standing::Failed,
            Some(VerificationStatus::TemporaryFailure) => Standing::TemporaryFailure,
            _ => Standing::Pending,
        };
        let dkim = answer.dkim_attributes.filter(|_| kind == Kind::Domain).map(|dkim| {
            // Keys of one's own bear selectors, and their records are only the owner's to know.
            let own = dkim.signing_attributes_origin == Some(DkimSigningAttributesOrigin::External);
            let tokens = dkim.tokens.filter(|_| !own).unwrap_or_default();
            let zone = dkim.signing_hosted_zone.unwrap_or_else(|| DKIM_ZONE.to_owned());
            records::dkim(name, &zone, tokens.iter().map(String::as_str))
        });
        let mail_from = answer.mail_from_attributes.filter(|from| !from.mail_from_domain.is_empty());
        Self {
            name: name.to_owned(),
            kind,
            standing,
            why: answer.verification_info.and_then(|info| info.error_type).and_then(|error| why(&error)),
            owner: answer.tags.unwrap_or_default().into_iter().find(|tag| tag.key == SERVICE_TAG).map(|tag| tag.value),
            dkim: dkim.unwrap_or_default(),
            mail_from: mail_from.map(|from| MailFrom {
                standing: match from.mail_from_domain_status {
                    MailFromDomainStatus::Success => Standing::Verified,
                    MailFromDomainStatus::Failed => Standing::Failed,
                    MailFromDomainStatus::TemporaryFailure => Standing::TemporaryFailure,
                    _ => Standing::Pending,
                },
                domain: from.mail_from_domain,
            }),
        }
    }

    /// All records of a domain; of an address there are none.
    pub fn records(&self, region: &str) -> Vec<Record> {
        if self.kind == Kind::Address {
            return Vec::new();
        }
        let mail_from = self.mail_from.iter().flat_map(|from| records::mail_from(&from.domain, region));
        self.dkim.iter().cloned().chain(mail_from).chain([records::dmarc(&self.name)]).collect()
    }
}

/// SES's reasons in the house's words.
fn why(error: &VerificationError) -> Option<&'static str> {
    Some(match error {
        VerificationError::HostNotFound => "SES finds no such record",
        VerificationError::TypeNotFound => "SES finds a record of another type under that name",
        VerificationError::InvalidValue => "SES finds a record with another value",
        VerificationError::DnsServerError => "the domain's DNS server does not answer SES",
        VerificationError::ServiceError => "SES has trouble of its own",
        _ => return None,
    })
}

/// An identity's name as SES wants it: an address or a domain, the domain in lower case and other scripts in Punycode.
pub fn parse(text: &str) -> Outcome<String> {
    let text = text.trim();
    let wrong = || {
        Failure::usage("bad_identity", format!("`{text}` is neither a mail address nor a domain"))
            .hint("name one such as `hello@example.com` or `example.com`")
    };
    match text.contains('@') {
        true => Address::parse(text).map(|address| address.mailable()).map_err(|_| wrong()),
        false => {
            let address = Address::parse(&format!("x@{text}")).map_err(|_| wrong())?;
            Ok(address.normalised().split_once('@').map_or_else(String::new, |(_, domain)| domain.to_owned()))
        }
    }
}

/// Reads an identity; `None` when there is none.
pub async fn find(aws: &Aws, name: &str) -> Outcome<Option<Identity>> {
    match aws.sesv2().get_email_identity().email_identity(name).send().await {
        Ok(answer) => Ok(Some(Identity::new(name, answer))),
        Err(error) if service_code(&error) == Some("NotFoundException") => Ok(None),
        Err(error) => Err(explain(format!("the identity `{name}` cannot be read in SES"), error)),
    }
}

/// Finds an identity, or begins it for a service; says whether this run began it. Never waits, and safe to repeat.
pub async fn ensure(aws: &Aws, service: &str, key_prefix: &str, name: &str) -> Outcome<(Identity, bool)> {
    let found = find(aws, name).await?;
    let (identity, begun) = match found {
        Some(identity) => (identity, false),
        None => (begin(aws, service, key_prefix, name).await?, true),
    };
    // Begun by signupctl, for this service or another: whichever goes last deletes it.
    if !begun && identity.owner.is_some() {
        sender::note(aws, key_prefix, name).await?;
    }
    let ours = identity.owner.as_deref() == Some(service);
    if identity.kind == Kind::Domain && ours && identity.mail_from.is_none() {
        set_mail_from(aws, name).await?;
        return Ok((find(aws, name).await?.unwrap_or(identity), begun));
    }
    Ok((identity, begun))
}

async fn begin(aws: &Aws, service: &str, key_prefix: &str, name: &str) -> Outcome<Identity> {
    let tag = Tag::builder().key(SERVICE_TAG).value(service).build();
    let tag = tag
        .map_err(|error| Failure::new("unexpected_answer", "the identity cannot be tagged").cause(error.to_string()))?;
    // Noted first: an identity that is begun and not noted would never be deleted.
    sender::note(aws, key_prefix, name).await?;
    match aws.sesv2().create_email_identity().email_identity(name).tags(tag).send().await {
        Ok(_) => {}
        // An earlier try, or somebody else, was faster.
        Err(error) if service_code(&error) == Some("AlreadyExistsException") => {}
        Err(error) => return Err(explain(format!("the identity `{name}` cannot be begun in SES"), error)),
    }
    find(aws, name).await?.ok_or_else(|| {
        Failure::new("unexpected_answer", format!("SES does not show the identity `{name}` that it began"))
            .hint("run it again in a moment")
    })
}

/// Bounces of a domain of ours go to a subdomain of it, so that SPF passes for the domain itself. Until its records are
/// there, SES uses a domain of its own.
async fn set_mail_from(aws: &Aws, domain: &str) -> Outcome<()> {
    let set = aws
        .sesv2()
        .put_email_identity_mail_from_attributes()
        .email_identity(domain)
        .mail_from_domain(format!("{MAIL_FROM}.{domain}"))
        .behavior_on_mx_failure(BehaviorOnMxFailure::UseDefaultValue)
        .send()
        .await;
    match set {
        Ok(_) => Ok(()),
        // The emulator's SES knows no MAIL FROM domain.
        Err(error) if aws.is_local() && service_code(&error) == Some("NotFoundException") => Ok(()),
        Err(error) => Err(explain(format!("the MAIL FROM domain of `{domain}` cannot be set"), error)),
    }
}

/// Begins an identity anew, so that SES looks again, or mails its link once more. Refuses one that signupctl did not begin for this service.
pub async fn begin_again(aws: &Aws, service: &str, key_prefix: &str, identity: &Identity) -> Outcome<Identity> {
    let name = &identity.name;
    if identity.owner.as_deref() != Some(service) {
        return Err(Failure::new("not_ours", format!("the identity `{name}` was not begun for this service"))
            .cause("others may send from it")
            .hint("nothing was changed; begin it anew in the SES console"));
    }
    match aws.sesv2().delete_email_identity().email_identity(name).send().await {
        Ok(_) => {}
        Err(error) if service_code(&error) == Some("NotFoundException") => {}
        Err(error) => return Err(explain(format!("the identity `{name}` cannot be begun anew"), error)),
    }
    Ok(ensure(aws, service, key_prefix, name).await?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_an_address_or_a_domain() {
        assert_eq!(parse("Hello@Example.com").as_deref(), Ok("Hello@example.com"));
        assert_eq!(parse("hello@bücher.example").as_deref(), Ok("hello@xn--bcher-kva.example"));
        assert_eq!(parse(" Bücher.Example ").as_deref(), Ok("xn--bcher-kva.example"));
        for wrong in ["", "@", "a b.com", "hello@", "-", "example"] {
            assert_eq!(parse(wrong).expect_err(wrong).code, "bad_identity");
        }
    }

    #[test]
    fn keys_of_ones_own_have_no_records_that_are_known() {
        use aws_sdk_sesv2::types::DkimAttributes;
        let answer = |origin| {
            let dkim = DkimAttributes::builder().tokens("abc").signing_attributes_origin(origin).build();
            Identity::new("example.com", GetEmailIdentityOutput::builder().dkim_attributes(dkim).build()).dkim
        };
        assert_eq!(answer(DkimSigningAttributesOrigin::External), []);
        let names: Vec<String> =
            answer(DkimSigningAttributesOrigin::AwsSes).into_iter().map(|record| record.value).collect();
        assert_eq!(names, ["abc.dkim.amazonses.com"]);
    }
}
