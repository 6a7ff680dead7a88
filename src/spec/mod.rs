//! The spec: what the operator wrote, typed and checked. Start of the first flow (YAML -> `Spec`).
//!
//! Pure but for [`load`], which reads the one file it is given and those that it names. No environment variable
//! changes a spec.

mod check;
mod files;
mod load;
mod notifications;
mod report;
mod text;
mod tree;
mod untranslated;

use std::collections::BTreeMap;

use crate::engine::template::Role;
use serde::Deserialize;
use signup_service::config::{self, Confirmation, Duration, Form, Security, ServiceConfig};
use signup_service::web::Transport;

pub use files::Files;
pub use load::{environments, load};
pub use notifications::{DIGESTS, Notifications, SUBSCRIBERS, Subscriber};
pub use untranslated::untranslated;

/// A whole spec. Only the service's name, the sender and the form have no default.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the service, and prefix of everything it owns in the account: at most 32 characters.
    pub service: String,
    /// AWS Region, such as `eu-central-1`; the profile's or the environment's when absent.
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub topology: Topology,
    pub email: Email,
    pub form: Form,
    #[serde(default)]
    pub branding: Branding,
    #[serde(default)]
    pub confirmation: Confirmation,
    #[serde(default)]
    pub security: Security,
    /// Codes of languages that are shipped, and paths of files; the first is the default language.
    #[serde(default = "english_alone")]
    pub languages: Vec<String>,
    #[serde(default)]
    pub data: Data,
    #[serde(default)]
    pub capacity: Capacity,
    #[serde(default)]
    pub monitoring: Monitoring,
    #[serde(default)]
    pub notifications: Notifications,
    #[serde(default)]
    pub domain: Option<Domain>,
    /// Tags for every stack and what it holds.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What the files hold that `languages`, `email.templates` and `branding.logo` name.
    #[serde(skip)]
    pub files: Files,
}

fn english_alone() -> Vec<String> {
    vec!["en".into()]
}

/// Who the mail comes from, and where its wording is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The sender's address. Its identity must be verified in SES before mail is delivered.
    pub from: String,
    /// The name shown beside the address; when absent, the one that pages and mails show.
    #[serde(default)]
    pub from_name: Option<String>,
    /// Where answers go; the sender when absent.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// A folder of mail templates, seen from the spec; the service's own words when absent.
    #[serde(default)]
    pub templates: Option<String>,
}

/// How the page and the mail look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Branding {
    /// The name a person knows you by; when absent, the sender's name or the service's in words.
    pub name: Option<String>,
    /// Accent colour as `#rrggbb`.
    pub color: Option<String>,
    /// A picture drawn beside the name, seen from the spec: SVG, PNG, JPEG or WebP of at most 64 KB.
    pub logo: Option<String>,
}

impl Spec {
    /// What the function needs to know; it travels in the bundle.
    pub fn service_config(&self) -> ServiceConfig {
        let logo = self.files.logo.as_ref();
        ServiceConfig {
            service: self.service.clone(),
            email: config::Email {
                from: self.email.from.clone(),
                from_name: self.email.from_name.clone(),
                reply_to: self.email.reply_to.clone(),
                templates: self.files.templates.clone(),
            },
            form: self.form.clone(),
            branding: config::Branding {
                name: self.branding.name.clone(),
                color: self.branding.color.clone(),
                logo: logo.map(|logo| config::Logo { media_type: logo.media_type.to_owned() }),
            },
            confirmation: self.confirmation.clone(),
            security: self.security(),
            retention: self.data.retention,
            notifications: self.notifications.config(),
            languages: self.files.languages.clone(),
        }
    }

    fn security(&self) -> config::Security {
        config::Security { hsts_subdomains: Some(self.hsts_subdomains()), ..self.security.clone() }
    }

    /// For which names browsers are to ask by HTTPS alone.
    pub fn transport(&self) -> Transport {
        Transport::of(&self.security())
    }

    /// Whether browsers are to take every name below the service's own for HTTPS alone too. Unless the spec says so they
    /// are, but at the apex of a domain: below that are names which others answer for.
    fn hsts_subdomains(&self) -> bool {
        let by_domain = || self.domain.as_ref().is_some_and(|domain| !domain.is_apex());
        self.security.hsts_subdomains.unwrap_or_else(by_domain)
    }

    /// Where the service's keys live in Parameter Store.
    pub fn key_prefix(&self) -> String {
        format!("/signupctl/{}", self.service)
    }
}

/// What stands in front of the web app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// API Gateway and Lambda: nothing stands, nothing is paid for while nobody comes.
    #[default]
    Serverless,
    /// An Application Load Balancer before two instances or more: cheaper once many come, and no cold start.
    HighPerformance,
}

impl Topology {
    pub fn name(self) -> &'static str {
        match self {
            Self::Serverless => "serverless",
            Self::HighPerformance => "high-performance",
        }
    }

    /// The stack that answers requests in it.
    pub fn front(self) -> Role {
        match self {
            Self::Serverless => Role::Web,
            Self::HighPerformance => Role::Servers,
        }
    }

    /// The stacks of it, in the order in which they are created.
    pub fn stacks(self) -> [Role; 3] {
        [Role::Data, Role::Workers, self.front()]
    }

    /// What a service of this topology may have been before.
    pub fn other(self) -> Self {
        match self {
            Self::Serverless => Self::HighPerformance,
            Self::HighPerformance => Self::Serverless,
        }
    }
}

/// How the table is guarded, and how long what nobody confirmed is kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// DynamoDB's deletion protection, the stack's termination protection and its stack policy.
    pub deletion_protection: bool,
    /// Days to which the table can be restored, 1 to 35; 0 turns point-in-time recovery off.
    pub pitr_days: u32,
    /// Life of a sign-up that nobody confirmed.
    pub retention: Duration,
}

impl Default for Data {
    fn default() -> Self {
        Self { deletion_protection: true, pitr_days: 35, retention: Duration::days(30) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// Memory of each function in MB, 128 to 10,240; its share of CPU grows with it.
    pub memory: u32,
    pub architecture: Architecture,
    /// Concurrent executions reserved for the web function; unreserved when absent.
    pub concurrency: Option<u32>,
    pub instances: Instances,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { memory: 256, architecture: Architecture::default(), concurrency: None, instances: Instances::default() }
    }
}

impl Capacity {
    /// What the instances are, in EC2's words.
    pub fn instance_type(&self) -> &str {
        let usual = match self.architecture {
            Architecture::Arm64 => "t4g.small",
            Architecture::X86_64 => "t3.small",
        };
        self.instances.instance_type.as_deref().unwrap_or(usual)
    }
}

/// The instances of the high-performance topology.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instances {
    /// EC2's name for their size; the smallest that does well when absent, `t4g.small` or `t3.small`.
    #[serde(rename = "type")]
    pub instance_type: Option<String>,
    /// So many stand at any time, 2 to 100: in two zones, so that one may fail.
    pub min: u32,
    /// So many when many people come, up to 200; more than `min`, since a new one comes before an old one goes.
    pub max: u32,
}

impl Default for Instances {
    fn default() -> Self {
        Self { instance_type: None, min: 2, max: 10 }
    }
}

/// The functions' instruction set. Lambda's price for arm64 is a fifth lower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    #[default]
    Arm64,
    #[serde(rename = "x86_64")]
    X86_64,
}

impl Architecture {
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Monitoring {
    /// One of the periods that CloudWatch Logs offers.
    pub log_retention_days: u32,
    /// Who is told of alarms.
    pub alarm_address: Option<String>,
    /// Whether the load balancer of the high-performance topology logs each request, which cannot be had without the
    /// visitor's address and the query string. An API's log has neither, and is always kept.
    pub access_logs: bool,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { log_retention_days: 90, alarm_address: None, access_logs: false }
    }
}

/// The service's own domain name, with a certificate of the same Region.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    pub name: String,
    pub certificate_arn: String,
}

impl Domain {
    /// Whether it is a whole domain as it is registered, such as `example.co.uk`, by the public suffix list.
    fn is_apex(&self) -> bool {
        psl::domain_str(&self.name).is_none_or(|registered| registered == self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_are_https_alone_unless_others_may_answer_for_them() {
        let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/waitlist.yaml");
        let plain = load(&example, None, false).expect("valid");
        let says = |name: Option<&str>, spec: Option<bool>| {
            let certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1".to_owned();
            let domain = name.map(|name| Domain { name: name.into(), certificate_arn });
            let security = config::Security { hsts_subdomains: spec, ..plain.security.clone() };
            Spec { domain, security, ..plain.clone() }.service_config().security.hsts_subdomains
        };
        for (name, expected) in [
            (None, false),
            (Some("join.example.com"), true),
            (Some("join.example.co.uk"), true),
            (Some("example.com"), false),
            (Some("example.co.uk"), false),
            (Some("co.uk"), false),
        ] {
            assert_eq!(says(name, None), Some(expected), "{name:?}");
        }
        assert_eq!(says(Some("join.example.com"), Some(false)), Some(false));
        assert_eq!(says(Some("example.com"), Some(true)), Some(true));
    }
}
