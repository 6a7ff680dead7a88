//! What the same number of sign-ups costs by other means. Pure.

use serde::Serialize;

use super::month::items;
use super::prices::{Item, Prices, grouped, total};
use super::servers::Servers;
use crate::spec::{Domain, Spec};

/// Another way to take sign-ups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Other {
    pub name: String,
    /// What the figure holds.
    pub note: String,
    pub amount: f64,
}

/// Beside what the spec asks for: its other topology, and what does not run this service at all.
pub fn all(prices: &Prices, spec: &Spec, sign_ups: u32) -> Vec<Other> {
    let elsewhere = elsewhere(spec);
    let stacks = super::evaluated(&elsewhere);
    let note = Servers::of(&stacks).map_or_else(
        || "an HTTP API and functions; nothing stands".to_owned(),
        |servers| format!("a load balancer, {} {} in two zones", grouped(servers.least), servers.kind),
    );
    let cognito = &prices.cognito;
    // Whoever signs up in a month is active in it; the months after, in which people sign in, are not counted.
    let users = Item::new(&cognito.user, sign_ups.into());
    vec![
        Other { name: elsewhere.topology.name().to_owned(), note, amount: total(&items(prices, &stacks, sign_ups)) },
        Other { name: cognito.name.clone(), note: cognito.note.clone(), amount: total([&users]) },
    ]
}

/// The same service in the other topology. A load balancer needs a domain, and what it is called costs nothing.
pub fn elsewhere(spec: &Spec) -> Spec {
    let made_up = || Domain { name: "join.example.com".to_owned(), certificate_arn: String::new() };
    Spec { topology: spec.topology.other(), domain: Some(spec.domain.clone().unwrap_or_else(made_up)), ..spec.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cost::Bill;
    use crate::engine::cost::tests::spec;

    #[test]
    fn users_are_paid_for_by_the_head() {
        let at = |sign_ups| all(&Prices::read(), &spec("waitlist.yaml"), sign_ups)[1].amount;
        assert_eq!((at(0), at(10_000)), (0.0, 150.0));
    }

    #[test]
    fn each_topology_tells_the_other_at_what_it_costs_by_itself() {
        for name in ["waitlist.yaml", "high-performance.yaml", "full.yaml"] {
            let here = spec(name);
            let there = elsewhere(&here);
            for sign_ups in [0, 10_000, 20_000_000] {
                let told = Bill::of(&here, sign_ups).others[0].clone();
                assert_eq!(told.name, there.topology.name());
                assert_eq!(told.amount, Bill::of(&there, sign_ups).total);
            }
        }
    }
}
