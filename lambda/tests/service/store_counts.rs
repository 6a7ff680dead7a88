//! What every store keeps of counters, a part of the suite in `store`: each user is counted once, whoever is lost in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use signup_service::census::{Delta, Sums, Tally};
use signup_service::clock::{after, before};
use signup_service::counting::{GONE, Note, decide, settle};
use signup_service::event::{TELL_GRACE, Told};
use signup_service::keys::Name;
use signup_service::store::{Saved, Store};
use signup_service::user::{State, User, UserId};

use crate::store::{keep, load, refused, start};
use crate::store_news::wanted;
use crate::support::{Counting, new_user};

/// Counts users as they are, each in a change of its own.
pub async fn count(store: &dyn Store, users: &[User], now: Timestamp) -> Vec<User> {
    let pairs = taken(users, 1, now);
    let settled = settle(store, &pairs, now).await.expect("the store works");
    assert_eq!((settled.kept.len(), settled.changed.len(), settled.failure.is_none()), (users.len(), 0, true));
    pairs.into_iter().map(|(_, user)| user).collect()
}

/// Users as they are and as they are when counted.
fn taken(users: &[User], by: u32, now: Timestamp) -> Vec<(User, User)> {
    let take =
        |user: &User| user.clone().take(&Told::nothing(), by, Some("country"), now).expect("something to do").user;
    users.iter().map(|user| (user.clone(), take(user))).collect()
}

pub async fn counters(store: &dyn Store) -> Sums {
    store.counters(None).await.expect("the store works")
}

pub async fn each_user_changes_the_counters_once_or_not_at_all(store: &dyn Store) {
    let entropy = Counting::from(3);
    let users: Vec<User> =
        (0..5).map(|number| new_user(&entropy, &format!("u{number}@example.com"), 36, start())).collect();
    for user in &users {
        keep(store, user).await;
    }
    let counted = count(store, &users, start()).await;
    let census = counters(store).await.census();
    assert_eq!(census.states, BTreeMap::from([(State::Pending, 5)]));
    assert_eq!((census.countries["FR"].received, census.days["2026-11-22"].received), (5, 5));
    let month = store.counters(Some("2026-11")).await.expect("the store works");
    assert_eq!(month.received_on("2026-11-22"), 5);
    assert_eq!(store.counters(Some("2026-10")).await.expect("the store works"), Sums::default());
    // One of them changed meanwhile: of that one nothing is counted, and of the others each once.
    let suppressed: Vec<User> = counted.iter().map(|user| refused(user, start()).expect("a change")).collect();
    for user in &suppressed {
        assert_eq!(store.save(user, Some(user.version - 1)).await.expect("the store works"), Saved::Done);
    }
    let changed = User { version: suppressed[2].version + 1, ..suppressed[2].clone() };
    assert_eq!(store.save(&changed, Some(suppressed[2].version)).await.expect("the store works"), Saved::Done);
    let settled = settle(store, &taken(&suppressed, 2, start()), start()).await.expect("the store works");
    assert_eq!((settled.kept.len(), settled.changed), (4, vec![changed.id]));
    let states = counters(store).await.census().states;
    assert_eq!(states, BTreeMap::from([(State::Pending, 1), (State::Suppressed, 4)]));
    assert_eq!(load(store, changed.id).await, Some(changed));
}

/// Counting that is broken off anywhere is finished or taken back, and a late hand changes nothing.
pub async fn what_was_counted_and_not_kept_is_taken_back(store: &dyn Store) {
    let user = new_user(&Counting::from(5), "ada@example.com", 36, start());
    keep(store, &user).await;
    let note = |pair: &(User, User)| Note::of(&pair.0, &pair.1, start()).expect("a change");
    let received = async || counters(store).await.census().received();
    let noted = async || store.notes(Timestamp::MAX).await.expect("the store works");
    let lost = taken(std::slice::from_ref(&user), 7, start()).remove(0);
    for _ in 0..2 {
        store.count(&[note(&lost)]).await.expect("the store works");
        assert_eq!(received().await, 1);
    }
    assert_eq!(noted().await, [note(&lost)]);
    assert_eq!(store.notes(before(start(), 1)).await.expect("the store works"), []);
    // The worker is gone: whoever finds the note wakes another, and whatever the lost one still does is too late.
    for _ in 0..2 {
        decide(store, &[note(&lost)], start()).await.expect("the store works");
        assert_eq!((received().await, noted().await), (0, vec![]));
    }
    assert_eq!(store.save(&lost.1, Some(user.version)).await.expect("the store works"), Saved::Changed);
    let woken = load(store, user.id).await.expect("the user");
    assert!(woken.wakes && woken.version == user.version + 1);
    // This one is kept, and its note holds whoever looks.
    let held = taken(&[woken], 8, start()).remove(0);
    store.count(&[note(&held)]).await.expect("the store works");
    assert_eq!(store.save(&held.1, Some(held.0.version)).await.expect("the store works"), Saved::Done);
    decide(store, &[note(&held)], start()).await.expect("the store works");
    assert_eq!((received().await, noted().await), (1, vec![]));
    // One that was kept and not told so is closed by the next, and one that is gone is not decided.
    let next = refused(&held.1, start()).expect("a change");
    assert_eq!(store.save(&next, Some(held.1.version)).await.expect("the store works"), Saved::Done);
    let next = taken(&[next], 9, start()).remove(0);
    store.count(&[note(&next)]).await.expect("the store works");
    assert_eq!(store.save(&next.1, Some(next.0.version)).await.expect("the store works"), Saved::Done);
    assert_eq!(noted().await.len(), 1);
    assert_eq!(store.erase(&next.1, None).await.expect("the store works"), Saved::Done);
    assert_eq!((counters(store).await, noted().await), (Sums::default(), vec![]));
    // Somebody who is gone may have been kept so. Their end tells, or never comes.
    let gone = Note { is_void: true, ..note(&lost) };
    for ends in [true, false] {
        store.count(&[note(&lost)]).await.expect("the store works");
        decide(store, &[note(&lost)], start()).await.expect("the store works");
        assert_eq!((counters(store).await, noted().await), (Sums::default(), vec![gone.clone()]));
        decide(store, std::slice::from_ref(&gone), after(start(), GONE - 1)).await.expect("the store works");
        assert_eq!(noted().await.len(), 1);
        match ends {
            true => assert!(store.forget("event-1", &lost.1, None, start()).await.expect("the store works")),
            false => decide(store, std::slice::from_ref(&gone), after(start(), GONE)).await.expect("the store works"),
        }
        assert_eq!((counters(store).await, noted().await), (Sums::default(), vec![]));
    }
}

pub async fn an_erased_user_is_gone_and_uncounted(store: &dyn Store) {
    let user = new_user(&Counting::from(4), "ada@example.com", 36, start());
    keep(store, &user).await;
    let counted = count(store, std::slice::from_ref(&user), start()).await.remove(0);
    assert_eq!(store.erase(&user, None).await.expect("the store works"), Saved::Changed);
    assert_eq!(store.erase(&counted, None).await.expect("the store works"), Saved::Done);
    assert_eq!(load(store, user.id).await, None);
    assert_eq!(counters(store).await, Sums::default());
    assert_eq!(store.save(&counted, Some(user.version)).await.expect("the store works"), Saved::Changed);
}

pub async fn a_renamed_user_is_there_once_and_counted_once(store: &dyn Store) {
    let user = refused(&new_user(&Counting::from(6), "ada@example.com", 36, start()), start()).expect("a change");
    keep(store, &user).await;
    let counted = count(store, std::slice::from_ref(&user), start()).await.remove(0);
    let name = Name { id: UserId([6; 16]), keys: 2 };
    let renamed = counted.refusal_as(name, after(start(), 60)).expect("a refusal");
    let farewell = wanted().farewell(&counted, start()).expect("it is wanted");
    let rename = async |user| store.rename(user, &renamed, Some(&farewell)).await.expect("the store works");
    // As it was loaded, and where nobody is.
    assert_eq!((rename(&user).await, load(store, name.id).await), (Saved::Changed, None));
    let other = User { id: name.id, ..new_user(&Counting::from(7), "bob@example.com", 36, start()) };
    keep(store, &other).await;
    assert_eq!(rename(&counted).await, Saved::Changed);
    assert_eq!([load(store, user.id).await, load(store, name.id).await], [Some(counted.clone()), Some(other.clone())]);
    assert_eq!(store.erase(&other, None).await.expect("the store works"), Saved::Done);
    assert_eq!(rename(&counted).await, Saved::Done);
    assert_eq!([load(store, user.id).await, load(store, name.id).await], [None, Some(renamed.clone())]);
    assert_eq!((rename(&counted).await, counters(store).await), (Saved::Changed, Sums::default()));
    let farewells = store.farewells(after(start(), TELL_GRACE), 10).await.expect("the store works");
    assert_eq!(farewells, [farewell], "who knows the former name is told once");
    count(store, std::slice::from_ref(&renamed), start()).await;
    assert_eq!(counters(store).await.census().states, BTreeMap::from([(State::Suppressed, 1)]));
}

pub async fn counters_can_be_mended(store: &dyn Store) {
    let tally = Tally {
        state: State::Confirmed,
        received: "2026-10-31".into(),
        confirmed: Some("2026-11-01".into()),
        country: None,
        ended_by: None,
        ended: None,
    };
    let mut expected = Sums::default();
    expected.add_tally(&tally);
    let delta = Delta::of(&expected);
    store.adjust(&delta).await.expect("the store works");
    assert_eq!(counters(store).await, expected);
}

pub async fn many_at_once_are_counted_exactly(store: Arc<dyn Store>) {
    let entropy = Counting::from(11);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..6 {
        let users: Vec<User> =
            (0..20).map(|number| new_user(&entropy, &format!("u{worker}-{number}@example.com"), 36, start())).collect();
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for user in &users {
                keep(&*store, user).await;
            }
            count(&*store, &users, start()).await;
        });
    }
    tasks.join_all().await;
    assert_eq!(counters(&*store).await.census().received(), 120);
}
