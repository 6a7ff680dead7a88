//! What a sign-up costs in DynamoDB's units, from the form to the confirmation, as DynamoDB itself counts it.

use std::sync::Arc;

use crate::support::meter::{Meter, Spent};
use crate::support::service::{Service, listed};
use crate::support::{small_config, table};
use serde_json::json;
use signup_service::store::DynamoStore;
use signup_service::user::LOOK_AFTER;

/// A service whose form asks for a name, over a table of its own, and the meter of its calls.
async fn metered() -> (Service, Meter) {
    let plain = table::client();
    let name = table::create(&plain).await;
    let meter = Meter::new();
    let mut config = small_config();
    let named = serde_json::json!({ "name": "name", "type": "text", "autocomplete": "name" });
    config.form.fields.push(serde_json::from_value(named).expect("a field"));
    config.security.budgets.ip_per_hour = 1_000;
    config.security.budgets.unproven_per_hour = 1_000;
    let store = DynamoStore::new(meter.client(&plain), name, config.form.name_field());
    (Service::over(config, Arc::new(store)), meter)
}

/// What is spent while everybody of these signs up, is mailed, confirms and is looked after by a sweep, but for what a
/// sweep costs in which nobody signed up.
async fn cost(service: &Service, meter: &Meter, people: std::ops::Range<u32>) -> Spent {
    service.clock.forward(2 * LOOK_AFTER);
    service.sweep().await;
    meter.take();
    service.sweep().await;
    let idle = meter.take();
    // The pace of mails allows what it did at first.
    service.clock.forward(60);
    let (mailed, number) = (service.mailer.sent().len(), people.len());
    for number in people {
        let body = json!({
            "email": format!("person-{number}@example.com"), "name": format!("Person {number}"), "country": "FR",
            "age": 36, "tags": ["a"],
        });
        assert_eq!(service.api("/api/v1/sign-ups", body).await.status.as_u16(), 202);
    }
    let mut spent = meter.take();
    spent.add(work(service, meter).await);
    let sent = service.mailer.sent().split_off(mailed);
    assert_eq!(sent.len(), number);
    for mail in &sent {
        let (_, rest) = mail.text.split_once("/confirm?t=").expect("a link");
        let token = rest.split_whitespace().next().expect("a token");
        assert_eq!(service.api("/api/v1/confirmations", json!({ "token": token })).await.status.as_u16(), 200);
    }
    spent.add(meter.take());
    spent.add(work(service, meter).await);
    service.clock.forward(LOOK_AFTER);
    meter.take();
    service.sweep().await;
    let looked = meter.take();
    spent.write += looked.write - idle.write;
    spent.read += looked.read - idle.read;
    let census = service.census().await;
    assert_eq!(census.confirmed(), u64::try_from(mailed + number).expect("few"));
    spent
}

/// What the worker spends on what the stream would tell it; looking for it here is not the service's cost.
async fn work(service: &Service, meter: &Meter) -> Spent {
    let changes = listed(&*service.worker.ledger.store).await;
    meter.take();
    assert_eq!(service.worker.batch(&changes, service.until()).await, Vec::<String>::new());
    meter.take()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are to be read")]
async fn a_sign_up_costs_at_most_15_units_of_writing_and_3_of_reading() {
    let (service, meter) = metered().await;
    // The first ones find counters that the worker does not know yet, and read each shard of them once.
    let first = cost(&service, &meter, 0..1).await;
    cost(&service, &meter, 1..17).await;
    let alone = cost(&service, &meter, 17..18).await;
    let hundred = cost(&service, &meter, 18..118).await;
    for (spent, whose) in [(first, "the first"), (alone, "alone"), (hundred.each(100.0), "each of a hundred")] {
        let Spent { write, listed, read, .. } = spent;
        println!("{whose}: {write:.2} units of writing, {listed:.2} for the lists, {read:.2} of reading");
        let cold = if whose == "the first" { 1.0 } else { 0.0 };
        assert!(write + listed <= 15.0 && read <= 3.0 + cold, "{whose}: {spent:?}");
    }
}
