//! One suite for every store: what holds in memory holds on DynamoDB.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use signup_service::clock::after;
use signup_service::config::{Confirmation, ConfirmationMode};
use signup_service::sign_up::{FieldValue, NewSignUp, RESEND_COOL_DOWN, State, UserId};
use signup_service::store::{
    ConfirmOutcome, DynamoStore, Event, EventKind, Known, LEASE, ListUsers, MailEnd, MailKind, MemoryStore, SHARDS,
    STREAM_GRACE, SignUpOutcome, Store, Tally,
};
use support::{BASE_URL, Counting, SetClock, sign_up, sign_up_to, small_config};

#[tokio::test]
async fn the_memory_conforms() {
    conformance(&|| Box::pin(async { Arc::new(MemoryStore::default()) as Arc<dyn Store> })).await;
}

#[tokio::test]
async fn the_table_conforms() {
    conformance(&|| {
        Box::pin(async {
            let client = support::table::client();
            let table = support::table::create(&client).await;
            Arc::new(DynamoStore::new(client, table)) as Arc<dyn Store>
        })
    })
    .await;
}

/// A mail that nobody can read would be leased for good.
#[tokio::test]
async fn a_mail_that_cannot_be_read_ends() {
    use aws_sdk_dynamodb::types::AttributeValue::{N, S};
    let client = support::table::client();
    let table = support::table::create(&client).await;
    let id = signup_service::sign_up::MailId([7; 16]);
    let item = [
        ("pk", S(format!("MAIL#{id}"))),
        ("sk", S("MAIL".into())),
        ("state", S("pending".into())),
        ("attempts", N("0".into())),
        ("due", S("3".into())),
        ("due_at", N("1000".into())),
    ];
    let item = item.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    client.put_item().table_name(&table).set_item(Some(item)).send().await.expect("the emulator keeps it");
    let store = DynamoStore::new(client.clone(), &table);
    assert_eq!(store.due_mails(3, start(), 10).await.expect("the store works"), [id]);
    assert_eq!(store.lease_mail(id, start()).await.expect("no failure"), None);
    assert!(store.due_mails(3, after(start(), 86_400), 10).await.expect("the store works").is_empty());
    let key = ("pk", S(format!("MAIL#{id}")));
    let found = client.get_item().table_name(table).key(key.0, key.1).key("sk", S("MAIL".into())).send().await;
    let found = found.expect("the emulator answers").item.expect("kept for support");
    assert_eq!((&found["state"], &found["reason"]), (&S("dead".into()), &S("unreadable".into())));
}

/// More days than one answer of the list of days holds.
#[tokio::test]
async fn a_year_of_single_users_is_listed_in_pages() {
    let client = support::table::client();
    let table = support::table::create(&client).await;
    let store = DynamoStore::new(client, table);
    let entropy = Counting::from(12);
    let mut expected = Vec::new();
    for day in 0..70 {
        let now = after(start(), day * 86_400);
        expected.insert(0, accepted(&store, &sign_up(&entropy, &format!("u{day}@example.com"), 36, now)).await);
    }
    for limit in [7, 30, 100] {
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let query = ListUsers { limit, cursor };
            let page = store.list_users(&query).await.expect("the store works");
            listed.extend(page.users.iter().map(|user| user.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected, "in pages of {limit}");
    }
}

type Making = std::pin::Pin<Box<dyn Future<Output = Arc<dyn Store>>>>;

/// Every claim, each on a store of its own.
async fn conformance(make: &dyn Fn() -> Making) {
    a_sign_up_is_kept_whole(&*make().await).await;
    a_link_works_once_and_in_time(&*make().await).await;
    a_known_address_gets_no_second_user(&*make().await).await;
    a_forgotten_address_may_sign_up_again(&*make().await).await;
    without_confirmation_a_user_is_confirmed_at_once(&*make().await).await;
    whoever_waits_is_confirmed_when_nothing_is_to_be_confirmed_any_more(&*make().await).await;
    budgets_hold_for_an_hour_and_refusals_cost_nothing(&*make().await).await;
    a_mail_has_one_sender_at_a_time(&*make().await).await;
    due_mails_are_found_in_their_shard(&*make().await).await;
    events_count_once(&*make().await).await;
    users_are_listed_newest_first(&*make().await).await;
    one_of_many_at_once_wins(make().await).await;
}

const START: &str = "2026-11-22T10:59:00.123456Z";

fn start() -> Timestamp {
    START.parse().expect("a time")
}

async fn accepted(store: &dyn Store, new: &NewSignUp) -> UserId {
    match store.sign_up(new).await.expect("the store works") {
        SignUpOutcome::Accepted(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn a_sign_up_is_kept_whole(store: &dyn Store) {
    let new = sign_up(&Counting::from(1), "Ada@Example.com", 36, start());
    let id = accepted(store, &new).await;
    assert_eq!(id, new.id);
    let user = store.get_user(id).await.expect("the store works").expect("the user");
    assert_eq!((user.state, user.email.as_str()), (State::Pending, "Ada@Example.com"));
    assert_eq!((user.created_at, user.confirmed_at), (start(), None));
    assert_eq!((user.expires_at, user.mailed_at), (Some(new.expires_at), start()));
    assert_eq!(user.fields, new.fields);
    assert_eq!(user.fields["tags"], FieldValue::Choices(vec!["a".into(), "b".into()]));
    assert_eq!((&user.fields["age"], &user.fields["size"]), (&FieldValue::Integer(36), &FieldValue::Number(1.5)));
    assert_eq!(user.fields["letter"], FieldValue::Flag(false));
    let mail = store.lease_mail(new.mail_id, start()).await.expect("the store works").expect("the mail");
    assert_eq!((mail.user, mail.kind, mail.to.as_str()), (id, MailKind::Confirmation, "Ada@example.com"));
    assert_eq!((mail.base_url.as_str(), mail.created_at, mail.attempts), (BASE_URL, start(), 1));
    assert_eq!(store.get_user(UserId([9; 16])).await.expect("the store works"), None);
}

async fn a_link_works_once_and_in_time(store: &dyn Store) {
    let entropy = Counting::from(2);
    let first = accepted(store, &sign_up(&entropy, "ada@example.com", 36, start())).await;
    let confirm = async |id, now| store.confirm(id, now).await.expect("the store works");
    assert_eq!(confirm(UserId([9; 16]), start()).await, ConfirmOutcome::Unknown);
    let at = after(start(), 60);
    assert_eq!(confirm(first, at).await, ConfirmOutcome::Confirmed);
    assert_eq!(confirm(first, after(at, 1)).await, ConfirmOutcome::AlreadyConfirmed);
    let user = store.get_user(first).await.expect("the store works").expect("the user");
    assert_eq!((user.state, user.confirmed_at, user.expires_at), (State::Confirmed, Some(at), None));
    let late = accepted(store, &sign_up(&entropy, "bob@example.com", 36, start())).await;
    assert_eq!(confirm(late, after(start(), 86_400)).await, ConfirmOutcome::Expired);
    assert_eq!(confirm(late, after(start(), 86_398)).await, ConfirmOutcome::Confirmed);
}

async fn a_known_address_gets_no_second_user(store: &dyn Store) {
    let entropy = Counting::from(3);
    let again = |email: &str, age, seconds| sign_up(&entropy, email, age, after(start(), seconds));
    let id = accepted(store, &again("ada@example.com", 36, 0)).await;
    let known = async |new: &NewSignUp| match store.sign_up(new).await.expect("the store works") {
        SignUpOutcome::Known(known) => known,
        other => panic!("{other:?}"),
    };
    let user = async || store.get_user(id).await.expect("the store works").expect("the user");
    let lease = async |new: &NewSignUp| store.lease_mail(new.mail_id, new.now).await.expect("the store works");
    // At once: nothing changes at all, and no mail goes out.
    let before = user().await;
    let soon = again("ADA@example.com", 37, 10);
    assert_eq!(known(&soon).await, Known::CoolingDown);
    assert_eq!(user().await, before);
    assert_eq!(lease(&soon).await, None);
    // Later: the answers are replaced, the mail goes out again, to the same user, and the link works for longer.
    let later = again("ada@example.com", 38, RESEND_COOL_DOWN);
    assert_eq!(known(&later).await, Known::MailedAgain);
    let mail = lease(&later).await.expect("a second mail");
    assert_eq!((mail.user, mail.kind), (id, MailKind::Confirmation));
    assert_eq!((mail.expires_at, mail.unanswered), (Some(later.expires_at), 0));
    let pending = user().await;
    assert_eq!(pending.fields["age"], FieldValue::Integer(38));
    assert_eq!(
        (pending.expires_at, pending.mailed_at, pending.created_at),
        (Some(later.expires_at), later.now, start())
    );
    assert_eq!(known(&again("ada@example.com", 39, RESEND_COOL_DOWN + 10)).await, Known::CoolingDown);
    // Confirmed: nothing changes any more.
    assert_eq!(store.confirm(id, after(start(), 400)).await.expect("the store works"), ConfirmOutcome::Confirmed);
    let before = user().await;
    let too_late = again("ada@example.com", 99, 3_600);
    assert_eq!(known(&too_late).await, Known::Confirmed);
    assert_eq!(user().await, before);
    assert_eq!(lease(&too_late).await, None);
}

async fn a_forgotten_address_may_sign_up_again(store: &dyn Store) {
    let entropy = Counting::from(4);
    let first = sign_up(&entropy, "ada@example.com", 36, start());
    let old = accepted(store, &first).await;
    let now = after(first.keep_until, 1);
    let new = accepted(store, &sign_up(&entropy, "ada@example.com", 36, now)).await;
    assert_ne!(old, new);
    assert_eq!(store.confirm(old, now).await.expect("the store works"), ConfirmOutcome::Expired);
    assert_eq!(store.confirm(new, now).await.expect("the store works"), ConfirmOutcome::Confirmed);
}

async fn without_confirmation_a_user_is_confirmed_at_once(store: &dyn Store) {
    let entropy = Counting::from(5);
    let mut config = small_config();
    config.confirmation = Confirmation { mode: ConfirmationMode::None, ..Confirmation::default() };
    let new = sign_up_to(&config, &entropy, "ada@example.com", 36, start());
    let id = accepted(store, &new).await;
    let user = store.get_user(id).await.expect("the store works").expect("the user");
    assert_eq!((user.state, user.confirmed_at, user.expires_at), (State::Confirmed, Some(start()), None));
    let mail = store.lease_mail(new.mail_id, start()).await.expect("the store works").expect("the mail");
    assert_eq!((mail.kind, mail.expires_at), (MailKind::Welcome, None));
    // Nobody forgets a confirmed user.
    let much_later = sign_up_to(&config, &entropy, "ada@example.com", 37, after(start(), 90 * 86_400));
    assert_eq!(store.sign_up(&much_later).await.expect("the store works"), SignUpOutcome::Known(Known::Confirmed));
}

async fn whoever_waits_is_confirmed_when_nothing_is_to_be_confirmed_any_more(store: &dyn Store) {
    let entropy = Counting::from(11);
    let first = sign_up(&entropy, "ada@example.com", 36, start());
    let id = accepted(store, &first).await;
    let mut config = small_config();
    config.confirmation = Confirmation { mode: ConfirmationMode::None, ..Confirmation::default() };
    // However soon: there is nothing to wait for.
    let now = after(start(), 10);
    let again = sign_up_to(&config, &entropy, "Ada@example.com", 37, now);
    assert_eq!(store.sign_up(&again).await.expect("the store works"), SignUpOutcome::Known(Known::Promoted));
    let user = store.get_user(id).await.expect("the store works").expect("the user");
    assert_eq!((user.state, user.confirmed_at, user.expires_at), (State::Confirmed, Some(now), None));
    assert_eq!((user.email.as_str(), &user.fields["age"]), ("Ada@example.com", &FieldValue::Integer(37)));
    let mail = store.lease_mail(again.mail_id, now).await.expect("the store works").expect("the mail");
    assert_eq!((mail.user, mail.kind), (id, MailKind::Welcome));
    assert_eq!(store.confirm(id, now).await.expect("the store works"), ConfirmOutcome::AlreadyConfirmed);
    // The lock no longer runs out.
    let much_later = sign_up_to(&config, &entropy, "ada@example.com", 38, after(first.keep_until, 86_400));
    assert_eq!(store.sign_up(&much_later).await.expect("the store works"), SignUpOutcome::Known(Known::Confirmed));
}

async fn budgets_hold_for_an_hour_and_refusals_cost_nothing(store: &dyn Store) {
    let entropy = Counting::from(6);
    let limited = |email: &str, limit, seconds| {
        let mut new = sign_up(&entropy, email, 36, after(start(), seconds));
        new.budgets[1].limit = limit;
        new
    };
    for name in ["a", "b"] {
        accepted(store, &limited(&format!("{name}@example.com"), 2, 0)).await;
    }
    let refused = limited("c@example.com", 2, 0);
    // It is 10:59:00 and a little.
    let outcome = SignUpOutcome::RateLimited { retry_after: 60 };
    assert_eq!(store.sign_up(&refused).await.expect("the store works"), outcome);
    assert_eq!(store.get_user(refused.id).await.expect("the store works"), None);
    assert_eq!(store.lease_mail(refused.mail_id, start()).await.expect("the store works"), None);
    // The address's own budget was not touched by the refusal.
    let mut own = limited("c@example.com", 3, 0);
    own.budgets[0].limit = 1;
    accepted(store, &own).await;
    let mut known = limited("c@example.com", 9, 0);
    known.budgets[0].limit = 1;
    assert_eq!(store.sign_up(&known).await.expect("the store works"), outcome);
    // The next hour begins anew.
    accepted(store, &limited("d@example.com", 1, 60)).await;
}

async fn a_mail_has_one_sender_at_a_time(store: &dyn Store) {
    let entropy = Counting::from(7);
    let new = sign_up(&entropy, "ada@example.com", 36, start());
    accepted(store, &new).await;
    let lease = async |now| store.lease_mail(new.mail_id, now).await.expect("the store works");
    let finish = async |mail: &_, end: &_, now| store.finish_mail(mail, end, now).await.expect("the store works");
    let first = lease(start()).await.expect("free");
    assert_eq!(lease(after(start(), LEASE - 1)).await, None);
    // Its sender was lost: another takes over, and the first one's word counts no more.
    let now = after(start(), LEASE + 1);
    let second = lease(now).await.expect("free again");
    assert_eq!((second.attempts, second.lease > first.lease), (2, true));
    assert!(!finish(&first, &MailEnd::Sent, now).await);
    // Put off: not before its time.
    let due = after(now, 30);
    assert!(finish(&second, &MailEnd::Later(due), now).await);
    assert_eq!(lease(after(now, 29)).await, None);
    let third = lease(due).await.expect("due again");
    assert_eq!(third.attempts, 3);
    // Put off without an answer, which is remembered.
    assert_eq!(third.unanswered, 0);
    let again = after(due, 600);
    assert!(finish(&third, &MailEnd::Unanswered(again), due).await);
    let third = lease(again).await.expect("due again");
    assert_eq!((third.attempts, third.unanswered), (4, 1));
    let due = again;
    // Sent: never again.
    assert!(finish(&third, &MailEnd::Sent, due).await);
    assert!(!finish(&third, &MailEnd::Sent, due).await);
    assert_eq!(lease(after(due, 86_400)).await, None);
    // Dead: never again either.
    let other = sign_up(&entropy, "bob@example.com", 36, start());
    accepted(store, &other).await;
    let mail = store.lease_mail(other.mail_id, start()).await.expect("the store works").expect("free");
    assert!(finish(&mail, &MailEnd::Dead("refused".into()), start()).await);
    assert_eq!(store.lease_mail(other.mail_id, due).await.expect("the store works"), None);
}

async fn due_mails_are_found_in_their_shard(store: &dyn Store) {
    let entropy = Counting::from(8);
    let mut mails = Vec::new();
    for number in 0..6 {
        let new = sign_up(&entropy, &format!("user{number}@example.com"), 36, after(start(), number));
        accepted(store, &new).await;
        mails.push(new.mail_id);
    }
    let due = async |now| {
        let mut all = Vec::new();
        for shard in 0..SHARDS {
            all.extend(store.due_mails(shard, now, 100).await.expect("the store works"));
        }
        all
    };
    // The stream has its chance first.
    assert_eq!(due(after(start(), STREAM_GRACE - 1)).await, []);
    let now = after(start(), STREAM_GRACE + 10);
    assert_eq!(due(now).await.into_iter().collect::<BTreeSet<_>>(), mails.iter().copied().collect());
    let mut one = Vec::new();
    for shard in 0..SHARDS {
        let found = store.due_mails(shard, now, 1).await.expect("the store works");
        assert!(found.len() <= 1);
        one.extend(found);
    }
    assert!(one.contains(&mails[0]), "the oldest of its shard comes first");
    let mail = store.lease_mail(mails[0], now).await.expect("the store works").expect("due");
    assert!(!due(now).await.contains(&mails[0]), "a leased mail is not due");
    assert!(due(after(now, LEASE + 1)).await.contains(&mails[0]), "until its lease ends");
    assert!(store.finish_mail(&mail, &MailEnd::Sent, now).await.expect("the store works"));
    assert!(!due(after(now, 86_400)).await.contains(&mails[0]));
}

async fn events_count_once(store: &dyn Store) {
    let event = |id: &str, kind, country: Option<&str>| Event {
        id: id.into(),
        kind,
        day: "2026-11-22".into(),
        country: country.map(str::to_owned),
    };
    let mut events: Vec<Event> =
        (0..60).map(|number| event(&format!("r{number}"), EventKind::Received, Some("FR"))).collect();
    let record = async |events: &[Event], seconds| {
        store.record_events(events, after(start(), seconds)).await.expect("the store works")
    };
    assert_eq!(record(&events, 0).await, 60);
    assert_eq!(record(&events, 1).await, 0);
    events.push(event("c1", EventKind::Confirmed, None));
    events.push(event("c1", EventKind::Confirmed, None));
    assert_eq!(record(&events[55..], 2).await, 1);
    let counters = store.counters().await.expect("the store works");
    let tally = Tally { received: 60, confirmed: 1 };
    assert_eq!((counters.total, counters.days["2026-11-22"]), (tally, tally));
    assert_eq!(counters.countries["FR"], Tally { received: 60, confirmed: 0 });
}

async fn users_are_listed_newest_first(store: &dyn Store) {
    let entropy = Counting::from(9);
    let mut expected = Vec::new();
    // Three days, none of them counted: a list does not wait for the stream.
    for (day, count) in [(0_u32, 5), (3, 7), (9, 6)] {
        for number in 0..count {
            let now = after(start(), day * 86_400 + number);
            let new = sign_up(&entropy, &format!("user{day}-{number}@example.com"), 36, now);
            let id = accepted(store, &new).await;
            expected.insert(0, id);
        }
    }
    let clock = SetClock::at(START);
    clock.forward(9 * 86_400 + 100);
    for limit in [1, 4, 6, 18, 50] {
        let mut listed = Vec::new();
        let mut cursor = None;
        loop {
            let query = ListUsers { limit, cursor };
            let page = store.list_users(&query).await.expect("the store works");
            assert!(page.users.len() <= usize::from(limit));
            listed.extend(page.users.iter().map(|user| user.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected, "in pages of {limit}");
    }
    let query = ListUsers { limit: 1, cursor: None };
    let newest = &store.list_users(&query).await.expect("the store works").users[0];
    assert_eq!((newest.email.as_str(), newest.state), ("user9-5@example.com", State::Pending));
    assert_eq!(newest.fields["country"], FieldValue::Text("FR".into()));
}

async fn one_of_many_at_once_wins(store: Arc<dyn Store>) {
    let entropy = Counting::from(10);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let mut new = sign_up(&entropy, "ada@example.com", number, start());
        new.budgets.iter_mut().for_each(|budget| budget.limit = 100);
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.sign_up(&new).await.expect("the store works") });
    }
    let outcomes = tasks.join_all().await;
    let accepted = outcomes.iter().filter(|outcome| matches!(outcome, SignUpOutcome::Accepted(_))).count();
    let known = outcomes.iter().filter(|outcome| **outcome == SignUpOutcome::Known(Known::CoolingDown)).count();
    assert_eq!((accepted, known), (1, 7));
}
