//! Counters of the table while the months that are over are folded into their years.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use signup_service::census::{Delta, Sums, Tally};
use signup_service::counting::{decide, settle};
use signup_service::store::{DynamoStore, Saved, Store};
use signup_service::user::{FieldValue, State, User};

use crate::support::{Counting, new_user, table};

/// Four years are folded, again and again, while workers go on counting in them.
#[tokio::test]
async fn counters_add_up_wherever_they_are_kept() {
    let client = table::client();
    let name = table::create(&client).await;
    let store = Arc::new(DynamoStore::new(client.clone(), &name, None));
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let counters = async || store.counters(None).await.expect("the store works");
    let tally = |month: i8, state: State| Tally {
        state,
        received: format!("{}-{:02}-07", 2023 + i32::from(month) / 12, month % 12 + 1),
        confirmed: (state == State::Confirmed).then(|| "2026-11-22".into()),
        country: Some("FR".into()),
        ended_by: None,
        ended: None,
    };
    let mut expected = Sums::default();
    for month in 0..47 {
        let mut delta = Delta::default();
        delta.replace(None, Some(&tally(month, State::Pending)));
        store.adjust(&delta).await.expect("the store works");
        expected.apply(&delta);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..3 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for _ in 0..6 {
                match worker {
                    0 | 1 => store.fold("2026-11", now).await.expect("the store works"),
                    _ => {
                        let mut delta = Delta::default();
                        for month in 30..36 {
                            let (old, new) = (tally(month, State::Pending), tally(month, State::Confirmed));
                            delta.replace(Some(&old), Some(&new));
                        }
                        store.adjust(&delta).await.expect("the store works");
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    for month in 30..36 {
        for _ in 0..6 {
            let mut delta = Delta::default();
            delta.replace(Some(&tally(month, State::Pending)), Some(&tally(month, State::Confirmed)));
            expected.apply(&delta);
        }
    }
    assert_eq!(counters().await, expected);
    for _ in 0..2 {
        store.fold("2026-11", now).await.expect("the store works");
        assert_eq!(counters().await, expected);
    }
    let query = client.query().table_name(&name).key_condition_expression("pk = :pk");
    let query = query.expression_attribute_values(":pk", AttributeValue::S("COUNT".into())).send().await;
    let items = query.expect("the table works").items.unwrap_or_default();
    let mut places: Vec<&str> = items.iter().map(|item| item["sk"].as_s().expect("text").as_str()).collect();
    places.retain(|place| !place.starts_with("2026-11"));
    assert_eq!(places, ["YEAR#2023", "YEAR#2024", "YEAR#2025", "YEAR#2026"], "nothing is left beside its year");
    let month = store.counters(Some("2026-11")).await.expect("the store works");
    assert_eq!((month.received_on("2026-11-07"), month.census().days["2026-11-22"].confirmed), (1, 36));
}

/// People of forty countries are counted while a sweeper keeps what changed lately small.
#[tokio::test]
async fn counters_that_changed_lately_stay_few_and_nothing_is_lost_on_the_way() {
    let client = table::client();
    let name = table::create(&client).await;
    // Two processes, neither of which knows what the other wrote.
    let (worker, sweeper) =
        (DynamoStore::new(client.clone(), &name, None), DynamoStore::new(client.clone(), &name, None));
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let entropy = Counting::from(31);
    let user = |number: usize| {
        let mut user = new_user(&entropy, &format!("u{number}@example.com"), 36, now);
        let country = format!("{}{}", char::from(b'A' + u8::try_from(number / 10).expect("few")), number % 10);
        user.answers.fields.insert("country".into(), FieldValue::Text(country));
        user
    };
    let mut expected = Sums::default();
    let count = async |users: Vec<User>, expected: &mut Sums| {
        let mut pairs = Vec::new();
        for user in users {
            assert_eq!(worker.save(&user, None).await.expect("the store works"), Saved::Done);
            let counted = user.clone().counted_as_is(7, Some("country")).expect("not counted yet");
            expected.add_tally(counted.counted.as_ref().expect("a tally"));
            pairs.push((user, counted));
        }
        let settled = settle(&worker, &pairs, now).await.expect("the store works");
        assert_eq!((settled.kept.len(), settled.failure.is_none()), (pairs.len(), true));
    };
    for part in 0..8 {
        let users = (0..20).map(|number| user(part * 20 + number)).collect();
        let (_, folded) = tokio::join!(count(users, &mut expected), sweeper.fold("2026-11", now));
        folded.expect("the store works");
        for store in [&worker, &sweeper] {
            assert_eq!(store.counters(None).await.expect("the store works"), expected);
        }
    }
    sweeper.fold("2026-11", now).await.expect("the store works");
    assert_eq!(sweeper.counters(Some("2026-11")).await.expect("the store works"), expected);
    let query = client.query().table_name(&name).key_condition_expression("pk = :pk AND begins_with(sk, :recent)");
    let query = query.expression_attribute_values(":pk", AttributeValue::S("COUNT".into()));
    let items = query.expression_attribute_values(":recent", AttributeValue::S("RECENT.".into())).send().await;
    let items = items.expect("the table works").items.unwrap_or_default();
    let held = |item: &HashMap<String, AttributeValue>| item.values().filter(|value| value.is_n()).count() - 1;
    let notes = |item: &HashMap<String, AttributeValue>| item.keys().filter(|name| name.starts_with('~')).count();
    assert_eq!(items.len(), 4);
    assert!(items.iter().map(held).sum::<usize>() < 100, "most of 160 countries were moved");
    // Those of the last part alone: the others were dropped with what came after.
    let notes: usize = items.iter().map(notes).sum();
    assert!((1..=20).contains(&notes), "{notes}");
    // Whoever confirms is counted on top of what was moved.
    let later = sweeper.notes(now).await.expect("the store works");
    let kept = worker.load(later[0].user).await.expect("the store works").expect("a user");
    let confirmed = User { state: State::Confirmed, version: kept.version + 1, ..kept.clone() };
    assert_eq!(worker.save(&confirmed, Some(kept.version)).await.expect("the store works"), Saved::Done);
    let counted = confirmed.clone().counted_as_is(8, Some("country")).expect("counted otherwise");
    settle(&worker, &[(confirmed, counted)], now).await.expect("the store works");
    assert_eq!(sweeper.counters(None).await.expect("the store works").census().confirmed(), 1);
}

/// Ten processes count at once, none of which knows what the others wrote, and the sweeper moves what they counted.
#[tokio::test]
async fn of_many_processes_each_counts_exactly() {
    let client = table::client();
    let name = table::create(&client).await;
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let mut tasks = tokio::task::JoinSet::new();
    for process in 0..10 {
        let store = DynamoStore::new(client.clone(), &name, None);
        tasks.spawn(async move {
            let entropy = Counting::from(40 + process);
            for number in 0..8 {
                let user = new_user(&entropy, &format!("u{process}-{number}@example.com"), 36, now);
                assert_eq!(store.save(&user, None).await.expect("the store works"), Saved::Done);
                let counted = user.clone().counted_as_is(7, Some("country")).expect("not counted yet");
                // Whoever was busy for too long comes again, as the stream has it.
                let mut settled = settle(&store, &[(user.clone(), counted.clone())], now).await;
                for _ in 0..5 {
                    match settled {
                        Err(error) if error.is_passing() => {
                            settled = settle(&store, &[(user.clone(), counted.clone())], now).await;
                        }
                        _ => break,
                    }
                }
                assert_eq!(settled.expect("the store works").kept, [user.id]);
                if number == 4 {
                    store.fold("2026-11", now).await.expect("the store works");
                }
            }
        });
    }
    tasks.join_all().await;
    let store = DynamoStore::new(client, &name, None);
    assert_eq!(store.counters(None).await.expect("the store works").census().received(), 80);
}

/// Workers that end after each user know nothing of the notes of those before; the sweeper finds out, and makes room.
#[tokio::test]
async fn notes_that_hold_are_dropped_once_they_are_in_the_way() {
    let client = table::client();
    let name = table::create(&client).await;
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let (entropy, sweeper) = (Counting::from(51), DynamoStore::new(client.clone(), &name, None));
    let mut kept = Vec::new();
    let noted = async || {
        let fresh = DynamoStore::new(client.clone(), &name, None);
        fresh.notes(now).await.expect("the store works").len()
    };
    for number in 0..60 {
        let store = DynamoStore::new(client.clone(), &name, None);
        let user = new_user(&entropy, &format!("u{number}@example.com"), 36, now);
        assert_eq!(store.save(&user, None).await.expect("the store works"), Saved::Done);
        let counted = user.clone().counted_as_is(number, Some("country")).expect("not counted yet");
        settle(&store, &[(user.clone(), counted.clone())], now).await.expect("the store works");
        kept.push(counted);
    }
    assert_eq!(noted().await, 60);
    let before = sweeper.counters(None).await.expect("the store works");
    sweeper.fold("2026-11", now).await.expect("the store works");
    assert_eq!(noted().await, 60, "of none is it known that it holds");
    let notes = sweeper.notes(now).await.expect("the store works");
    decide(&sweeper, &notes, now).await.expect("the store works");
    assert_eq!(sweeper.notes(now).await.expect("the store works"), [], "nobody is looked at twice");
    sweeper.fold("2026-11", now).await.expect("the store works");
    assert_eq!((noted().await, sweeper.counters(None).await.expect("the store works")), (0, before));
    // Whoever is erased leaves no note, wherever it is.
    for user in &kept {
        assert_eq!(sweeper.erase(user, None).await.expect("the store works"), Saved::Done);
    }
    assert_eq!((noted().await, sweeper.counters(None).await.expect("the store works")), (0, Sums::default()));
}
