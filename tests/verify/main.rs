//! `verify-email` and `doctor` against SES in every state, and against DNS that is right, wrong, doubled or silent. What the emulator's
//! SES cannot be, a proxy before it answers; what the emulator can do is done by it.

mod dns;
mod doctor;
mod lifecycle;
mod production;
mod states;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::proxy::{self, Fate};
use support::{Sandbox, text};

/// A sandbox whose SES tells what a test says.
struct Told {
    sandbox: Sandbox,
    says: Arc<Mutex<Says>>,
}

/// What SES tells; what is absent, the emulator tells.
#[derive(Default)]
struct Says {
    identity: Option<Value>,
    account: Option<Value>,
    /// What was sent to be changed, in its order.
    sent: Vec<String>,
}

impl Told {
    fn new() -> Self {
        let sandbox = Sandbox::new().with_example("waitlist.yaml");
        sandbox.ok(&["local", "up"]);
        let says: Arc<Mutex<Says>> = Arc::default();
        let told = Arc::clone(&says);
        proxy::before(&sandbox, move |request| {
            let mut says = told.lock().expect("no panic while held");
            if request.operation == "GET /v2/email/account" {
                return says.account.as_ref().map_or(Fate::Pass, |account| Fate::Answer(200, account.to_string()));
            }
            if request.operation.starts_with("GET /v2/email/identities/") {
                return says.identity.as_ref().map_or(Fate::Pass, |identity| Fate::Answer(200, identity.to_string()));
            }
            if request.operation.contains("/v2/email/account/details") {
                says.sent.push(request.name());
                return Fate::Answer(200, "{}".into());
            }
            Fate::Pass
        });
        Self { sandbox, says }
    }

    fn says(&self, change: impl FnOnce(&mut Says)) -> &Self {
        change(&mut self.says.lock().expect("no panic while held"));
        self
    }

    /// Exit code and what is told, as the user reads it.
    fn reads(&self, arguments: &[&str]) -> String {
        let output = self.sandbox.run(&[&["verify-email", "--local"], arguments].concat());
        let (code, stdout, stderr) = (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr));
        format!("exit {code}\n{}", [stdout.trim_end(), stderr.trim_end()].join("\n").trim_end())
    }
}

/// A domain as SES tells it.
fn domain(status: &str) -> Value {
    json!({
        "IdentityType": "DOMAIN", "VerifiedForSendingStatus": status == "SUCCESS", "VerificationStatus": status,
        "DkimAttributes": {
            "SigningEnabled": true, "Status": status, "Tokens": ["aaa", "bbb", "ccc"],
            "SigningHostedZone": "abc.dkim.amazonses.com", "SigningAttributesOrigin": "AWS_SES",
        },
        "MailFromAttributes": {
            "MailFromDomain": "bounce.example.com", "MailFromDomainStatus": "PENDING",
            "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
        },
        "Tags": [{ "Key": "signupctl:service", "Value": "waitlist" }],
    })
}

/// An account in the sandbox.
fn sandboxed() -> Value {
    json!({
        "ProductionAccessEnabled": false, "SendingEnabled": true, "EnforcementStatus": "HEALTHY",
        "SendQuota": { "Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": 12.0 },
        "SuppressionAttributes": { "SuppressedReasons": ["BOUNCE", "COMPLAINT"] },
    })
}
