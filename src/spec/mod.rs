//! The spec: what the operator wrote, typed and checked. Start of the first flow (YAML -> `Spec`).
//!
//! Pure but for [`load`], which reads the one file it is given. No environment variable changes a spec.

mod check;
mod load;
mod report;
mod tree;

use std::collections::BTreeMap;

use serde::Deserialize;
use signup_service::config::{Branding, Confirmation, Duration, Email, Form, Security, ServiceConfig};

pub use load::{environments, load};

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
    #[serde(default)]
    pub data: Data,
    #[serde(default)]
    pub capacity: Capacity,
    #[serde(default)]
    pub monitoring: Monitoring,
    #[serde(default)]
    pub domain: Option<Domain>,
    /// Tags for every stack and what it holds.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Spec {
    /// What the function needs to know; it travels in the bundle.
    pub fn service_config(&self) -> ServiceConfig {
        ServiceConfig {
            service: self.service.clone(),
            email: self.email.clone(),
            form: self.form.clone(),
            branding: self.branding.clone(),
            confirmation: self.confirmation.clone(),
            security: self.security.clone(),
            retention: self.data.retention,
        }
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
    /// API Gateway and Lambda.
    #[default]
    Serverless,
}

impl Topology {
    pub fn name(self) -> &'static str {
        match self {
            Self::Serverless => "serverless",
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
}

impl Default for Capacity {
    fn default() -> Self {
        Self { memory: 256, architecture: Architecture::default(), concurrency: None }
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
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { log_retention_days: 90, alarm_address: None }
    }
}

/// The service's own domain name, with a certificate of the same Region.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    pub name: String,
    pub certificate_arn: String,
}
