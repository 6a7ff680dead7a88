//! Each function's role allows what the service needs, and nothing more: with all its permissions the
//! whole flow works; with any one taken away, a part of it fails.
//!
//! What the emulator does without asking the role cannot be proven here, and is listed in [`UNPROVEN`].

mod admin;
mod sweeper;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::account::Account;
use support::queue::Queue;
use support::{Sandbox, http};

/// Actions that Lambda and the Scheduler take on the role's behalf; the emulator takes them on its own. And what a
/// function asks for only now and then, and goes on without in these flows: the quota, which the worker estimates when
/// it is not told, and what is told of whoever is gone, where somebody listens.
const UNPROVEN: [&str; 10] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "sqs:SendMessage",
    "lambda:InvokeFunction",
    "ses:GetSendQuota",
    "worker dynamodb:DeleteItem",
];

/// A deployed service and its account.
struct Service {
    sandbox: Sandbox,
    account: Account,
    endpoint: String,
    table: String,
    feedback: String,
    /// What the alarm address hears.
    alarms: Queue,
    /// What the readers of the digest get.
    digests: Queue,
    people: std::cell::Cell<u32>,
}

impl Service {
    fn deploy() -> Self {
        let sandbox = Sandbox::new().with_example("waitlist.yaml");
        // Everybody here comes from one client.
        let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
        let budgets = "security:\n  budgets: {unproven_per_hour: 100000}\n";
        // By which admins look people up.
        let fields = "    - {name: name, type: text, autocomplete: name}\n    - {name: country, type: country}\n";
        let digest = "notifications:\n  subscribers: [{email: team@example.org}]\n  digest_hour: 0\n";
        sandbox.write("signup.yaml", format!("{spec}{fields}{budgets}{digest}"));
        let endpoint =
            sandbox.json(&["deploy", "--local", "--yes"])["endpoint"].as_str().expect("an address").to_owned();
        // People are looked for under two names then, and nobody may be made twice.
        sandbox.ok(&["deploy", "--local", "--yes", "--replace-key", "address-key"]);
        let account = Account::new(sandbox.emulator());
        let outputs = sandbox.json(&["outputs", "--local"]);
        let output = |name: &str| outputs[name].as_str().expect("an output").to_owned();
        let (table, feedback) = (output("TableName"), output("FeedbackTopicArn"));
        account.let_in_without_tls(&feedback);
        let alarms = Queue::on(&account, "alarms", &output("AlarmTopicArn"));
        let digests = Queue::on(&account, "digests", &output("DigestTopicArn"));
        Self { sandbox, account, endpoint, table, feedback, alarms, digests, people: 0.into() }
    }

    /// Signs a new person up by the API. Fails with the status.
    fn sign_up(&self) -> Result<String, String> {
        self.people.set(self.people.get() + 1);
        let address = format!("person-{}@example.org", self.people.get());
        let answer = http::post_json(&format!("{}/api/v1/sign-ups", self.endpoint), &json!({"email": address}));
        if answer.status == 202 { Ok(address) } else { Err(format!("the sign-up was answered with {}", answer.status)) }
    }

    fn mail(&self, address: &str) -> Option<Value> {
        let inbox = self.sandbox.json(&["local", "inbox"]);
        let mails = inbox["mails"].as_array().cloned().unwrap_or_default();
        mails.into_iter().find(|mail| mail["to"].as_array().is_some_and(|to| to.contains(&address.into())))
    }

    fn received(&self) -> u64 {
        self.sandbox.json(&["status", "--local"])["sign_ups"]["received"].as_u64().unwrap_or(0)
    }

    /// Everything that the web function does: sign up, sign up again, confirm.
    fn web(&self, patience: Duration) -> Result<(), String> {
        let address = self.sign_up()?;
        let mail = until(patience, || self.mail(&address)).ok_or("no mail came")?;
        let again = http::post_json(&format!("{}/api/v1/sign-ups", self.endpoint), &json!({"email": address}));
        if again.status != 202 {
            return Err(format!("the second sign-up was answered with {}", again.status));
        }
        let text = mail["text"].as_str().unwrap_or_default();
        let token = text.split_whitespace().find_map(|word| word.split_once("/confirm?t=")).map(|(_, token)| token);
        let confirmed = http::post_form(&format!("{}/confirm", self.endpoint), &[("t", token.unwrap_or_default())]);
        if confirmed.status == 303 {
            Ok(())
        } else {
            Err(format!("the confirmation was answered with {}", confirmed.status))
        }
    }

    /// Everything that the worker does: mail, count, write to the operator, and send the digest that a sweep asks for.
    fn worker(&self, patience: Duration) -> Result<(), String> {
        let before = self.received();
        let address = self.sign_up()?;
        until(patience, || self.mail(&address)).ok_or("no mail came")?;
        until(patience, || (self.received() > before).then_some(())).ok_or("nobody was counted")?;
        let admin = format!("admin-of-{address}");
        self.sandbox.json(&["admin", "add", &admin, "--local"]);
        let told = |body: &String| body.contains("an admin was added") && body.contains(&admin);
        let heard = || self.alarms.take(&self.account).iter().any(told).then_some(());
        until(patience, heard).ok_or("the operator heard nothing")?;
        self.admins_are_sealed(&admin);
        self.forget_digests();
        self.account.invoke("waitlist-sweeper", &json!({}));
        let told = |body: &String| body.contains("sign-up") && !body.contains("@example.org");
        let read = || self.digests.take(&self.account).iter().any(told).then_some(());
        until(patience, read).ok_or("no digest came".to_owned())
    }

    /// Nothing of an admin is in the table that anybody without the key reads.
    fn admins_are_sealed(&self, admin: &str) {
        let query = json!({"TableName": self.table, "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "ADMINS"}}});
        let found = self.account.json("dynamodb", "DynamoDB_20120810.Query", query);
        let items = found["Items"].as_array().expect("items");
        assert!(!items.is_empty() && items.iter().all(|item| item["sealed"].is_object()), "{items:?}");
        assert!(!found.to_string().contains(admin), "{found}");
    }

    /// As if yesterday's digest had never been sent.
    fn forget_digests(&self) {
        // For some minutes after midnight it is the day before's.
        for hours in [24, 48] {
            let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
            let key = json!({"pk": {"S": day.strftime("DIGEST#%Y-%m-%d").to_string()}, "sk": {"S": "DIGEST"}});
            self.account.json("dynamodb", "DynamoDB_20120810.DeleteItem", json!({"TableName": self.table, "Key": key}));
        }
        self.digests.take(&self.account);
    }

    /// Everything that the feedback function does: whoever bounces is suppressed.
    fn feedback(&self, patience: Duration) -> Result<(), String> {
        let address = self.sign_up()?;
        let bounce = json!({ "bounceType": "Permanent", "timestamp": jiff::Timestamp::now() });
        self.account.report(&self.feedback, &address, "Bounce", json!({ "bounce": bounce }));
        let shown = || self.sandbox.json(&["users", "show", &address, "--local"]);
        until(patience, || (shown()["state"] == "suppressed").then_some(())).ok_or("nobody was suppressed".to_owned())
    }

    /// Stops the stream from delivering, so that what is sent was the sweeper's doing.
    fn quiet_worker(&self, quiet: bool) {
        let mappings = self.account.rest("lambda", "/2015-03-31/event-source-mappings").json();
        let id = mappings["EventSourceMappings"][0]["UUID"].as_str().expect("a mapping").to_owned();
        self.account.put("lambda", &format!("/2015-03-31/event-source-mappings/{id}"), &json!({"Enabled": !quiet}));
    }
}

fn until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if started.elapsed() > patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Every policy that allows a little less, by what it lacks: an action, or one of several resources.
fn narrower(policy: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (index, statement) in policy["Statement"].as_array().expect("statements").iter().enumerate() {
        let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
        let several = if resources.len() > 1 { resources } else { Vec::new() };
        for action in actions {
            found.push((action.clone(), without(policy, index, "Action", &action)));
        }
        for resource in several {
            let name = match resource.rsplit(':').next().unwrap_or_default() {
                // The rest of its name is CloudFormation's choice.
                set if set.starts_with("configuration-set/") => "configuration-set",
                table if table.starts_with("table/") => table.rsplit('/').next().unwrap_or_default(),
                name => name,
            };
            // What CloudFormation named is known by its logical ID.
            let name = match name.split('-').collect::<Vec<_>>()[..] {
                ["waitlist", _, logical_id, _] => logical_id,
                _ => name,
            };
            found.push((name.to_owned(), without(policy, index, "Resource", &resource)));
        }
    }
    found
}

/// The policy without one text of one statement; a statement without actions goes too.
fn without(policy: &Value, statement: usize, key: &str, text: &str) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().expect("statements");
    let left: Vec<Value> =
        texts(&statements[statement][key]).into_iter().filter(|other| other != text).map(Into::into).collect();
    if left.is_empty() {
        statements.remove(statement);
    } else {
        statements[statement][key] = left.into();
    }
    policy
}

/// What a policy names once or in a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect(),
        other => panic!("no text: {other}"),
    }
}

#[test]
fn every_permission_is_needed_and_together_they_are_enough() {
    let service = Service::deploy();
    let long = Duration::from_secs(20);
    // A flow that lacks a permission never gets better; what it is given is far more than it takes with one.
    let short = Duration::from_secs(3);
    type Flow = fn(&Service, Duration) -> Result<(), String>;
    let flows: [(&str, &str, Flow); 5] = [
        ("admin", "AdminRole", admin::work),
        ("web", "WebRole", Service::web),
        ("worker", "WorkerRole", Service::worker),
        ("sweeper", "SweeperRole", Service::sweeper),
        ("feedback", "FeedbackRole", Service::feedback),
    ];
    for (name, _, flow) in flows {
        flow(&service, long).unwrap_or_else(|failure| panic!("with all its permissions the {name} fails: {failure}"));
    }
    let (mut proven, mut seen) = (Vec::new(), Vec::new());
    for (name, logical_id, flow) in flows {
        let role = service.account.role(logical_id);
        let (policy_name, policy) = service.account.role_policy(&role);
        // The control: the same steps without taking anything away, within the same time.
        service.account.put_role_policy(&role, &policy_name, &policy);
        service.sandbox.end_functions();
        flow(&service, short).unwrap_or_else(|failure| panic!("with nothing taken away the {name} fails: {failure}"));
        for (lacks, narrower) in narrower(&policy) {
            let of_role = format!("{name} {lacks}");
            seen.extend([lacks.clone(), of_role.clone()]);
            if UNPROVEN.contains(&lacks.as_str()) || UNPROVEN.contains(&of_role.as_str()) {
                continue;
            }
            service.account.put_role_policy(&role, &policy_name, &narrower);
            service.sandbox.end_functions();
            let outcome = flow(&service, short);
            service.account.put_role_policy(&role, &policy_name, &policy);
            service.sandbox.end_functions();
            assert!(outcome.is_err(), "the {name} works without {lacks}: its role holds more than it needs");
            proven.push(of_role);
        }
        flow(&service, long).unwrap_or_else(|failure| panic!("with its permissions back the {name} fails: {failure}"));
    }
    for action in UNPROVEN.iter().filter(|action| **action != "lambda:InvokeFunction") {
        assert!(seen.iter().any(|other| other == action), "{action} is in no role: it need not be excused");
    }
    insta::assert_snapshot!(proven.join("\n"));
}
