//! What the same number of sign-ups costs by other means, each at its own list prices. Pure.

use serde::Serialize;

use super::prices::{Item, Prices, total};

/// Another way to take sign-ups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Other {
    pub name: String,
    /// What the figure holds.
    pub note: String,
    pub amount: f64,
}

/// Beside the `items` of this service.
pub fn all(prices: &Prices, items: &[Item], sign_ups: u32) -> Vec<Other> {
    let (cognito, always_on) = (&prices.others.cognito, &prices.others.always_on);
    // Whoever signs up in a month is active in it; the months after, in which people sign in, are not counted.
    let users = Item::new(&cognito.user, sign_ups.into());
    let shared = [&prices.write, &prices.read, &prices.table, &prices.backup, &prices.mail];
    let shared = items.iter().filter(|item| shared.contains(&&item.price)).cloned();
    let standing = always_on.standing.iter().map(|standing| Item::new(&standing.price, standing.quantity));
    let servers: Vec<Item> = standing.chain(shared).collect();
    vec![
        Other { name: cognito.name.clone(), note: cognito.note.clone(), amount: total([&users]) },
        Other { name: always_on.name.clone(), note: always_on.note.clone(), amount: total(&servers) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_paid_for_by_the_head_and_servers_by_the_hour() {
        let prices = Prices::read();
        let mail = |sign_ups: u32| [Item::new(&prices.mail, sign_ups.into()), Item::new(&prices.alarm, 15.0)];
        let at =
            |sign_ups| all(&prices, &mail(sign_ups), sign_ups).iter().map(|other| other.amount).collect::<Vec<_>>();
        assert_eq!(at(0), [0.0, 56.84]);
        assert_eq!(at(10_000), [150.0, 57.84]);
    }
}
