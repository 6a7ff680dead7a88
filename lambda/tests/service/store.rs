//! One suite for every store: what holds in memory holds on DynamoDB.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::store_counts::{
    a_renamed_user_is_there_once_and_counted_once, an_erased_user_is_gone_and_uncounted, count, counters_can_be_mended,
    each_user_changes_the_counters_once_or_not_at_all, many_at_once_are_counted_exactly,
    what_was_counted_and_not_kept_is_taken_back,
};
use crate::store_news::{
    a_farewell_is_kept_with_the_deletion_and_dropped_once_told, a_forgotten_user_is_uncounted_once,
    what_is_untold_is_found_apart_from_the_mail,
};
use crate::support::{Counting, new_user, rules, submission};
use jiff::Timestamp;
use signup_service::clock::after;
use signup_service::event::Told;
use signup_service::pace::{MailHealth, Quota};
use signup_service::store::{
    Among, CLAIM, Claimed, DynamoStore, From, Group, ListUsers, MemoryStore, Prefix, SHARDS, Saved, SignedUp, Spending,
    Spent, Store, UserPage,
};
use signup_service::user::{FieldValue, MailEnd, MailId, NOTICE_PAUSE, Queue, STREAM_GRACE, State, User, UserId};

#[tokio::test]
async fn the_memory_conforms() {
    conformance(&|| Box::pin(async { Arc::new(MemoryStore::naming(Some("name"))) as Arc<dyn Store> })).await;
}

#[tokio::test]
async fn the_table_conforms() {
    conformance(&|| {
        Box::pin(async {
            let client = crate::support::table::client();
            let table = crate::support::table::create(&client).await;
            Arc::new(DynamoStore::new(client, table, Some("name"))) as Arc<dyn Store>
        })
    })
    .await;
}

type Making = std::pin::Pin<Box<dyn Future<Output = Arc<dyn Store>>>>;

/// Every claim, each on a store of its own.
async fn conformance(make: &dyn Fn() -> Making) {
    a_user_is_kept_whole(&*make().await).await;
    the_faster_of_two_wins(&*make().await).await;
    each_user_changes_the_counters_once_or_not_at_all(&*make().await).await;
    what_was_counted_and_not_kept_is_taken_back(&*make().await).await;
    an_erased_user_is_gone_and_uncounted(&*make().await).await;
    a_renamed_user_is_there_once_and_counted_once(&*make().await).await;
    a_forgotten_user_is_uncounted_once(&*make().await).await;
    counters_can_be_mended(&*make().await).await;
    a_budget_is_spent_and_proofs_are_good_for_once(&*make().await).await;
    a_key_answers_one_request(&*make().await).await;
    the_due_are_found_in_their_shard(&*make().await).await;
    users_are_listed_in_every_order(&*make().await).await;
    who_signed_up_is_found_oldest_first_and_up_to_a_time(&*make().await).await;
    how_the_mail_stands_is_told_as_last_noted(&*make().await).await;
    what_is_untold_is_found_apart_from_the_mail(&*make().await).await;
    a_farewell_is_kept_with_the_deletion_and_dropped_once_told(&*make().await).await;
    of_many_at_once_one_is_kept(make().await).await;
    many_at_once_are_counted_exactly(make().await).await;
}

pub fn start() -> Timestamp {
    "2026-11-22T10:59:00.123Z".parse().expect("a time")
}

/// The user after a refusal.
pub fn refused(user: &User, now: Timestamp) -> Option<User> {
    User::unsubscribe(Some(user.clone()), user.name(), now)
}

pub async fn keep(store: &dyn Store, user: &User) {
    assert_eq!(store.save(user, None).await.expect("the store works"), Saved::Done);
}

pub async fn load(store: &dyn Store, id: UserId) -> Option<User> {
    store.load(id).await.expect("the store works")
}

async fn a_user_is_kept_whole(store: &dyn Store) {
    let entropy = Counting::from(1);
    let user = new_user(&entropy, "Ada@Example.com", 36, start());
    assert_eq!(load(store, user.id).await, None);
    keep(store, &user).await;
    let kept = load(store, user.id).await.expect("the user");
    assert_eq!(kept, user);
    assert_eq!((kept.state, kept.answers.email.as_str()), (State::Pending, "Ada@Example.com"));
    assert_eq!(kept.answers.fields["tags"], FieldValue::Choices(vec!["a".into(), "b".into()]));
    assert_eq!(kept.answers.fields["age"], FieldValue::Integer(36));
    assert_eq!(kept.answers.fields["size"], FieldValue::Number(1.5));
    assert_eq!(kept.answers.fields["letter"], FieldValue::Flag(false));
    // With everything that a user can have.
    let taken = kept.take(&Told::nothing(), u32::MAX, Some("country"), after(start(), 1)).expect("something to do");
    let lease = taken.attempt.expect("a mail").lease;
    assert_eq!(store.save(&taken.user, Some(user.version)).await.expect("the store works"), Saved::Done);
    assert_eq!(load(store, user.id).await, Some(taken.user.clone()));
    let end = MailEnd::Dead { reason: "refused".into(), unanswered: true };
    let dead = taken.user.clone().finish(&lease, &end, MailId([9; 16]), start()).expect("the lease holds");
    let (waiting, _) = User::receive(Some(dead), submission(&entropy, "ada@example.com", 37), &rules(), start());
    let waiting = waiting.expect("the second of the hour");
    assert_eq!(store.save(&waiting, Some(taken.user.version)).await.expect("the store works"), Saved::Done);
    assert_eq!(load(store, user.id).await, Some(waiting));
}

async fn the_faster_of_two_wins(store: &dyn Store) {
    let user = new_user(&Counting::from(2), "ada@example.com", 36, start());
    keep(store, &user).await;
    keep(store, &user).await;
    let one = refused(&user, after(start(), 1)).expect("a change");
    let two = refused(&user, after(start(), 2)).expect("a change");
    assert_eq!(store.save(&one, Some(user.version)).await.expect("the store works"), Saved::Done);
    assert_eq!(store.save(&two, Some(user.version)).await.expect("the store works"), Saved::Changed);
    assert_eq!(store.save(&two, None).await.expect("the store works"), Saved::Changed);
    // An answer that was lost is asked for again.
    assert_eq!(store.save(&one, Some(user.version)).await.expect("the store works"), Saved::Done);
    assert_eq!(load(store, user.id).await, Some(one));
    store.touch_unless(user.id, &[]).await.expect("the store works");
    let nobody = UserId([9; 16]);
    store.touch_unless(nobody, &[]).await.expect("the store works");
    assert_eq!(load(store, nobody).await, None);
}

async fn a_budget_is_spent_and_proofs_are_good_for_once(store: &dyn Store) {
    let spend = async |key: &str, hour, limit, once: Option<&str>| {
        let spending = Spending { key: key.into(), hour, limit, once: once.map(str::to_owned) };
        store.spend(&spending).await.expect("the store works")
    };
    assert_eq!(spend("ip#a", 1, 2, Some("p1")).await, Spent::Done);
    assert_eq!(spend("ip#a", 1, 2, Some("p1")).await, Spent::Repeated);
    assert_eq!(spend("ip#a", 1, 2, Some("p2")).await, Spent::Done);
    assert_eq!(spend("ip#a", 1, 2, Some("p3")).await, Spent::UsedUp);
    assert_eq!(spend("ip#a", 1, 2, Some("p1")).await, Spent::Repeated);
    assert_eq!(spend("ip#a", 1, 2, None).await, Spent::UsedUp);
    assert_eq!(spend("ip#a", 1, 3, None).await, Spent::Done);
    assert_eq!(spend("ip#a", 1, 4, Some("p3")).await, Spent::Done);
    assert_eq!(store.spent("ip#a", 1).await.expect("the store works"), 4);
    // Others and other hours have budgets of their own.
    assert_eq!(spend("ip#b", 1, 1, None).await, Spent::Done);
    assert_eq!(spend("ip#b", 1, 2, Some("p1")).await, Spent::Done);
    assert_eq!(spend("ip#a", 2, 1, Some("p1")).await, Spent::Done);
    assert_eq!(store.spent("ip#c", 1).await.expect("the store works"), 0);
}

async fn a_key_answers_one_request(store: &dyn Store) {
    let claim = async |key: &str, request: &str, seconds| {
        store.claim(key, request, after(start(), seconds)).await.expect("the store works")
    };
    let look = async |request: &str, seconds| {
        store.claimed("k", request, after(start(), seconds)).await.expect("the store works")
    };
    assert_eq!(look("two", 0).await, Claimed::Open, "a look keeps nothing");
    assert_eq!(claim("k", "one", 0).await, Claimed::Open);
    assert_eq!((look("one", 1).await, look("two", 1).await), (Claimed::Open, Claimed::Taken));
    // It was never answered, so it may be tried again.
    assert_eq!(claim("k", "one", 1).await, Claimed::Open);
    assert_eq!(claim("k", "two", 1).await, Claimed::Taken);
    store.fulfil("k").await.expect("the store works");
    store.fulfil("unknown").await.expect("the store works");
    assert_eq!(claim("unknown", "one", 2).await, Claimed::Open);
    assert_eq!(claim("k", "one", 2).await, Claimed::Answered);
    assert_eq!(claim("k", "two", 2).await, Claimed::Taken);
    assert_eq!((look("one", 2).await, look("two", 2).await), (Claimed::Answered, Claimed::Taken));
    assert_eq!(look("two", CLAIM + 1).await, Claimed::Open);
    assert_eq!(claim("k", "two", CLAIM + 1).await, Claimed::Open);
    assert_eq!(claim("k", "two", CLAIM + 2).await, Claimed::Open);
}

async fn due(store: &dyn Store, now: Timestamp, limit: u16) -> Vec<UserId> {
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        all.extend(store.due(Queue::Mail, shard, now, limit).await.expect("the store works"));
    }
    all
}

async fn the_due_are_found_in_their_shard(store: &dyn Store) {
    let entropy = Counting::from(8);
    let mut users = Vec::new();
    for number in 0..6 {
        let mut user = new_user(&entropy, &format!("user{number}@example.com"), 36, after(start(), number));
        if let Some(mail) = &mut user.mail {
            mail.fresh = false;
        }
        keep(store, &user).await;
        users.push(user);
    }
    // One whom the list of those who signed up is enough for.
    keep(store, &new_user(&entropy, "fresh@example.com", 36, start())).await;
    let ids = |users: &[User]| users.iter().map(|user| user.id).collect::<BTreeSet<_>>();
    // The stream has its chance first.
    assert_eq!(due(store, after(start(), STREAM_GRACE - 1), 100).await, []);
    let now = after(start(), STREAM_GRACE + 10);
    assert_eq!(due(store, now, 100).await.into_iter().collect::<BTreeSet<_>>(), ids(&users));
    assert!(due(store, now, 1).await.contains(&users[0].id), "the oldest of its shard comes first");
    // Once its mail was sent, nobody need look at it.
    let taken = users[0].clone().take(&Told::nothing(), 1, None, now).expect("something to do");
    let lease = taken.attempt.expect("a mail").lease;
    let sent = taken.user.finish(&lease, &MailEnd::Sent, MailId([9; 16]), now).expect("the lease holds");
    assert_eq!(store.save(&sent, Some(users[0].version)).await.expect("the store works"), Saved::Done);
    let later = after(now, NOTICE_PAUSE);
    assert_eq!(due(store, later, 100).await.into_iter().collect::<BTreeSet<_>>(), ids(&users[1..]));
}

/// Who is on the pages from the first to the last; going back from there must show the same.
async fn listed(store: &dyn Store, among: &Among, limit: u16) -> Vec<UserId> {
    let page = async |from| {
        let query = ListUsers { among: among.clone(), from, limit };
        let page = store.list_users(&query).await.expect("the store works");
        assert!(page.users.len() <= usize::from(limit));
        page
    };
    let ids = |page: &UserPage| page.users.iter().map(|user| user.id).collect::<Vec<_>>();
    let mut current = page(From::Start).await;
    assert_eq!(current.previous, None);
    let mut pages = vec![ids(&current)];
    while let Some(next) = current.next {
        current = page(From::After(next)).await;
        pages.push(ids(&current));
    }
    for earlier in pages.iter().rev().skip(1) {
        current = page(From::Before(current.previous.expect("a page before"))).await;
        assert_eq!(&ids(&current), earlier, "back through {among:?} in pages of {limit}");
        assert!(current.next.is_some());
    }
    assert_eq!(current.previous, None, "the first again");
    pages.concat()
}

async fn who_signed_up_is_found_oldest_first_and_up_to_a_time(store: &dyn Store) {
    let entropy = Counting::from(12);
    // Over more days than one.
    let at = |number: u32| after(start(), 6 * 3_600 * number);
    let users: Vec<User> =
        (0..7).map(|number| new_user(&entropy, &format!("u{number}@example.com"), 36, at(number))).collect();
    let found = async |behind: &str, until, limit| {
        let found = store.signed_up(behind, at(until), limit).await.expect("the store works");
        let SignedUp { users, last, more, failure } = found;
        assert!(failure.is_none(), "{failure:?}");
        (users, last, more)
    };
    assert_eq!(found("0", 100, 3).await, (vec![], None, false));
    for user in users.iter().rev() {
        keep(store, user).await;
    }
    let place = |user: &User| Some(format!("{:.3}#{}", user.created_at, user.id));
    assert_eq!(found("0", 5, 4).await, (users[..4].to_vec(), place(&users[3]), true));
    let behind = place(&users[3]).expect("a place");
    assert_eq!(found(&behind, 5, 2).await, (users[4..6].to_vec(), place(&users[5]), false));
    assert_eq!(found(&behind, 3, 2).await, (vec![], None, false), "none of those is behind it");
    assert_eq!(found(&behind, 0, 2).await, (vec![], None, false), "nor is one who came before");
    // Whoever changes keeps the place, and whoever is erased is not there.
    let changed = refused(&users[4], start()).expect("a change");
    assert_eq!(store.save(&changed, Some(users[4].version)).await.expect("the store works"), Saved::Done);
    assert_eq!(store.erase(&users[5], None).await.expect("the store works"), Saved::Done);
    assert_eq!(found(&behind, 6, 9).await, (vec![changed, users[6].clone()], place(&users[6]), false));
}

async fn users_are_listed_in_every_order(store: &dyn Store) {
    let entropy = Counting::from(9);
    let mut users = Vec::new();
    // Three days, none of them counted: a list does not wait for the stream.
    for (day, count) in [(0_u32, 5), (3, 7), (9, 6)] {
        for number in 0..count {
            let now = after(start(), day * 86_400 + number);
            let mut user = new_user(&entropy, &format!("User{day}-{number}@example.com"), 36, now);
            let name = format!("{}  Lovelace {day}{number}", if number % 2 == 0 { "Ada" } else { "Byron" });
            user.answers.fields.insert("name".into(), FieldValue::Text(name));
            keep(store, &user).await;
            users.insert(0, user);
        }
    }
    let newest = store.list_users(&ListUsers::newest(1)).await.expect("the store works").users;
    assert_eq!(newest, users[..1]);
    let country = || Among::all(Group::Country("FR".into()));
    assert_eq!(listed(store, &country(), 9).await, [], "nobody is counted yet");
    let last = users.len() - 1;
    let counted = count(store, &users[last..], start()).await;
    users[last] = counted[0].clone();
    let refused = refused(&users[3], start()).expect("a change");
    assert_eq!(store.save(&refused, Some(users[3].version)).await.expect("the store works"), Saved::Done);
    users[3] = refused;

    let of =
        |fits: &dyn Fn(&User) -> bool| users.iter().filter(|user| fits(user)).map(|user| user.id).collect::<Vec<_>>();
    // Of an address that refused before it was confirmed nothing is kept.
    let by = |key: &dyn Fn(&User) -> String, prefix: &str| {
        let kept = users.iter().filter(|user| !user.answers.email.is_empty());
        let mut found: Vec<_> = kept.map(|user| (key(user), user.id)).collect();
        found.retain(|(key, _)| key.starts_with(prefix));
        found.sort();
        found.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    };
    let address = |user: &User| user.answers.email.to_lowercase();
    let name = |user: &User| user.answers.fields["name"].as_text().expect("text").to_lowercase().replace("  ", " ");
    let day = |user: &User| user.created_at.to_string()[..10].to_owned();
    let third = "2026-11-25".to_owned();
    assert_eq!(users.iter().filter(|user| day(user) == third).count(), 7);
    let on = |of, on: &str| Among::Newest { of, on: Some(on.to_owned()) };
    let prefix = |text| Prefix::new(text).expect("long enough");
    for (among, expected) in [
        (Among::ALL, of(&|_| true)),
        (on(Group::All, &third), of(&|user| day(user) == third)),
        (on(Group::All, "2026-11-26"), vec![]),
        (on(Group::All, "2026-11"), of(&|user| day(user).starts_with("2026-11"))),
        (on(Group::Country("FR".into()), &third), vec![]),
        (on(Group::State(State::Pending), &third), of(&|user| user.state == State::Pending && day(user) == third)),
        (Among::all(Group::State(State::Pending)), of(&|user| user.state == State::Pending)),
        (Among::all(Group::State(users[3].state)), vec![users[3].id]),
        (country(), vec![users[last].id]),
        (Among::Address(prefix(" USER3-")), by(&address, "user3-")),
        (Among::Address(prefix("us")), by(&address, "")),
        (Among::Address(prefix("user3-6@example.com")), by(&address, "user3-6@")),
        (Among::Address(prefix("user4")), vec![]),
        (Among::Name(prefix("ADA   love")), by(&name, "ada love")),
        (Among::Name(prefix("by")), by(&name, "by")),
    ] {
        for limit in [1, 4, 6, 18, 50] {
            assert_eq!(listed(store, &among, limit).await, expected, "{among:?} in pages of {limit}");
        }
    }
    assert_eq!(Prefix::new(" u "), None);
}

async fn how_the_mail_stands_is_told_as_last_noted(store: &dyn Store) {
    assert_eq!(store.mail_health().await.expect("the store works"), None);
    let quota = Quota { per_second: 14.0, per_day: 50_000.0, sent: 12.0 };
    let first = MailHealth { at: start(), waiting: 3, quota: Some(quota), looked: Some("x".into()) };
    let second = MailHealth { at: after(start(), 60), waiting: 0, quota: None, looked: None };
    for health in [first, second] {
        store.note_mail(&health).await.expect("the store works");
        assert_eq!(store.mail_health().await.expect("the store works"), Some(health));
    }
}

async fn of_many_at_once_one_is_kept(store: Arc<dyn Store>) {
    let entropy = Counting::from(10);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let user = new_user(&entropy, "ada@example.com", number, start());
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.save(&user, None).await.expect("the store works") });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Saved::Done).count(), 1);
}
