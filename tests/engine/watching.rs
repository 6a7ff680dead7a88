//! What an operator looks at: what was changed by hand, what the functions wrote, and how it all stands.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use support::deployed::{Deployed, wait_for};
use support::proxy::{self, Fate};
use support::{Sandbox, http, text};

fn deployed() -> Deployed {
    Deployed::of(Sandbox::new().with_example("waitlist.yaml"))
}

/// Exit code and what was printed as JSON.
fn drift(service: &Deployed, arguments: &[&str]) -> (i32, Value) {
    let output = service.sandbox.run(&[&["drift", "--local", "--json"], arguments].concat());
    let json = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    (output.status.code().unwrap_or(-1), json)
}

#[test]
fn what_was_changed_by_hand_is_found_and_set_back() {
    let service = deployed();
    let (code, found) = drift(&service, &[]);
    assert_eq!((code, &found["drifted"]), (0, &json!([])), "{found}");
    // Other code behind the alias, which CloudFormation does not look at.
    let spec = std::fs::read_to_string(service.sandbox.path().join("signup.yaml")).expect("the spec");
    service.sandbox.write("signup.yaml", spec.replace("Join the waiting list", "Second"));
    service.sandbox.ok(&["deploy", "--local", "--yes"]);
    let alias = "/2015-03-31/functions/waitlist-web/aliases/live";
    assert_eq!(service.account.put("lambda", alias, &json!({ "FunctionVersion": "1" })).status, 200);
    let (code, found) = drift(&service, &[]);
    assert_eq!((code, &found["drifted"][0]["properties"][0]["path"]), (3, &json!("code")), "{found}");
    let (code, found) = drift(&service, &["--revert", "--yes"]);
    assert_eq!((code, &found["reverted"][0]["logical_id"]), (0, &json!("waitlist-web")), "{found}");
    assert!(http::get(&format!("{}/", service.endpoint)).body.contains("Second"));
    // A property that it does look at. The emulator sets nothing back; what it is asked for is what counts.
    let modes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&modes);
    proxy::before(&service.sandbox, move |request| {
        if request.operation == "CreateChangeSet" {
            seen.lock().expect("no panic while held").push(request.parameter("DeploymentMode"));
        }
        Fate::Pass
    });
    let configuration = "/2015-03-31/functions/waitlist-web/configuration";
    assert_eq!(service.account.put("lambda", configuration, &json!({ "MemorySize": 1_024 })).status, 200);
    let (code, found) = drift(&service, &["--revert", "--yes"]);
    let property = &found["drifted"][0]["properties"][0];
    assert_eq!((code, &property["path"], &property["after"]), (3, &json!("MemorySize"), &json!(1_024)), "{found}");
    assert_eq!(*modes.lock().expect("no panic while held"), [Some("REVERT_DRIFT".to_owned())]);
    let refusal = text(&service.sandbox.run(&["drift", "--local"]).stdout);
    assert!(refusal.contains("waitlist-web") && refusal.contains("MemorySize: 256 -> 1024"), "{refusal}");
}

#[test]
fn the_logs_of_all_functions_are_read_in_one() {
    let service = deployed();
    let ada = json!({ "email": "ada@example.org" });
    assert_eq!(http::post_json(&format!("{}/api/v1/sign-ups", service.endpoint), &ada).status, 202);
    wait_for(20, "the mail", || (service.mails().len() == 1).then_some(()));
    let lines = wait_for(20, "its line", || {
        let lines = service.sandbox.json(&["logs", "--local", "--since", "5m"])["lines"].clone();
        let lines = lines.as_array().expect("a list").clone();
        let of = |function: &str| lines.iter().any(|line| line["function"] == function);
        (of("web") && of("worker")).then_some(lines)
    });
    assert!(lines.is_sorted_by_key(|line| line["time"].as_str().expect("a time").to_owned()));
    let readable = service.sandbox.ok(&["logs", "--local"]);
    assert!(readable.contains("request") && readable.contains("route=/api/v1/sign-ups"), "{readable}");
    assert!(!readable.contains("ada@example.org"));
    assert_eq!(service.sandbox.run(&["logs", "--local", "--since", "soon"]).status.code(), Some(2));
    // Following, a line comes once.
    let mut child = service.sandbox.command(&["logs", "--local", "--follow", "--json"]);
    let mut child = child.stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(std::time::Duration::from_secs(5));
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("it starts");
    let output = {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut child.stdout.take().expect("it is piped"), &mut text).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(130));
        text
    };
    assert!(!output.contains("interrupted"), "nothing that was begun goes on: {output}");
    let sign_ups = output.lines().filter(|line| line.contains("\"/api/v1/sign-ups\"")).count();
    let once = lines.iter().filter(|line| line["message"]["route"] == "/api/v1/sign-ups").count();
    assert_eq!(sign_ups, once, "{output}");
}

#[test]
fn the_status_tells_alarms_and_the_last_deploy() {
    let service = deployed();
    let status = service.sandbox.json(&["status", "--local"]);
    assert_eq!(status["function_version"], "1");
    assert!(status["last_deployed"].as_str().is_some_and(|at| at.starts_with("20")), "{status}");
    assert!(status["alarms"]["all"].as_u64().is_some_and(|all| all > 10), "{status}");
    service.account.query(
        "monitoring",
        "Action=SetAlarmState&Version=2010-08-01&AlarmName=waitlist-latency&StateValue=ALARM&StateReason=test",
    );
    let status = service.sandbox.ok(&["status", "--local"]);
    assert!(status.contains("alarm waitlist-latency: One visitor in a hundred"), "{status}");
}
