//! What a month costs, from what the stacks hold and how many sign up. Pure.
//!
//! By the list prices of one Region and without free tiers, which are for the whole account. Storage is that of one
//! month's sign-ups: it adds up with every month that they are kept.

mod others;
mod prices;

use serde::Serialize;
use serde_json::Value;

use super::evaluate::{Evaluated, Resource};
pub use others::Other;
pub use prices::{Item, dollars, grouped};
use prices::{Price, Prices};

/// Sign-ups a month when nobody names a number.
pub const SIGN_UPS: u32 = 1_000;

/// Requests of one sign-up: form, style sheet, script, icon, challenge and its target, then the same of confirmation.
const REQUESTS: f64 = 12.0;

/// Seconds of a request, cold starts shared among all; the function itself takes a few milliseconds.
const REQUEST_SECONDS: f64 = 0.03;

/// Invocations of the worker for one sign-up, and seconds of each: it waits for SES.
const WORKER_INVOCATIONS: f64 = 3.0;
const WORKER_SECONDS: f64 = 0.1;

/// The sweeper looks every minute of a month's 730 hours, mostly at nothing.
const SWEEPS: f64 = 60.0 * 730.0;
const SWEEP_SECONDS: f64 = 0.05;

/// Units of DynamoDB for one sign-up that is alone, as the service's own test measures: 15 of writing for the sign-up, and
/// 6 for the lists by which users are looked for.
const WRITES: f64 = 21.0;
const READS: f64 = 2.5;

/// Bytes of a user with its indexes, and of what is logged of one sign-up.
const USER_BYTES: f64 = 3_000.0;
const LOG_BYTES: f64 = 18_000.0;

/// Metrics that the functions write themselves, and those of the templates' metric filters.
const METRICS: f64 = 16.0;

const GB: f64 = 1_000_000_000.0;

/// What a month costs before and after a deploy, in US dollars.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    pub sign_ups: u32,
    /// Absent before the first deploy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    pub after: f64,
    pub region: String,
    pub prices_as_of: String,
}

impl Cost {
    /// Of the stacks as they are, if there are any, and as they are to be.
    pub fn of(before: &[Evaluated], after: &[Evaluated], sign_ups: u32) -> Self {
        let prices = Prices::read();
        let total = |stacks: &[Evaluated]| prices::total(&items(&prices, stacks, sign_ups));
        let before = (!before.is_empty()).then(|| total(before));
        Self { sign_ups, before, after: total(after), region: prices.region, prices_as_of: prices.as_of }
    }

    pub fn text(&self) -> String {
        let Self { sign_ups, before, after, region, prices_as_of } = self;
        let before = before.map(dollars).filter(|before| *before != dollars(*after));
        let before = before.map(|before| format!("{before} -> ")).unwrap_or_default();
        format!("cost about {before}{} {}", dollars(*after), place(*sign_ups, region, prices_as_of))
    }
}

/// A month's bill item by item, beside that of other ways to take sign-ups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bill {
    pub sign_ups: u32,
    pub items: Vec<Item>,
    pub total: f64,
    pub others: Vec<Other>,
    pub region: String,
    pub prices_as_of: String,
    /// What none of the figures holds.
    pub left_out: String,
}

impl Bill {
    /// Of what the stacks hold.
    pub fn of(stacks: &[Evaluated], sign_ups: u32) -> Self {
        let prices = Prices::read();
        let items = items(&prices, stacks, sign_ups);
        Self {
            sign_ups,
            total: prices::total(&items),
            others: others::all(&prices, &items, sign_ups),
            items,
            region: prices.region,
            prices_as_of: prices.as_of,
            left_out: prices.others.left_out,
        }
    }

    /// A table of at most 80 columns.
    pub fn text(&self) -> String {
        let Self { sign_ups, items, total, others, region, prices_as_of, left_out } = self;
        let amounts = items.iter().map(|item| item.amount).chain(others.iter().map(|other| other.amount));
        let width = amounts.map(|amount| dollars(amount).len()).max().unwrap_or_default();
        let line = |amount: f64, name: &str, note: &str| {
            format!("  {:>width$}  {name:16}  {note}", dollars(amount)).trim_end().to_owned()
        };
        let mut lines = vec![place(*sign_ups, region, prices_as_of)];
        lines.extend(items.iter().map(|item| line(item.amount, &item.price.name, &item.calculation())));
        lines.push(line(*total, "in all", ""));
        lines.push("the same by other means".to_owned());
        lines.extend(others.iter().map(|other| line(other.amount, &other.name, &other.note)));
        lines.push(left_out.clone());
        lines.join("\n")
    }
}

fn place(sign_ups: u32, region: &str, prices_as_of: &str) -> String {
    format!("a month at {} sign-ups ({region} prices of {prices_as_of})", grouped(sign_ups.into()))
}

/// What is paid for: first what stands, then what is used.
fn items(prices: &Prices, stacks: &[Evaluated], sign_ups: u32) -> Vec<Item> {
    let all = || stacks.iter().flat_map(|stack| stack.resources.values());
    let count = |kind: &str| all().filter(|resource| resource.resource_type == kind).count() as f64;
    let when = |kind: &str, quantity: f64| if count(kind) > 0.0 { quantity } else { 0.0 };
    let sign_ups = when("AWS::ApiGatewayV2::Api", sign_ups.into());
    let sweeps = when("AWS::Scheduler::Schedule", SWEEPS);
    let backed_up = all().any(|resource| {
        resource.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == "true"
    });
    let stored = sign_ups * USER_BYTES / GB;
    // All functions have the same size.
    let function = all().find(|resource| resource.resource_type == "AWS::Lambda::Function");
    let (memory, second) = function.map_or((0.0, &prices.arm64), |function| size(prices, function));
    let seconds =
        sign_ups * (REQUESTS * REQUEST_SECONDS + WORKER_INVOCATIONS * WORKER_SECONDS) + sweeps * SWEEP_SECONDS;
    let items = [
        (&prices.alarm, count("AWS::CloudWatch::Alarm")),
        (&prices.dashboard, count("AWS::CloudWatch::Dashboard")),
        (&prices.metric, when("AWS::Lambda::Function", METRICS)),
        (&prices.schedule, sweeps),
        (&prices.invocation, sign_ups * (REQUESTS + WORKER_INVOCATIONS) + sweeps),
        (second, seconds * memory),
        (&prices.api, sign_ups * REQUESTS),
        (&prices.write, sign_ups * WRITES),
        (&prices.read, sign_ups * READS),
        (&prices.table, stored),
        (&prices.backup, if backed_up { stored } else { 0.0 }),
        (&prices.mail, sign_ups),
        (&prices.log, sign_ups * LOG_BYTES / GB),
    ];
    items.into_iter().filter(|(_, quantity)| *quantity > 0.0).map(|(price, it)| Item::new(price, it)).collect()
}

/// Memory of a function in GB, and the price of its second.
fn size<'a>(prices: &'a Prices, function: &Resource) -> (f64, &'a Price) {
    let second = if function.properties["Architectures"][0] == "arm64" { &prices.arm64 } else { &prices.x86_64 };
    (number(&function.properties["MemorySize"]) / 1_024.0, second)
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).or(value.as_f64()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evaluate::evaluate;
    use crate::engine::template::Role;

    fn stacks(parameters: &[(&'static str, &'static str)]) -> Vec<Evaluated> {
        let one = |role: Role| evaluate(role.template(), parameters.iter().copied()).expect("a template");
        Role::ALL.map(one).to_vec()
    }

    #[test]
    fn a_month_costs_what_stands_and_what_is_used() {
        let at = |sign_ups| Cost::of(&[], &stacks(&[]), sign_ups).after;
        // Alarms, metrics and the dashboard; then about $0.00015 for each sign-up, two thirds of it the mail.
        assert!((5.0..10.0).contains(&at(0)), "{}", at(0));
        let each = (at(1_000_000) - at(0)) / 1_000_000.0;
        assert!((0.000_12..0.000_18).contains(&each), "{each}");
        assert_eq!(Cost::of(&[], &[], 1_000).after, 0.0);
    }

    #[test]
    fn a_change_is_told_before_and_after() {
        let cost = Cost::of(&stacks(&[]), &stacks(&[("MemorySize", "2048"), ("Architecture", "x86_64")]), 100_000);
        assert!(cost.before.is_some_and(|before| cost.after > before + 1.5), "{cost:?}");
        let text = cost.text();
        assert!(
            text.contains(" -> ") && text.ends_with("a month at 100,000 sign-ups (us-east-1 prices of 2026-06)"),
            "{text}"
        );
        let same = Cost::of(&stacks(&[]), &stacks(&[]), 1_000).text();
        assert!(!same.contains("->"), "{same}");
    }

    #[test]
    fn a_bill_adds_up_to_what_a_plan_tells() {
        for sign_ups in [0, 1, 7, 999, 50_000, 10_000_000] {
            let bill = Bill::of(&stacks(&[]), sign_ups);
            let sum: f64 = bill.items.iter().map(|item| item.amount).sum();
            assert_eq!(dollars(sum), dollars(bill.total));
            assert_eq!(bill.total, Cost::of(&[], &stacks(&[]), sign_ups).after);
            assert!(bill.text().lines().all(|line| line.len() <= 80), "{}", bill.text());
        }
    }

    #[test]
    fn a_bill_reads_as_a_table() {
        insta::assert_snapshot!(Bill::of(&stacks(&[]), 1_000).text(), @r"
        a month at 1,000 sign-ups (us-east-1 prices of 2026-06)
           $2.00  alarms            20 at $0.10
           $3.00  dashboard         1 at $3.00
           $4.80  metrics           16 at $0.30
           $0.04  schedule          43,800 invocations at $1.00 a million
           $0.01  functions         58,800 invocations at $0.20 a million
           $0.01  their memory      712 GB-seconds at $13.3334 a million
           $0.01  HTTP API          12,000 requests at $1.00 a million
           $0.01  table, writes     21,000 units at $0.625 a million
           $0.00  table, reads      2,500 units at $0.125 a million
           $0.00  table, storage    0.003 GB at $0.25
           $0.00  table, backups    0.003 GB at $0.20
           $0.10  mail              1,000 mails at $0.10 a thousand
           $0.01  logs              0.018 GB at $0.50
           $9.99  in all
        the same by other means
          $15.00  Cognito           Essentials, the default; on Lite $0.0055 a user
          $56.95  ALB, 2 instances  t4g.small, two zones; the same table and mail
        No free tiers (Cognito: 10,000 users); logs and alarms are counted here alone.
        ");
        insta::assert_snapshot!(Bill::of(&stacks(&[("PointInTimeRecoveryDays", "0")]), 10_000_000).text(), @r"
        a month at 10,000,000 sign-ups (us-east-1 prices of 2026-06)
                $2.00  alarms            20 at $0.10
                $3.00  dashboard         1 at $3.00
                $4.80  metrics           16 at $0.30
                $0.04  schedule          43,800 invocations at $1.00 a million
               $30.01  functions         150,043,800 invocations at $0.20 a million
               $22.01  their memory      1,650,548 GB-seconds at $13.3334 a million
              $120.00  HTTP API          120,000,000 requests at $1.00 a million
              $131.25  table, writes     210,000,000 units at $0.625 a million
                $3.13  table, reads      25,000,000 units at $0.125 a million
                $7.50  table, storage    30 GB at $0.25
            $1,000.00  mail              10,000,000 mails at $0.10 a thousand
               $90.00  logs              180 GB at $0.50
            $1,413.74  in all
        the same by other means
          $150,000.00  Cognito           Essentials, the default; on Lite $0.0055 a user
            $1,198.72  ALB, 2 instances  t4g.small, two zones; the same table and mail
        No free tiers (Cognito: 10,000 users); logs and alarms are counted here alone.
        ");
    }
}
