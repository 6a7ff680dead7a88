//! One call in three fails, in each way in which calls fail: deploy and destroy get there all the same, once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use support::deployed::rehearsed;
use support::proxy::{self, Fate, Protocol, Request};
use support::{http, text};

/// Cycles of deploy, update and destroy, each with a seed of its own.
const CYCLES: u64 = 50;

/// In what way calls fail.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Throttled,
    Unavailable,
    /// The connection ends before the request arrives.
    Lost,
    /// The connection ends after AWS did what was asked.
    Unanswered,
    /// A gateway gave up waiting; what was asked is done all the same.
    TimedOut,
    /// CloudFormation tells what was so a moment ago.
    Stale,
    /// The credentials run out, and are renewed some calls later.
    Expired,
}

const WAYS: [Way; 7] =
    [Way::Throttled, Way::Unavailable, Way::Lost, Way::Unanswered, Way::TimedOut, Way::Stale, Way::Expired];

/// How many calls are refused until the credentials are renewed.
const EXPIRED: u32 = 8;

/// What goes wrong at the moment.
#[derive(Debug)]
struct Weather {
    way: Option<Way>,
    /// Numbers that look random and repeat from the same seed (SplitMix64).
    state: u64,
    /// Calls that are still refused for the credentials.
    expired: u32,
    /// The last answer to each read of CloudFormation.
    seen: Arc<Mutex<HashMap<String, String>>>,
    failed: BTreeMap<&'static str, u32>,
}

impl Weather {
    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn decide(&mut self, request: &Request) -> Fate {
        let Some(way) = self.way else { return Fate::Pass };
        let fails = self.roll().is_multiple_of(3);
        if way == Way::Stale {
            return self.stale(request, fails);
        }
        if way == Way::Expired {
            if self.expired == 0 && self.roll().is_multiple_of(80) {
                self.expired = EXPIRED;
            }
            let fate = if self.expired > 0 {
                self.refuse("expired", request, "ExpiredToken", "ExpiredTokenException", 400)
            } else {
                Fate::Pass
            };
            self.expired = self.expired.saturating_sub(1);
            return fate;
        }
        if !fails {
            return Fate::Pass;
        }
        match way {
            Way::Throttled => self.refuse("throttled", request, "Throttling", "ThrottlingException", 400),
            Way::Unavailable => self.refuse("unavailable", request, "ServiceUnavailable", "InternalServerError", 503),
            Way::Lost => {
                self.count("lost");
                Fate::Lose
            }
            Way::Unanswered => {
                self.count("unanswered");
                Fate::Forget
            }
            Way::TimedOut => {
                self.count("timed out");
                Fate::Replace(504, "<html>Gateway Time-out</html>".into())
            }
            Way::Stale | Way::Expired => Fate::Pass,
        }
    }

    fn stale(&mut self, request: &Request, fails: bool) -> Fate {
        let reads = ["DescribeStacks", "DescribeStackEvents", "DescribeChangeSet", "ListStackResources"];
        if !reads.contains(&request.operation.as_str()) {
            return Fate::Pass;
        }
        let name = request.name();
        let last = self.seen.lock().expect("no panic while held").get(&name).cloned();
        if let (true, Some(last)) = (fails, last) {
            self.count("stale");
            return Fate::Answer(if last.contains("<ErrorResponse") { 400 } else { 200 }, last);
        }
        let seen = Arc::clone(&self.seen);
        Fate::Change(Box::new(move |body| {
            seen.lock().expect("no panic while held").insert(name, body.clone());
            body
        }))
    }

    /// A refusal in the words of the service's protocol.
    fn refuse(&mut self, what: &'static str, request: &Request, query: &str, json: &str, status: u16) -> Fate {
        if request.operation.contains("/execute-api/") {
            // The public endpoint knows no credentials, and throttles in words of its own.
            return match what {
                "expired" => Fate::Pass,
                "throttled" => Fate::Answer(429, "{\"message\": \"Too Many Requests\"}".into()),
                _ => Fate::Answer(status, "{\"message\": \"Service Unavailable\"}".into()),
            };
        }
        self.count(what);
        match request.protocol() {
            Protocol::Query => Fate::Answer(
                status,
                format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{query}</Code><Message>not now</Message></Error>\
                     <RequestId>0</RequestId></ErrorResponse>"
                ),
            ),
            Protocol::Json | Protocol::Cbor => {
                Fate::Answer(status, format!("{{\"__type\": \"{json}\", \"message\": \"not now\"}}"))
            }
            Protocol::RestXml => {
                let (status, query) = if query == "Throttling" { (503, "SlowDown") } else { (status, query) };
                Fate::Answer(status, format!("<Error><Code>{query}</Code><Message>not now</Message></Error>"))
            }
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.failed.entry(what).or_default() += 1;
    }
}

#[test]
fn fifty_cycles_converge_while_one_call_in_three_fails() {
    let (sandbox, spec, account, whole) = rehearsed("waitlist.yaml");
    let weather = Arc::new(Mutex::new(Weather {
        way: None,
        state: 0,
        expired: 0,
        seen: Arc::default(),
        failed: BTreeMap::new(),
    }));
    let decide = Arc::clone(&weather);
    proxy::before(&sandbox, move |request| decide.lock().expect("no panic while held").decide(request));

    for seed in 0..CYCLES {
        let way = WAYS[usize::try_from(seed).expect("small") % WAYS.len()];
        let run = |number: u64, arguments: &[&str]| {
            for again in 0..20 {
                {
                    let mut weather = weather.lock().expect("no panic while held");
                    (weather.way, weather.state) = (Some(way), seed * 1_000 + number * 100 + again);
                    weather.seen.lock().expect("no panic while held").clear();
                }
                let output = sandbox.run(arguments);
                weather.lock().expect("no panic while held").way = None;
                let stderr = text(&output.stderr);
                if output.status.success() {
                    return text(&output.stdout);
                }
                // Credentials are for the operator to renew; the command is then run again.
                let told = way == Way::Expired && stderr.contains("renew the credentials");
                assert!(told, "seed {seed}, {way:?}, {arguments:?}: {stderr}");
            }
            panic!("seed {seed}, {way:?}, {arguments:?}: it never gets there");
        };
        let title = |number: u64| format!("Waiting list {seed}-{number}");
        let shows = |endpoint: &str, number| {
            let page = http::get(&format!("{endpoint}/")).body;
            assert!(page.contains(&title(number)), "seed {seed}, {way:?}: {page}");
            assert_eq!(account.census(), whole, "seed {seed}, {way:?}: nothing twice, nothing left over");
        };
        // Every other update is one of the code alone, and is taken back.
        let direct = seed % 2 == 1;
        let mut endpoint = String::new();
        for number in 0..2 {
            sandbox.write("signup.yaml", spec.replace("Join the waiting list", &title(number)));
            let deploy = ["deploy", "--local", "--yes", "--json", "--code-only"];
            let report = run(number, &deploy[..if direct && number == 1 { 5 } else { 4 }]);
            let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
            endpoint = report["endpoint"].as_str().expect("an address").to_owned();
            shows(&endpoint, number);
        }
        if direct {
            run(3, &["rollback", "--local", "--yes"]);
            shows(&endpoint, 0);
        }
        run(2, &["destroy", "--delete-data", "--local", "--yes"]);
        assert_eq!(account.resources(), Vec::<String>::new(), "seed {seed}, {way:?}");
    }
    // Twice as many codes as cycles, and the disk holds those of a few.
    let unpacked = sandbox.unpacked_codes();
    assert!((1..=16).contains(&unpacked), "{unpacked} codes are unpacked");
    // Each way was met, and often.
    let failed = weather.lock().expect("no panic while held").failed.clone();
    assert!(failed.len() == WAYS.len() && failed.values().all(|count| *count > 5), "{failed:?}");
    let often = ["throttled", "unavailable", "lost", "unanswered", "timed out"];
    assert!(often.iter().all(|way| failed[way] > 100), "{failed:?}");
}
