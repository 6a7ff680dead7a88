//! The claims that every front must hold, for the function as it is deployed; and what its logs must not hold.

mod claims;

use std::sync::Mutex;
use std::time::Duration;

use claims::{Answer, Front, SERVICE};
use serde_json::Value;
use support::balancer::{self, Balancer};
use support::deployed::{Deployed, wait_for};
use support::server::{Server, Settings, free_port};
use support::{Sandbox, http};

/// The service behind what is in front of it.
struct Running {
    deployed: Deployed,
    /// Where it is reached: at API Gateway, at a server or at a load balancer.
    endpoint: String,
    /// Tokens and codes that were mailed.
    secrets: Mutex<Vec<String>>,
}

impl Front for Running {
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = http::request(method, &format!("{}{path}", self.endpoint), headers, body);
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

/// A service of its own, deployed.
fn deployed() -> Deployed {
    let sandbox = Sandbox::new();
    // JSON is YAML.
    sandbox.write("signup.yaml", SERVICE);
    Deployed::of(sandbox)
}

/// The claims hold, and nothing that was typed or mailed is in what was logged. A front of its own has a log of its own,
/// which tells of its requests as the function's does.
fn conforms(running: Running, log_of_front: impl FnOnce() -> Option<String>) {
    claims::hold(&running);
    let (functions, own) = (running.deployed.logs(), log_of_front());
    let front = own.as_ref().unwrap_or(&functions);
    for said in ["\"route\":\"/api/v1/sign-ups\"", "\"CloudWatchMetrics\"", "\"SignUps\":1", "\"Refusals\":1"] {
        assert!(front.contains(said), "no {said}: {front}");
    }
    assert!(functions.contains("\"outcome\":\"sent\""), "{functions}");
    let logs = functions + &own.unwrap_or_default();
    let secrets = running.secrets.into_inner().expect("no panic while held");
    assert!(secrets.len() >= 10, "{secrets:?}");
    let typed = ["example.org", "Lovelace", "Somebody Else", "127.0.0.1:", "key-1"].map(str::to_owned);
    // Six digits may be a part of a number by chance: as a word they are a code.
    let holds = |secret: &str| logs.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == secret);
    for secret in secrets.iter().chain(&typed) {
        let found = if secret.len() == 6 { holds(secret) } else { logs.contains(secret.as_str()) };
        assert!(!found, "`{secret}` is in a log");
    }
}

#[test]
fn the_deployed_function_conforms_and_its_logs_tell_nothing() {
    let deployed = deployed();
    let endpoint = deployed.endpoint.clone();
    conforms(Running { deployed, endpoint, secrets: Mutex::default() }, || None);
}

#[test]
fn a_server_on_the_same_table_conforms_and_its_log_tells_nothing() {
    let deployed = deployed();
    let server = Server::start(&deployed, &Settings { as_image: true, ..Settings::default() });
    let endpoint = server.endpoint.clone();
    // Where it listens is no caller's address.
    let own = format!("127.0.0.1:{}", server.port);
    conforms(Running { deployed, endpoint, secrets: Mutex::default() }, || Some(server.log().replace(&own, "")));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn three_servers_behind_a_load_balancer_conform_and_their_logs_tell_nothing() {
    let Some(haproxy) = balancer::program() else { return eprintln!("not run: it takes `haproxy`") };
    let deployed = deployed();
    let port = free_port();
    let public = format!("http://127.0.0.1:{port}");
    let told = Settings { public: Some(&public), trusted: "127.0.0.1", ..Settings::default() };
    let servers = [(); 3].map(|()| Server::start(&deployed, &told));
    let balancer = Balancer::start(haproxy, &deployed.sandbox, port, &servers.each_ref().map(|server| server.port));
    let endpoint = balancer.endpoint.clone();
    let log = || Some(servers.iter().map(|it| it.log().replace(&format!("127.0.0.1:{}", it.port), "")).collect());
    conforms(Running { deployed, endpoint, secrets: Mutex::default() }, log);
}
