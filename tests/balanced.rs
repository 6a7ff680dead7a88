//! Three servers behind a load balancer while people sign up: one is killed, two are replaced one after the other, one
//! loses the table. Whoever was told that the sign-up was taken is kept once, and mailed once.
//!
//! Needs HAProxy. Where it is missing this says so and passes, unless the environment has `SIGNUPCTL_BALANCER=required`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::balancer::{self, Balancer};
use support::cable::Cable;
use support::deployed::{Deployed, wait_for};
use support::server::{Server, Settings, free_port};
use support::{Sandbox, http};

/// Callers at once.
const CALLERS: u32 = 8;

/// How long each waits before it comes again: the load is steady, and the mail is not minutes behind it on a fast machine.
const PAUSE: Duration = Duration::from_millis(200);

/// What came of the requests of a time.
#[derive(Debug, Default)]
struct Crowd {
    /// Numbers the people.
    next: AtomicU32,
    /// Who was told that the sign-up was taken.
    taken: AtomicU32,
    /// Whose requests have no answer, or one that no server of ours gave.
    broken: Mutex<Vec<String>>,
    /// Requests that were told to come again.
    later: AtomicU32,
    enough: AtomicBool,
    /// Somebody got an answer that nobody expects.
    failed: AtomicBool,
}

impl Crowd {
    /// One request as a program sends it, on a connection of its own; the status, if one of our servers answers.
    fn send(endpoint: &str, person: &str) -> Option<u16> {
        let body = json!({ "email": format!("{person}@example.org") }).to_string();
        let host = endpoint.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(40))).ok()?;
        let request = format!(
            "POST /api/v1/sign-ups HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: \
             application/json\r\nidempotency-key: {person}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        // Every answer of ours has a policy, and one that says to come again says when; the balancer's have neither.
        let ours = answer.contains("content-security-policy: ");
        answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok().filter(|_| ours)
    }

    /// People sign up, each again and again until it is taken, while something happens.
    fn during<T>(&self, endpoint: &str, happening: impl FnOnce() -> T) -> T {
        self.enough.store(false, Ordering::Relaxed);
        /// Lets the callers end also when what happens fails.
        struct Enough<'a>(&'a AtomicBool);
        impl Drop for Enough<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    while !self.enough.load(Ordering::Relaxed) {
                        self.come(endpoint);
                        std::thread::sleep(PAUSE);
                    }
                });
            }
            let _enough = Enough(&self.enough);
            happening()
        })
    }

    fn come(&self, endpoint: &str) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let person = format!("person-{number}");
        for _ in 0..40 {
            match Self::send(endpoint, &person) {
                Some(202) => {
                    self.taken.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Some(503) => drop(self.later.fetch_add(1, Ordering::Relaxed)),
                None => self.broken.lock().expect("no panic while held").push(person.clone()),
                Some(other) => {
                    self.failed.store(true, Ordering::Relaxed);
                    panic!("an answer that nobody expects: {other}")
                }
            };
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("person {number} was never taken");
    }

    /// How often somebody was told to come again.
    fn later(&self) -> u32 {
        self.later.load(Ordering::Relaxed)
    }

    /// In the order of their names.
    fn broken(&self) -> Vec<String> {
        let mut broken = self.broken.lock().expect("no panic while held").clone();
        broken.sort();
        broken
    }

    fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Lets the crowd go on until so many more were taken.
fn until_taken(crowd: &Crowd, more: u32) {
    let before = crowd.taken();
    let began = Instant::now();
    while crowd.taken() < before + more {
        assert!(!crowd.failed.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(120), "{crowd:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Requests that a server has answered.
fn answered(server: &Server) -> usize {
    server.log().matches("\"message\":\"request\"").count()
}

fn ready_again(server: &Server) {
    wait_for(20, "a server that is ready", || server.answers("/readyz").then_some(()));
    // Until the balancer has seen it twice.
    std::thread::sleep(Duration::from_secs(1));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that could not run says so, and the figures are to be read")]
fn whoever_was_taken_is_kept_and_mailed_once_whatever_becomes_of_the_servers() {
    let Some(haproxy) = balancer::program() else { return eprintln!("not run: it takes `haproxy`") };
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    // All come from one address.
    let budgets = "{unproven_per_hour: 1000000, requests_per_second: 5000, burst: 5000}";
    sandbox.write("signup.yaml", format!("{spec}security:\n  budgets: {budgets}\n"));
    let service = Deployed::of(sandbox);
    let cable = Cable::to(&service.account.endpoint);
    let port = free_port();
    let public = format!("http://127.0.0.1:{port}");
    let told = Settings { public: Some(&public), trusted: "127.0.0.1", ..Settings::default() };
    let on_cable = Settings { aws: Some(&cable.endpoint), ..told };
    let mut servers =
        [Server::start(&service, &told), Server::start(&service, &told), Server::start(&service, &on_cable)];
    let balancer = Balancer::plain(haproxy, &service.sandbox, port, &servers.each_ref().map(|server| server.port));
    let front = balancer.endpoint.as_str();
    wait_for(20, "the balancer", || (http::get(&format!("{front}/healthz")).status == 200).then_some(()));
    let crowd = Crowd::default();

    // A server is killed with requests in its hands: they are lost, and nothing else.
    crowd.during(front, || {
        until_taken(&crowd, 30);
        servers[0].signal("STOP");
        std::thread::sleep(2 * PAUSE);
        servers[0].signal("KILL");
        servers[0].wait();
        until_taken(&crowd, 30);
    });
    let killed = crowd.broken();
    let mut lost = balancer.passed();
    // A server of ours says 503 where it is busy; the balancer's own would be an answer of nobody's below.
    lost.retain(|request| request.status != "202" && request.status != "503");
    assert!(lost.iter().all(|request| request.port == Some(servers[0].port)), "{lost:?}");
    let mut lost: Vec<String> = lost.into_iter().map(|request| request.key).collect();
    lost.sort();
    assert!(!lost.is_empty() && lost.len() <= CALLERS as usize, "{lost:?}");
    assert_eq!(killed, lost, "whoever got no answer of ours was in its hands");
    servers[0] = Server::start_at(&service, &told, servers[0].port);
    ready_again(&servers[0]);

    // Each is told to stop, and another takes its place: nothing is lost, and nobody is sent away.
    let later = crowd.later();
    crowd.during(front, || {
        for (server, told) in servers.iter_mut().zip([&told, &told, &on_cable]) {
            until_taken(&crowd, 10);
            server.signal("TERM");
            assert!(server.wait().success());
            assert!(server.log().contains("everything was answered"), "{}", server.log());
            *server = Server::start_at(&service, told, server.port);
            ready_again(server);
        }
    });
    assert_eq!((crowd.broken(), crowd.later()), (killed.clone(), later), "{crowd:?}");

    // One loses the table, which hangs up or says nothing: it leaves, and comes back.
    for lose in [Cable::cut, Cable::silence] {
        crowd.during(front, || {
            lose(&cable);
            wait_for(20, "a server that says so", || (!servers[2].answers("/readyz")).then_some(()));
            assert!(servers[2].answers("/healthz"), "it lives");
            // Until the balancer has seen it, and what it had sent before is answered: within seven seconds.
            let mut before = answered(&servers[2]);
            wait_for(60, "rest", || {
                std::thread::sleep(Duration::from_secs(9));
                let now = answered(&servers[2]);
                (std::mem::replace(&mut before, now) == now).then_some(())
            });
            until_taken(&crowd, 20);
            assert_eq!(answered(&servers[2]), before, "nothing comes there any more");
            cable.mend();
            ready_again(&servers[2]);
            let before = answered(&servers[2]);
            until_taken(&crowd, 20);
            assert!(answered(&servers[2]) > before, "it is asked again");
        });
    }
    assert_eq!(crowd.broken(), killed, "{crowd:?}");

    let people = crowd.next.load(Ordering::Relaxed);
    assert_eq!(crowd.taken(), people);
    let killed = killed.len();
    eprintln!(
        "{people} people, {killed} requests lost to the one that was killed, {:?} told to come later",
        crowd.later
    );
    let everybody: BTreeSet<String> = (0..people).map(|number| format!("person-{number}@example.org")).collect();
    let mailed = || -> Vec<String> {
        service.mails().iter().filter_map(|mail| mail["to"][0].as_str().map(str::to_owned)).collect()
    };
    // As fast as the account allows, which is some ten in a second.
    let mut sent = mailed().len();
    while sent < everybody.len() {
        sent = wait_for(60, "another mail", || Some(mailed().len()).filter(|now| *now > sent));
    }
    std::thread::sleep(Duration::from_secs(2));
    let mailed = mailed();
    assert_eq!(mailed.iter().cloned().collect::<BTreeSet<_>>(), everybody, "no mail is lost");
    assert_eq!(mailed.len(), everybody.len(), "and none is doubled");
    wait_for(60, "everybody's count", || (service.counts().0 >= u64::from(people)).then_some(()));
    let recount = service.sandbox.json(&["users", "recount", "--local"]);
    assert_eq!((&recount["users"], &recount["differences"]), (&json!(people), &json!([])), "{recount}");
}
