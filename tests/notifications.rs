//! Notifications on the local AWS: a queue of the operator's own hears of a whole life, from the deployed worker, through
//! the deployed topic and subscription.

use std::collections::BTreeMap;

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use signup_service::census::Census;
use signup_service::digest::digest;
use signup_service::publisher::{PublishError, Publisher, SnsPublisher, Topics};
use support::account::Account;
use support::deployed::{Deployed, wait_for};
use support::hook::Hook;
use support::queue::Queue;
use support::{Sandbox, http};

/// The topic of events, whatever CloudFormation calls it.
const ACTIVITY: &str = "arn:aws:sns:*:*:waitlist-workers-ActivityTopic-*";

/// Events by their IDs, whatever came twice.
#[derive(Default)]
struct Heard {
    bodies: Vec<String>,
    events: BTreeMap<String, Value>,
}

impl Heard {
    fn listen(&mut self, account: &Account, queue: &Queue) {
        for body in queue.take(account) {
            let event: Value = serde_json::from_str(&body).expect("the event alone, in no envelope");
            let id = event["id"].as_str().expect("an ID").to_owned();
            let earlier = self.events.insert(id, event.clone());
            assert!(earlier.is_none_or(|earlier| earlier["type"] == event["type"]), "{event}");
            self.bodies.push(body);
        }
    }

    /// The types in the order in which it happened.
    fn types(&self) -> Vec<&str> {
        let mut events: Vec<&Value> = self.events.values().collect();
        events.sort_by_key(|event| event["time"].as_str());
        events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
    }
}

#[test]
fn a_queue_hears_of_a_whole_life_and_of_nothing_personal() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    let (all, some) = (Queue::new(&account, "all", ACTIVITY), Queue::new(&account, "confirmed", ACTIVITY));
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    let subscribers = format!(
        "notifications:\n  subscribers:\n    - sqs: {}\n    - {{sqs: {}, events: [sign_up.confirmed]}}\n    \
         - email: team@example.com\n",
        all.arn, some.arn
    );
    sandbox.write("signup.yaml", format!("{spec}{subscribers}"));
    let deployed = Deployed::of(sandbox);
    let post = |path: &str, body: &Value| http::post_json(&format!("{}{path}", deployed.endpoint), body);
    assert_eq!(post("/api/v1/sign-ups", &json!({ "email": "Ada@example.org" })).status, 202);
    let text = wait_for(30, "the mail", || {
        let mail = deployed.mails().into_iter().find(|mail| mail["to"].to_string().contains("example.org"))?;
        mail["text"].as_str().map(str::to_owned)
    });
    let token = text.split_whitespace().find_map(|word| word.split_once("/confirm?t=")).expect("a link").1;
    assert_eq!(post("/api/v1/confirmations", &json!({ "token": token })).status, 200);
    let mut heard = Heard::default();
    // Before the erasure, so that what is told of it is the last.
    wait_for(60, "the confirmation", || {
        heard.listen(&account, &all);
        (heard.types().len() == 3).then_some(())
    });
    deployed.sandbox.ok(&["users", "erase", "ada@example.org", "--local", "--yes"]);
    wait_for(60, "the erasure", || {
        heard.listen(&account, &all);
        heard.types().contains(&"sign_up.erased").then_some(())
    });
    assert_eq!(heard.types(), ["sign_up.received", "mail.sent", "sign_up.confirmed", "sign_up.erased"]);
    // The proof's made-up person is in none of them, and nobody is named.
    let users: Vec<&Value> = heard.events.values().map(|event| &event["user"]).collect();
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
    for body in &heard.bodies {
        assert!(!body.to_lowercase().contains("ada") || !body.contains('@'), "{body}");
        assert!(!body.contains("example.org") && body.contains(r#""data":{}"#), "{body}");
    }
    // The other queue heard of what it asked for alone.
    let mut confirmed = Heard::default();
    confirmed.listen(&account, &some);
    assert_eq!(confirmed.types(), ["sign_up.confirmed"]);
    let logs = deployed.logs();
    assert!(!logs.contains("example.org") && logs.contains("\"EventsSent\""), "{logs}");

    // Whoever SNS does not write to is told of.
    let unreached = || deployed.sandbox.json(&["status", "--local"])["unreached"].clone();
    assert_eq!(unreached(), json!([]));
    account.unsubscribe(&some.arn);
    assert_eq!(unreached(), json!([{ "endpoint": some.arn, "of": "events", "why": "unsubscribed" }]));

    // Without subscribers nothing of it is left, and nothing is told.
    deployed.sandbox.write("signup.yaml", spec);
    deployed.sandbox.ok(&["deploy", "--local", "--yes"]);
    assert!(account.resources().iter().all(|it| !it.contains("ActivityTopic") && !it.contains("UndeliveredEvents")));
    assert_eq!(post("/api/v1/sign-ups", &json!({ "email": "bob@example.org" })).status, 202);
    wait_for(30, "the mail", || {
        deployed.mails().into_iter().find(|mail| mail["to"].to_string().contains("bob@example.org"))
    });
    assert_eq!(all.take(&account), Vec::<String>::new());
}

#[test]
fn a_url_hears_of_events_once_it_has_confirmed() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let hook = Hook::new(&sandbox);
    let trusting = ["local", "up", "--trust", hook.certificate];
    assert!(sandbox.refusal(&["local", "up", "--trust", "nothing.pem"]).starts_with("exit 2"));
    sandbox.ok(&trusting);
    assert!(sandbox.refusal(&trusting).contains("local down"), "it would not learn of it");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    let elsewhere = "https://hooks.example.com/sign-ups";
    let subscribers = format!("notifications: {{subscribers: [{{https: '{}'}}, {{https: '{elsewhere}'}}]}}", hook.url);
    sandbox.write("signup.yaml", format!("{spec}{subscribers}\n"));
    let deployed = Deployed::of(sandbox);
    let asked = wait_for(20, "a question", || hook.take("SubscriptionConfirmation").pop());
    let unreached = || deployed.sandbox.json(&["status", "--local"])["unreached"].clone();
    let silent = |endpoint: &str| json!({ "endpoint": endpoint, "of": "events", "why": "unconfirmed" });
    assert_eq!(unreached(), json!([silent(&hook.url), silent(elsewhere)]));
    let sign_up = |address: &str| {
        let answer = http::post_json(&format!("{}/api/v1/sign-ups", deployed.endpoint), &json!({ "email": address }));
        assert_eq!(answer.status, 202);
    };
    sign_up("bob@example.org");
    wait_for(30, "an event that SNS took", || deployed.logs().contains("\"EventsSent\"").then_some(()));
    assert_eq!(hook.take("Notification"), Vec::<Value>::new(), "it has not confirmed");

    // SNS delivers some time after it took it.
    let confirmed = jiff::Timestamp::now().to_string();
    assert_eq!(http::get(asked["SubscribeURL"].as_str().expect("a link")).status, 200);
    assert_eq!(unreached(), json!([silent(elsewhere)]));
    sign_up("ada@example.org");
    let mut types = Vec::new();
    wait_for(30, "the events", || {
        types.extend(hook.take("Notification").into_iter().map(|notice| {
            let message = notice["Message"].as_str().expect("an event").to_owned();
            assert!(!message.contains("example.org"), "{message}");
            let event: Value = serde_json::from_str(&message).expect("JSON");
            assert!(event["time"].as_str() > Some(&confirmed), "it was told of what was before: {event}");
            event["type"].as_str().expect("a type").to_owned()
        }));
        ["sign_up.received", "mail.sent"].iter().all(|kind| types.iter().any(|it| it == kind)).then_some(())
    });
}

#[test]
fn a_digest_is_one_message_to_whoever_subscribed() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["local", "up"]);
    let account = Account::new(sandbox.emulator());
    let made = account.query("sns", "Action=CreateTopic&Version=2010-03-31&Name=digests");
    let (_, arn) = made.split_once("<TopicArn>").unwrap_or_else(|| panic!("no topic: {made}"));
    let arn = arn.split('<').next().expect("an ARN").to_owned();
    let readers = Queue::on(&account, "readers", &arn);
    let config = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(&account.endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_sns::Client::from_conf(config);
    let publisher = |digest: &str| {
        let topics = Topics { digest: Some(digest.to_owned()), ..Topics::default() };
        SnsPublisher { client: client.clone(), topics }
    };
    let notice = digest("waitlist", "2026-11-22", &Census::default(), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(publisher(&arn).digest(&notice)).expect("it is published");
    let told = wait_for(10, "the digest", || readers.take(&account).pop());
    let told: Value = serde_json::from_str(&told).expect("as SNS wraps it");
    assert_eq!((&told["Subject"], &told["Message"]), (&json!(notice.subject), &json!(notice.text)));
    // One that SNS surely did not take is tried again by the next sweep.
    let refused = runtime.block_on(publisher(&format!("{arn}-gone")).digest(&notice));
    assert!(matches!(refused, Err(PublishError::Later(_))), "{refused:?}");
    assert_eq!(readers.take(&account), Vec::<String>::new());
}
