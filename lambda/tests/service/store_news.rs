//! What every store does with news, and of those who are gone: a part of its conformance suite.

use crate::store::keep;
use crate::store_counts::{count, counters};
use crate::support::{Counting, new_user};
use jiff::Timestamp;
use signup_service::census::Sums;
use signup_service::clock::after;
use signup_service::config::EventType;
use signup_service::event::{TELL_GRACE, Told, Wanted};
use signup_service::store::{SHARDS, Saved, Store};
use signup_service::user::{MailEnd, MailId, Queue, User, UserId};

fn start() -> Timestamp {
    "2026-11-22T10:59:00.123Z".parse().expect("a time")
}

pub fn wanted() -> Wanted {
    let mut config = crate::support::small_config();
    config.notifications.events = EventType::ALL.to_vec();
    Wanted::of(&config)
}

/// Somebody who signed up, with what is to be told of it.
async fn kept(store: &dyn Store, entropy: &Counting, email: &str) -> User {
    let user = wanted().note(None, new_user(entropy, email, 36, start()), start());
    assert_eq!(store.save(&user, None).await.expect("the store works"), Saved::Done);
    assert_eq!(store.load(user.id).await.expect("the store works").as_ref(), Some(&user));
    user
}

async fn due(store: &dyn Store, queue: Queue, now: Timestamp) -> Vec<UserId> {
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        all.extend(store.due(queue, shard, now, 100).await.expect("the store works"));
    }
    all
}

pub async fn what_is_untold_is_found_apart_from_the_mail(store: &dyn Store) {
    let fresh = kept(store, &Counting::from(20), "ada@example.com").await;
    let now = after(start(), TELL_GRACE);
    assert_eq!((due(store, Queue::Mail, now).await, due(store, Queue::News, now).await), (vec![], vec![]));
    let user = fresh.clone().set_aside(&Told::nothing(), 1, None, now);
    assert_eq!(store.save(&user, Some(fresh.version)).await.expect("the store works"), Saved::Done);
    // While there is a mail, whoever sends it tells.
    assert_eq!((due(store, Queue::Mail, now).await, due(store, Queue::News, now).await), (vec![user.id], vec![]));
    let taken = user.clone().take(&Told::nothing(), 1, None, start()).expect("something to do");
    let lease = taken.attempt.expect("a mail").lease;
    let sent = taken.user.finish(&lease, &MailEnd::Sent, MailId([9; 16]), start()).expect("the lease holds");
    assert_eq!(store.save(&sent, Some(user.version)).await.expect("the store works"), Saved::Done);
    assert_eq!((due(store, Queue::Mail, now).await, due(store, Queue::News, now).await), (vec![], vec![user.id]));
    assert_eq!(due(store, Queue::News, after(start(), TELL_GRACE - 1)).await, [], "the stream has its chance first");
    let told = sent.clone().take(&Told::Everything, 1, None, now).expect("something to do").user;
    assert_eq!(store.save(&told, Some(sent.version)).await.expect("the store works"), Saved::Done);
    assert_eq!(due(store, Queue::News, after(now, 86_400)).await, []);
}

pub async fn a_farewell_is_kept_with_the_deletion_and_dropped_once_told(store: &dyn Store) {
    let entropy = Counting::from(21);
    let (ada, bob) = (kept(store, &entropy, "ada@example.com").await, kept(store, &entropy, "bob@example.com").await);
    let farewells = async |seconds| store.farewells(after(start(), seconds), 10).await.expect("the store works");
    let stale = wanted().farewell(&ada, start()).expect("it is wanted");
    let other = User { version: ada.version - 1, ..ada.clone() };
    assert_eq!(store.erase(&other, Some(&stale)).await.expect("the store works"), Saved::Changed);
    assert_eq!(farewells(86_400).await, [], "nothing was done");
    let of_ada = wanted().farewell(&ada, start()).expect("it is wanted");
    let of_bob = wanted().farewell(&bob, after(start(), 60)).expect("it is wanted");
    assert_eq!(store.erase(&ada, Some(&of_ada)).await.expect("the store works"), Saved::Done);
    for (first, seconds) in [(true, 60), (false, 61)] {
        let now = after(start(), seconds);
        assert_eq!(store.forget("event-7", &bob, Some(&of_bob), now).await.expect("the store works"), first);
    }
    assert_eq!(farewells(TELL_GRACE - 1).await, [], "the stream has its chance first");
    assert_eq!(farewells(TELL_GRACE).await, std::slice::from_ref(&of_ada));
    assert_eq!(farewells(TELL_GRACE + 60).await, [of_ada.clone(), of_bob.clone()]);
    for _ in 0..2 {
        store.drop_farewell(&of_ada).await.expect("the store works");
        assert_eq!(farewells(TELL_GRACE + 60).await, std::slice::from_ref(&of_bob));
    }
    // Told or not, it comes again with no answer, and no address.
    assert!(!serde_json::to_string(&of_bob).expect("JSON").contains("example"));
}

pub async fn a_forgotten_user_is_uncounted_once(store: &dyn Store) {
    let user = new_user(&Counting::from(5), "ada@example.com", 36, start());
    keep(store, &user).await;
    let counted = count(store, &[user], start()).await.remove(0);
    for (first, seconds) in [(true, 0), (false, 1), (false, 86_400)] {
        let now = after(start(), seconds);
        assert_eq!(store.forget("event-1", &counted, None, now).await.expect("the store works"), first);
        assert_eq!(counters(store).await, Sums::default());
    }
}
