//! The service over memory: `signupctl dev` as whoever designs a form uses it, and the server that is told of no table.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use support::deployed::wait_for;
use support::dev::{Dev, mailed};
use support::server::{Server, program};
use support::{Sandbox, http};

#[test]
fn somebody_signs_up_reads_the_mail_and_confirms_with_no_aws_at_all() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let dev = Dev::start(&sandbox);
    let form = http::get(&dev.at(""));
    assert!(form.body.contains("Join the waiting list") && form.body.contains("A trial: kept in memory"));
    assert_eq!(http::get(&dev.at("_dev.css")).header("content-type"), Some("text/css; charset=utf-8"));
    let answer = http::post_json(&dev.at("api/v1/sign-ups"), &json!({ "email": "ada@example.org" }));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let link = wait_for(10, "the mail", || mailed(&dev.at("_mail.json"), "ada@example.org"));
    let list = http::get(&dev.at("_mail")).body;
    assert!(list.contains("ada@example.org") && list.contains("href=\"_mail/0\""), "{list}");
    assert!(http::get(&dev.at("_mail/0.txt")).body.contains(&link));
    let shown = http::get(&dev.at("_mail/0"));
    let policy = shown.header("content-security-policy").expect("a policy");
    assert!(shown.body.contains("<html") && policy.contains("sandbox") && !policy.contains("script"), "{policy}");
    assert_eq!(http::get(&dev.at("_mail/1")).status, 404);
    let (_, token) = link.split_once("?t=").expect("a token");
    assert_eq!(http::post_form(&dev.at("confirm"), &[("t", token)]).status, 303);
    let (page, code) = dev.told["admin"].as_str().and_then(|link| link.split_once('#')).expect("a link and its code");
    let set_up = http::get(page);
    assert!(
        set_up.status == 200 && set_up.body.contains("The link, or its code") && !code.is_empty(),
        "{}",
        set_up.body
    );
    assert_eq!(http::get(&dev.at("admin/dashboard")).status, 303);
}

#[test]
fn what_changes_in_the_spec_shows_and_a_mistake_does_not() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    let mut dev = Dev::start(&sandbox);
    let shows = |text: &str| http::get(&dev.at("")).body.contains(text);
    assert_eq!(http::post_json(&dev.at("api/v1/sign-ups"), &json!({ "email": "ada@example.org" })).status, 202);
    sandbox.write("signup.yaml", spec.replace("Join the waiting list", "Come in"));
    wait_for(10, "the new title", || shows("Come in").then_some(()));
    sandbox.write("signup.yaml", spec.replace("type: email", "type: emial"));
    std::thread::sleep(Duration::from_secs(3));
    assert!(shows("Come in"), "what was shown before stays");
    sandbox.write("signup.yaml", spec.replace("Join the waiting list", "Be quick"));
    wait_for(10, "the title after that", || shows("Be quick").then_some(()));
    wait_for(10, "the mail from before", || mailed(&dev.at("_mail.json"), "ada@example.org"));
    // Ctrl-C is how it ends, and that is no failure.
    let interrupted = Command::new("kill").args(["-INT", &dev.child.id().to_string()]).status();
    assert!(interrupted.expect("it starts").success());
    assert_eq!(dev.child.wait().expect("it ends").code(), Some(0));
    let mut said = String::new();
    dev.child.stderr.take().expect("it speaks").read_to_string(&mut said).expect("text");
    assert_eq!(said.matches("did you mean `email`?").count(), 1, "{said}");
    assert!(said.contains("what was shown before stays"), "{said}");
}

#[test]
fn a_server_is_tried_where_it_is_told_to_and_never_for_want_of_a_table() {
    let sandbox = Sandbox::new().with_example("registration.yaml");
    let server = Server::alone(&sandbox);
    assert!(server.is_healthy());
    assert!(http::get(&format!("{}/", server.endpoint)).body.contains("A trial: kept"));
    let log = server.log();
    assert!(log.contains("over memory") && log.contains("/admin/set-up#"), "{log}");
    // As `dev` does, it shows what changes, and what cannot be shown changes nothing.
    let declared = std::fs::read_to_string(sandbox.path().join("declaration/service.json")).expect("a declaration");
    let shows = |text: &str| http::get(&format!("{}/", server.endpoint)).body.contains(text);
    sandbox.write("declaration/service.json", declared.replace("Create your account", "Come in"));
    wait_for(10, "the new title", || shows("Come in").then_some(()));
    sandbox.write("declaration/service.json", "{");
    wait_for(10, "a line in the log", || server.log().contains("what was shown before stays").then_some(()));
    assert!(shows("Come in"));
    // Where another one answers it says so, and where.
    let place = server.endpoint.trim_start_matches("http://");
    let mut second = Command::new(program());
    let second = second.arg("try").env_clear().env("LISTEN", place).output().expect("it starts");
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(!second.status.success() && said.contains(&format!("it cannot listen at {place}: ")), "{said}");
    let refused = Command::new(program()).env_clear().env("LISTEN", "127.0.0.1:0").output().expect("it starts");
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(!refused.status.success() && said.contains("not set: `TABLE_NAME`, `KEY_PREFIX`, "), "{said}");
    // Whoever forgot the table alone, or has an empty name for it, does not mean a trial.
    for told in [("KEY_PREFIX", "/signupctl/demo"), ("TABLE_NAME", "")] {
        let mut command = Command::new(program());
        let refused =
            command.arg("auto").env_clear().envs([told, ("LISTEN", "127.0.0.1:0")]).output().expect("it starts");
        let said = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(!refused.status.success() && said.contains("not set: `TABLE_NAME`"), "{told:?}: {said}");
    }
    let contradicts = Command::new(program()).arg("try").env("TABLE_NAME", "people").output().expect("it starts");
    assert_eq!(contradicts.status.code(), Some(2), "a trial is not what takes people on a table");
    assert_eq!(Command::new(program()).arg("tyr").output().expect("it starts").status.code(), Some(2));
}

/// Held by whoever opens them: the tests of this file are one process.
static CONNECTIONS: Mutex<()> = Mutex::new(());

/// As many connections as this is, or as this machine lets one process have: both ends are here, each in its own. Whoever
/// sets `SIGNUPCTL_CONNECTIONS=required` wants all of them.
#[expect(clippy::print_stderr, reason = "a test that could not do all of it says so")]
fn connections(wanted: u64) -> u64 {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("as much as is allowed");
    let count = most.map_or(wanted, |most| wanted.min(most.saturating_sub(500)));
    let needed = std::env::var_os("SIGNUPCTL_CONNECTIONS").is_some_and(|it| it == "required");
    assert!(count == wanted || !needed, "{count} connections in the place of {wanted}: raise `ulimit -Hn`");
    if count < wanted {
        eprintln!("with {count} connections in the place of {wanted}, which this machine does not allow");
    }
    count
}

/// Connections that say nothing.
const IDLE: u64 = 10_000;

/// What a server may hold in all, in bytes.
const MEMORY: u64 = 256 * 1024 * 1024;

#[test]
#[expect(clippy::print_stderr, reason = "the figures are to be read")]
fn ten_thousand_idle_connections_cost_little_and_keep_nobody_out() {
    let _held = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = connections(IDLE);
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let server = Server::alone(&sandbox);
    let at_rest = server.memory();
    let idle: Vec<TcpStream> =
        (0..count).map(|_| TcpStream::connect(("127.0.0.1", server.port)).expect("a connection")).collect();
    let form = http::get(&format!("{}/", server.endpoint));
    assert_eq!(form.status, 200);
    let answer =
        http::post_json(&format!("{}/api/v1/sign-ups", server.endpoint), &json!({ "email": "ada@example.org" }));
    assert_eq!(answer.status, 202);
    let full = server.peak();
    eprintln!("{} MB at rest, {} MB with {count} idle connections", at_rest / 1_000_000, full / 1_000_000);
    assert!(full < MEMORY, "{full} bytes");
    drop(idle);
}

/// Half a head each, of 32 KiB, and half a body, of 256 KiB: all connections but a few, and all places but a few.
const HEADS: u64 = 10_500;
const BODIES: u64 = 990;

#[test]
#[expect(clippy::print_stderr, reason = "the figures are to be read")]
fn all_that_is_held_for_slow_callers_fits_into_the_memory_of_a_container() {
    let _held = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = connections(HEADS + BODIES);
    let bodies = BODIES.min(count / 2);
    let heads = count - bodies;
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let server = Server::alone(&sandbox);
    let begin = |text: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("a connection");
        stream.write_all(text.as_bytes()).expect("it is taken");
        stream
    };
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}", "x".repeat(31_000));
    let mut slow: Vec<TcpStream> = (0..heads).map(|_| begin(&head)).collect();
    let body = format!("POST /sign-up HTTP/1.1\r\nhost: x\r\ncontent-length: 262144\r\n\r\n{}", "x".repeat(250_000));
    slow.extend((0..bodies).map(|_| begin(&body)));
    // It holds them, and answers.
    let sent = heads * 31_000 + bodies * 250_000;
    wait_for(15, "all that was sent", || (server.memory() > sent / 5 * 4).then_some(()));
    assert_eq!(http::get(&format!("{}/", server.endpoint)).status, 200);
    let full = server.peak();
    eprintln!("{} MB with {heads} heads and {bodies} bodies half sent", full / 1_000_000);
    let compose = std::fs::read_to_string(support::root().join("examples/compose.yaml")).expect("the example");
    assert!(compose.contains("mem_limit: 1g") && full < 1 << 30, "{full} bytes");
    drop(slow);
}
