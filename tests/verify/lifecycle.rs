//! An identity from its beginning to its end, on the emulator's SES.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::dns;
use support::Sandbox;
use support::account::Account;
use support::proxy::{self, Fate};

fn started() -> (Sandbox, Account) {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    (sandbox, account)
}

fn identity(account: &Account, name: &str) -> Value {
    account.rest("ses", &format!("/v2/email/identities/{name}")).json()
}

/// Adds to the emulator's SES what it lacks: the MAIL FROM domain of `example.com`. After so many calls as `left` says,
/// nothing is allowed any more.
fn with_mail_from(sandbox: &Sandbox, left: &Arc<AtomicUsize>) {
    let (left, set) = (Arc::clone(left), AtomicBool::new(false));
    proxy::before(sandbox, move |request| {
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Fate::Answer(400, r#"{"__type": "AccessDeniedException", "message": "no more"}"#.into());
        }
        match request.operation.as_str() {
            "PUT /v2/email/identities/example.com/mail-from" => {
                set.store(true, Ordering::Relaxed);
                Fate::Answer(200, "{}".into())
            }
            "DELETE /v2/email/identities/example.com" => {
                set.store(false, Ordering::Relaxed);
                Fate::Pass
            }
            "GET /v2/email/identities/example.com" if set.load(Ordering::Relaxed) => Fate::Change(Box::new(|body| {
                let mut identity: Value = serde_json::from_str(&body).expect("JSON");
                identity["MailFromAttributes"] = json!({
                    "MailFromDomain": "bounce.example.com", "MailFromDomainStatus": "PENDING",
                    "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
                });
                identity.to_string()
            })),
            _ => Fate::Pass,
        }
    });
}

#[test]
fn a_domain_is_begun_once_and_goes_with_the_last_service_that_sends_from_it() {
    let (sandbox, account) = started();
    let resolver = dns::serve(&[]).to_string();
    let verify = ["verify-email", "example.com", "--local", "--resolver", &resolver];
    with_mail_from(&sandbox, &Arc::new(AtomicUsize::new(usize::MAX)));
    let report = sandbox.json(&verify);
    assert_eq!(
        (&report["begun"], &report["kind"], &report["owner"]),
        (&json!(true), &json!("domain"), &json!("waitlist"))
    );
    assert_eq!(report["mail_from"]["domain"], "bounce.example.com");
    assert_eq!(sandbox.json(&verify)["begun"], false);
    // Without a name it is the one that the sender goes out by.
    assert_eq!(sandbox.json(&["verify-email", "--local", "--resolver", &resolver])["name"], "example.com");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    sandbox.write("second.yaml", spec.replace("service: waitlist", "service: second"));
    for file in ["signup.yaml", "second.yaml"] {
        sandbox.ok(&["deploy", "--local", "--yes", "-f", file]);
    }
    let receipt = sandbox.json(&["destroy", "--delete-data", "--local", "--yes"]);
    assert!(receipt["kept"].to_string().contains("example.com"), "{receipt}");
    sandbox.ok(&["destroy", "--delete-data", "--local", "--yes", "-f", "second.yaml"]);
    assert_eq!(account.resources(), Vec::<String>::new());
}

#[test]
fn an_identity_that_was_there_before_is_adopted_and_stays_as_it_is() {
    let (sandbox, account) = started();
    account.put_identity("example.com");
    let before = identity(&account, "example.com");
    let resolver = dns::serve(&[]).to_string();
    let report = sandbox.json(&["verify-email", "--local", "--resolver", &resolver]);
    assert_eq!(
        (&report["begun"], &report["owner"], &report["name"]),
        (&json!(false), &Value::Null, &json!("example.com"))
    );
    sandbox.ok(&["deploy", "--local", "--yes"]);
    sandbox.ok(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(account.resources(), ["identity example.com"]);
    assert_eq!(identity(&account, "example.com"), before);
}

#[test]
fn whatever_it_is_broken_off_after_it_is_begun_once_and_never_left_over() {
    let (sandbox, account) = started();
    let resolver = dns::serve(&[]).to_string();
    let verify = ["verify-email", "example.com", "--local", "--resolver", &resolver];
    let left = Arc::new(AtomicUsize::new(usize::MAX));
    with_mail_from(&sandbox, &left);
    let mut broken_off = 0;
    for calls in 0.. {
        left.store(calls, Ordering::Relaxed);
        let whole = sandbox.run(&verify).status.success();
        left.store(usize::MAX, Ordering::Relaxed);
        let report = sandbox.json(&verify);
        assert_eq!(
            (&report["owner"], &report["mail_from"]["domain"]),
            (&json!("waitlist"), &json!("bounce.example.com"))
        );
        sandbox.ok(&["destroy", "--delete-data", "--local", "--yes"]);
        assert_eq!(account.resources(), Vec::<String>::new(), "after {calls} calls");
        if whole {
            break;
        }
        broken_off += 1;
    }
    assert!(broken_off >= 5, "{broken_off}");
}
