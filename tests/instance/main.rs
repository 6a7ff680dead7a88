//! A server's first boot, really run: the user data that CloudFormation has rendered, in a clean Debian with systemd as
//! its first process, against the services of the local AWS. Stubs stand only for what Amazon Linux has and Debian has
//! not: `dnf` with the log agent, and `cfn-signal`. What they were told is written down.
//!
//! Needs Linux, root, `debootstrap` and `unshare`. Where one is missing this says so and passes, unless the environment
//! has `SIGNUPCTL_INSTANCE=required`. The root is made once, below cargo's `target/tmp`.

mod machine;
mod stack;

use machine::Machine;
use serde_json::json;
use stack::Stack;
use support::Sandbox;
use support::deployed::{Deployed, wait_for};
use support::http;

/// What the server's process is called in a list of processes.
const PROGRAM: &str = "/opt/signup-server/server";

#[test]
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn a_new_server_serves_and_a_wrong_bundle_installs_nothing() {
    let Some(root) = machine::root() else {
        return eprintln!("not run: it takes root, `unshare`, and `debootstrap` with its packages");
    };
    let service = Deployed::of(Sandbox::new().with_example("waitlist.yaml"));
    let stack = Stack::create(&service);
    let script = stack.user_data();

    // Other bytes under the bundle's name.
    stack.upload(&root, b"something else");
    let machine = Machine::boot(&root, &service, &script);
    let calls = machine.calls_until("cfn-signal");
    assert!(calls.contains("cfn-signal --success false --reason i-0123456789abcdef0: checks the hash"), "{calls}");
    assert!(!calls.contains("dnf"), "it is the end: {calls}");
    for path in ["opt/signup-server/server", "etc/systemd/system/signup-server.service", "etc/signup-server.env"] {
        assert!(!machine.path(path).exists(), "{path} is there");
    }
    wait_for(20, "a line in the log", || service.logs().contains("a server gave up its first boot").then_some(()));
    drop(machine);

    // The bundle itself, and no package to be had: it serves, and says what it lacks.
    stack.upload(&root, &stack.bundle);
    let machine = Machine::without_packages(&root, &service, &script);
    let calls = machine.calls_until("cfn-signal");
    assert!(calls.contains("cfn-signal --success true"), "{calls}{}", machine.output());
    assert!(service.logs().contains("a server has no log agent"), "{}", machine.output());
    drop(machine);

    // A server that never becomes ready, since there is no such table: it is given up, and takes nobody's place.
    let table = service.sandbox.json(&["outputs", "--local"])["TableName"].as_str().expect("an output").to_owned();
    let lost = script.replace(&format!("TABLE_NAME={table}\n"), "TABLE_NAME=no-such-table\n");
    let impatient = lost.replace("--retry 60 ", "--retry 5 ");
    assert!(lost != script && impatient != lost, "{script}");
    let machine = Machine::boot(&root, &service, &impatient);
    let calls = machine.calls_until("cfn-signal");
    let given_up = "cfn-signal --success false --reason i-0123456789abcdef0: waits for the server to be ready";
    assert!(calls.contains(given_up), "{calls}{}", machine.output());
    assert!(
        machine.output().contains("The requested URL returned error: 503"),
        "it had answered: {}",
        machine.output()
    );
    let address = machine.endpoint.trim_start_matches("http://");
    assert!(std::net::TcpStream::connect(address).is_err(), "it is stopped");
    drop(machine);

    // As it should be.
    let machine = Machine::boot(&root, &service, &script);
    let calls = machine.calls_until("cfn-signal");
    assert!(
        calls.contains("cfn-signal --success true --reason i-0123456789abcdef0: serves"),
        "{calls}{}",
        machine.output()
    );
    assert!(calls.contains("--stack demo-servers --resource Servers"), "{calls}");
    assert!(calls.contains("dnf install -y --quiet amazon-cloudwatch-agent"), "{calls}");
    assert!(calls.contains("-ctl -a fetch-config -m ec2 -s -c file:/etc/signup-server-agent.json"), "{calls}");
    let agent = std::fs::read_to_string(machine.path("etc/signup-server-agent.json")).expect("its settings");
    let agent: serde_json::Value = serde_json::from_str(&agent).expect("JSON");
    let file = &agent["logs"]["logs_collected"]["files"]["collect_list"][0]["file_path"];
    assert_eq!(file, "/var/log/signup-server/server.log");
    assert_eq!(machine.mode("etc/signup-server.env"), 0o640);

    let endpoint = &machine.endpoint;
    assert_eq!(http::get(&format!("{endpoint}/readyz")).status, 200);
    assert!(http::get(&format!("{endpoint}/")).body.contains("name=\"stamp\""), "the form");
    let address = json!({ "email": "person@example.org" });
    let taken = http::post_json(&format!("{endpoint}/api/v1/sign-ups"), &address);
    assert_eq!(taken.status, 202, "{taken:?}");
    assert!(service.user("person@example.org").is_some(), "it is in the table");
    let mail = wait_for(60, "a mail", || service.mails().pop());
    assert!(mail.to_string().contains("https://join.example.com/"), "{mail}");
    let log = std::fs::read_to_string(machine.path("var/log/signup-server/server.log")).expect("its log");
    assert!(log.contains("\"message\":\"request\"") && !log.contains("person@example.org"), "{log}");

    // As the unit says: nobody in particular, who may nothing.
    let status = machine.status_of(PROGRAM);
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of this name");
        line.split_whitespace().next().expect("a value").to_owned()
    };
    assert_ne!(value("Uid:"), "0");
    assert_eq!((value("NoNewPrivs:"), value("Seccomp:")), ("1".into(), "2".into()));
    assert_eq!(value("CapBnd:").trim_start_matches('0'), "", "{status}");
    drop(machine);
    stack.delete();
}
