//! The commands about users on the local AWS: on the deployed table, with users as the service writes them.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use jiff::Timestamp;
use serde_json::{Value, json};
use signup_service::address::Address;
use signup_service::census::Delta;
use signup_service::clock::{after, before};
use signup_service::config::ConfirmationMode;
use signup_service::event::Told;
use signup_service::keys::{AddressKey, Key};
use signup_service::store::{DynamoStore, Saved, Store};
use signup_service::user::{Answers, Draws, FieldValue, MailEnd, MailId, Nonce, Proof, Request, Rules, State, User};
use support::Sandbox;
use support::account::Account;

/// A deployed service without anybody in it.
struct Deployed {
    sandbox: Sandbox,
    account: Account,
    store: DynamoStore,
    table: String,
    key: AddressKey,
    runtime: tokio::runtime::Runtime,
    now: Timestamp,
}

impl Deployed {
    /// With functions that end at once, so that nobody else changes the table.
    fn without_functions() -> Self {
        let sandbox = Sandbox::new().with_example("registration.yaml");
        sandbox.ok(&["deploy", "--local", "--yes", "--no-proof", "--handler", sandbox.idle_bundle()]);
        Self::of(sandbox)
    }

    fn with_functions() -> Self {
        let sandbox = Sandbox::new().with_example("registration.yaml");
        sandbox.ok(&["deploy", "--local", "--yes"]);
        Self::of(sandbox)
    }

    fn of(sandbox: Sandbox) -> Self {
        let endpoint = sandbox.emulator();
        let account = Account::new(&endpoint);
        let table = sandbox.json(&["outputs", "--local"])["TableName"].as_str().expect("a table").to_owned();
        let name = json!({ "Name": "/signupctl/registration/address-key", "WithDecryption": true });
        let key = account.json("ssm", "AmazonSSM.GetParameter", name);
        let key = Key::from_base64(key["Parameter"]["Value"].as_str().expect("a key")).expect("32 bytes");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let store = DynamoStore::new(aws_sdk_dynamodb::Client::from_conf(config), &table, Some("full_name"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("a time");
        Self { sandbox, account, store, table, key: AddressKey::new(key), runtime, now }
    }

    /// Somebody who signed up so many seconds ago and was mailed a second later.
    fn user(&self, email: &str, name: &str, ago: u32) -> User {
        let at = before(self.now, ago);
        let number = u8::try_from(email.len()).expect("a short address");
        let names = self.key.whose(&Address::parse(email).expect("an address"));
        let request = Request {
            root: names.root,
            name: names.first,
            answers: Answers {
                email: email.into(),
                fields: [
                    ("full_name".into(), FieldValue::Text(name.into())),
                    ("age".into(), FieldValue::Integer(36)),
                    ("nationality".into(), FieldValue::Text("GB".into())),
                ]
                .into(),
                ..Answers::default()
            },
            base_url: "https://join.example.com".into(),
            draws: Draws { nonce: Nonce([number; 16]), mail: MailId([number; 16]) },
        };
        let rules =
            Rules { mode: ConfirmationMode::DoubleOptIn, expires: 86_400, retention: 7 * 86_400, address_per_hour: 5 };
        let user = User::receive(None, request, &rules, at).0.expect("the first of the hour");
        let taken = user.take(&Told::nothing(), 7, Some("nationality"), after(at, 1)).expect("something to do");
        let lease = taken.attempt.expect("a mail").lease;
        taken.user.finish(&lease, &MailEnd::Sent, MailId([9; 16]), after(at, 1)).expect("the lease holds")
    }

    fn confirmed(&self, user: User) -> User {
        let proof = Proof::Link(user.link.as_ref().expect("a link").nonce);
        let at = after(user.created_at, 60);
        user.confirm(&proof, at).0.expect("a change")
    }

    fn put(&self, user: &User) {
        assert_eq!(self.runtime.block_on(self.store.save(user, None)).expect("kept"), Saved::Done);
    }

    fn load(&self, user: &User) -> Option<User> {
        self.runtime.block_on(self.store.load(user.id)).expect("read")
    }

    /// The whole table as text.
    fn scan(&self) -> String {
        let answer = self.account.json("dynamodb", "DynamoDB_20120810.Scan", json!({ "TableName": self.table }));
        assert!(answer.get("LastEvaluatedKey").is_none());
        answer["Items"].to_string()
    }

    /// Exit code and the object on stdout.
    fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.sandbox.run(&[&["users"], arguments, &["--local", "--json"]].concat());
        let stdout = support::text(&output.stdout);
        let object = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {stdout}\n{}", support::text(&output.stderr)));
        (output.status.code().unwrap_or(-1), object)
    }

    fn emails(&self, arguments: &[&str]) -> (Vec<String>, Value) {
        let (code, page) = self.run(&[&["list"], arguments].concat());
        assert_eq!(code, 0, "{page}");
        let users = page["users"].as_array().expect("a list");
        (users.iter().map(|user| user["email"].as_str().unwrap_or_default().to_owned()).collect(), page["next"].clone())
    }
}

#[test]
fn users_are_listed_shown_and_exported() {
    let service = Deployed::without_functions();
    assert_eq!(service.sandbox.ok(&["users", "list", "--local"]).trim(), "nobody has signed up yet");
    let ada = service.user("Ada@example.com", "Ada Lovelace", 7_200);
    let bob = service.confirmed(service.user("bob@example.net", "=HYPERLINK(\"x\")", 3_600));
    let gone = service.user("gone@example.org", "Gone", 8 * 86_400);
    for user in [&ada, &bob, &gone] {
        service.put(user);
    }

    // The list: newest first, without whoever is forgotten, page by page, by state.
    assert_eq!(service.emails(&[]), (vec!["bob@example.net".into(), "Ada@example.com".into()], Value::Null));
    let (first, next) = service.emails(&["--limit", "1"]);
    assert_eq!(first, ["bob@example.net"]);
    let (second, end) = service.emails(&["--limit", "1", "--after", next.as_str().expect("a cursor")]);
    assert_eq!((second, end), (vec!["Ada@example.com".into()], Value::Null));
    assert_eq!(service.emails(&["--state", "pending", "--limit", "1"]).0, ["Ada@example.com"]);
    assert_eq!(service.emails(&["--state", "suppressed"]).0, Vec::<String>::new());
    assert_eq!(service.sandbox.run(&["users", "list", "--local", "--state", "lost"]).status.code(), Some(2));

    // One of them: by any spelling of the address, and by ID.
    let (code, shown) = service.run(&["show", "ADA@example.COM"]);
    assert_eq!((code, &shown["email"], &shown["mail"]["status"]), (0, &json!("Ada@example.com"), &json!("sent")));
    let (_, by_id) = service.run(&["show", &ada.id.to_string()]);
    assert_eq!(by_id, shown);
    let text = service.sandbox.ok(&["users", "show", "--local", "Ada@example.com"]);
    assert!(text.contains("Full name    Ada Lovelace") && text.contains("works until"), "{text}");
    let (code, refused) = service.run(&["show", "nobody@example.com"]);
    assert_eq!((code, &refused["error"]["code"]), (1, &json!("no_such_user")));
    assert!(!refused.to_string().contains("nobody@"), "the address is not repeated");
    assert_eq!(service.run(&["show", "nobody"]).0, 2);

    // All of them, into a file of the owner's alone.
    let (code, receipt) = service.run(&["export", "--output", "all.csv"]);
    assert_eq!((code, &receipt), (0, &json!({ "users": 2, "file": "all.csv", "format": "csv" })));
    let path = service.sandbox.path().join("all.csv");
    assert_eq!(std::fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
    let written = std::fs::read_to_string(&path).expect("the file");
    let heading = "id,state,email,full_name,age,occupation,nationality,marital_status,consent_version,language,";
    assert!(written.trim_start_matches('\u{feff}').starts_with(heading), "{written}");
    assert!(written.contains("bob@example.net,\"'=HYPERLINK(\"\"x\"\")\",36,,GB,"), "{written}");
    assert_eq!(service.sandbox.ok(&["users", "export", "--local"]), written);
    let all = service.sandbox.ok(&["users", "export", "--local", "--format", "json", "--state", "confirmed"]);
    let all: Vec<Value> = serde_json::from_str(&all).expect("JSON");
    assert_eq!(all, [service.run(&["list", "--state", "confirmed"]).1["users"][0].clone()]);
    assert_eq!(service.run(&["export"]).1["error"]["code"], "two_results");
    assert_eq!(service.run(&["export", "--output", "/dev/null"]).0, 1);
}

#[test]
fn whoever_is_erased_leaves_nothing_and_stays_away() {
    let service = Deployed::without_functions();
    let ada = service.user("Ada@example.com", "Ada Lovelace", 7_200);
    let bob = service.confirmed(service.user("bob@example.net", "Bob Byron", 3_600));
    service.put(&ada);
    service.put(&bob);
    // Nobody has counted them yet.
    let (code, found) = service.run(&["recount"]);
    assert_eq!(
        (code, &found["users"], &found["counted"], &found["repaired"]),
        (3, &json!(2), &json!(0), &json!(false))
    );
    assert_eq!(service.run(&["recount", "--repair"]).1["error"]["code"], "consent_needed");
    let (code, found) = service.run(&["recount", "--repair", "--yes"]);
    assert_eq!((code, &found["repaired"]), (0, &json!(true)), "{found}");
    let right = json!({ "users": 2, "counted": 2, "differences": [], "uncounted": 0, "erased_before": 0,
        "erased_again": 0, "repaired": false });
    assert_eq!(service.run(&["recount"]), (0, right));
    let status = service.sandbox.json(&["status", "--local"]);
    assert_eq!(
        status["sign_ups"],
        json!({ "received": 2, "confirmed": 1, "states": { "pending": 1, "confirmed": 1 } })
    );
    assert_eq!(status["mail"]["waiting"], json!({ "mails": 0, "more": false, "oldest": null }));

    // Erased: first asked for, then gone, whatever the table is searched for.
    let traces = ["bob@example.net", "Bob Byron", &bob.id.to_string()];
    let refused = service.sandbox.run(&["users", "erase", "--local", "bob@example.net"]);
    let stderr = support::text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("1 address, 3 answers") && !stderr.contains("bob"), "{stderr}");
    assert!(traces.iter().all(|trace| service.scan().contains(trace)));
    let (code, erased) = service.run(&["erase", "bob@example.net", "--yes"]);
    assert_eq!((code, &erased["erased"]), (0, &json!(true)));
    let left = service.scan();
    assert!(traces.iter().all(|trace| !left.contains(trace)), "{left}");
    let tombstone = erased["tombstone"].as_str().expect("a key");
    assert!(tombstone.starts_with("erased/") && !tombstone.contains(traces[2]));
    assert_eq!(service.run(&["erase", "bob@example.net", "--yes"]), (0, json!({ "erased": false })));
    assert_eq!(service.run(&["recount"]).1["users"], 1);

    // A restore brings the record back, and a recount knows it.
    service.put(&bob);
    let (code, found) = service.run(&["recount"]);
    assert_eq!((code, &found["erased_before"], &found["erased_again"]), (3, &json!(1), &json!(0)));
    let mut stray = Delta::default();
    stray.replace(None, bob.counted.as_ref());
    service.runtime.block_on(service.store.adjust(&stray)).expect("adjusted");
    service.runtime.block_on(service.store.adjust(&stray)).expect("adjusted");
    let (code, found) = service.run(&["recount", "--repair", "--yes"]);
    assert_eq!((code, &found["erased_again"]), (0, &json!(1)), "{found}");
    let differences = found["differences"].as_array().expect("a list");
    assert!(differences.iter().all(|difference| difference["by"] == -1) && differences.len() == 3, "{found}");
    assert!(traces.iter().all(|trace| !service.scan().contains(trace)));
    assert_eq!(service.run(&["recount"]).0, 0);

    // Signing up again is a new record, which nobody erases.
    let again = User { created_at: service.now, ..bob };
    service.put(&again);
    assert_eq!(service.run(&["recount"]).1["erased_before"], 0);

    // With the data the tombstones go.
    let receipt = service.sandbox.json(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(receipt["kept"], json!([]));
    assert_eq!(service.account.resources(), Vec::<String>::new());
}

#[test]
fn what_is_resent_is_mailed() {
    let service = Deployed::with_functions();
    let late = service.user("late@example.com", "Late", 3_600);
    let early = service.user("early@example.com", "Early", 30);
    let bob = service.confirmed(service.user("bob@example.net", "Bob", 3_600));
    for user in [&late, &early, &bob] {
        service.put(user);
    }
    let (code, refused) = service.run(&["resend", "early@example.com"]);
    assert_eq!((code, &refused["error"]["code"]), (1, &json!("too_soon")));
    assert!(refused["error"]["hint"].as_str().is_some_and(|hint| hint.contains("possible at")), "{refused}");
    let (code, refused) = service.run(&["resend", "bob@example.net"]);
    assert_eq!((code, &refused["error"]["code"]), (1, &json!("no_mail_to_resend")));
    assert_eq!(service.run(&["resend", "nobody@example.net"]).1["error"]["code"], "no_such_user");

    assert_eq!(service.run(&["resend", "late@example.com"]), (0, json!({ "resent": true, "due_at": null })));
    let started = Instant::now();
    let mails = loop {
        let inbox = service.sandbox.json(&["local", "inbox"]);
        let mails = inbox["mails"].as_array().expect("a list").clone();
        if !mails.is_empty() {
            break mails;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "the mail did not come");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((mails.len(), &mails[0]["to"]), (1, &json!(["late@example.com"])));
    // The mail is there a moment before it is marked.
    let user = loop {
        let user = service.load(&late).expect("still there");
        if user.mail.as_ref().is_some_and(|mail| !mail.is_open()) {
            break user;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "the mail was not marked");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((user.state, user.link.map(|link| link.nonce)), (State::Pending, late.link.map(|link| link.nonce)));
    let (code, refused) = service.run(&["resend", "late@example.com"]);
    assert_eq!((code, &refused["error"]["code"]), (1, &json!("too_soon")));
}
