//! List prices in US dollars, with their date and Region: the one file that holds them, read. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a month is billed for. Each field is an item of its own.
#[derive(Debug, Deserialize)]
pub struct Prices {
    pub as_of: String,
    pub region: String,
    pub alarm: Price,
    pub dashboard: Price,
    pub metric: Price,
    pub schedule: Price,
    pub invocation: Price,
    pub arm64: Price,
    pub x86_64: Price,
    pub api: Price,
    pub write: Price,
    pub read: Price,
    pub table: Price,
    pub backup: Price,
    pub mail: Price,
    pub log: Price,
    pub traffic: Price,
    pub balancer: Price,
    pub load: Price,
    pub ipv4: Price,
    pub disk: Price,
    pub instances: Instances,
    pub cognito: Cognito,
    /// What none of the figures holds.
    pub left_out: String,
}

/// What an hour of an instance costs, by its family.
#[derive(Debug, Deserialize)]
pub struct Instances {
    /// Of the size `large`; each size above costs twice as much, and each below half as much.
    large: BTreeMap<String, f64>,
}

#[derive(Debug, Deserialize)]
pub struct Cognito {
    pub name: String,
    pub note: String,
    pub user: Price,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Price {
    pub name: String,
    /// What is counted; empty when the name says it.
    pub unit: String,
    /// How many of them the price is for.
    pub per: u32,
    pub price: f64,
}

impl Prices {
    /// # Panics
    /// Never: a test reads the file.
    pub fn read() -> Self {
        serde_json::from_str(include_str!("prices.json")).expect("the prices parse")
    }
}

impl Instances {
    /// The hour of an instance of this type, and whether that is known. Of a family that is not listed, it is taken for
    /// that of the dearest one.
    pub fn hour(&self, kind: &str) -> (Price, bool) {
        let (family, size) = kind.split_once('.').unwrap_or((kind, ""));
        let dearest = self.large.values().copied().fold(0.0, f64::max);
        let (large, larges) = (self.large.get(family), larges(size));
        let price = large.unwrap_or(&dearest) * larges.unwrap_or(WHOLE);
        let price = Price { name: kind.to_owned(), unit: "hours".to_owned(), per: 1, price };
        (price, large.is_some() && larges.is_some())
    }
}

/// How many of `large` a whole machine is, as those without a virtual one are (`metal`).
const WHOLE: f64 = 96.0;

/// How many of `large` a size is.
fn larges(size: &str) -> Option<f64> {
    Some(match size {
        "nano" => 0.0625,
        "micro" => 0.125,
        "small" => 0.25,
        "medium" => 0.5,
        "large" => 1.0,
        "xlarge" => 2.0,
        many => 2.0 * f64::from(many.strip_suffix("xlarge")?.parse::<u8>().ok()?),
    })
}

/// So much of something, and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    #[serde(flatten)]
    pub price: Price,
    pub quantity: f64,
    /// To the cent, so that nobody takes the rest for known and the lines add up to their total.
    pub amount: f64,
}

impl Item {
    pub fn new(price: &Price, quantity: f64) -> Self {
        let amount = cents(quantity / f64::from(price.per) * price.price);
        Self { price: price.clone(), quantity, amount }
    }

    /// `12,000 requests at $1.00 a million`.
    pub fn calculation(&self) -> String {
        let Price { unit, per, price, .. } = &self.price;
        let space = if unit.is_empty() { "" } else { " " };
        let per = match per {
            1 => String::new(),
            1_000 => " a thousand".to_owned(),
            1_000_000 => " a million".to_owned(),
            per => format!(" for {per}"),
        };
        let exact = (price * 1e6).round() / 1e6;
        let price = if cents(*price) == *price { dollars(*price) } else { format!("${exact}") };
        format!("{}{space}{unit} at {price}{per}", grouped(self.quantity))
    }
}

/// The sum of what was rounded already.
pub fn total<'a>(items: impl IntoIterator<Item = &'a Item>) -> f64 {
    cents(items.into_iter().map(|item| item.amount).sum())
}

pub fn dollars(amount: f64) -> String {
    // A sum of nothing is minus zero.
    let text = format!("{:.2}", amount + 0.0);
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    format!("${}.{cents}", thousands(whole))
}

/// As people write it: commas between the thousands, and three decimals at most where there are few.
pub fn grouped(quantity: f64) -> String {
    if quantity < 100.0 {
        let text = format!("{quantity:.3}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    thousands(&format!("{quantity:.0}"))
}

fn thousands(digits: &str) -> String {
    let comma = |(at, digit): (usize, char)| {
        let comma = (at > 0 && (digits.len() - at).is_multiple_of(3)).then_some(',');
        comma.into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(comma).collect()
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_of_nothing_is_nothing() {
        assert_eq!(dollars(total([])), "$0.00");
    }

    #[test]
    fn an_instance_costs_by_its_size_and_an_unknown_one_as_much_as_the_dearest() {
        let instances = Prices::read().instances;
        let hour = |kind: &str| {
            let (price, known) = instances.hour(kind);
            (Item::new(&price, 1_000.0).amount, known)
        };
        assert_eq!(hour("t4g.small"), (16.8, true));
        assert_eq!(hour("t3.micro"), (10.4, true));
        assert_eq!(hour("m7g.medium"), (40.8, true));
        assert_eq!(hour("c7g.16xlarge"), (2_320.0, true));
        assert_eq!(hour("q9g.small"), (28.98, false));
        assert!(!hour("c7g.metal").1 && hour("c7g.metal").0 > hour("c7g.16xlarge").0);
    }

    #[test]
    fn figures_read_as_people_write_them() {
        let of = |quantity, unit: &str, per, price| {
            Item::new(&Price { name: "it".into(), unit: unit.into(), per, price }, quantity).calculation()
        };
        assert_eq!(of(15.0, "", 1, 0.1), "15 at $0.10");
        assert_eq!(of(12_345_678.0, "requests", 1_000_000, 1.0), "12,345,678 requests at $1.00 a million");
        assert_eq!(of(0.018, "GB", 1, 0.5), "0.018 GB at $0.50");
        assert_eq!(of(1_000.0, "units", 1_000_000, 0.625), "1,000 units at $0.625 a million");
        assert_eq!(of(1.0, "mails", 1_000, 0.1), "1 mails at $0.10 a thousand");
        assert_eq!(grouped(0.0004), "0");
        assert_eq!((dollars(1_234_567.891), dollars(0.0)), ("$1,234,567.89".into(), "$0.00".into()));
    }
}
