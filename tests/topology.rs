//! The topology is changed under the users' feet: the new front comes up on the same table, is proven, and only then the
//! old one goes; wherever that is broken off, the next run goes on.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::account::Account;
use support::deployed::{Deployed, send_form, wait_for};
use support::proxy::{self, Fate, Request};
use support::queue::Queue;
use support::{Sandbox, http};

const DEPLOY: [&str; 3] = ["deploy", "--local", "--yes"];
const TOPOLOGIES: [(&str, &str); 2] = [("serverless", "waitlist-web"), ("high-performance", "waitlist-servers")];

/// Asks for one of the topologies; returns its stack's name, and that of the other.
fn ask_for(sandbox: &Sandbox, spec: &str, at: usize) -> (&'static str, &'static str) {
    let (topology, stack) = TOPOLOGIES[at % 2];
    let domain = "{ name: join.example.com, certificate_arn: 'arn:aws:acm:us-east-1:000000000000:certificate/1' }";
    sandbox.write("signup.yaml", format!("{spec}\ntopology: {topology}\ndomain: {domain}\n"));
    (stack, TOPOLOGIES[(at + 1) % 2].1)
}

fn stacks(report: &Value) -> Vec<&str> {
    report["stacks"].as_array().expect("a list").iter().map(|it| it["name"].as_str().expect("a name")).collect()
}

/// A service of the first topology, with its spec's text.
fn begun() -> (Deployed, String) {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    ask_for(&sandbox, &spec, 0);
    (Deployed::of(sandbox), spec)
}

const PEOPLE: [&str; 3] = ["ada@example.com", "grace@example.com", "alan@example.com"];

/// Signs people up, and has the first of them confirm.
fn fill(deployed: &Deployed) {
    for (at, email) in PEOPLE.iter().enumerate() {
        assert_eq!(send_form(&deployed.endpoint, &[("email", email)]).status, 303);
        wait_for(60, "a mail", || (deployed.mails().len() > at).then_some(()));
        if at == 0 {
            let text = deployed.mails().pop().expect("a mail")["text"].as_str().expect("a text").to_owned();
            let (_, token) = text.split_once("/confirm?t=").expect("a link");
            let token = token.split_whitespace().next().expect("a token");
            assert_eq!(http::post_form(&format!("{}/confirm", deployed.endpoint), &[("t", token)]).status, 303);
        }
    }
    wait_for(60, "counting", || (deployed.counts() == (3, 1)).then_some(()));
}

/// All that is kept of everybody, but for proofs that were broken off.
fn people(deployed: &Deployed) -> Vec<Value> {
    PEOPLE.iter().map(|email| deployed.user(email).unwrap_or_else(|| panic!("{email} is gone"))).collect()
}

fn is_change(request: &Request) -> bool {
    const READ: [&str; 5] = ["Describe", "Get", "List", "Query", "GET "];
    let mine = ["cloudformation", "/dynamodb/", "/s3/", "/ssm/"].iter().any(|service| request.head.contains(service));
    mine && !READ.iter().any(|word| request.operation.starts_with(word))
}

#[test]
fn the_new_front_is_proven_before_the_old_one_goes() {
    let (deployed, spec) = begun();
    fill(&deployed);
    let before = people(&deployed);
    let calls: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&calls);
    proxy::before(&deployed.sandbox, move |request| {
        let of = request.parameter("StackName").unwrap_or_default();
        heard.lock().expect("no panic").push(format!("{} {of}", request.operation));
        Fate::Pass
    });
    for at in [1, 2] {
        let (new, old) = ask_for(&deployed.sandbox, &spec, at);
        let plan = deployed.sandbox.json(&["plan", "--local"]);
        let action = |stack: &str| {
            let found = plan["stacks"].as_array().expect("a list").iter().find(|it| it["stack"] == stack);
            found.expect("it is planned")["action"].clone()
        };
        assert_eq!((action(new), action(old)), (json!("create"), json!("remove")));
        calls.lock().expect("no panic").clear();
        let report = deployed.sandbox.json(&DEPLOY);
        assert_eq!(report["switched"]["from"], TOPOLOGIES[(at + 1) % 2].0);
        assert_eq!(report["proof"]["sign_up"]["reached"], "mailed");
        assert_eq!(stacks(&report), ["waitlist-data", "waitlist-workers", new]);
        let calls = calls.lock().expect("no panic").clone();
        let first = |call: &dyn Fn(&str) -> bool| calls.iter().position(|it| call(it)).expect("it was called");
        let last = |call: &dyn Fn(&str) -> bool| calls.iter().rposition(|it| call(it)).expect("it was called");
        let made = last(&|it| it.starts_with("ExecuteChangeSet"));
        let erased = last(&|it| it.starts_with("TransactWriteItems"));
        let gone = first(&|it| it.starts_with("DeleteStack"));
        assert!(made < erased && erased < gone, "made at {made}, proven at {erased}, removed at {gone}: {calls:#?}");
        assert!(calls[gone].contains(old), "{}", calls[gone]);
        // What is there answers, and the other is not asked for anything any more.
        let endpoint = report["endpoint"].as_str().expect("an address");
        assert_eq!(http::get(&format!("{endpoint}/healthz")).json()["version"], report["version"]);
        assert_eq!(people(&deployed), before);
        assert_eq!(deployed.counts(), (3, 1));
        assert_eq!(deployed.sandbox.json(&DEPLOY)["changed"], false);
    }
    assert_eq!(deployed.sandbox.json(&["drift", "--local"])["drifted"], json!([]));
}

#[test]
fn a_change_of_topology_goes_on_wherever_it_was_killed_before_its_call_arrived() {
    goes_on_wherever_it_was_killed(|| Fate::Lose);
}

#[test]
fn a_change_of_topology_goes_on_wherever_it_was_killed_before_it_heard_of_what_was_done() {
    goes_on_wherever_it_was_killed(|| Fate::Forget);
}

/// There and back, killed at each change in turn, which meets that fate.
fn goes_on_wherever_it_was_killed(fate: fn() -> Fate) {
    let (deployed, spec) = begun();
    fill(&deployed);
    let before = people(&deployed);
    let account = Account::new(deployed.account.endpoint.clone());
    // The changing call at which signupctl ends; 0 for none.
    let (fatal, seen, pid) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU32::new(0)));
    let (its_fatal, its_seen, its_pid) = (Arc::clone(&fatal), Arc::clone(&seen), Arc::clone(&pid));
    proxy::before(&deployed.sandbox, move |request| {
        if !is_change(request) || its_seen.fetch_add(1, SeqCst) + 1 != its_fatal.load(SeqCst) {
            return Fate::Pass;
        }
        let pid = its_pid.load(SeqCst).to_string();
        Command::new("kill").args(["-9", &pid]).status().expect("it starts");
        fate()
    });
    let whole = || {
        [1, 0].map(|at| {
            ask_for(&deployed.sandbox, &spec, at);
            deployed.sandbox.ok(&DEPLOY);
            account.census()
        })
    };
    let [servers, web] = whole();
    // There and back, killed at the first change, then at the second, until both ways have fewer.
    let mut survived = [false; 2];
    for step in 1_usize.. {
        let (towards, at) = (step % 2, step.div_ceil(2));
        let (new, _) = ask_for(&deployed.sandbox, &spec, towards);
        seen.store(0, SeqCst);
        fatal.store(if survived[towards] { 0 } else { at }, SeqCst);
        let mut child = deployed.sandbox.command(&DEPLOY);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        pid.store(child.id(), SeqCst);
        let was_killed = !child.wait().expect("it ends").success();
        fatal.store(0, SeqCst);
        let what = format!("killed at change {at} on the way to {new}");
        let census = |at: usize| [&web, &servers][at % 2].clone();
        if was_killed && at.is_multiple_of(3) {
            // Whoever has thought better of it gets back, and nothing of the other front stays.
            let (back, _) = ask_for(&deployed.sandbox, &spec, towards + 1);
            let report = deployed.sandbox.json(&DEPLOY);
            assert_eq!(stacks(&report), ["waitlist-data", "waitlist-workers", back], "{what}, and back");
            assert_eq!(account.census(), census(towards + 1), "{what}, and back");
            ask_for(&deployed.sandbox, &spec, towards);
        }
        let report = deployed.sandbox.json(&DEPLOY);
        assert_eq!(stacks(&report), ["waitlist-data", "waitlist-workers", new], "{what}");
        let endpoint = report["endpoint"].as_str().expect("an address");
        assert_eq!(http::get(&format!("{endpoint}/healthz")).json()["version"], report["version"], "{what}");
        assert_eq!(people(&deployed), before, "{what}");
        assert_eq!(account.census(), census(towards), "{what}");
        if !was_killed {
            assert!(at > 4, "a change of topology takes more than {at} changes");
            survived[towards] = true;
        }
        if survived == [true; 2] {
            return;
        }
    }
}

#[test]
fn a_front_that_does_not_answer_leaves_the_old_one_in_place() {
    let (deployed, spec) = begun();
    let release = deployed.sandbox.json(&["status", "--local"])["version"].clone();
    // The new front's bundle is there no more when its instances come for it.
    proxy::before(&deployed.sandbox, |request| match request.operation.starts_with("GET /") {
        true if request.operation.contains("artifacts/") && !request.head.contains("range") => {
            Fate::Answer(404, "<Error><Code>NoSuchKey</Code></Error>".into())
        }
        _ => Fate::Pass,
    });
    ask_for(&deployed.sandbox, &spec, 1);
    let refusal = deployed.sandbox.refusal(&DEPLOY);
    assert!(refusal.starts_with("exit 1") && refusal.contains("is back in service"), "{refusal}");
    let status = deployed.sandbox.json(&["status", "--local"]);
    assert_eq!(status["version"], release);
    let names: Vec<&str> = stacks(&status);
    assert_eq!(names, ["waitlist-data", "waitlist-workers", "waitlist-web"]);
}

/// Tells CloudWatch what an Auto Scaling group would: how many servers there should be, and how many have entered.
fn told_of_servers(account: &Account, [desired, in_service]: [u32; 2]) {
    for (metric, servers) in [("GroupDesiredCapacity", desired), ("GroupInServiceInstances", in_service)] {
        let datum = format!(
            "MetricData.member.1.MetricName={metric}&MetricData.member.1.Value={servers}\
             &MetricData.member.1.Dimensions.member.1.Name=AutoScalingGroupName\
             &MetricData.member.1.Dimensions.member.1.Value=launch-servers"
        );
        account.query("monitoring", &format!("Action=PutMetricData&Namespace=AWS/AutoScaling&{datum}"));
    }
}

/// An attribute of the account's one load balancer.
fn attribute(account: &Account, key: &str) -> String {
    let ask = |action: &str| account.query("elasticloadbalancing", &format!("Action={action}&Version=2015-12-01"));
    let balancers = ask("DescribeLoadBalancers");
    let (_, arn) = balancers.split_once("<LoadBalancerArn>").unwrap_or_else(|| panic!("none: {balancers}"));
    let arn = http::encode(arn.split('<').next().expect("an ARN"));
    let attributes = ask(&format!("DescribeLoadBalancerAttributes&LoadBalancerArn={arn}"));
    let (_, rest) = attributes.split_once(&format!("<Key>{key}</Key>")).unwrap_or_else(|| panic!("none: {attributes}"));
    let (_, value) = rest.split_once("<Value>").expect("a value");
    value.split('<').next().expect("its end").to_owned()
}

#[test]
fn every_command_knows_a_service_of_instances() {
    let sandbox = Sandbox::new().with_example("high-performance.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account { region: "eu-central-1".into(), ..Account::new(sandbox.emulator()) };
    let listener = Queue::new(&account, "listener", "arn:aws:sns:*:*:launch-workers-ActivityTopic-*");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    let subscribers = format!("notifications: {{ subscribers: [{{ sqs: {} }}] }}\n", listener.arn);
    sandbox.write("signup.yaml", format!("{spec}\n{subscribers}"));
    let deployed = Deployed::of(sandbox);
    let (sandbox, endpoint) = (&deployed.sandbox, &deployed.endpoint);
    let first = sandbox.json(&DEPLOY);
    assert_eq!((&first["changed"], &first["topology"]), (&json!(false), &json!("high-performance")));
    assert_eq!(first["api_calls"], 7, "two for each stack, and one look for another front");
    let fields = [("full_name", "Ada"), ("email", "ada@example.com"), ("nationality", "GB")];
    assert_eq!(send_form(endpoint, &fields).status, 303);
    wait_for(60, "counting", || (deployed.counts() == (1, 0)).then_some(()));
    // Subscribers hear of whoever came by a server as of anybody.
    let event = wait_for(60, "an event", || {
        listener.take(&account).into_iter().find(|event| event.contains(r#""type":"sign_up.received""#))
    });
    assert!(!event.contains("ada@example.com"), "{event}");
    let lines = sandbox.ok(&["logs", "--local", "--since", "10m"]);
    assert!(lines.lines().any(|line| line.contains(" server ") && line.contains("route=/sign-up")), "{lines}");
    assert!(!lines.contains("ada@example.com"), "{lines}");

    // As many as run by now stay while they are replaced, and `status` tells of them.
    assert_eq!(sandbox.json(&["status", "--local"])["servers"], Value::Null, "a group that nothing is known of yet");
    told_of_servers(&deployed.account, [4, 3]);
    assert_eq!(sandbox.json(&["status", "--local"])["servers"], json!({ "desired": 4, "in_service": 3 }));
    assert!(sandbox.ok(&["status", "--local"]).contains("3 of 4 servers in service (2 to 6 by load)"));
    assert_eq!(sandbox.json(&DEPLOY)["changed"], false, "how many run is no reason to deploy");

    let page = || http::get(&format!("{endpoint}/")).body;
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    sandbox.write("signup.yaml", spec.replace("Create your account", "Make your account"));
    let second = sandbox.json(&["deploy", "--code-only", "--local", "--yes"]);
    assert_ne!(second["version"], first["version"]);
    assert!(page().contains("Make your account"));
    let stack = deployed.account.query("cloudformation", "Action=DescribeStacks&StackName=launch-servers");
    let (_, kept) = stack.split_once("<ParameterKey>ServersInService</ParameterKey>").expect("a parameter");
    assert!(kept.trim_start().starts_with("<ParameterValue>4</ParameterValue>"), "{kept}");
    // Nor must what is put back wait for that figure.
    proxy::before(sandbox, |request| match request.operation.as_str() {
        "GetMetricStatistics" => Fate::Answer(403, r#"{"__type":"AccessDeniedException","message":"no"}"#.into()),
        _ => Fate::Pass,
    });
    let back = sandbox.json(&["rollback", "--local", "--yes"]);
    assert_eq!(back["to"]["release"], first["version"]);
    assert!(page().contains("Create your account"));
    assert_eq!(sandbox.json(&["status", "--local"])["version"], first["version"]);
    assert_eq!(sandbox.json(&["drift", "--local"])["drifted"], json!([]));
    let told = sandbox.ok(&["admin", "add", "grace@example.com", "--local"]);
    assert!(told.contains(&format!("{endpoint}/admin/")), "{told}");

    // What was changed by hand is found.
    let groups = account.json("logs", "Logs_20140328.DescribeLogGroups", json!({}))["logGroups"].clone();
    let mut names = groups.as_array().into_iter().flatten().filter_map(|group| group["logGroupName"].as_str());
    let group = names.find(|name| name.ends_with("/admin")).expect("the servers' log");
    let kept = |days: u16| {
        account.json(
            "logs",
            "Logs_20140328.PutRetentionPolicy",
            json!({ "logGroupName": group, "retentionInDays": days }),
        );
        let found = sandbox.run(&["drift", "--local", "--json"]);
        (found.status.code(), serde_json::from_slice::<Value>(&found.stdout).expect("JSON")["drifted"].clone())
    };
    let (code, drifted) = kept(1);
    assert_eq!((code, &drifted[0]["logical_id"]), (Some(3), &json!("AdminLogs")), "{drifted}");
    assert_eq!(drifted[0]["properties"][0]["path"], "RetentionInDays", "{drifted}");
    assert_eq!(kept(90), (Some(0), json!([])));

    // What is broken is mended by the next deploy, also where there is nothing to deploy.
    sandbox.write("signup.yaml", &spec);
    let pid = || {
        let text = std::fs::read(sandbox.path().join("state/signupctl/servers/launch-servers/running.json"));
        serde_json::from_slice::<Value>(&text.expect("a file")).expect("JSON")["pid"].to_string()
    };
    let killed = pid();
    Command::new("kill").args(["-9", &killed]).status().expect("it starts");
    let again = sandbox.json(&DEPLOY);
    assert_eq!((&again["changed"], &again["proof"]["ok"]), (&json!(false), &json!(true)));
    assert_ne!(pid(), killed);
    // A server takes from a client what the spec lets it ask.
    let narrow = spec.replace("    ip_per_hour: 200\n", "    requests_per_second: 1\n    burst: 2\n");
    sandbox.write("signup.yaml", format!("{narrow}\nmonitoring: {{ access_logs: true }}\n"));
    sandbox.ok(&["deploy", "--local", "--yes", "--no-proof"]);
    let asked: Vec<u16> = (0..6).map(|_| http::get(&format!("{endpoint}/")).status).collect();
    assert!(asked.contains(&200) && asked.contains(&429), "{asked:?}");
    let bucket = sandbox.json(&["outputs", "--local"])["ArtifactBucket"].as_str().expect("an output").to_owned();
    let logs = |name: &str| attribute(&deployed.account, &format!("access_logs.s3.{name}"));
    assert_eq!([logs("enabled"), logs("bucket"), logs("prefix")], ["true", &bucket, "access-logs"]);
    sandbox.ok(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(account.resources(), [format!("queue {}", listener.url)], "what is not the service's stays");
    wait_for(5, "an end", || {
        std::net::TcpStream::connect(endpoint.trim_start_matches("http://")).is_err().then_some(())
    });
}
