//! The main job on the local AWS, with the real templates and the real function: deploy, sign up, confirm,
//! deploy again, change the form, destroy, come back, delete.

use std::time::{Duration, Instant};

use serde_json::Value;
use support::account::Account;
use support::deployed::send_form;
use support::{Sandbox, http};

/// Repeats until `look` finds something; panics after 30 seconds.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(100));
    }
}

const ADA: [(&str, &str); 6] = [
    ("full_name", "Ada Lovelace"),
    ("email", "Ada.Lovelace+news@Example.org"),
    ("age", "36"),
    ("occupation", "Mathematician"),
    ("nationality", "GB"),
    ("marital_status", "married"),
];

/// The mails to this address, newest first.
fn mails_to(sandbox: &Sandbox, address: &str) -> Vec<Value> {
    let inbox = sandbox.json(&["local", "inbox"]);
    let mails = inbox["mails"].as_array().expect("a list").clone();
    mails.into_iter().filter(|mail| mail["to"].as_array().is_some_and(|to| to.contains(&address.into()))).collect()
}

/// The confirmation link of a mail's text.
fn link(mail: &Value) -> String {
    let text = mail["text"].as_str().expect("a text");
    let link = text.split_whitespace().find(|word| word.starts_with("http://") && word.contains("/confirm?t="));
    link.unwrap_or_else(|| panic!("no link in: {text}")).to_owned()
}

fn users(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.json(&["users", "list", "--local"])["users"].as_array().expect("a list").clone()
}

fn changed(report: &Value) -> Vec<&str> {
    let stacks = report["stacks"].as_array().expect("a list");
    stacks.iter().filter(|stack| stack["changed"] == true).filter_map(|stack| stack["name"].as_str()).collect()
}

#[test]
fn a_spec_becomes_a_service_and_goes_again() {
    let sandbox = Sandbox::new().with_example("registration.yaml");
    let report = sandbox.json(&["deploy", "--local", "--yes"]);
    let endpoint = report["endpoint"].as_str().expect("an endpoint").to_owned();
    assert_eq!(report["proof"]["ok"], true);
    assert_eq!(changed(&report), ["registration-data", "registration-workers", "registration-web"]);
    let account = Account::new(sandbox.emulator());

    // A person signs up by the form, without JavaScript.
    let page = http::get(&format!("{endpoint}/"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Create your account") && page.body.contains("name=\"nationality\""));
    let refused = http::post_form(&format!("{endpoint}/sign-up"), &[("email", "nobody"), ("full_name", "Ada <b>")]);
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("Ada &lt;b&gt;") || refused.body.contains("Ada &#60;b&#62;"),
        "input is kept, escaped"
    );
    let signed_up = send_form(&endpoint, &ADA);
    assert_eq!(signed_up.status, 303, "{signed_up:?}");

    // The mail arrives and its link confirms, by the button and not by being looked at.
    let mail = wait_for("the mail", || mails_to(&sandbox, "Ada.Lovelace+news@example.org").pop());
    assert_eq!(mail["from"].as_str().map(|from| from.contains("hello@example.com")), Some(true), "{mail}");
    assert!(!mail.to_string().contains("Ada Lovelace"), "nothing that was typed is mailed before it is confirmed");
    let link = link(&mail);
    let asked = http::get(&link);
    assert_eq!(asked.status, 200);
    assert_eq!(users(&sandbox)[0]["state"], "pending", "looking at the link changes nothing");
    let token = link.split_once("?t=").expect("a token").1;
    let confirmed = http::post_form(&format!("{endpoint}/confirm"), &[("t", token)]);
    assert_eq!(confirmed.status, 303, "{confirmed:?}");
    let listed = users(&sandbox);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["state"], "confirmed");
    assert_eq!(listed[0]["email"], "Ada.Lovelace+news@Example.org");
    assert_eq!(listed[0]["fields"]["age"], 36);
    wait_for("the count", || {
        let status = sandbox.json(&["status", "--local"]);
        (status["sign_ups"]["received"] == 1 && status["sign_ups"]["confirmed"] == 1).then_some(())
    });

    // The same address again, by the API: the same answer, and nobody is added.
    let body = serde_json::json!({"full_name": "Ada L", "email": "ada.lovelace+news@example.ORG", "age": 36, "nationality": "GB"});
    let again = http::post_json(&format!("{endpoint}/api/v1/sign-ups"), &body);
    assert_eq!((again.status, again.json()["status"].as_str()), (202, Some("confirmation_sent")), "{again:?}");
    assert_eq!(users(&sandbox).len(), 1);
    let refused = sandbox.run(&["users", "list", "--local", "--after", "nowhere"]);
    assert_eq!(refused.status.code(), Some(2));

    // Deploying again changes nothing, asks little and makes no change set.
    let stacks = ["registration-data", "registration-workers", "registration-web"];
    let sets = || stacks.map(|stack| account.change_sets(stack));
    let before = sets();
    let report = sandbox.json(&["deploy", "--local", "--yes"]);
    assert_eq!(report["changed"], false);
    // Two for each stack, and a look for the front of another topology.
    assert!(report["api_calls"].as_u64().is_some_and(|calls| calls <= 7), "{report}");
    assert_eq!(sets(), before);

    // A new field changes the functions, and neither the data stack nor the users.
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    let field = "    - {name: nickname, type: text}\n    - name: age\n";
    sandbox.write("signup.yaml", spec.replace("    - name: age\n", field));
    let plan = sandbox.json(&["plan", "--local"]);
    assert_eq!(plan["changes"], true);
    let differences = &plan["release"]["differences"];
    assert_eq!(differences["code"], false, "{plan}");
    assert_eq!(differences["configuration"][0]["path"], "form.fields.nickname", "{plan}");
    assert_eq!(sandbox.run(&["plan", "--local", "--detailed-exitcode"]).status.code(), Some(3));
    let report = sandbox.json(&["deploy", "--local", "--yes"]);
    assert_eq!(changed(&report), ["registration-workers", "registration-web"]);
    assert_eq!(report["endpoint"], endpoint.as_str(), "the address stays");
    assert!(http::get(&format!("{endpoint}/")).body.contains("name=\"nickname\""));
    assert_eq!(users(&sandbox).len(), 1);

    // Destroyed, the users stay, and the log of whoever looked at them; deployed again, they are there.
    assert_eq!(http::get(&format!("{endpoint}/admin/sign-in")).status, 200);
    let by_admins = || {
        let lines = sandbox.json(&["logs", "--local", "--since", "1h"])["lines"].clone();
        let lines = lines.as_array().expect("a list").iter().filter(|line| line["function"] == "admin").cloned();
        lines.collect::<Vec<_>>()
    };
    let before = wait_for("a line of the admin function", || Some(by_admins()).filter(|it| !it.is_empty()));
    let receipt = sandbox.json(&["destroy", "--local", "--yes"]);
    let kept = receipt["kept"].to_string();
    assert!(["with all sign-ups", "bucket", "identity"].iter().all(|what| kept.contains(what)), "{receipt}");
    assert_eq!(account.stacks(), ["registration-data"]);
    let after = by_admins();
    assert!(before.iter().all(|line| after.contains(line)), "the admins' log stays");
    sandbox.json(&["deploy", "--local", "--yes"]);
    assert_eq!(users(&sandbox)[0]["email"], "Ada.Lovelace+news@Example.org");

    // Destroyed with its data, nothing at all is left.
    let receipt = sandbox.json(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(receipt["kept"], serde_json::json!([]));
    assert!(receipt["deleted"].to_string().contains("with what admins did"), "{receipt}");
    assert_eq!(account.resources(), Vec::<String>::new());
    let receipt = sandbox.json(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(receipt["deleted"], serde_json::json!([]));
}

#[test]
fn a_stack_of_somebody_else_is_refused_and_untouched() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    let template = "Resources:\n  Mine:\n    Type: AWS::SNS::Topic\n";
    account.query(
        "cloudformation",
        &format!(
            "Action=CreateStack&Version=2010-05-15&StackName=waitlist-web&TemplateBody={}",
            http::encode(template)
        ),
    );
    let before = wait_for("the stack", || Some(account.resources()).filter(|found| found.len() == 2));
    for command in
        [&["deploy", "--local", "--yes"][..], &["plan", "--local"], &["destroy", "--local", "--yes", "--delete-data"]]
    {
        insta::assert_snapshot!("not_ours", sandbox.refusal(command));
        assert_eq!(account.resources(), before);
    }
}

#[test]
fn a_stack_whose_creation_was_rolled_back_is_replaced() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    // As an earlier deploy leaves it that failed half-way.
    let template = "Resources:\n  Handle: {Type: 'AWS::CloudFormation::WaitConditionHandle'}\n  Broken:\n    \
                    Type: AWS::CloudFormation::WaitCondition\n    Properties: {Handle: !Ref Handle, Timeout: '1'}\n";
    account.query(
        "cloudformation",
        &format!(
            "Action=CreateStack&Version=2010-05-15&StackName=waitlist-web&TemplateBody={}\
             &Tags.member.1.Key=signupctl%3Aservice&Tags.member.1.Value=waitlist",
            http::encode(template)
        ),
    );
    wait_for("the rollback", || (account.stack_status("waitlist-web") == "ROLLBACK_COMPLETE").then_some(()));
    let refusal = sandbox.refusal(&["deploy", "--local"]);
    insta::assert_snapshot!("rolled_back", refusal);
    assert_eq!(sandbox.json(&["deploy", "--local", "--yes"])["proof"]["ok"], true);
}

#[test]
fn a_service_that_does_not_answer_stays_a_failure() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let bundle = sandbox.idle_bundle();
    for _ in 0..2 {
        let output = sandbox.run(&["deploy", "--local", "--yes", "--handler", bundle]);
        let stderr = support::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("does not answer as it should"), "{stderr}");
    }
    assert_eq!(sandbox.json(&["deploy", "--local", "--yes"])["proof"]["ok"], true);
}

#[test]
fn a_sender_that_was_begun_goes_with_the_service() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    // This one was there before, and is nobody's to delete.
    account.put_identity("before@example.com");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    for sender in ["hello@example.com", "before@example.com", "other@example.com"] {
        sandbox.write("signup.yaml", spec.replace("hello@example.com", sender));
        sandbox.ok(&["deploy", "--local", "--yes"]);
    }
    // A second service sends from the same address: the first leaves the identity to it.
    let second = spec.replace("service: waitlist", "service: second").replace("hello@example.com", "other@example.com");
    sandbox.write("second.yaml", second);
    sandbox.ok(&["deploy", "--local", "--yes", "-f", "second.yaml"]);
    let receipt = sandbox.json(&["destroy", "--delete-data", "--local", "--yes"]);
    assert!(receipt["kept"].to_string().contains("other@example.com"), "{receipt}");
    sandbox.ok(&["destroy", "--delete-data", "--local", "--yes", "-f", "second.yaml"]);
    assert_eq!(account.resources(), ["identity before@example.com"]);
}

#[test]
fn the_inbox_shows_a_mail_with_its_links() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["deploy", "--local", "--yes"]);
    assert_eq!(sandbox.ok(&["local", "inbox"]).trim(), "no mail yet");
    let endpoint = sandbox.json(&["outputs", "--local"])["Endpoint"].as_str().expect("an endpoint").to_owned();
    let answer =
        http::post_json(&format!("{endpoint}/api/v1/sign-ups"), &serde_json::json!({"email": "bob@example.net"}));
    assert_eq!(answer.status, 202, "{answer:?}");
    wait_for("the mail", || mails_to(&sandbox, "bob@example.net").pop());
    let shown = sandbox.ok(&["local", "inbox"]);
    assert!(shown.contains("bob@example.net") && shown.contains("/confirm?t="), "{shown}");
    let whole = sandbox.json(&["local", "inbox", "--open", "1"]);
    assert_eq!(whole["to"], serde_json::json!(["bob@example.net"]));
    assert!(whole["html"].as_str().is_some_and(|html| html.contains("/confirm?t=")));
    assert_eq!(sandbox.run(&["local", "inbox", "--open", "9"]).status.code(), Some(2));
}

#[test]
fn the_emulator_is_started_once_found_again_and_stopped() {
    let sandbox = Sandbox::new();
    let first = sandbox.json(&["local", "up"]);
    let again = sandbox.json(&["local", "up"]);
    assert_eq!(first, again);
    let status = sandbox.json(&["local", "status"]);
    assert_eq!((&status["running"], &status["pid"]), (&true.into(), &first["pid"]));
    assert!(status["endpoint"].as_str().is_some_and(|endpoint| endpoint.starts_with("http://127.0.0.1:")));
    // One that died is not taken for alive.
    let pid = first["pid"].to_string();
    std::process::Command::new("kill").args(["-9", &pid]).status().expect("it starts");
    wait_for("its end", || (sandbox.json(&["local", "status"])["running"] == false).then_some(()));
    let fresh = sandbox.json(&["local", "up"]);
    assert_ne!(fresh["pid"], first["pid"]);
    sandbox.ok(&["local", "down"]);
    assert_eq!(sandbox.json(&["local", "status"])["running"], false);
    sandbox.ok(&["local", "down"]);
}
