//! What a sign-up costs in DynamoDB's units, from the form to the confirmation, as DynamoDB itself counts it, and what the
//! sweeper's part in it comes to.

use std::sync::Arc;

use serde_json::json;
use signup_service::clock::after;
use signup_service::keys::AddressKey;
use signup_service::ledger::Ledger;
use signup_service::store::{DynamoStore, Store};
use signup_service::worker::Worker;

use crate::bots::proof;
use crate::support::meter::{Meter, Spent};
use crate::support::service::{Service, listed};
use crate::support::{address_key, replaced_key, small_config, table};

/// For how many minutes the sweeper is watched after a confirmation: until it has judged of what was counted then.
const AFTERWARDS: u32 = 8;

/// Where they come from, one after the other.
const COUNTRIES: [&str; 12] = ["FR", "DE", "NZ", "IT", "ES", "US", "BR", "IN", "JP", "KE", "GB", "MX"];

/// A service whose form asks for a name, over a table of its own. Every call to it is metered.
struct Metered {
    service: Service,
    /// A process of its own.
    sweeper: Worker,
    meter: Meter,
    store: Box<dyn Fn() -> Arc<dyn Store>>,
}

/// What sign-ups cost.
#[derive(Clone, Debug, Default)]
struct Cost {
    /// From the challenge to the confirmation, of whoever answers and whoever follows the stream.
    path: Spent,
    /// What the sweeper does meanwhile and afterwards.
    swept: Spent,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.path.add(other.path);
        self.swept.add(other.swept);
    }
}

impl Metered {
    async fn new(key: &AddressKey) -> Self {
        let plain = table::client();
        let name = table::create(&plain).await;
        let meter = Meter::new();
        let mut config = small_config();
        let named = json!({ "name": "name", "type": "text", "autocomplete": "name" });
        config.form.fields.push(serde_json::from_value(named).expect("a field"));
        config.security.budgets.ip_per_hour = 10_000;
        let (client, name_field) = (meter.client(&plain), config.form.name_field().map(str::to_owned));
        let store = Box::new(move || -> Arc<dyn Store> {
            Arc::new(DynamoStore::new(client.clone(), &name, name_field.as_deref()))
        });
        let service = Service::over(config, store()).with_key(key.clone());
        let sweeper = over(&service.worker, store());
        Self { service, sweeper, meter, store }
    }

    /// Everybody of these signs up, each with a proof of work, is mailed, and confirms so many minutes later. The worker is a
    /// process that knows nothing yet; the sweeper comes every minute.
    async fn cost(&mut self, people: std::ops::Range<u32>, confirms_after: u32) -> Cost {
        self.service.worker = over(&self.service.worker, (self.store)());
        let Self { service, meter, .. } = &*self;
        let (mailed, mut cost) = (service.mailer.sent().len(), Cost::default());
        meter.take();
        for number in people.clone() {
            let country = COUNTRIES[usize::try_from(number).expect("few") % COUNTRIES.len()];
            let body = json!({
                "email": format!("person-{number}@example.com"), "name": format!("Person {number}"), "age": 36,
                "country": country, "tags": ["a"], "altcha": proof(service, "192.0.2.7").await,
            });
            assert_eq!(service.api("/api/v1/sign-ups", body).await.status.as_u16(), 202);
        }
        cost.path.add(meter.take());
        cost.path.add(self.work().await);
        cost.swept.add(self.sweep(confirms_after).await);
        let sent = service.mailer.sent().split_off(mailed);
        assert_eq!(sent.len(), people.len());
        for mail in &sent {
            let (_, rest) = mail.text.split_once("/confirm?t=").expect("a link");
            let token = rest.split_whitespace().next().expect("a token");
            assert_eq!(service.api("/api/v1/confirmations", json!({ "token": token })).await.status.as_u16(), 200);
        }
        cost.path.add(meter.take());
        cost.path.add(self.work().await);
        cost.swept.add(self.sweep(AFTERWARDS).await);
        let confirmed = service.census().await.confirmed();
        assert_eq!(confirmed, u64::try_from(mailed + people.len()).expect("few"));
        cost
    }

    /// So many lives one after the other, of so many people at once each, every one on a day of its own.
    async fn lives(&mut self, count: u32, people: u32, confirms_after: u32) -> Cost {
        let mut cost = Cost::default();
        for life in 0..count {
            cost.add(self.cost(life * people..(life + 1) * people, confirms_after).await);
            self.service.clock.forward(26 * 3_600);
        }
        cost
    }

    /// What the worker spends on what the stream would tell it; looking for it here is not the service's cost.
    async fn work(&self) -> Spent {
        let worker = &self.service.worker;
        let changes = listed(&*worker.ledger.store).await;
        self.meter.take();
        assert_eq!(worker.batch(&changes, self.service.until()).await, Vec::<String>::new());
        self.meter.take()
    }

    /// What the sweeper spends in so many minutes.
    async fn sweep(&self, minutes: u32) -> Spent {
        self.meter.take();
        for _ in 0..minutes {
            let now = self.service.clock.forward(60);
            self.sweeper.sweep(after(now, 50)).await.expect("a sweep");
        }
        self.meter.take()
    }
}

fn over(worker: &Worker, store: Arc<dyn Store>) -> Worker {
    Worker { ledger: Ledger { store, ..worker.ledger.clone() }, ..worker.clone() }
}

#[expect(clippy::print_stdout, reason = "the figures are to be read")]
async fn costs(whose: &str, key: &AddressKey, most: [f64; 2], [lives, people, confirms_after]: [u32; 3]) {
    let cost = Metered::new(key).await.lives(lives, people, confirms_after).await;
    // What a sweep costs anyway is what the same sweeps cost where nobody signs up.
    let idle = Metered::new(key).await.lives(lives, 0, confirms_after).await;
    let refused = cost.path.refused + cost.swept.refused;
    let (path, swept) = (cost.path.each(lives * people), cost.swept.less(&idle.swept).each(lives * people));
    println!(
        "{whose}: {:.2} units of writing, {:.2} for the lists, {:.2} of reading; by the sweeper {:.2} and {:.2}",
        path.write, path.listed, path.read, swept.write, swept.read
    );
    assert_eq!((refused, swept.listed), (0, 0.0), "what is refused consumes what nobody tells");
    assert!(path.write + path.listed <= most[0] && path.read <= most[1], "{whose}: {path:?}");
    assert!(swept.write <= 0.75 && swept.read <= 1.0, "{whose}: {swept:?}");
}

#[tokio::test]
async fn a_sign_up_alone_costs_at_most_15_units_of_writing_and_3_of_reading() {
    costs("alone", &address_key(), [15.0, 2.0], [40, 1, 1]).await;
}

#[tokio::test]
async fn a_sign_up_that_is_confirmed_late_costs_no_more() {
    costs("confirmed late", &address_key(), [15.0, 2.0], [16, 1, 6]).await;
}

#[tokio::test]
async fn of_a_hundred_sign_ups_at_once_none_costs_more() {
    costs("each of a hundred", &address_key(), [15.0, 2.0], [1, 100, 1]).await;
}

/// A transaction takes twice the units, and looks whether somebody is under the other name.
#[tokio::test]
async fn after_a_replaced_key_a_sign_up_costs_some_units_more() {
    costs("by a replaced key", &replaced_key(false), [18.0, 2.5], [16, 1, 1]).await;
}
