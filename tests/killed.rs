//! signupctl can be killed at any moment: the next run finds what is there and finishes.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::time::{Duration, Instant};

use support::account::Account;
use support::{Sandbox, http};

/// Moments at which each operation is killed, spread over the time it takes.
const MOMENTS: u32 = 20;

/// Starts signupctl, and kills it after `moment` unless it has ended by then. Tells how long it took if it was not killed.
fn kill_after(sandbox: &Sandbox, arguments: &[&str], moment: Duration) -> Option<Duration> {
    let started = Instant::now();
    let mut child = sandbox
        .command(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    while started.elapsed() < moment {
        if child.try_wait().expect("it was started").is_some() {
            return Some(started.elapsed());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("it was started");
    child.wait().expect("it ends");
    None
}

/// Moments of a run as long as this, in order; whoever finds that it takes less has the rest of them in that.
struct Moments {
    long: Duration,
    killed: u32,
}

impl Moments {
    fn of(long: Duration) -> Self {
        Self { long, killed: 0 }
    }

    /// Kills a run at the moment of this number.
    fn kill(&mut self, sandbox: &Sandbox, arguments: &[&str], number: u32) {
        match kill_after(sandbox, arguments, self.long * number / MOMENTS) {
            None => self.killed += 1,
            // The first one may have had to wait for something.
            Some(took) => self.long = self.long.min(took),
        }
    }
}

/// How long a command takes when nobody interrupts it.
fn duration_of(sandbox: &Sandbox, arguments: &[&str]) -> Duration {
    let started = Instant::now();
    sandbox.ok(arguments);
    started.elapsed()
}

fn assert_serves(sandbox: &Sandbox, account: &Account, whole: &BTreeMap<String, usize>, what: &str) {
    let report = sandbox.json(&["deploy", "--local", "--yes"]);
    assert_eq!(report["changed"], false, "{what}: a second run has nothing left to do");
    let endpoint = report["endpoint"].as_str().expect("an address");
    assert_eq!(http::get(&format!("{endpoint}/")).status, 200, "{what}");
    assert_eq!(&account.census(), whole, "{what}: nothing is made twice, nothing is left over");
}

const DEPLOY: [&str; 3] = ["deploy", "--local", "--yes"];
const DESTROY: [&str; 4] = ["destroy", "--delete-data", "--local", "--yes"];

#[test]
fn the_next_run_finishes_what_a_kill_interrupted() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    // Builds the function and fills the cache, so that what is measured is the deploy.
    sandbox.ok(&DEPLOY);
    let account = Account::new(sandbox.emulator());
    let whole = account.census();
    sandbox.ok(&DESTROY);
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");

    let mut moments = Moments::of(duration_of(&sandbox, &DEPLOY));
    sandbox.ok(&DESTROY);
    for moment in 0..MOMENTS {
        let what = format!("first deploy, moment {moment}");
        moments.kill(&sandbox, &DEPLOY, moment);
        sandbox.ok(&DEPLOY);
        assert_serves(&sandbox, &account, &whole, &what);
        sandbox.ok(&DESTROY);
        assert_eq!(account.resources(), Vec::<String>::new(), "{what}");
    }
    assert!(moments.killed > MOMENTS / 2, "only {} first deploys were killed", moments.killed);

    sandbox.ok(&DEPLOY);
    let edit = |number: u32| {
        sandbox.write("signup.yaml", spec.replace("Join the waiting list", &format!("Join waiting list {number}")));
    };
    edit(1_000);
    let mut moments = Moments::of(duration_of(&sandbox, &DEPLOY));
    for moment in 0..MOMENTS {
        edit(moment);
        let what = format!("update, moment {moment}");
        moments.kill(&sandbox, &DEPLOY, moment);
        sandbox.ok(&DEPLOY);
        assert_serves(&sandbox, &account, &whole, &what);
        let endpoint = sandbox.json(&["outputs", "--local"])["Endpoint"].as_str().expect("an address").to_owned();
        assert!(http::get(&format!("{endpoint}/")).body.contains(&format!("Join waiting list {moment}")), "{what}");
    }
    assert!(moments.killed > MOMENTS / 2, "only {} updates were killed", moments.killed);

    let mut moments = Moments::of(duration_of(&sandbox, &DESTROY));
    for moment in 0..MOMENTS {
        let what = format!("destroy, moment {moment}");
        sandbox.ok(&DEPLOY);
        moments.kill(&sandbox, &DESTROY, moment);
        sandbox.ok(&DESTROY);
        assert_eq!(account.resources(), Vec::<String>::new(), "{what}");
    }
    assert!(moments.killed > MOMENTS / 2, "only {} destroys were killed", moments.killed);
}

#[test]
fn a_destroy_after_a_killed_deploy_leaves_nothing() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&DEPLOY);
    let account = Account::new(sandbox.emulator());
    sandbox.ok(&DESTROY);
    let long = duration_of(&sandbox, &DEPLOY);
    sandbox.ok(&DESTROY);
    for moment in 0..8 {
        kill_after(&sandbox, &DEPLOY, long * moment / 8);
        sandbox.ok(&DESTROY);
        assert_eq!(account.resources(), Vec::<String>::new(), "moment {moment}");
    }
}

#[test]
fn ctrl_c_detaches_and_the_next_run_goes_on() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let mut child = sandbox
        .command(&DEPLOY)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    // Its first line tells that it listens, and that CloudFormation is at work.
    let mut lines = std::io::BufReader::new(child.stderr.take().expect("it is piped"));
    let mut stderr = String::new();
    lines.read_line(&mut stderr).expect("text");
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("it starts");
    lines.read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{stderr}");
    assert!(stderr.contains("run the same command again"), "{stderr}");
    assert_eq!(sandbox.json(&DEPLOY)["proof"]["ok"], true);
}

#[test]
fn a_deploy_after_a_killed_destroy_serves_again() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&DEPLOY);
    let account = Account::new(sandbox.emulator());
    let whole = account.census();
    let long = duration_of(&sandbox, &DESTROY);
    for moment in 0..6 {
        sandbox.ok(&DEPLOY);
        kill_after(&sandbox, &DESTROY, long * moment / 6);
        sandbox.ok(&DEPLOY);
        let endpoint = sandbox.json(&["outputs", "--local"])["Endpoint"].as_str().expect("an address").to_owned();
        // The function starts only with both keys; a token it refuses sets no worker to work.
        let answer = http::post_form(&format!("{endpoint}/confirm"), &[("t", &"A".repeat(43))]);
        assert!((400..500).contains(&answer.status), "moment {moment}: {answer:?}");
        // What the killed run had noted for deletion goes with the next one.
        sandbox.ok(&DESTROY);
        assert_eq!(account.resources(), Vec::<String>::new(), "moment {moment}");
    }
    sandbox.ok(&DEPLOY);
    assert_serves(&sandbox, &account, &whole, "in the end");
}
