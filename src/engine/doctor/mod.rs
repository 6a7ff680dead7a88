//! What could stop a deploy or its mail, known beforehand. Every check looks at one thing, all look side by side, and
//! none changes anything.

mod domain;
mod mail;
mod names;
mod permissions;
mod quotas;
mod sign_in;

use serde::Serialize;

use crate::aws::Aws;
use crate::bundle;
use crate::error::Failure;
use crate::spec::Spec;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Ok,
    /// A deploy goes through, and something will not be as one may expect.
    Warning,
    /// A deploy fails, or the service does not do what it is for.
    Problem,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub level: Level,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    fn new(check: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self { check, level, text: text.into(), fix: None }
    }

    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, text)
    }

    fn warning(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..Self::new(check, Level::Warning, text) }
    }

    fn problem(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..Self::new(check, Level::Problem, text) }
    }

    /// A thing that cannot be looked at is no thing that is wrong.
    fn unknown(check: &'static str, failure: &Failure) -> Self {
        let cause = failure.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        let fix = failure.hint.clone().unwrap_or_else(|| "look at it by hand".into());
        Self::warning(check, format!("{}{cause}", failure.message), fix)
    }

    /// The failure of what a deploy does too.
    fn failed(check: &'static str, failure: &Failure) -> Self {
        Self { level: Level::Problem, ..Self::unknown(check, failure) }
    }
}

/// Makes a command line for this very service.
pub type Command<'a> = dyn Fn(&str) -> String + Sync + 'a;

/// Looks at everything; without credentials that AWS takes, at what needs none.
pub async fn examine(aws: &Aws, spec: &Spec, command: &Command<'_>) -> Vec<Finding> {
    let bundle = bundle(aws, spec);
    let signed_in = sign_in::look(aws, command);
    let (bundle, (mut found, principal)) = tokio::join!(bundle, signed_in);
    if let Some(principal) = principal {
        let (names, mail, quotas, domain, permissions) = tokio::join!(
            names::look(aws, spec, command),
            mail::look(aws, spec, command),
            quotas::look(aws, spec),
            domain::look(aws, spec, command),
            permissions::look(aws, spec, &principal, command)
        );
        found.extend([names, mail, quotas, domain, permissions].into_iter().flatten());
    }
    found.push(bundle);
    found
}

async fn bundle(aws: &Aws, spec: &Spec) -> Finding {
    const CHECK: &str = "function";
    match bundle::readiness(spec.capacity.architecture, aws.is_local()).await {
        Ok(how) => Finding::ok(CHECK, how),
        Err(failure) => Finding::failed(CHECK, &failure),
    }
}
