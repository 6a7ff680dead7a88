//! What is there already under the names of a service: found before anything changes, and taken over or left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use support::account::Account;
use support::deployed::{Deployed, wait_for};
use support::proxy::{self, Fate};
use support::{Sandbox, http, text};

const ADOPT: [&str; 4] = ["deploy", "--local", "--yes", "--adopt"];

fn sign_up(endpoint: &str, address: &str) {
    let answer = http::post_json(&format!("{endpoint}/api/v1/sign-ups"), &json!({ "email": address }));
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// A service with somebody in it, whose stacks somebody deleted by hand: table, bucket, keys and identity are left.
fn lost() -> Deployed {
    let service = Deployed::of(Sandbox::new().with_example("waitlist.yaml"));
    sign_up(&service.endpoint, "ada@example.org");
    let account = &service.account;
    account.query(
        "cloudformation",
        "Action=UpdateTerminationProtection&Version=2010-05-15&StackName=waitlist-data&EnableTerminationProtection=false",
    );
    for stack in ["waitlist-web", "waitlist-workers", "waitlist-data"] {
        account.query("cloudformation", &format!("Action=DeleteStack&Version=2010-05-15&StackName={stack}"));
        wait_for(30, "the deletion", || (!account.stacks().iter().any(|name| name == stack)).then_some(()));
    }
    let left = account.resources();
    for bucket in left.iter().filter_map(|it| it.strip_prefix("bucket ")) {
        account.tag_bucket(bucket, "signupctl:service", "waitlist");
    }
    assert!(["table", "bucket", "key"].iter().all(|kind| left.iter().any(|it| it.starts_with(kind))), "{left:?}");
    service
}

fn table(account: &Account) -> String {
    let tables = account.resources().into_iter().filter(|it| it.starts_with("table "));
    let tables: Vec<String> = tables.collect();
    assert_eq!(tables.len(), 1, "{tables:?}");
    tables[0].clone()
}

#[test]
fn a_table_that_lost_its_stack_waits_for_a_decision_and_is_taken_over() {
    let service = lost();
    let (sandbox, account) = (&service.sandbox, &service.account);
    let (before, table_before) = (account.resources(), table(account));
    let plan = sandbox.json(&["plan", "--local"]);
    let found: Vec<&Value> = plan["existing"]["data"].as_array().expect("a list").iter().collect();
    assert_eq!(found.iter().map(|it| it["way"].as_str()).collect::<Vec<_>>(), [Some("adopt"), Some("adopt")]);
    assert!(sandbox.ok(&["plan", "--local"]).contains("`--adopt` takes it over"));
    let refused = sandbox.run(&["deploy", "--local", "--yes"]);
    let stderr = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && stderr.contains("left something behind"), "{stderr}");
    assert_eq!(account.resources(), before, "nothing is changed");

    let report = sandbox.json(&ADOPT);
    assert_eq!(report["proof"]["ok"], true, "{report}");
    assert_eq!(table(account), table_before);
    let users = sandbox.json(&["users", "list", "--local"]);
    assert_eq!(users["users"][0]["email"], "ada@example.org");
    assert!(service.user("ada@example.org").is_some(), "and is found by the address");
    sign_up(report["endpoint"].as_str().expect("an address"), "bob@example.org");
    wait_for(30, "the mail", || service.mails().iter().any(|it| it.to_string().contains("bob@example")).then_some(()));
    // From here on it is a service like any other.
    assert_eq!(sandbox.json(&["deploy", "--local", "--yes"])["changed"], false);
    assert_eq!(sandbox.json(&["drift", "--local"])["drifted"], json!([]));
    sandbox.ok(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(account.resources(), Vec::<String>::new());
}

#[test]
fn taking_over_goes_on_where_it_was_broken_off() {
    // As it was left; as a failed update leaves it, after which the stack has no tags either; as a failed import does.
    for status in ["IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE"] {
        let service = lost();
        let (sandbox, table_before) = (&service.sandbox, table(&service.account));
        let (once, told) = (AtomicBool::new(true), Arc::new(AtomicBool::new(false)));
        let tells = Arc::clone(&told);
        proxy::before(sandbox, move |request| {
            let of_data = request.parameter("StackName").is_some_and(|name| name.contains("waitlist-data"));
            match request.operation.as_str() {
                "CreateChangeSet"
                    if of_data
                        && request.parameter("ChangeSetType").as_deref() == Some("UPDATE")
                        && once.swap(false, Ordering::Relaxed) =>
                {
                    let body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
                    Fate::Answer(403, body.to_owned())
                }
                "DescribeStacks" if of_data && tells.load(Ordering::Relaxed) => {
                    Fate::Change(Box::new(move |body| body.replace(">IMPORT_COMPLETE<", &format!(">{status}<"))))
                }
                _ => Fate::Pass,
            }
        });
        let refused = sandbox.run(&ADOPT);
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
        assert_eq!(service.account.stack_status("waitlist-data"), "IMPORT_COMPLETE");
        told.store(true, Ordering::Relaxed);
        let report = sandbox.json(&ADOPT);
        assert_eq!(
            (&report["proof"]["ok"], table(&service.account)),
            (&json!(true), table_before),
            "{status}: {report}"
        );
        assert!(service.user("ada@example.org").is_some(), "{status}");
    }
}

#[test]
fn a_new_table_is_not_made_where_an_old_one_may_not_be_looked_for() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    proxy::before(&sandbox, |request| match request.operation.as_str() {
        "ListTables" => Fate::Answer(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#.into()),
        _ => Fate::Pass,
    });
    let refused = sandbox.run(&["deploy", "--local", "--yes"]);
    let stderr = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && stderr.contains("the tables cannot be listed"), "{stderr}");
    assert_eq!(account.resources(), Vec::<String>::new());
}

#[test]
fn a_table_whose_key_is_gone_is_not_taken_over() {
    let service = lost();
    let key = json!({ "Name": "/signupctl/waitlist/address-key" });
    service.account.json("ssm", "AmazonSSM.DeleteParameter", key);
    let before = service.account.resources();
    let refused = service.sandbox.run(&ADOPT);
    let stderr = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && stderr.contains("of the table is gone"), "{stderr}");
    assert_eq!(service.account.resources(), before);
}

#[test]
fn what_was_left_behind_goes_with_the_data() {
    let service = lost();
    service.sandbox.ok(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(service.account.resources(), Vec::<String>::new());
}

#[test]
fn a_log_group_is_taken_over_when_it_is_of_the_service_and_left_alone_when_not() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    for (group, output) in
        [("/aws/vendedlogs/waitlist-web", "AccessLogGroup"), ("/signupctl/waitlist/admin", "AdminLogGroup")]
    {
        account.json("logs", "Logs_20140328.CreateLogGroup", json!({ "logGroupName": group }));
        let refused = sandbox.run(&ADOPT);
        let (code, stderr) = (refused.status.code(), text(&refused.stderr));
        assert!(code == Some(1) && stderr.contains("names that the service needs are taken"), "{stderr}");
        assert_eq!(account.resources(), Vec::<String>::new(), "nothing is made");
        let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}");
        let tag = json!({ "resourceArn": arn, "tags": { "signupctl:service": "waitlist" } });
        account.json("logs", "Logs_20140328.TagResource", tag);
        assert_eq!(sandbox.json(&ADOPT)["proof"]["ok"], true);
        assert_eq!(sandbox.json(&["outputs", "--local"])[output], group);
        sandbox.ok(&["destroy", "--delete-data", "--local", "--yes"]);
        assert_eq!(account.resources(), Vec::<String>::new());
    }
}

#[test]
fn a_service_whose_name_begins_the_same_is_in_nobodys_way() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    sandbox.write("other.yaml", spec.replace("service: waitlist", "service: waitlist-other"));
    sandbox.ok(&["deploy", "--local", "--yes", "-f", "other.yaml"]);
    let plan = sandbox.json(&["plan", "--local"]);
    assert_eq!((&plan["changes"], &plan["existing"]), (&json!(true), &json!({})), "{plan}");
    assert_eq!(sandbox.json(&["deploy", "--local", "--yes"])["proof"]["ok"], true);
}
