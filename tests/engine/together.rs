//! Two runs at once: one waits for the other, or leaves, as asked; they never mix.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use support::account::Account;
use support::deployed::{rehearsed, wait_for};
use support::proxy::{self, Fate};
use support::{Sandbox, http, text};

/// Deploys of one service from two folders at the same moment.
#[test]
fn two_deploys_at_once_both_get_there() {
    let (sandbox, spec, account, whole) = rehearsed("waitlist.yaml");
    for round in 0..6 {
        for number in 0..2 {
            let title = format!("List {round}-{number}");
            sandbox.write(&format!("{number}.yaml"), spec.replace("Join the waiting list", &title));
        }
        let begin = |number: u32| {
            let file = format!("{number}.yaml");
            let mut command = sandbox.command(&["deploy", "--local", "--yes", "--no-proof", "-f", &file]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
        };
        let runs = [begin(0), begin(1)];
        for run in runs {
            let output = run.wait_with_output().expect("it ends");
            assert!(output.status.success(), "round {round}: {}", text(&output.stderr));
        }
        // One of the two came last, and all of it is there.
        let endpoint = sandbox.json(&["outputs", "--local", "-f", "0.yaml"])["Endpoint"].clone();
        let page = http::get(&format!("{}/", endpoint.as_str().expect("an address"))).body;
        let last = (0..2).find(|number| page.contains(&format!("List {round}-{number}"))).expect("one of them");
        let plan = sandbox.json(&["plan", "--local", "-f", &format!("{last}.yaml")]);
        assert_eq!(plan["changes"], false, "round {round}: {plan}");
        assert_eq!(account.census(), whole, "round {round}: nothing twice");
        if round % 3 == 2 {
            sandbox.ok(&["destroy", "--delete-data", "--local", "--yes", "-f", "0.yaml"]);
        }
    }
}

#[test]
fn a_second_deploy_leaves_when_asked_to() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    sandbox.ok(&["deploy", "--local", "--yes"]);
    // Holds the first back in the middle: its stacks are not executed before the gate opens.
    let gate = Arc::new(Mutex::new(true));
    let closed = Arc::clone(&gate);
    let stuck = Arc::new(AtomicBool::new(false));
    let is_stuck = Arc::clone(&stuck);
    proxy::before(&sandbox, move |request| {
        while request.operation == "ExecuteChangeSet" && *closed.lock().expect("no panic while held") {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let stack = request.parameter("StackName").unwrap_or_default();
        let shown = is_stuck.load(Ordering::Relaxed) && stack.contains("waitlist-web");
        match request.operation.as_str() {
            "DescribeStacks" if shown => {
                let status = |status| format!("<StackStatus>{status}</StackStatus>");
                let failed = status("UPDATE_ROLLBACK_FAILED");
                Fate::Change(Box::new(move |body| {
                    ["CREATE_COMPLETE", "UPDATE_COMPLETE"].iter().fold(body, |it, is| it.replace(&status(is), &failed))
                }))
            }
            "ContinueUpdateRollback" => panic!("the other run has not ended"),
            _ => Fate::Pass,
        }
    });
    sandbox.write("signup.yaml", spec.replace("Join the waiting list", "First"));
    let mut first = sandbox.command(&["deploy", "--local", "--yes"]);
    let first = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let table = Account::new(sandbox.emulator()).resources();
    let table = table.iter().find_map(|resource| resource.strip_prefix("table ")).expect("a table").to_owned();
    let held = || {
        let key = serde_json::json!({ "TableName": table, "Key": { "pk": { "S": "LOCK" }, "sk": { "S": "DEPLOY" } } });
        Account::new(sandbox.emulator()).json("dynamodb", "DynamoDB_20120810.GetItem", key)["Item"].is_object()
    };
    wait_for(20, "the lease", || held().then_some(()));
    sandbox.write("second.yaml", spec.replace("Join the waiting list", "Second"));
    for command in [&["deploy", "--local", "--yes", "--no-wait"][..], &["destroy", "--local", "--yes", "--no-wait"]] {
        let refusal = sandbox.refusal(&[command, &["-f", "second.yaml"]].concat());
        assert!(refusal.starts_with("exit 1") && refusal.contains("another run is changing"), "{refusal}");
    }
    // What the first may be about to mend is not mended beside it.
    stuck.store(true, Ordering::Relaxed);
    for command in ["deploy", "rollback"] {
        let refusal = sandbox.refusal(&[command, "--local", "--yes", "--no-wait", "-f", "second.yaml"]);
        assert!(refusal.starts_with("exit 1") && refusal.contains("another run is changing"), "{refusal}");
    }
    stuck.store(false, Ordering::Relaxed);
    *gate.lock().expect("no panic while held") = false;
    let output = first.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!held(), "the lease is given back");
}
