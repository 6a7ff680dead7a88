//! One suite for every store of admins: what holds in memory holds on DynamoDB.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use signup_service::admin::{
    Action, Admin, AdminId, AdminStore, Attempts, Counted, Credentials, Enrolment, Entry, EntryPage, ListEntries,
    Place, Role, Session, Setup, Start, TokenHash,
};
use signup_service::clock::{after, rfc3339};
use signup_service::keys::{AdminKey, Key};
use signup_service::store::{DynamoStore, MemoryStore, Saved};
use signup_service::user::Nonce;

#[tokio::test]
async fn the_memory_conforms() {
    conformance(&|| Box::pin(async { Arc::new(MemoryStore::default()) as Arc<dyn AdminStore> })).await;
}

#[tokio::test]
async fn the_table_conforms() {
    conformance(&|| {
        Box::pin(async {
            let client = crate::support::table::client();
            let table = crate::support::table::create(&client).await;
            Arc::new(DynamoStore::new(client, table, None).sealing(key(7))) as Arc<dyn AdminStore>
        })
    })
    .await;
}

fn key(byte: u8) -> AdminKey {
    AdminKey(Key::new([byte; 32]))
}

/// The worker's stream brings it admins and their sessions, which are nothing to it.
#[tokio::test]
async fn who_has_no_key_reads_nothing_of_admins() {
    let client = crate::support::table::client();
    let table = crate::support::table::create(&client).await;
    let plain = DynamoStore::new(client.clone(), table.as_str(), None);
    let (sealing, other) = (plain.clone().sealing(key(7)), plain.clone().sealing(key(8)));
    let (ada, bob, begun) = (admin(1, Role::Owner), admin(2, Role::Viewer), session(AdminId([1; 16]), 1));
    sealing.save_admin(&ada, None, None).await.expect("the store works");
    sealing.save_admin(&bob, None, Some(&ada)).await.expect("the store works");
    sealing.save_session(&begun).await.expect("the store works");
    sealing.touch_session(&begun).await.expect("the store works");
    let items = client.scan().table_name(&table).send().await.expect("a scan").items.unwrap_or_default();
    assert_eq!(items.len(), 3);
    for item in items {
        let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        let end = if item["pk"].as_s().is_ok_and(|pk| pk == "ADMINS") { "version" } else { "ttl" };
        assert_eq!(names, ["pk", "sealed", "sk", end]);
        let text = format!("{item:?}");
        assert!(!text.contains("example.com") && !text.contains("argon2id"), "{text}");
    }
    assert_eq!(sealing.list_admins().await.expect("the store works"), [ada.clone(), bob]);
    assert_eq!(sealing.load_session(ada.id, begun.hash).await.expect("the store works"), Some(begun.clone()));
    assert!(plain.load_admin(ada.id).await.is_err() && plain.load_session(ada.id, begun.hash).await.is_err());
    // Under a key that was replaced they were nobody's.
    assert_eq!(other.load_admin(ada.id).await.expect("the store works"), None);
    assert_eq!(other.load_session(ada.id, begun.hash).await.expect("the store works"), None);
    assert_eq!(other.list_admins().await.expect("the store works"), []);
}

/// Who may write the table past the service, and lacks the key, makes nobody an owner and signs nobody in.
#[tokio::test]
async fn who_has_no_key_changes_nothing_of_admins() {
    let client = crate::support::table::client();
    let table = crate::support::table::create(&client).await;
    let plain = DynamoStore::new(client.clone(), table.as_str(), None);
    let sealing = plain.clone().sealing(key(7));
    let (ada, bob) = (admin(1, Role::Owner), admin(2, Role::Viewer));
    let item = async |of: &Admin| {
        let get = client.get_item().table_name(&table).key("pk", AttributeValue::S("ADMINS".into()));
        let found = get.key("sk", AttributeValue::S(of.id.to_string())).send().await.expect("the table works");
        found.item.expect("an admin")
    };
    let put = async |item| {
        client.put_item().table_name(&table).set_item(Some(item)).send().await.expect("the table works");
    };
    let loaded = async |of: &Admin| sealing.load_admin(of.id).await.expect("the store works");
    for of in [&ada, &bob] {
        sealing.save_admin(of, None, None).await.expect("the store works");
    }
    let (sealed, owners) = (item(&bob).await, item(&ada).await);
    let mut beside = sealed.clone();
    beside.insert("role".into(), AttributeValue::S("owner".into()));
    put(beside).await;
    assert_eq!(loaded(&bob).await, Some(bob.clone()), "nothing beside the seal is believed");
    let mut others = sealed.clone();
    others.insert("sealed".into(), owners["sealed"].clone());
    put(others).await;
    assert_eq!(loaded(&bob).await, None, "it is sealed for its own place");
    // What was kept is not put back as if it were newer.
    let mut newer = sealed.clone();
    newer.insert("version".into(), AttributeValue::N((bob.version + 1).to_string()));
    put(newer).await;
    assert_eq!(loaded(&bob).await, None);
    let forged = session(ada.id, 9);
    plain.save_session(&forged).await.expect("the store works");
    assert_eq!(sealing.load_session(ada.id, forged.hash).await.expect("the store works"), None);
    assert_eq!(sealing.list_sessions(ada.id).await.expect("the store works"), []);
}

/// An admin of before is read, and sealed with the next change.
#[tokio::test]
async fn admins_who_were_not_sealed_yet_come_in() {
    let client = crate::support::table::client();
    let plain = DynamoStore::new(client.clone(), crate::support::table::create(&client).await, None);
    let (sealing, carol) = (plain.clone().sealing(key(7)), admin(3, Role::Owner));
    plain.save_admin(&carol, None, None).await.expect("the store works");
    assert_eq!(sealing.load_admin(carol.id).await.expect("the store works"), Some(carol.clone()));
    let changed = Admin { version: carol.version + 1, role: Role::Viewer, ..carol.clone() };
    let saved = sealing.save_admin(&changed, Some(carol.version), None).await.expect("the store works");
    assert_eq!((saved, plain.load_admin(carol.id).await.is_err()), (Saved::Done, true));
    assert_eq!(sealing.load_admin(carol.id).await.expect("the store works"), Some(changed));
}

/// A role is kept away from admins by the beginning of the partition key, and the worker passes over their records.
#[tokio::test]
async fn every_partition_of_the_table_that_is_the_admins_says_so() {
    let client = crate::support::table::client();
    let table = crate::support::table::create(&client).await;
    let store = DynamoStore::new(client.clone(), table.as_str(), None);
    let ada = admin(1, Role::Owner);
    store.save_admin(&ada, None, None).await.expect("the store works");
    store.save_session(&session(ada.id, 1)).await.expect("the store works");
    store.save_attempts(&[counted("strangers#x", 1, None)]).await.expect("the store works");
    store.append_entry(&entry(1)).await.expect("the store works");
    let items = client.scan().table_name(&table).send().await.expect("a scan").items.unwrap_or_default();
    assert_eq!(items.len(), 4);
    for item in items {
        let pk = item["pk"].as_s().expect("text");
        assert!(pk.starts_with("ADMIN"), "{pk}");
        assert!(!item.contains_key("wakes") && !item.contains_key("due"), "{pk}");
        assert_eq!(item.contains_key("ttl"), pk != "ADMINS", "{pk}");
    }
}

type Making = std::pin::Pin<Box<dyn Future<Output = Arc<dyn AdminStore>>>>;

/// Every claim, each on a store of its own.
async fn conformance(make: &dyn Fn() -> Making) {
    an_admin_is_kept_whole_and_the_faster_of_two_wins(&*make().await).await;
    a_change_holds_while_its_witness_does(&*make().await).await;
    a_session_that_was_ended_stays_so(&*make().await).await;
    attempts_are_kept_together_or_not_at_all(&*make().await).await;
    of_many_guesses_at_once_each_is_counted(make().await).await;
    the_log_is_read_both_ways(&*make().await).await;
}

fn start() -> Timestamp {
    "2026-11-22T10:59:00.123Z".parse().expect("a time")
}

fn admin(number: u8, role: Role) -> Admin {
    Admin {
        id: AdminId([number; 16]),
        version: 1_764_000_000_000_000 + u64::from(number),
        email: format!("Admin{number}@example.com"),
        role,
        created_at: start(),
        created_by: "signupctl".into(),
        setup: Some(Setup {
            token_hash: TokenHash([number; 32]),
            expires_at: after(start(), 3_600),
            enrolment: Some(Enrolment { password_hash: "$argon2id$x".into(), totp_nonce: Nonce([1; 16]) }),
        }),
        credentials: Some(Credentials {
            password_hash: "$argon2id$y".into(),
            totp_nonce: Nonce([2; 16]),
            totp_last_step: 59_000_000,
            used: u32::MAX,
            recovery: vec!["a".into(), "b".into()],
            recovery_edition: 3,
            recovery_by: Some(TokenHash([7; 32])),
            changed_at: start(),
        }),
        places: vec![Place { network: "n".into(), last_seen: start() }],
    }
}

fn session(admin: AdminId, number: u8) -> Session {
    Session {
        admin,
        hash: TokenHash([number; 32]),
        created_at: start(),
        seen_at: after(start(), u32::from(number)),
        proven_at: start(),
        network: "n".into(),
        agent: "Firefox/150 (é)".into(),
        recovery_edition: 3,
    }
}

fn counted(key: &str, version: u64, over: Option<u64>) -> Counted {
    let attempts = Attempts { version, failed: 3, last_at: start(), blocked_until: Some(after(start(), 30)) };
    Counted { key: key.into(), attempts, over }
}

fn entry(number: u32) -> Entry {
    let at = after(start(), number);
    Entry {
        id: format!("{}#{number:08x}", rfc3339(at)),
        at,
        admin: "ada@example.com".into(),
        action: Action::Exported { format: "csv".into(), filter: "state=pending".into() },
        subject: number.is_multiple_of(2).then(|| "ab".repeat(16)),
        network: Some("01234567".into()),
    }
}

async fn load(store: &dyn AdminStore, id: AdminId) -> Option<Admin> {
    store.load_admin(id).await.expect("the store works")
}

async fn an_admin_is_kept_whole_and_the_faster_of_two_wins(store: &dyn AdminStore) {
    let ada = admin(1, Role::Owner);
    let save = async |admin: &Admin, over| store.save_admin(admin, over, None).await.expect("the store works");
    assert_eq!(load(store, ada.id).await, None);
    assert_eq!(save(&ada, None).await, Saved::Done);
    assert_eq!(load(store, ada.id).await.as_ref(), Some(&ada));
    // An answer that was lost is asked for again.
    assert_eq!(save(&ada, None).await, Saved::Done);
    let viewer = Admin { version: ada.version + 1, role: Role::Viewer, setup: None, ..ada.clone() };
    let other = Admin { version: ada.version + 1, credentials: None, places: Vec::new(), ..ada.clone() };
    assert_eq!(save(&viewer, Some(ada.version)).await, Saved::Done);
    assert_eq!(save(&other, Some(ada.version)).await, Saved::Changed);
    assert_eq!(save(&other, None).await, Saved::Changed);
    assert_eq!(load(store, ada.id).await.as_ref(), Some(&viewer));
    let bob = admin(2, Role::Owner);
    assert_eq!(save(&bob, None).await, Saved::Done);
    assert_eq!(store.list_admins().await.expect("the store works"), [viewer.clone(), bob.clone()]);
    assert_eq!(store.delete_admin(&ada, None).await.expect("the store works"), Saved::Changed);
    for _ in 0..2 {
        assert_eq!(store.delete_admin(&viewer, None).await.expect("the store works"), Saved::Done);
    }
    assert_eq!(load(store, ada.id).await, None);
    assert_eq!(store.list_admins().await.expect("the store works"), [bob]);
}

async fn a_change_holds_while_its_witness_does(store: &dyn AdminStore) {
    let (ada, bob) = (admin(1, Role::Owner), admin(2, Role::Owner));
    for admin in [&ada, &bob] {
        assert_eq!(store.save_admin(admin, None, None).await.expect("the store works"), Saved::Done);
    }
    let demoted = |admin: &Admin| Admin { version: admin.version + 1, role: Role::Viewer, ..admin.clone() };
    let saved = store.save_admin(&demoted(&bob), Some(bob.version), Some(&ada)).await.expect("the store works");
    assert_eq!(saved, Saved::Done);
    // Bob is not what he was: nothing holds for his sake.
    let saved = store.save_admin(&demoted(&ada), Some(ada.version), Some(&bob)).await.expect("the store works");
    assert_eq!(saved, Saved::Changed);
    assert_eq!(store.delete_admin(&ada, Some(&bob)).await.expect("the store works"), Saved::Changed);
    assert_eq!(load(store, ada.id).await.as_ref(), Some(&ada));
    let deleted = store.delete_admin(&demoted(&bob), Some(&ada)).await.expect("the store works");
    assert_eq!((deleted, load(store, bob.id).await), (Saved::Done, None));
    assert_eq!(store.delete_admin(&ada, Some(&bob)).await.expect("the store works"), Saved::Changed);
}

async fn a_session_that_was_ended_stays_so(store: &dyn AdminStore) {
    let (ada, bob) = (AdminId([1; 16]), AdminId([2; 16]));
    let load = async |admin, number| store.load_session(admin, TokenHash([number; 32])).await.expect("the store works");
    let (one, two) = (session(ada, 1), session(ada, 2));
    for session in [&one, &two, &session(bob, 1)] {
        store.save_session(session).await.expect("the store works");
    }
    assert_eq!(load(ada, 1).await.as_ref(), Some(&one));
    assert_eq!(load(bob, 2).await, None);
    let mut listed = store.list_sessions(ada).await.expect("the store works");
    listed.sort_by_key(|session| session.hash);
    assert_eq!(listed, [one.clone(), two.clone()]);
    let seen = Session { seen_at: after(start(), 60), ..one.clone() };
    store.touch_session(&seen).await.expect("the store works");
    assert_eq!(load(ada, 1).await.as_ref(), Some(&seen));
    for _ in 0..2 {
        store.delete_session(ada, one.hash).await.expect("the store works");
        store.touch_session(&seen).await.expect("the store works");
        assert_eq!(load(ada, 1).await, None);
    }
    assert_eq!(store.list_sessions(ada).await.expect("the store works"), [two]);
}

async fn attempts_are_kept_together_or_not_at_all(store: &dyn AdminStore) {
    let keys = ["pair#a", "strangers#a", "client#a"].map(str::to_owned);
    let load = async || store.load_attempts(&keys).await.expect("the store works");
    let save = async |counted: &[Counted]| store.save_attempts(counted).await.expect("the store works");
    assert_eq!(load().await, [None, None, None]);
    let (pair, client) = (counted("pair#a", 7, None), counted("client#a", 8, None));
    assert_eq!(save(&[pair.clone(), client.clone()]).await, Saved::Done);
    let both = [Some(pair.attempts.clone()), None, Some(client.attempts.clone())];
    assert_eq!(load().await, both);
    // One of them changed meanwhile: none is kept.
    assert_eq!(save(&[counted("strangers#a", 1, None), counted("client#a", 9, Some(7))]).await, Saved::Changed);
    assert_eq!(save(&[counted("strangers#a", 1, None), counted("pair#a", 9, None)]).await, Saved::Changed);
    assert_eq!(load().await, both);
    let next = [counted("pair#a", 8, Some(7)), counted("strangers#a", 1, None), counted("client#a", 9, Some(8))];
    assert_eq!(save(&next).await, Saved::Done);
    assert_eq!(load().await, next.map(|it| Some(it.attempts)));
}

/// All in the same millisecond, which is when two look the same.
async fn of_many_guesses_at_once_each_is_counted(store: Arc<dyn AdminStore>) {
    let guess = |store: Arc<dyn AdminStore>| async move {
        let key = ["pair#a".to_owned()];
        loop {
            let found = store.load_attempts(&key).await.expect("the store works").remove(0);
            let over = found.as_ref().map(|found| found.version);
            let failed = found.map_or(0, |found| found.failed) + 1;
            let attempts = Attempts { version: over.unwrap_or(0) + 1, failed, last_at: start(), blocked_until: None };
            let counted = [Counted { key: "pair#a".into(), attempts, over }];
            match store.save_attempts(&counted).await {
                Ok(Saved::Done) => return,
                Ok(Saved::Changed) => {}
                Err(error) => assert!(error.to_string().contains("busy"), "{error}"),
            }
        }
    };
    let guesses: Vec<_> = (0..6).map(|_| tokio::spawn(guess(store.clone()))).collect();
    for guess in guesses {
        guess.await.expect("no panic");
    }
    let found = store.load_attempts(&["pair#a".to_owned()]).await.expect("the store works");
    assert_eq!(found[0].as_ref().map(|found| found.failed), Some(6));
}

async fn the_log_is_read_both_ways(store: &dyn AdminStore) {
    let list = async |limit, from| -> EntryPage {
        store.list_entries(&ListEntries { limit, from }).await.expect("the store works")
    };
    assert_eq!(list(3, Start::Newest).await, EntryPage::default());
    let mut all: Vec<Entry> = (0..7).map(entry).collect();
    for entry in &all {
        store.append_entry(entry).await.expect("the store works");
    }
    store.touch_entry(&entry(99)).await.expect("the store works");
    all.reverse();
    let first = list(3, Start::Newest).await;
    assert_eq!((&first.entries[..], &first.newer), (&all[..3], &None));
    let second = list(3, Start::OlderThan(first.older.clone().expect("more"))).await;
    assert_eq!(second.entries, all[3..6]);
    let third = list(3, Start::OlderThan(second.older.clone().expect("more"))).await;
    assert_eq!((&third.entries[..], &third.older), (&all[6..], &None));
    // And back again, to the same pages.
    assert_eq!(list(3, Start::NewerThan(third.newer.expect("more"))).await, second);
    let back = list(3, Start::NewerThan(second.newer.expect("more"))).await;
    assert_eq!(back, first);
    assert_eq!(list(7, Start::Newest).await.older, None);
}
