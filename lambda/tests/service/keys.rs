//! The key of addresses is replaced: everybody is found by whichever name they have, and nobody becomes two.

use serde_json::json;
use signup_service::clock::{after, before};
use signup_service::config::EventType;
use signup_service::event::{Tell, Untold, Wanted};
use signup_service::keys::AddressKey;
use signup_service::refusals::{self, Renamed};
use signup_service::store::{DynamoStore, MemoryStore, Saved, Store, StoreError};
use signup_service::user::{State, User, UserId};

use crate::store::{keep, load, refused, start};
use crate::store_news::wanted;
use crate::support::service::{Failing, Service, listed};
use crate::support::{Counting, new_user, replaced_key, small_config, table};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

async fn states(service: &Service) -> Vec<(String, State, u8)> {
    let changes = listed(&*service.worker.ledger.store).await;
    let failed = service.worker.batch(&changes, service.until()).await;
    assert_eq!(failed, Vec::<String>::new());
    let mut all: Vec<_> = service.users().into_iter().map(|user| (user.answers.email, user.state, user.keys)).collect();
    all.sort();
    all
}

#[tokio::test]
async fn whoever_was_there_before_is_known_by_every_way() {
    for is_halfway in [true, false] {
        let service = Service::new(small_config());
        service.api("/api/v1/sign-ups", json!({ "email": ADA, "age": 36 })).await;
        service.work().await;
        let (code, unsubscribe) = (service.code(), service.unsubscribe_token());
        let service = service.with_key(replaced_key(is_halfway));
        let newest = if is_halfway { 1 } else { 2 };
        // Signs up once more, confirms by the digits that she was mailed before, and is no other.
        assert_eq!(service.api("/api/v1/sign-ups", json!({ "email": ADA, "age": 36 })).await.status, 202);
        assert_eq!(service.api("/api/v1/confirmations", json!({ "email": ADA, "code": code })).await.status, 200);
        assert_eq!(service.api("/api/v1/sign-ups", json!({ "email": BOB, "age": 36 })).await.status, 202);
        let both = [(ADA.into(), State::Confirmed, 1), (BOB.into(), State::Pending, newest)];
        assert_eq!(states(&service).await, both);
        // Who is new is known by their own mail, which brings what stands for the address under every key.
        assert_eq!(
            service.api("/api/v1/confirmations", json!({ "email": BOB, "code": service.code() })).await.status,
            200
        );
        service.complain(BOB).await;
        assert!(service.form("/unsubscribe", &format!("t={unsubscribe}")).await.status.is_success());
        let both = [(ADA.into(), State::Unsubscribed, 1), (BOB.into(), State::Suppressed, newest)];
        assert_eq!(states(&service).await, both);
    }
}

#[tokio::test]
async fn a_link_of_before_ends_the_mail_of_whoever_came_back_under_another_name() {
    let service = Service::new(small_config());
    service.bring(ADA, Some(State::Confirmed)).await;
    let former = service.unsubscribe_token();
    let erase = async |service: &Service| {
        let user = service.user(ADA).await.expect("there");
        assert_eq!(service.store.erase(&user, None).await.expect("the store works"), Saved::Done);
    };
    erase(&service).await;
    let service = service.with_key(replaced_key(false));
    service.bring(ADA, Some(State::Confirmed)).await;
    let new = service.unsubscribe_token();
    assert_eq!(former, new, "an address has one link for all time");
    assert!(service.form("/unsubscribe", &format!("t={former}")).await.status.is_success());
    assert_eq!(states(&service).await, [(ADA.into(), State::Unsubscribed, 2)]);
    // Of nobody who is there any more a refusal is kept, under the name that they would have.
    erase(&service).await;
    assert!(service.form("/unsubscribe", &format!("t={new}")).await.status.is_success());
    assert_eq!(states(&service).await, [(String::new(), State::Suppressed, 2)]);
    service.api("/api/v1/sign-ups", json!({ "email": ADA, "age": 36 })).await;
    assert_eq!(states(&service).await, [(String::new(), State::Suppressed, 2)]);
}

#[tokio::test]
async fn a_page_that_waits_for_the_digits_outlives_a_replacement() {
    let service = Service::new(small_config());
    let there = service.form("/sign-up", "email=ada%40example.com&age=36").await;
    let (_, waiting) = there.header("location").split_once("u=").expect("whose it is");
    service.work().await;
    let (code, waiting) = (service.code(), waiting.to_owned());
    let service = service.with_key(replaced_key(false));
    let confirmed = service.form("/confirm", &format!("u={waiting}&code={code}")).await;
    assert_eq!(confirmed.header("location"), "welcome", "{confirmed:?}");
    // What stands for an address is the same by every key, and tells nothing of who was there when.
    let again = service.form("/sign-up", "email=ada%40example.com&age=36").await;
    assert_eq!(again.header("location"), there.header("location"));
}

/// Of two that come at once, under one key each, one is kept: here the one that finds the other there already.
#[tokio::test]
async fn nobody_is_kept_beside_another_name() {
    let client = table::client();
    let name = table::create(&client).await;
    let store = DynamoStore::new(client, name, Some("name"));
    beside(&store).await;
    beside(&MemoryStore::default()).await;
}

async fn beside(store: &dyn Store) {
    let user = new_user(&Counting::from(1), ADA, 36, start());
    let other = replaced_key(false).names(user.id).first;
    let others = [other.id];
    let save = async |user: &User, over| store.save_unless(user, over, &others).await.expect("the store works");
    assert_eq!(save(&user, None).await, Saved::Done);
    assert_eq!(save(&user, None).await, Saved::Done, "an answer that was lost is asked for again");
    let next = refused(&user, start()).expect("a change");
    assert_eq!(save(&next, Some(user.version)).await, Saved::Done);
    assert_eq!(save(&next, Some(user.version)).await, Saved::Done);
    store.touch_unless(user.id, &others).await.expect("the store works");
    assert_eq!(load(store, user.id).await, Some(next.clone()));
    // By now somebody is there under the other.
    keep(store, &User { id: other.id, keys: 2, ..user.clone() }).await;
    let last = User { version: next.version + 1, ..next.clone() };
    assert_eq!(save(&last, Some(next.version)).await, Saved::Changed);
    assert_eq!(save(&User { version: 7, ..last.clone() }, None).await, Saved::Changed);
    assert_eq!(load(store, user.id).await, Some(next));
    store.touch_unless(user.id, &others).await.expect("the store works");
}

#[tokio::test]
async fn refusals_alone_move_to_the_name_in_force() {
    let service = Service::new(small_config());
    let store = &*service.store;
    let entropy = Counting::from(1);
    let new = |address| new_user(&entropy, address, 36, start());
    let refusal = |address| refused(&new(address), start()).expect("a change");
    // Of one, subscribers are still to be told something.
    let pending = Tell { kind: EventType::Unsubscribed, version: 7, state: State::Suppressed, at: start(), mail: None };
    let untold = Some(Untold { due_at: start(), tells: vec![pending.clone()] });
    let (ada, bob, eve) = (User { untold, ..refusal(ADA) }, new(BOB), refusal("eve@example.com"));
    // By the new key already, and one in whose place somebody is.
    let named = User { id: UserId([9; 16]), keys: 2, ..refusal("dan@example.com") };
    let moved = |user: &User| replaced_key(false).names(user.id).first.id;
    let oldest = User { created_at: before(start(), 60), ..new("flo@example.com") };
    let twice = refused(&oldest, start()).expect("a change");
    let there = User { id: moved(&twice), keys: 2, ..twice.clone() };
    for user in [&ada, &bob, &eve, &named, &twice, &there] {
        keep(store, user).await;
    }
    let rename = async |store: &dyn Store, key: &AddressKey| {
        refusals::rename(store, key, &wanted(), &*service.clock, drop).await.expect("the store works")
    };
    assert_eq!(rename(store, &replaced_key(true)).await, Renamed::default(), "the new key names nobody yet");
    // What is to be told is not dropped by whoever knows of no subscribers.
    let deaf = Wanted::of(&small_config());
    let untold = User { untold: ada.untold.clone(), ..refusal("gus@example.com") };
    let other = MemoryStore::default();
    keep(&other, &untold).await;
    let left = refusals::rename(&other, &replaced_key(false), &deaf, &*service.clock, drop).await;
    assert_eq!(left.expect("the store works"), Renamed { refusals: 0, left: 1 });
    assert_eq!(load(&other, untold.id).await, Some(untold));
    // Where the table is busy with one, it is left, and the others are not.
    let busy = Failing::of(&service, StoreError::busy("x", "y"), [("rename", 1)]);
    assert_eq!(rename(&busy, &replaced_key(false)).await, Renamed { refusals: 1, left: 2 });
    assert_eq!(rename(store, &replaced_key(false)).await, Renamed { refusals: 1, left: 1 });
    for id in [moved(&ada), moved(&eve), bob.id, named.id, twice.id, there.id] {
        assert!(load(store, id).await.is_some());
    }
    let mut gone = Vec::new();
    for user in [&ada, &eve] {
        assert_eq!(load(store, user.id).await, None);
        gone.push(user.id);
    }
    let farewells = store.farewells(after(start(), 7_200), 10).await.expect("the store works");
    let mut told: Vec<_> = farewells.iter().map(|farewell| farewell.id).collect();
    gone.sort();
    told.sort();
    assert_eq!(told, gone, "subscribers know them by these");
    let of_ada = farewells.iter().find(|farewell| farewell.id == ada.id).expect("of Ada");
    assert_eq!((&of_ada.tells[0], of_ada.tells[1].kind), (&pending, EventType::Erased));
}
