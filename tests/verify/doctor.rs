//! `doctor` on an account that is ready, and on one that is not.

use serde_json::{Value, json};

use crate::{Told, domain, sandboxed};
use support::account::Account;
use support::{Sandbox, text};

/// The worst level of a check's findings; `absent` without any.
fn level(report: &Value, check: &str) -> String {
    let findings = report["findings"].as_array().expect("a list").iter();
    let levels: Vec<&str> =
        findings.filter(|finding| finding["check"] == check).filter_map(|finding| finding["level"].as_str()).collect();
    let worst = ["problem", "warning", "ok"].into_iter().find(|level| levels.contains(level));
    worst.unwrap_or("absent").to_owned()
}

#[test]
fn an_account_that_is_ready_has_nothing_to_mend_before_and_after_a_deploy() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    let before = account.resources();
    let report = sandbox.json(&["doctor", "--local"]);
    assert_eq!((&report["level"], &*level(&report, "sender")), (&json!("warning"), "warning"), "{report}");
    for check in ["credentials", "region", "clock", "names", "ses", "concurrency", "apis", "function"] {
        assert_eq!(level(&report, check), "ok", "{report}");
    }
    assert_eq!(account.resources(), before, "looking changes nothing");
    sandbox.ok(&["deploy", "--local", "--yes"]);
    assert_eq!(sandbox.json(&["doctor", "--local"])["level"], "ok");
    let servers = Sandbox::new().with_example("high-performance.yaml");
    servers.ok(&["local", "up"]);
    let report = servers.run(&["doctor", "--local", "--json"]);
    let report: Value = serde_json::from_str(&text(&report.stdout)).expect("JSON");
    assert_eq!(level(&report, "certificate"), "ok", "its account has none, and deploys: {report}");
}

#[test]
fn what_would_stop_a_deploy_or_its_mail_is_a_problem_with_a_way_out() {
    let told = Told::new();
    let mut account = sandboxed();
    account["SendingEnabled"] = false.into();
    account["EnforcementStatus"] = "SHUTDOWN".into();
    told.says(|says| (says.identity, says.account) = (Some(domain("FAILED")), Some(account)));
    let emulator = told.sandbox.json(&["local", "status"]);
    let direct = Account::new(emulator["endpoint"].as_str().expect("it runs"));
    direct.json("logs", "Logs_20140328.CreateLogGroup", json!({ "logGroupName": "/aws/vendedlogs/waitlist-web" }));
    let spec = std::fs::read_to_string(told.sandbox.path().join("signup.yaml")).expect("the example");
    let more = "capacity: {concurrency: 10000}\ndomain: {name: join.example.com, certificate_arn: \
                \"arn:aws:acm:eu-west-1:000000000000:certificate/1\"}\n";
    told.sandbox.write("signup.yaml", spec + more);
    let output = told.sandbox.run(&["doctor", "--local", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    for check in ["sender", "ses", "names", "concurrency", "certificate"] {
        assert_eq!(level(&report, check), "problem", "{check}: {report}");
    }
    let mended = report["findings"].as_array().expect("a list").iter().filter(|finding| finding["level"] != "ok");
    assert!(mended.into_iter().all(|finding| finding["fix"].is_string()), "{report}");
}

#[test]
fn without_credentials_only_what_needs_none_is_looked_at() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let output = sandbox.run(&["doctor", "--region", "eu-west-1", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    let checks: Vec<&str> =
        report["findings"].as_array().expect("a list").iter().filter_map(|it| it["check"].as_str()).collect();
    assert_eq!(checks, ["credentials", "function"]);
    assert_eq!(level(&report, "credentials"), "problem");
}
