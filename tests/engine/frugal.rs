//! How many calls of AWS an operation takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::proxy::{self, Fate};
use support::{Sandbox, http};

#[derive(Debug, Default)]
struct Seen {
    calls: BTreeMap<String, u32>,
    /// While this lasts, the web stack's events tell nothing.
    hidden: Option<Instant>,
}

#[test]
fn a_deploy_that_changes_nothing_reads_each_stack_twice_and_looks_for_another_front() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let first = sandbox.json(&["deploy", "--local", "--yes"]);
    assert!(first["api_calls"].as_u64().is_some_and(|calls| calls <= 80), "{first}");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let count = Arc::clone(&seen);
    proxy::before(&sandbox, move |request| {
        let mut seen = count.lock().expect("no panic while held");
        if !request.operation.starts_with("GET ") {
            *seen.calls.entry(request.operation.clone()).or_default() += 1;
        }
        Fate::Pass
    });
    let again = sandbox.json(&["deploy", "--local", "--yes"]);
    assert_eq!((&again["changed"], &again["api_calls"]), (&false.into(), &7.into()), "{again}");
    // What is told is what went over the wire.
    let calls = seen.lock().expect("no panic while held").calls.clone();
    assert_eq!(calls, BTreeMap::from([("DescribeStacks".into(), 4), ("GetTemplate".into(), 3)]));
    assert_eq!(sandbox.json(&["plan", "--local"])["api_calls"], 7);
}

#[test]
fn a_stack_that_takes_long_is_looked_at_once_an_interval() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["deploy", "--local", "--yes"]);
    let long = Duration::from_secs(5);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let count = Arc::clone(&seen);
    proxy::before(&sandbox, move |request| {
        let mut seen = count.lock().expect("no panic while held");
        let web = request.parameter("StackName").is_some_and(|name| name.contains(":stack/waitlist-web/"));
        if !(web && request.operation == "DescribeStackEvents") {
            return Fate::Pass;
        }
        let since = *seen.hidden.get_or_insert_with(Instant::now);
        *seen.calls.entry(request.operation.clone()).or_default() += 1;
        if since.elapsed() > long {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|body| {
            let (before, rest) = body.split_once("<StackEvents>").expect("a list of events");
            let (_, after) = rest.split_once("</StackEvents>").expect("it is closed");
            // Where nothing happened yet there is no second page either.
            let after = match (after.find("<NextToken>"), after.find("</NextToken>")) {
                (Some(start), Some(end)) => format!("{}{}", &after[..start], &after[end + "</NextToken>".len()..]),
                _ => after.to_owned(),
            };
            format!("{before}<StackEvents></StackEvents>{after}")
        }))
    });
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the spec");
    sandbox.write("signup.yaml", spec.replace("Join the waiting list", "Second"));
    let report = sandbox.json(&["deploy", "--local", "--yes"]);
    let page = http::get(&format!("{}/", report["endpoint"].as_str().expect("an address"))).body;
    assert!(page.contains("Second"));
    // Six looks until the interval is the longest, of a quarter of a second; then no more than one in each.
    let looks = seen.lock().expect("no panic while held").calls["DescribeStackEvents"];
    assert!((4..=30).contains(&looks), "{looks} looks within {long:?}");
}
