//! A crowd on the local AWS: a thousand people, and a thousand times the same, fifty of them at any moment. Nobody is
//! lost, doubled or miscounted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use support::deployed::{Deployed, wait_for};
use support::{Sandbox, http};

const CROWD: u32 = 1_000;

/// Callers at once.
const CALLERS: u32 = 50;

/// Signs up, by the address of each number, from many callers at once; whoever is told to come back does, a few
/// times. Returns how many were taken.
fn sign_up(endpoint: &str, address: impl Fn(u32) -> String + Sync) -> u32 {
    let (next, taken) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= CROWD {
                        break;
                    }
                    let body = json!({ "email": address(number) });
                    for _ in 0..5 {
                        let answer = http::post_json(&format!("{endpoint}/api/v1/sign-ups"), &body);
                        if answer.status == 202 {
                            taken.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        assert_eq!(answer.status, 503, "{}", answer.body);
                        let seconds = answer.header("retry-after").expect("a time to come back");
                        std::thread::sleep(Duration::from_secs(seconds.parse().expect("seconds")));
                    }
                }
            });
        }
    });
    taken.into_inner()
}

#[test]
fn a_thousand_are_all_there_and_one_of_them_a_thousand_times_is_one() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    let budgets = "security:\n  budgets: {address_per_hour: 1000, unproven_per_hour: 100000}\n";
    sandbox.write("signup.yaml", format!("{spec}{budgets}"));
    let service = Deployed::of(sandbox);

    assert_eq!(sign_up(&service.endpoint, |number| format!("person-{number}@example.org")), CROWD);
    wait_for(240, "everybody's count", || (service.counts().0 >= u64::from(CROWD)).then_some(()));
    let mailed = || -> Vec<String> {
        let to = |mail: &serde_json::Value| mail["to"][0].as_str().map(str::to_owned);
        service.mails().iter().filter_map(to).collect()
    };
    wait_for(240, "everybody's mail", || (mailed().len() >= CROWD as usize).then_some(()));
    let mailed_now = mailed();
    let everybody: BTreeSet<String> = (0..CROWD).map(|number| format!("person-{number}@example.org")).collect();
    assert_eq!(mailed_now.iter().cloned().collect::<BTreeSet<_>>(), everybody, "no mail is lost");
    assert_eq!(mailed_now.len(), everybody.len(), "and none is doubled");

    // Who loses to the others too often is told to come back; nobody gets anything else.
    let taken = sign_up(&service.endpoint, |_| "same@example.org".to_owned());
    assert!(taken > 0);
    wait_for(60, "the count", || (service.counts().0 > u64::from(CROWD)).then_some(()));
    wait_for(60, "the mail", || (mailed().len() > CROWD as usize).then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((service.counts(), mailed().len()), ((u64::from(CROWD) + 1, 0), CROWD as usize + 1));
    let recount = service.sandbox.json(&["users", "recount", "--local"]);
    assert_eq!((&recount["users"], &recount["differences"]), (&json!(CROWD + 1), &json!([])), "{recount}");
}
