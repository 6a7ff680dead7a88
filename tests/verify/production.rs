//! The sandbox, and the way out of it.

use serde_json::json;

use crate::{Told, sandboxed};

const ASK: [&str; 5] =
    ["--request-production", "--website", "https://example.com", "--use-case", "A waiting list, ten mails a day."];

#[test]
fn production_access_is_asked_for_with_consent_and_the_text_that_was_shown() {
    let told = Told::new();
    told.says(|says| says.account = Some(sandboxed()));
    // Without a terminal nobody can be asked, and nothing is sent.
    insta::assert_snapshot!(told.reads(&ASK));
    assert!(told.says.lock().expect("no panic while held").sent.is_empty());
    insta::assert_snapshot!(told.reads(&[&ASK[..], &["--yes"]].concat()));
    let sent = told.says.lock().expect("no panic while held").sent.clone();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let (_, body) = sent[0].split_once('{').expect("a body");
    let body: serde_json::Value = serde_json::from_str(&format!("{{{body}")).expect("JSON");
    assert_eq!(body["ProductionAccessEnabled"], true);
    assert_eq!(body["WebsiteURL"], "https://example.com");
    let shown = told.reads(&[&ASK[..], &["--yes"]].concat());
    assert!(body["UseCaseDescription"].as_str().is_some_and(|text| shown.contains(text)), "{body}");
}

#[test]
fn nothing_is_asked_for_twice() {
    let told = Told::new();
    let mut account = sandboxed();
    account["Details"] = json!({ "ReviewDetails": { "Status": "PENDING", "CaseId": "17" } });
    told.says(|says| says.account = Some(account.clone()));
    let read = told.reads(&[&ASK[..], &["--yes"]].concat());
    assert!(read.starts_with("exit 0\n") && read.contains("has not decided yet (case 17)"), "{read}");
    account["ProductionAccessEnabled"] = true.into();
    told.says(|says| says.account = Some(account));
    let read = told.reads(&[&ASK[..], &["--yes"]].concat());
    assert!(read.contains("nothing to ask for"), "{read}");
    assert!(told.says.lock().expect("no panic while held").sent.is_empty());
}

#[test]
fn a_request_that_aws_would_turn_down_is_not_sent() {
    let told = Told::new();
    told.says(|says| says.account = Some(sandboxed()));
    insta::assert_snapshot!(told.reads(&["--request-production", "--website", "example", "--use-case", "x", "--yes"]));
    let empty = ["--request-production", "--website", "https://example.com", "--use-case", " ", "--yes"];
    insta::assert_snapshot!(told.reads(&empty));
}
