//! A secret key is replaced on the local AWS: what lies in inboxes goes on working, what is put back knows its own key, and
//! nobody is an admin by a key that is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::account::Account;
use support::deployed::{Deployed, send_form, wait_for};
use support::proxy::{self, Fate};
use support::{Sandbox, http, text};

const ADA: &str = "ada@example.com";
const GRACE: &str = "grace@example.com";
const ALAN: &str = "alan@example.com";

/// The token of the link in a mail's text that leads to this page.
fn token(mail: &Value, page: &str) -> String {
    let text = mail["text"].as_str().expect("a text");
    let (_, rest) = text.split_once(&format!("/{page}?t=")).unwrap_or_else(|| panic!("no link in: {text}"));
    rest.split_whitespace().next().expect("a token").to_owned()
}

/// Signs somebody up and gives the mail.
fn signed_up(service: &Deployed, endpoint: &str, address: &str) -> Value {
    assert_eq!(send_form(endpoint, &[("email", address)]).status, 303);
    let is_to = |mail: &Value| mail["to"].to_string().contains(address);
    wait_for(30, "the mail", || service.mails().into_iter().rev().find(is_to))
}

fn state(service: &Deployed, address: &str) -> String {
    service.user(address).expect("a user")["state"].as_str().expect("a state").to_owned()
}

fn confirm(endpoint: &str, token: &str) -> u16 {
    http::post_form(&format!("{endpoint}/confirm"), &[("t", token)]).status
}

fn admins(service: &Deployed) -> usize {
    service.sandbox.json(&["admin", "list", "--local"])["admins"].as_array().expect("a list").len()
}

/// The stacks that a deploy with these arguments changed.
fn deploy(service: &Deployed, arguments: &[&str]) -> Vec<String> {
    let report = service.sandbox.json(&[&["deploy", "--local", "--yes"], arguments].concat());
    assert_eq!(report["proof"]["ok"], true, "{report}");
    let stacks = report["stacks"].as_array().expect("a list");
    let changed = stacks.iter().filter(|stack| stack["changed"] == true);
    changed.map(|stack| stack["name"].as_str().expect("a name").to_owned()).collect()
}

/// Makes another version of a key that nobody is told of, as a replacement leaves it that was broken off at once.
fn orphan(account: &Account, key: &str) {
    let value = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let name = format!("/signupctl/waitlist/{key}");
    let body = json!({ "Name": name, "Value": value, "Type": "SecureString", "Overwrite": true });
    account.json("ssm", "AmazonSSM.PutParameter", body);
}

/// How many versions of a key were made.
fn versions(service: &Deployed, key: &str) -> u64 {
    let name = format!("/signupctl/waitlist/{key}");
    let found = service.account.json("ssm", "AmazonSSM.GetParameter", json!({ "Name": name }));
    found["Parameter"]["Version"].as_u64().expect("a number")
}

#[test]
fn a_replaced_key_takes_nothing_from_whoever_was_mailed() {
    let service = Deployed::of(Sandbox::new().with_example("waitlist.yaml"));
    let endpoint = service.endpoint.clone();
    let ada = signed_up(&service, &endpoint, ADA);
    service.sandbox.json(&["admin", "add", "owner@example.com", "--local"]);
    let spec = std::fs::read_to_string(service.sandbox.path().join("signup.yaml")).expect("the example");
    let title = |title: &str| service.sandbox.write("signup.yaml", spec.replace("Join the waiting list", title));
    title("Come in");
    let all = ["waitlist-workers", "waitlist-web"];
    assert_eq!(deploy(&service, &[]), all);

    // Nothing else changes with a key, which would go back with it.
    title("Come again");
    let refused = ["deploy", "--local", "--yes", "--replace-key", "token-key"];
    let refusal = service.sandbox.refusal(&refused);
    assert!(refusal.contains("more than the keys would change"), "{refusal}");
    title("Come in");

    // Links by the key of before go on working, beside those by the new one, which is known to whoever reads links first.
    let replaced = service.sandbox.run(&["deploy", "--local", "--yes", "--replace-key", "token-key"]);
    let told = text(&replaced.stderr);
    let (web, workers) = (told.rfind(" waitlist-web  "), told.find(" waitlist-workers  "));
    assert!(replaced.status.success() && web.is_some() && web < workers, "{told}");
    let grace = signed_up(&service, &endpoint, GRACE);
    for (mail, address) in [(&ada, ADA), (&grace, GRACE)] {
        assert_eq!(confirm(&endpoint, &token(mail, "confirm")), 303, "{address}");
        assert_eq!(state(&service, address), "confirmed");
    }
    assert_eq!(deploy(&service, &[]), Vec::<String>::new(), "a deploy goes on by the key that is deployed");
    let twice = service.sandbox.refusal(&refused);
    assert!(twice.contains("was replaced within the hour"), "{twice}");

    // An earlier version reads the key of now.
    let alan = signed_up(&service, &endpoint, ALAN);
    service.sandbox.ok(&["rollback", "--local", "--yes"]);
    assert!(http::get(&format!("{endpoint}/")).body.contains("Join the waiting list"));
    assert_eq!(confirm(&endpoint, &token(&alan, "confirm")), 303);
    assert_eq!(deploy(&service, &[]), all);

    // The admins' key is another one, which nobody was added by.
    assert_eq!(admins(&service), 1);
    // Of two runs that replace it at once, one is over by the time the other takes the lease, which finds it replaced, and does
    // not replace it once more.
    let replace = ["deploy", "--local", "--yes", "--no-proof", "--replace-key", "admin-key"];
    let faster = Mutex::new(Some(service.sandbox.command(&replace)));
    proxy::before(&service.sandbox, move |request| {
        if request.operation == "PutItem" && request.name().contains("LOCK") {
            let faster = faster.lock().expect("no panic while held").take();
            if let Some(mut faster) = faster {
                let run = faster.output().expect("it starts");
                assert!(run.status.success(), "{}", text(&run.stderr));
            }
        }
        Fate::Pass
    });
    let told = service.sandbox.refusal(&replace);
    let lines = ["another run has changed the service: looking again", "`admin-key` was replaced within the hour"];
    assert_eq!(lines.map(|line| told.contains(line)), [true; 2], "{told}");
    assert_eq!((admins(&service), versions(&service, "admin-key")), (0, 2));
    service.sandbox.json(&["admin", "add", "owner@example.com", "--local"]);
    assert_eq!(admins(&service), 1);

    // Of a service that was taken down the keys are left, and which of them were good.
    for key in ["token-key", "admin-key"] {
        orphan(&service.account, key);
    }
    assert_eq!(deploy(&service, &[]), Vec::<String>::new());
    service.sandbox.ok(&["destroy", "--local", "--yes"]);
    let report = service.sandbox.json(&["deploy", "--local", "--yes"]);
    let endpoint = report["endpoint"].as_str().expect("an endpoint");
    let unsubscribed = http::post_form(&format!("{endpoint}/unsubscribe"), &[("t", &token(&ada, "unsubscribe"))]);
    assert!(unsubscribed.status < 400, "{unsubscribed:?}");
    assert_eq!((state(&service, ADA).as_str(), admins(&service)), ("unsubscribed", 1));
    let receipt = service.sandbox.json(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(receipt["kept"], json!([]));
}

#[test]
fn a_run_that_another_has_overtaken_replaces_nothing() {
    let service = Deployed::of(Sandbox::new().with_example("waitlist.yaml"));
    let table = service.sandbox.json(&["outputs", "--local"])["TableName"].clone();
    let account = Account::new(service.sandbox.emulator());
    // What it looks at for the second time, it looks at behind the lease. Then it is not heard of for longer than between two
    // renewals, and another has come and gone.
    let (looks, overtaken) = (AtomicUsize::new(0), OnceLock::new());
    proxy::before(&service.sandbox, move |request| {
        if request.operation == "GetParameters" && looks.fetch_add(1, Ordering::Relaxed) > 0 {
            let since = overtaken.get_or_init(|| {
                let key = json!({ "pk": { "S": "LOCK" }, "sk": { "S": "DEPLOY" } });
                account.json("dynamodb", "DynamoDB_20120810.DeleteItem", json!({ "TableName": table, "Key": key }));
                Instant::now()
            });
            while since.elapsed() < Duration::from_secs(24) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Fate::Pass
    });
    let replace = ["deploy", "--local", "--yes", "--replace-key", "token-key"];
    let refusal = service.sandbox.refusal(&replace);
    assert!(refusal.contains("another run has taken over meanwhile"), "{refusal}");
    assert_eq!(versions(&service, "token-key"), 1);

    // And a version that somebody else has made last of all is not followed by one that does not know it.
    let (account, looks) = (Account::new(service.sandbox.emulator()), AtomicUsize::new(0));
    proxy::before(&service.sandbox, move |request| {
        if request.operation == "GetParameters" && looks.fetch_add(1, Ordering::Relaxed) == 2 {
            orphan(&account, "token-key");
        }
        Fate::Pass
    });
    let refusal = service.sandbox.refusal(&replace);
    assert!(refusal.contains("somebody else has changed it meanwhile: the next version is 3"), "{refusal}");
    assert_eq!(versions(&service, "token-key"), 2);
    assert_eq!(deploy(&service, &["--replace-key", "token-key"]), ["waitlist-workers", "waitlist-web"]);
}

/// Everything that the table holds of whoever signed up, by ID.
fn users(service: &Deployed) -> Vec<Value> {
    let table = service.sandbox.json(&["outputs", "--local"])["TableName"].as_str().expect("a table").to_owned();
    let found = service.account.json("dynamodb", "DynamoDB_20120810.Scan", json!({ "TableName": table }));
    let items = found["Items"].as_array().expect("items");
    items.iter().filter(|item| item["sk"]["S"] == "USER").cloned().collect()
}

/// By how many keys each is named, and whether the address is kept.
fn named(service: &Deployed) -> Vec<(u8, bool)> {
    let keys = |item: &Value| item["keys"]["N"].as_str().map_or(1, |keys| keys.parse().expect("a number"));
    let has_address = |item: &Value| item["email"]["S"] != "";
    let mut all: Vec<(u8, bool)> = users(service).iter().map(|item| (keys(item), has_address(item))).collect();
    all.sort_unstable();
    all
}

#[test]
fn everybody_is_found_by_a_replaced_key_of_addresses_and_a_refusal_by_no_former_one() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    // Of a service that is not there yet there is nothing to replace.
    let refusal = sandbox.refusal(&["deploy", "--local", "--yes", "--replace-key", "address-key"]);
    assert!(refusal.contains("nothing is deployed whose key could be replaced"), "{refusal}");
    let service = Deployed::of(sandbox);
    let endpoint = service.endpoint.clone();
    let (ada, grace) = (signed_up(&service, &endpoint, ADA), signed_up(&service, &endpoint, GRACE));
    assert_eq!(confirm(&endpoint, &token(&ada, "confirm")), 303);
    let refuse = |mail: &Value| {
        let token = token(mail, "unsubscribe");
        assert!(http::post_form(&format!("{endpoint}/unsubscribe"), &[("t", &token)]).status < 400);
    };
    refuse(&grace);
    assert_eq!(named(&service), [(1, false), (1, true)]);
    let refusal = users(&service).into_iter().find(|item| item["email"]["S"] == "").expect("of Grace")["pk"].clone();

    // One command, and two deploys: all know the new key before anybody is named by it.
    let replaced = service.sandbox.run(&["deploy", "--local", "--yes", "--json", "--replace-key", "address-key"]);
    let (report, told) = (text(&replaced.stdout), text(&replaced.stderr));
    assert!(replaced.status.success(), "{told}");
    let report: Value = serde_json::from_str(&report).expect("one object");
    assert_eq!((report["changed"].clone(), report["proof"]["ok"].clone()), (true.into(), true.into()));
    let steps = ["everything knows the new key", "the new one is in force", "1 refusal renamed"];
    let found = steps.map(|step| told.find(step));
    assert!(found.is_sorted() && found[0].is_some(), "{told}");
    assert_eq!(deploy(&service, &[]), Vec::<String>::new(), "a deploy goes on by the key that is deployed");

    // The refusal is under another name, and under that one alone.
    assert_eq!(named(&service), [(1, true), (2, false)]);
    assert!(users(&service).iter().all(|item| item["pk"] != refusal));
    assert_eq!((state(&service, ADA), state(&service, GRACE)), ("confirmed".into(), "suppressed".into()));

    // Nobody becomes two, who refused is left alone, and who is new is named by the new key.
    let mails = || service.mails().len();
    let before = mails();
    for address in [ADA, GRACE] {
        assert_eq!(send_form(&endpoint, &[("email", address)]).status, 303);
    }
    let alan = signed_up(&service, &endpoint, ALAN);
    assert_eq!((named(&service), mails()), (vec![(1, true), (2, false), (2, true)], before + 1));
    assert_eq!(confirm(&endpoint, &token(&alan, "confirm")), 303);
    // By the link of before, and by that of now.
    for mail in [&ada, &alan] {
        refuse(mail);
    }
    assert_eq!([ADA, ALAN].map(|address| state(&service, address)), ["unsubscribed", "unsubscribed"]);
    let recount = service.sandbox.json(&["users", "recount", "--local"]);
    assert_eq!((recount["users"].clone(), recount["differences"].clone()), (3.into(), json!([])), "{recount}");

    // The same once more within the hour names what is left, and replaces nothing.
    let again = service.sandbox.run(&["deploy", "--local", "--yes", "--replace-key", "address-key"]);
    let told = text(&again.stderr);
    let is_told = ["is not replaced once more", "0 refusals renamed"].map(|line| told.contains(line));
    assert!(again.status.success() && is_told == [true; 2], "{told}");
    assert_eq!(service.sandbox.json(&["users", "erase", ALAN, "--local", "--yes"])["erased"], true);
    let receipt = service.sandbox.json(&["destroy", "--delete-data", "--local", "--yes"]);
    assert_eq!(receipt["kept"], json!([]));
}

/// The path of the web function's alias, and what it stands for.
fn live(service: &Deployed) -> (String, String) {
    let path = "/2015-03-31/functions/waitlist-web/aliases/live".to_owned();
    let version = service.account.rest("lambda", &path).json()["FunctionVersion"].as_str().expect("one").to_owned();
    (path, version)
}

#[test]
fn a_replacement_that_stopped_halfway_is_told_and_goes_on() {
    let service = Deployed::of(Sandbox::new().with_example("waitlist.yaml"));
    let endpoint = service.endpoint.clone();
    let [ada, grace] = [ADA, GRACE].map(|address| signed_up(&service, &endpoint, address));
    let before = live(&service).1;
    // Parameter Store takes the first step's value, and not the second's; and the lease is left, as by a run that was killed.
    let (made, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    proxy::before(&service.sandbox, move |request| {
        let is = |operation, of| request.operation == operation && request.name().contains(of);
        let nth = |count: &AtomicUsize| count.fetch_add(1, Ordering::Relaxed);
        let refused = (is("PutParameter", "\"Overwrite\":true") && nth(&made) == 1)
            || (is("DeleteItem", "LOCK") && nth(&left) == 0);
        let denial = || json!({ "__type": "AccessDeniedException", "message": "not now" }).to_string();
        if refused { Fate::Answer(400, denial()) } else { Fate::Pass }
    });
    let replace = ["deploy", "--local", "--yes", "--replace-key", "address-key"];
    let refusal = service.sandbox.refusal(&replace);
    assert!(refusal.contains("cannot be replaced") && refusal.contains("is halfway, and how it goes on"), "{refusal}");
    // People come and go meanwhile, by the names of before.
    assert_eq!(confirm(&endpoint, &token(&ada, "confirm")), 303);
    signed_up(&service, &endpoint, ALAN);
    assert_eq!(named(&service), [(1, true), (1, true), (1, true)]);
    let told = text(&service.sandbox.run(&["deploy", "--local", "--yes"]).stderr);
    assert!(told.contains("the replacement of `address-key` is halfway"), "{told}");

    // What answers has to know the key, whatever the stacks say.
    let (alias, known) = live(&service);
    let point = |version: &str| {
        let moved = service.account.put("lambda", &alias, &json!({ "FunctionVersion": version }));
        assert_eq!(moved.status, 200, "{moved:?}");
    };
    point(&before);
    let refusal = service.sandbox.refusal(&replace);
    assert!(refusal.contains("reads other keys than its stack says"), "{refusal}");
    service.sandbox.ok(&["drift", "--local", "--revert", "--yes"]);
    assert_eq!(live(&service).1, known);
    let told = text(&service.sandbox.run(&replace).stderr);
    assert!(told.contains("everything knows the new key") && told.contains("the new one is in force"), "{told}");
    let told = text(&service.sandbox.run(&["deploy", "--local", "--yes"]).stderr);
    assert!(!told.contains("halfway"), "{told}");

    // Who was there before and refuses only now has the former name until refusals are renamed once more.
    let refused = http::post_form(&format!("{endpoint}/unsubscribe"), &[("t", &token(&grace, "unsubscribe"))]);
    assert!(refused.status < 400, "{refused:?}");
    let mut former = users(&service).into_iter().find(|item| item["email"]["S"] == "").expect("of Grace");
    assert_eq!(named(&service), [(1, false), (1, true), (1, true)]);
    let rekey = || service.sandbox.json(&["users", "rekey", "--local"]);
    assert_eq!(rekey(), json!({ "renamed": 1, "left": 0 }));
    assert_eq!(rekey(), json!({ "renamed": 0, "left": 0 }));
    assert_eq!(named(&service), [(1, true), (1, true), (2, false)]);

    // Erased, she is so under the former name as well, which a restored table brings back.
    assert_eq!(service.sandbox.json(&["users", "erase", GRACE, "--local", "--yes"])["erased"], true);
    let table = service.sandbox.json(&["outputs", "--local"])["TableName"].clone();
    former.as_object_mut().expect("an item").remove("counted");
    service.account.json("dynamodb", "DynamoDB_20120810.PutItem", json!({ "TableName": table, "Item": former }));
    let repaired = service.sandbox.json(&["users", "recount", "--repair", "--local", "--yes"]);
    assert_eq!(repaired["erased_again"], 1, "{repaired}");
    assert_eq!(named(&service), [(1, true), (1, true)]);
}

#[test]
fn servers_are_replaced_with_the_keys_that_they_read() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    let domain = "{ name: join.example.com, certificate_arn: 'arn:aws:acm:us-east-1:000000000000:certificate/1' }";
    sandbox.write("signup.yaml", format!("{spec}\ntopology: high-performance\ndomain: {domain}\n"));
    let service = Deployed::of(sandbox);
    let ada = signed_up(&service, &service.endpoint, ADA);
    service.sandbox.json(&["admin", "add", "owner@example.com", "--local"]);
    let keys = ["--replace-key", "address-key", "--replace-key", "token-key", "--replace-key", "admin-key"];
    assert_eq!(deploy(&service, &keys), ["waitlist-workers", "waitlist-servers"]);
    let grace = signed_up(&service, &service.endpoint, GRACE);
    for (mail, address) in [(&ada, ADA), (&grace, GRACE)] {
        assert_eq!(confirm(&service.endpoint, &token(mail, "confirm")), 303, "{address}");
    }
    assert_eq!((admins(&service), deploy(&service, &[])), (0, Vec::new()));
}
