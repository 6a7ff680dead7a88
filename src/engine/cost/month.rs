//! What a month takes of everything that is paid for, and what that costs. Pure.

use serde_json::Value;

use super::prices::{Item, Price, Prices};
use super::servers::{HOURS, Servers};
use crate::engine::evaluate::{Evaluated, Resource};

/// Requests of one sign-up: form, style sheet, script, icon, challenge and its target, then the same of confirmation.
const REQUESTS: f64 = 12.0;

/// Seconds of a request, cold starts shared among all; the function itself takes a few milliseconds.
const REQUEST_SECONDS: f64 = 0.03;

/// Invocations of the worker for one sign-up, and seconds of each: it waits for SES.
const WORKER_INVOCATIONS: f64 = 3.0;
const WORKER_SECONDS: f64 = 0.1;

/// The sweeper looks every minute of a month, mostly at nothing.
const SWEEPS: f64 = 60.0 * HOURS;
const SWEEP_SECONDS: f64 = 0.05;

/// Units of DynamoDB for one sign-up, as the service's own test measures, with the lists by which users are looked for. With
/// the sweeper's part it is 14.8 and 2.0 where many come; those who come one by one, and cost next to nothing, take up to
/// 15.7 and 3.0.
const WRITES: f64 = 15.0;
const READS: f64 = 3.0;

/// Bytes of a user with its indexes.
const USER_BYTES: f64 = 3_000.0;

/// Bytes that are logged: of one sign-up by the worker; of one request by the API and the function, whose lines Lambda
/// adds to; and of one by a server, which writes a single line.
const WORKER_LOG_BYTES: f64 = 5_000.0;
const API_LOG_BYTES: f64 = 1_080.0;
const SERVER_LOG_BYTES: f64 = 400.0;

/// Bytes that go out for one sign-up: 40 KB are the pages of examples/registration.yaml and what they are made with, the
/// rest is TLS.
const TRAFFIC_BYTES: f64 = 50_000.0;

/// Metrics that the service writes itself, and those of the templates' metric filters.
const METRICS: f64 = 16.0;

/// Alarms that Auto Scaling makes for each target that it tracks: for more servers, and for fewer.
const TRACKING_ALARMS: f64 = 2.0;

const GB: f64 = 1_000_000_000.0;

/// What is paid for: first what stands, then what is used.
pub fn items(prices: &Prices, stacks: &[Evaluated], sign_ups: u32) -> Vec<Item> {
    let all = || stacks.iter().flat_map(|stack| stack.resources.values());
    let count = |kind: &str| all().filter(|resource| resource.resource_type == kind).count() as f64;
    let when = |kind: &str, quantity: f64| if count(kind) > 0.0 { quantity } else { 0.0 };
    let servers = Servers::of(stacks);
    let sign_ups = f64::from(sign_ups);
    // While one front takes the other's place, both stand and people still come to the API.
    let by_api = when("AWS::ApiGatewayV2::Api", sign_ups);
    let by_servers = if servers.is_some() { sign_ups - by_api } else { 0.0 };
    let sign_ups = by_api + by_servers;
    let sweeps = when("AWS::Scheduler::Schedule", SWEEPS);
    let backed_up = all().any(|resource| {
        resource.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == "true"
    });
    let stored = sign_ups * USER_BYTES / GB;
    // All functions have the same size.
    let function = all().find(|resource| resource.resource_type == "AWS::Lambda::Function");
    let (memory, second) = function.map_or((0.0, &prices.arm64), |function| size(prices, function));
    let seconds =
        by_api * REQUESTS * REQUEST_SECONDS + sign_ups * WORKER_INVOCATIONS * WORKER_SECONDS + sweeps * SWEEP_SECONDS;
    let alarms = count("AWS::CloudWatch::Alarm") + count("AWS::AutoScaling::ScalingPolicy") * TRACKING_ALARMS;
    let requests = by_servers * REQUESTS;
    let metrics = servers.as_ref().map_or(0.0, |servers| servers.metrics(requests));
    let logged =
        sign_ups * WORKER_LOG_BYTES + by_api * REQUESTS * API_LOG_BYTES + by_servers * REQUESTS * SERVER_LOG_BYTES;
    // A unit of load is a gigabyte in an hour, or 90,000 connections, and so on, whichever is most: the bytes of those who
    // sign up are.
    let load = by_servers * TRAFFIC_BYTES / GB;
    let watching = [
        (&prices.alarm, alarms),
        (&prices.dashboard, count("AWS::CloudWatch::Dashboard")),
        (&prices.metric, when("AWS::Lambda::Function", METRICS) + metrics),
    ];
    let used = [
        (&prices.load, load),
        (&prices.schedule, sweeps),
        (&prices.invocation, by_api * REQUESTS + sign_ups * WORKER_INVOCATIONS + sweeps),
        (second, seconds * memory),
        (&prices.api, by_api * REQUESTS),
        (&prices.write, sign_ups * WRITES),
        (&prices.read, sign_ups * READS),
        (&prices.table, stored),
        (&prices.backup, if backed_up { stored } else { 0.0 }),
        (&prices.mail, sign_ups),
        (&prices.log, logged / GB),
        (&prices.traffic, sign_ups * TRAFFIC_BYTES / GB),
    ];
    let standing = servers.map(|servers| servers.standing(prices, requests)).unwrap_or_default();
    let standing = standing.iter().map(|(price, quantity)| (price, *quantity));
    let all = watching.into_iter().chain(standing).chain(used);
    all.filter(|(_, quantity)| *quantity > 0.0).map(|(price, quantity)| Item::new(price, quantity)).collect()
}

/// Memory of a function in GB, and the price of its second.
fn size<'a>(prices: &'a Prices, function: &Resource) -> (f64, &'a Price) {
    let second = if function.properties["Architectures"][0] == "arm64" { &prices.arm64 } else { &prices.x86_64 };
    (number(&function.properties["MemorySize"]) / 1_024.0, second)
}

/// A number as a template has it; zero for anything else.
pub fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).or(value.as_f64()).unwrap_or_default()
}
