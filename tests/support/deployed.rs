//! A service deployed on the sandbox's local AWS: its endpoint, its mail, its logs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::account::Account;
use super::http::{self, Answer};
use super::{Sandbox, text};

/// How long a form must be open before it is sent, and a little more.
const FORM_AGE: Duration = Duration::from_millis(2_100);

/// Opens the form, waits as long as nobody could fill it in faster, and sends it.
pub fn send_form(endpoint: &str, fields: &[(&str, &str)]) -> Answer {
    let page = http::get(&format!("{endpoint}/")).body;
    let (_, rest) = page.split_once("name=\"stamp\" value=\"").expect("the page has a stamp");
    let stamp = rest.split('"').next().expect("a value").to_owned();
    std::thread::sleep(FORM_AGE);
    http::post_form(&format!("{endpoint}/sign-up"), &[fields, &[("stamp", &stamp)]].concat())
}

/// Repeats until `look` finds something; panics after so many seconds.
pub fn wait_for<T>(seconds: u64, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(seconds), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A sandbox in which an example was deployed and destroyed again, so that the function is built and nothing is there;
/// with it the spec's text, the account, and how much of what a whole service holds.
pub fn rehearsed(example: &str) -> (Sandbox, String, Account, BTreeMap<String, usize>) {
    let sandbox = Sandbox::new().with_example(example);
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    sandbox.ok(&["deploy", "--local", "--yes"]);
    let account = Account::new(sandbox.emulator());
    let whole = account.census();
    sandbox.ok(&["destroy", "--delete-data", "--local", "--yes"]);
    (sandbox, spec, account, whole)
}

/// A deployed service.
#[derive(Debug)]
pub struct Deployed {
    pub sandbox: Sandbox,
    pub account: Account,
    pub endpoint: String,
}

impl Deployed {
    /// Deploys the `signup.yaml` of a sandbox.
    pub fn of(sandbox: Sandbox) -> Self {
        let report = sandbox.json(&["deploy", "--local", "--yes"]);
        let endpoint = report["endpoint"].as_str().expect("an address").to_owned();
        let region = report["region"].as_str().expect("a Region").to_owned();
        let account = Account { endpoint: sandbox.emulator(), region };
        Self { sandbox, account, endpoint }
    }

    /// Every mail so far, oldest first.
    pub fn mails(&self) -> Vec<Value> {
        let inbox = self.sandbox.json(&["local", "inbox"]);
        let mut mails = inbox["mails"].as_array().expect("a list").clone();
        mails.reverse();
        mails
    }

    /// How many signed up, and how many of them are confirmed.
    pub fn counts(&self) -> (u64, u64) {
        let status = self.sandbox.json(&["status", "--local"]);
        let count = |name: &str| status["sign_ups"][name].as_u64().unwrap_or(0);
        (count("received"), count("confirmed"))
    }

    /// Every line that was logged, of every group.
    pub fn logs(&self) -> String {
        let empty = serde_json::json!({});
        let groups = self.account.json("logs", "Logs_20140328.DescribeLogGroups", empty)["logGroups"].clone();
        let mut lines = String::new();
        for group in groups.as_array().expect("a list") {
            let mut next = Value::Null;
            loop {
                let mut body = serde_json::json!({ "logGroupName": group["logGroupName"], "limit": 10_000 });
                if next.is_string() {
                    body["nextToken"] = next;
                }
                let page = self.account.json("logs", "Logs_20140328.FilterLogEvents", body);
                for event in page["events"].as_array().into_iter().flatten() {
                    lines.push_str(event["message"].as_str().unwrap_or_default());
                    lines.push('\n');
                }
                next = page["nextToken"].clone();
                if !next.is_string() {
                    break;
                }
            }
        }
        lines
    }

    /// The user of this address as `users show` tells it; `None` when there is none.
    pub fn user(&self, address: &str) -> Option<Value> {
        let output = self.sandbox.run(&["users", "show", address, "--local", "--json"]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let json: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("no JSON: {stdout}\n{stderr}"));
        if output.status.success() { Some(json) } else { None }
    }
}
