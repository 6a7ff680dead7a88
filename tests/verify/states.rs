//! What the user reads in each state of an identity and its records.

use serde_json::json;

use crate::{Told, dns, domain, sandboxed};
use support::text;

/// The records as SES wants them.
const RIGHT: [(&str, &str, &str); 6] = [
    ("CNAME", "aaa._domainkey.example.com", "aaa.abc.dkim.amazonses.com"),
    ("CNAME", "bbb._domainkey.example.com", "bbb.abc.dkim.amazonses.com"),
    ("CNAME", "ccc._domainkey.example.com", "ccc.abc.dkim.amazonses.com"),
    ("MX", "bounce.example.com", "10 feedback-smtp.us-east-1.amazonses.com"),
    ("TXT", "bounce.example.com", "v=spf1 include:amazonses.com ~all"),
    ("TXT", "_dmarc.example.com", "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"),
];

#[test]
fn a_domain_whose_records_are_there_is_waited_for_by_ses_alone() {
    let told = Told::new();
    let resolver = dns::serve(&RIGHT).to_string();
    told.says(|says| (says.identity, says.account) = (Some(domain("PENDING")), Some(sandboxed())));
    insta::assert_snapshot!(told.reads(&["example.com", "--resolver", &resolver]));
    told.says(|says| says.identity = Some(domain("SUCCESS")));
    insta::assert_snapshot!(told.reads(&["example.com", "--resolver", &resolver]));
}

#[test]
fn each_record_that_is_not_right_is_named_with_the_way_out() {
    let told = Told::new();
    let resolver = dns::serve(&[
        // At the name with the domain twice, with the domain behind the value, with another value, and not at all.
        ("CNAME", "aaa._domainkey.example.com.example.com", "aaa.abc.dkim.amazonses.com"),
        ("CNAME", "bbb._domainkey.example.com", "bbb.abc.dkim.amazonses.com.example.com"),
        ("CNAME", "ccc._domainkey.example.com", "old.example.net"),
        ("TXT", "bounce.example.com", "v=spf1 -all"),
        ("TXT", "_dmarc.example.com", "unrelated"),
    ])
    .to_string();
    told.says(|says| (says.identity, says.account) = (Some(domain("PENDING")), Some(sandboxed())));
    insta::assert_snapshot!(told.reads(&["example.com", "--resolver", &resolver]));
    // The same for programs.
    let output = told.sandbox.run(&["verify-email", "example.com", "--local", "--json", "--resolver", &resolver]);
    let report: serde_json::Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    let states: Vec<&str> =
        report["records"].as_array().expect("a list").iter().filter_map(|it| it["state"].as_str()).collect();
    assert_eq!(states, ["doubled", "wrong", "wrong", "missing", "wrong", "missing"]);
    assert_eq!((&report["standing"], &report["records"][0]["type"]), (&json!("pending"), &json!("CNAME")));
    assert!(
        report["records"][0]["zone_line"]
            .as_str()
            .is_some_and(|line| line.ends_with("IN CNAME aaa.abc.dkim.amazonses.com."))
    );
}

#[test]
fn a_resolver_that_does_not_answer_is_no_missing_record() {
    let told = Told::new();
    // Bound, and never read from.
    let silent = std::net::UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    let resolver = silent.local_addr().expect("it is bound").to_string();
    told.says(|says| (says.identity, says.account) = (Some(domain("PENDING")), Some(sandboxed())));
    let read = told.reads(&["example.com", "--resolver", &resolver]);
    assert!(read.contains("cannot be looked up") && !read.contains("not there"), "{read}");
}

#[test]
fn a_failure_is_told_with_its_reason_and_begun_anew_on_request_alone() {
    let told = Told::new();
    let resolver = dns::serve(&RIGHT[1..]).to_string();
    let mut failed = domain("FAILED");
    failed["VerificationInfo"] = json!({ "ErrorType": "HOST_NOT_FOUND" });
    told.says(|says| (says.identity, says.account) = (Some(failed.clone()), Some(sandboxed())));
    insta::assert_snapshot!(told.reads(&["example.com", "--resolver", &resolver]));
    // One that was there before is nobody's to take away.
    failed["Tags"] = json!([]);
    told.says(|says| says.identity = Some(failed));
    insta::assert_snapshot!(told.reads(&["example.com", "--again"]));
    let mut passing = domain("TEMPORARY_FAILURE");
    passing["VerificationInfo"] = json!({ "ErrorType": "DNS_SERVER_ERROR" });
    told.says(|says| says.identity = Some(passing));
    insta::assert_snapshot!(told.reads(&["example.com", "--resolver", &resolver]));
}

#[test]
fn an_address_waits_for_its_owner() {
    let told = Told::new();
    let mut address = domain("PENDING");
    address["IdentityType"] = "EMAIL_ADDRESS".into();
    told.says(|says| (says.identity, says.account) = (Some(address), Some(sandboxed())));
    insta::assert_snapshot!(told.reads(&["hello@example.com"]));
}

#[test]
fn waiting_ends_when_ses_has_decided_or_the_time_is_over() {
    let told = Told::new();
    let resolver = dns::serve(&RIGHT).to_string();
    told.says(|says| (says.identity, says.account) = (Some(domain("PENDING")), Some(sandboxed())));
    assert!(told.reads(&["example.com", "--wait", "1s", "--resolver", &resolver]).starts_with("exit 3\n"));
    let says = std::sync::Arc::clone(&told.says);
    let decides = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        says.lock().expect("no panic while held").identity = Some(domain("SUCCESS"));
    });
    assert!(told.reads(&["example.com", "--wait", "10m", "--resolver", &resolver]).starts_with("exit 0\n"));
    decides.join().expect("it decided");
}

#[test]
fn what_is_no_identity_is_refused() {
    let told = Told::new();
    insta::assert_snapshot!(told.reads(&["not a domain"]));
    let wrong = told.sandbox.run(&["verify-email", "--local", "--resolver", "dns.example.com"]);
    assert_eq!(wrong.status.code(), Some(2));
}
