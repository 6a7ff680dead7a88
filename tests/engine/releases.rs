//! New code, and the way back: what runs, what the stacks say, and what is kept.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use support::account::Account;
use support::deployed::Deployed;
use support::proxy::{self, Fate};
use support::{Sandbox, http, text};

/// A deployed waiting list whose title can be changed.
struct Service {
    deployed: Deployed,
    spec: String,
}

impl Service {
    fn new() -> Self {
        let sandbox = Sandbox::new().with_example("waitlist.yaml");
        let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
        Self { deployed: Deployed::of(sandbox), spec }
    }

    fn sandbox(&self) -> &Sandbox {
        &self.deployed.sandbox
    }

    fn title(&self, title: &str) {
        self.sandbox().write("signup.yaml", self.spec.replace("Join the waiting list", title));
    }

    /// Whether the page is the one with this title.
    fn shows(&self, title: &str) -> bool {
        http::get(&format!("{}/", self.deployed.endpoint)).body.contains(title)
    }

    /// Whether the stacks say just what the spec says.
    fn is_as_planned(&self) -> bool {
        self.sandbox().json(&["plan", "--local"])["changes"] == false
    }

    fn account(&self) -> &Account {
        &self.deployed.account
    }

    /// The version that the alias of a function stands for.
    fn live(&self, function: &str) -> String {
        let path = format!("/2015-03-31/functions/waitlist-{function}/aliases/live");
        self.account().rest("lambda", &path).json()["FunctionVersion"].as_str().expect("a version").to_owned()
    }

    /// The numbers of a function's published versions.
    fn versions(&self, function: &str) -> Vec<u64> {
        let path = format!("/2015-03-31/functions/waitlist-{function}/versions");
        let found = self.account().rest("lambda", &path).json()["Versions"].clone();
        let numbers = found.as_array().expect("a list").iter().filter_map(|it| it["Version"].as_str()?.parse().ok());
        numbers.collect()
    }
}

const DEPLOY: [&str; 3] = ["deploy", "--local", "--yes"];

#[test]
fn code_alone_is_live_at_once_and_the_stacks_follow() {
    let service = Service::new();
    service.title("Second");
    let report = service.sandbox().json(&[&DEPLOY[..], &["--code-only"]].concat());
    assert_eq!((&report["proof"]["ok"], &report["proof"]["sign_up"]["reached"]), (&json!(true), &json!("mailed")));
    assert!(service.shows("Second") && service.is_as_planned());
    // Published by the stack, and not left at what was put last.
    for function in ["web", "admin", "worker", "sweeper", "feedback"] {
        assert_eq!(service.live(function), "2", "{function}");
    }
    // More than the code is refused, and nothing of it done.
    let spec = format!("{}capacity: {{memory: 512}}\n", service.spec.replace("Join the waiting list", "Third"));
    service.sandbox().write("signup.yaml", spec);
    let refusal = service.sandbox().refusal(&[&DEPLOY[..], &["--code-only"]].concat());
    assert!(refusal.starts_with("exit 2") && refusal.contains("MemorySize"), "{refusal}");
    assert!(service.shows("Second"));
}

#[test]
fn an_earlier_version_is_back_at_once_and_the_stacks_follow() {
    let service = Service::new();
    let refusal = service.sandbox().refusal(&["rollback", "--local", "--yes"]);
    assert!(refusal.contains("no earlier version"), "{refusal}");
    let first = service.sandbox().json(&DEPLOY)["version"].clone();
    service.title("Second");
    service.sandbox().ok(&DEPLOY);
    let report = service.sandbox().json(&["rollback", "--local", "--yes"]);
    assert_eq!((&report["to"]["version"], &report["to"]["release"]), (&json!(1), &first));
    assert!(service.shows("Join the waiting list"));
    // The stacks have published it anew; the spec is ahead of them, and the next deploy catches up.
    assert_eq!(service.live("web"), "3");
    assert!(!service.is_as_planned());
    service.title("Join the waiting list");
    assert!(service.is_as_planned());
    assert!(service.sandbox().refusal(&["rollback", "--local", "--yes", "--to", "9"]).contains("no version 9"));
    service.sandbox().ok(&["rollback", "--local", "--yes", "--to", "2"]);
    assert!(service.shows("Second"));
}

#[test]
fn what_does_not_prove_itself_is_taken_back() {
    let service = Service::new();
    let bundle = service.sandbox().idle_bundle();
    for flags in [&[][..], &["--code-only"]] {
        let output = service.sandbox().run(&[&DEPLOY[..], &["--handler", bundle], flags].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("is back in service"), "{stderr}");
        assert!(service.shows("Join the waiting list"), "{flags:?}");
        assert!(service.is_as_planned(), "{flags:?}: the stacks are as before");
        assert_ne!(service.live("web"), "$LATEST", "{flags:?}");
    }
}

/// What the stacks say beside the code is put back too.
#[test]
fn a_size_that_did_not_prove_itself_is_taken_back_with_the_code() {
    let service = Service::new();
    let bundle = service.sandbox().idle_bundle();
    service.sandbox().write("signup.yaml", format!("{}capacity: {{memory: 512}}\n", service.spec));
    let output = service.sandbox().run(&[&DEPLOY[..], &["--handler", bundle]].concat());
    assert!(text(&output.stderr).contains("is back in service"), "{}", text(&output.stderr));
    let configuration = service.account().rest("lambda", "/2015-03-31/functions/waitlist-web:live/configuration");
    assert_eq!(configuration.json()["MemorySize"], 256);
    service.sandbox().write("signup.yaml", &service.spec);
    assert!(service.is_as_planned());
}

#[test]
fn mail_that_does_not_leave_is_found_though_the_page_is_well() {
    let service = Service::new();
    for role in ["WorkerRole", "SweeperRole"] {
        let role = service.account().role(role);
        let (name, mut policy) = service.account().role_policy(&role);
        policy["Statement"].as_array_mut().expect("statements").retain(|statement| statement["Sid"] != "Mail");
        service.account().put_role_policy(&role, &name, &policy);
    }
    service.title("Second");
    let refusal = service.sandbox().run(&DEPLOY);
    let stderr = text(&refusal.stderr);
    assert!(
        stderr.contains("its mail is still waiting to be sent") && stderr.contains("is back in service"),
        "{stderr}"
    );
    assert!(service.shows("Join the waiting list"));
    // Nothing of whoever was made up is left.
    assert_eq!(service.sandbox().json(&["users", "list", "--local"])["users"], json!([]));
    assert_eq!(service.deployed.counts(), (0, 0));
}

#[test]
fn an_update_that_was_broken_off_is_told_by_the_next_deploy_and_set_right_on_request() {
    let service = Service::new();
    let release = service.sandbox().json(&DEPLOY)["version"].clone();
    service.title("Second");
    service.sandbox().ok(&DEPLOY);
    service.title("Join the waiting list");
    service.sandbox().ok(&DEPLOY);
    // As if the alias had been moved, and nothing after it.
    let path = "/2015-03-31/functions/waitlist-web/aliases/live";
    let moved = service.account().put("lambda", path, &json!({ "FunctionVersion": "2" }));
    assert_eq!(moved.status, 200, "{moved:?}");
    assert!(service.shows("Second"));
    // Nobody but the operator knows which of the two is wanted.
    let refusal = service.sandbox().run(&DEPLOY);
    assert!(text(&refusal.stderr).contains("drift --local"), "{}", text(&refusal.stderr));
    assert!(service.shows("Second"));
    service.sandbox().ok(&["drift", "--local", "--revert", "--yes"]);
    let report: Value = service.sandbox().json(&DEPLOY);
    assert_eq!((&report["changed"], &report["version"]), (&json!(false), &release));
    assert!(service.shows("Join the waiting list"));
}

#[test]
fn the_newest_five_bundles_are_kept() {
    let service = Service::new();
    for number in 2..=8 {
        service.title(&format!("Edition {number}"));
        service.sandbox().ok(&DEPLOY);
    }
    for function in ["web", "admin", "worker", "sweeper", "feedback"] {
        assert_eq!(service.versions(function), [4, 5, 6, 7, 8], "{function}");
    }
    // Any of them can still be gone back to.
    service.sandbox().ok(&["rollback", "--local", "--yes", "--to", "4"]);
    assert!(service.shows("Edition 4"));
}

#[test]
fn a_rollback_that_was_broken_off_goes_on_and_not_further_back() {
    for stack in ["waitlist-workers", "waitlist-web"] {
        let service = Service::new();
        for title in ["Second", "Third"] {
            service.title(title);
            service.sandbox().ok(&DEPLOY);
        }
        let once = AtomicBool::new(true);
        proxy::before(service.sandbox(), move |request| {
            let refused = request.operation == "CreateChangeSet"
                && request.parameter("StackName").is_some_and(|name| name.contains(stack));
            match refused && once.swap(false, Ordering::Relaxed) {
                true => {
                    let body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
                    Fate::Answer(403, body.into())
                }
                false => Fate::Pass,
            }
        });
        let rollback = ["rollback", "--local", "--yes"];
        assert_eq!(service.sandbox().run(&rollback).status.code(), Some(1), "{stack}");
        assert!(service.shows("Second"), "{stack}: the aliases are switched first");
        service.sandbox().ok(&rollback);
        assert!(service.shows("Second"), "{stack}");
        assert_eq!(service.sandbox().json(&["drift", "--local"])["drifted"], json!([]), "{stack}");
    }
}
