//! The claims that every front must hold, for the function as it is deployed; and what its logs must not hold.

mod claims;

use std::sync::Mutex;
use std::time::Duration;

use claims::{Answer, Front, SERVICE};
use serde_json::Value;
use support::deployed::{Deployed, wait_for};
use support::{Sandbox, http};

/// The function behind API Gateway.
struct Function {
    deployed: Deployed,
    /// Tokens and codes that were mailed.
    secrets: Mutex<Vec<String>>,
}

impl Front for Function {
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = http::request(method, &format!("{}{path}", self.deployed.endpoint), headers, body);
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        Answer {
            status: answer.status,
            location: header("location"),
            content_type: header("content-type"),
            policy: header("content-security-policy"),
            body: answer.body.clone(),
        }
    }

    fn mails(&self, address: &str) -> Vec<String> {
        let of_address = || -> Vec<String> {
            let mails = self.deployed.mails().into_iter();
            let mails = mails.filter(|mail| mail["to"].as_array().is_some_and(|to| to.contains(&address.into())));
            mails.filter_map(|mail| mail["text"].as_str().map(str::to_owned)).collect()
        };
        wait_for(30, "a mail", || (!of_address().is_empty()).then_some(()));
        // One that should not come would have come by then.
        std::thread::sleep(Duration::from_millis(500));
        let mails = of_address();
        let tokens = mails.iter().flat_map(|mail| mail.split("?t=").skip(1));
        let tokens = tokens.filter_map(|rest| rest.split([' ', '\r', '\n', '&']).next()).map(str::to_owned);
        let mut secrets = self.secrets.lock().expect("no panic while held");
        secrets.extend(tokens);
        // As it is checked, and as it is read.
        secrets.extend(mails.iter().map(|mail| claims::code(mail)).flat_map(|code| {
            let spaced = format!("{} {}", &code[..3], &code[3..]);
            [code, spaced]
        }));
        drop(secrets);
        mails
    }

    fn user(&self, address: &str) -> Option<Value> {
        self.deployed.user(address)
    }

    fn counts(&self) -> (u64, u64) {
        // The worker counts a moment later; what it should not count would be there by then.
        let mut last = self.deployed.counts();
        wait_for(30, "rest", || {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.deployed.counts();
            let same = now == last;
            last = now;
            same.then_some(now)
        })
    }

    fn pause(&self, seconds: u32) {
        std::thread::sleep(Duration::from_secs(seconds.into()));
    }
}

#[test]
fn the_deployed_function_conforms_and_its_logs_tell_nothing() {
    let sandbox = Sandbox::new();
    // JSON is YAML.
    sandbox.write("signup.yaml", SERVICE);
    let function = Function { deployed: Deployed::of(sandbox), secrets: Mutex::default() };
    claims::hold(&function);
    let logs = function.deployed.logs();
    assert!(logs.contains("\"route\":\"/api/v1/sign-ups\"") && logs.contains("\"outcome\":\"sent\""), "{logs}");
    assert!(logs.contains("\"CloudWatchMetrics\"") && logs.contains("\"SignUps\":1"), "{logs}");
    let secrets = function.secrets.into_inner().expect("no panic while held");
    assert!(secrets.len() >= 10, "{secrets:?}");
    let typed = ["example.org", "Lovelace", "Somebody Else", "127.0.0.1:", "key-1"].map(str::to_owned);
    // Six digits may be a part of a number by chance: as a word they are a code.
    let holds = |secret: &str| logs.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == secret);
    for secret in secrets.iter().chain(&typed) {
        let found = if secret.len() == 6 { holds(secret) } else { logs.contains(secret.as_str()) };
        assert!(!found, "`{secret}` is in a log");
    }
}
