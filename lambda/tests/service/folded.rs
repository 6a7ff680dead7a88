//! Counters of the table while the months that are over are folded into their years.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use signup_service::census::{Delta, Sums, Tally};
use signup_service::store::{DynamoStore, Store};
use signup_service::user::State;

use crate::support::table;

/// Four years are folded, again and again, while workers go on counting in them.
#[tokio::test]
async fn counters_add_up_wherever_they_are_kept() {
    let client = table::client();
    let name = table::create(&client).await;
    let store = Arc::new(DynamoStore::new(client.clone(), &name, None));
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
                    0 | 1 => store.fold("2026-11").await.expect("the store works"),
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
        store.fold("2026-11").await.expect("the store works");
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
