//! What a month costs, from what the stacks hold and how many sign up. Pure.
//!
//! By the list prices of one Region and without free tiers, which are for the whole account. Storage is that of one
//! month's sign-ups: it adds up with every month that they are kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::evaluate::{Evaluated, Resource};

/// Sign-ups a month when nobody names a number.
pub const SIGN_UPS: u32 = 1_000;

/// Requests of one sign-up: form, style sheet, script, icon, challenge and its target, then the same of confirmation.
const REQUESTS: f64 = 12.0;

/// Seconds of a request, cold starts shared among all; the function itself takes a few milliseconds.
const REQUEST_SECONDS: f64 = 0.03;

/// Invocations of the worker for one sign-up, and seconds of each: it waits for SES.
const WORKER_INVOCATIONS: f64 = 3.0;
const WORKER_SECONDS: f64 = 0.1;

/// The sweeper looks every minute, mostly at nothing.
const SWEEPS: f64 = 60.0 * 24.0 * 30.4;
const SWEEP_SECONDS: f64 = 0.05;

/// Units of DynamoDB for one sign-up that is alone, as the service's own test measures.
const WRITES: f64 = 15.0;
const READS: f64 = 2.5;

/// Bytes of a user with its indexes, and of what is logged of one sign-up.
const USER_BYTES: f64 = 2_000.0;
const LOG_BYTES: f64 = 18_000.0;

/// Metrics that the functions write themselves, and those of the templates' metric filters.
const METRICS: f64 = 9.0;

const GB: f64 = 1_000_000_000.0;
const MILLION: f64 = 1_000_000.0;

/// List prices in US dollars.
#[derive(Debug, Deserialize)]
struct Prices {
    as_of: String,
    region: String,
    alarm: f64,
    custom_metric: f64,
    dashboard: f64,
    log_gb: f64,
    api_million: f64,
    invocation_million: f64,
    gb_second_arm64: f64,
    gb_second_x86_64: f64,
    schedule_million: f64,
    write_million: f64,
    read_million: f64,
    table_gb: f64,
    backup_gb: f64,
    mail_thousand: f64,
}

impl Prices {
    /// # Panics
    /// Never: a test reads the file.
    fn read() -> Self {
        serde_json::from_str(include_str!("prices.json")).expect("the prices parse")
    }
}

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
        let before = (!before.is_empty()).then(|| month(&prices, before, sign_ups));
        let after = month(&prices, after, sign_ups);
        Self { sign_ups, before, after, region: prices.region, prices_as_of: prices.as_of }
    }

    pub fn text(&self) -> String {
        let place = format!("a month at {} sign-ups ({} prices of {})", self.sign_ups, self.region, self.prices_as_of);
        match self.before {
            Some(before) if dollars(before) != dollars(self.after) => {
                format!("cost about {} -> {} {place}", dollars(before), dollars(self.after))
            }
            _ => format!("cost about {} {place}", dollars(self.after)),
        }
    }
}

fn dollars(amount: f64) -> String {
    format!("${amount:.2}")
}

/// To the cent, so that nobody takes the rest for known.
fn month(prices: &Prices, stacks: &[Evaluated], sign_ups: u32) -> f64 {
    let all = || stacks.iter().flat_map(|stack| stack.resources.values());
    let count = |kind: &str| all().filter(|resource| resource.resource_type == kind).count() as f64;
    let functions: Vec<&Resource> =
        all().filter(|resource| resource.resource_type == "AWS::Lambda::Function").collect();
    // All have the same size.
    let second = functions.first().map_or(0.0, |function| {
        let memory = number(&function.properties["MemorySize"]) / 1_024.0;
        let arm = function.properties["Architectures"][0] == "arm64";
        memory * if arm { prices.gb_second_arm64 } else { prices.gb_second_x86_64 }
    });
    let invocation = prices.invocation_million / MILLION;
    let has = |kind: &str| if count(kind) > 0.0 { 1.0 } else { 0.0 };
    let backed_up = all().any(|resource| {
        resource.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == "true"
    });
    let standing = count("AWS::CloudWatch::Alarm") * prices.alarm
        + count("AWS::CloudWatch::Dashboard") * prices.dashboard
        + has("AWS::Lambda::Function") * METRICS * prices.custom_metric
        + has("AWS::Scheduler::Schedule")
            * SWEEPS
            * (SWEEP_SECONDS * second + invocation + prices.schedule_million / MILLION);
    let seconds = REQUESTS * REQUEST_SECONDS + WORKER_INVOCATIONS * WORKER_SECONDS;
    let each = has("AWS::ApiGatewayV2::Api")
        * (REQUESTS * prices.api_million / MILLION
            + seconds * second
            + (REQUESTS + WORKER_INVOCATIONS) * invocation
            + (WRITES * prices.write_million + READS * prices.read_million) / MILLION
            + USER_BYTES / GB * (prices.table_gb + if backed_up { prices.backup_gb } else { 0.0 })
            + prices.mail_thousand / 1_000.0
            + LOG_BYTES / GB * prices.log_gb);
    ((standing + each * f64::from(sign_ups)) * 100.0).round() / 100.0
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
            text.contains(" -> ") && text.ends_with("a month at 100000 sign-ups (us-east-1 prices of 2026-06)"),
            "{text}"
        );
        let same = Cost::of(&stacks(&[]), &stacks(&[]), 1_000).text();
        assert!(!same.contains("->"), "{same}");
    }
}
