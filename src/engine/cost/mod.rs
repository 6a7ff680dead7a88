//! What a month costs, from what the stacks hold and how many sign up. Pure.
//!
//! By the list prices of one Region and without free tiers, which are for the whole account. Storage is that of one
//! month's sign-ups: it adds up with every month that they are kept.

mod month;
mod others;
#[cfg(test)]
mod picture;
mod prices;
mod servers;

use serde::Serialize;

use super::desired::{self, Desired};
use super::evaluate::Evaluated;
use crate::spec::Spec;
use month::items;
pub use others::Other;
use prices::Prices;
pub use prices::{Item, dollars, grouped};
use servers::Servers;

/// Sign-ups a month when nobody names a number.
pub const SIGN_UPS: u32 = 1_000;

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
    /// A type of instance whose price is not known, and was taken for that of the dearest family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// What none of the figures holds.
    pub left_out: String,
}

impl Bill {
    /// Of what the spec asks for.
    pub fn of(spec: &Spec, sign_ups: u32) -> Self {
        let prices = Prices::read();
        let stacks = evaluated(spec);
        let items = items(&prices, &stacks, sign_ups);
        let unknown = Servers::of(&stacks).map(|it| it.kind).filter(|kind| !prices.instances.hour(kind).1);
        Self {
            sign_ups,
            total: prices::total(&items),
            others: others::all(&prices, spec, sign_ups),
            items,
            region: prices.region,
            prices_as_of: prices.as_of,
            unknown,
            left_out: prices.left_out,
        }
    }

    /// A table of at most 80 columns.
    pub fn text(&self) -> String {
        let Self { sign_ups, items, total, others, region, prices_as_of, unknown, left_out } = self;
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
        let guess = |kind: &String| format!("No price of {kind} is known: it is taken for that of the dearest family.");
        lines.extend(unknown.iter().map(guess));
        lines.push(left_out.clone());
        lines.join("\n")
    }
}

/// The stacks as the spec alone tells them.
fn evaluated(spec: &Spec) -> Vec<Evaluated> {
    desired::foreseen(spec).iter().map(Desired::evaluated).collect()
}

fn place(sign_ups: u32, region: &str, prices_as_of: &str) -> String {
    format!("a month at {} sign-ups ({region} prices of {prices_as_of})", grouped(sign_ups.into()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec::{Architecture, Topology};

    /// One of the examples.
    pub fn spec(name: &str) -> Spec {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        crate::spec::load(&path, None, false).expect("valid")
    }

    fn total(spec: &Spec, sign_ups: u32) -> f64 {
        Bill::of(spec, sign_ups).total
    }

    fn quantity(bill: &Bill, name: &str) -> f64 {
        bill.items.iter().filter(|item| item.price.name == name).map(|item| item.quantity).sum()
    }

    #[test]
    fn a_month_costs_what_stands_and_what_is_used() {
        let at = |sign_ups| total(&spec("waitlist.yaml"), sign_ups);
        // Alarms, metrics and the dashboard; then about $0.00015 for each sign-up, two thirds of it the mail.
        assert!((5.0..12.0).contains(&at(0)), "{}", at(0));
        let each = (at(1_000_000) - at(0)) / 1_000_000.0;
        assert!((0.000_12..0.000_18).contains(&each), "{each}");
        assert_eq!(Cost::of(&[], &[], 1_000).after, 0.0);
    }

    #[test]
    fn servers_cost_by_the_hour_and_less_for_each_who_comes() {
        let servers = |sign_ups| total(&spec("high-performance.yaml"), sign_ups);
        let each = (servers(1_000_000) - servers(0)) / 1_000_000.0;
        assert!((60.0..90.0).contains(&servers(0)), "{}", servers(0));
        assert!((0.000_1..0.000_14).contains(&each), "{each}");
        assert!(servers(0) > total(&spec("waitlist.yaml"), 0) + 50.0);
        assert!(servers(10_000_000) < total(&spec("waitlist.yaml"), 10_000_000) - 50.0);
    }

    #[test]
    fn more_servers_run_when_more_come_and_never_more_than_may() {
        let mut spec = spec("high-performance.yaml");
        spec.capacity.instances.min = 3;
        spec.capacity.instances.max = 6;
        let running = |sign_ups| (quantity(&Bill::of(&spec, sign_ups), "t4g.small") / 730.0).round();
        assert_eq!(running(0), 3.0);
        assert_eq!(running(30_000_000), 3.0);
        // Six in a third of the hours, and three in the others.
        assert_eq!(running(90_000_000), 4.0);
        assert_eq!(running(900_000_000), 4.0);
        let bill = Bill::of(&spec, 0);
        assert_eq!(quantity(&bill, "public IPv4") / 730.0, 5.0, "one of each server, and two of the load balancer");
        assert_eq!(quantity(&bill, "metrics"), 16.0 + 3.0 * 7.0);
    }

    #[test]
    fn an_instance_is_paid_for_by_its_type_and_an_unknown_one_is_named() {
        let mut spec = spec("high-performance.yaml");
        let known = Bill::of(&spec, 0);
        spec.capacity.instances.instance_type = Some("t4g.large".into());
        assert!((total(&spec, 0) - known.total - 1_460.0 * (0.0672 - 0.0168)).abs() < 0.01);
        assert_eq!(known.unknown, None);
        spec.capacity.instances.instance_type = Some("q9g.small".into());
        let bill = Bill::of(&spec, 0);
        assert_eq!(bill.unknown.as_deref(), Some("q9g.small"));
        assert!(bill.total > known.total && bill.text().contains("No price of q9g.small is known"), "{}", bill.text());
    }

    #[test]
    fn a_change_is_told_before_and_after() {
        let before = spec("waitlist.yaml");
        let mut after = before.clone();
        (after.capacity.memory, after.capacity.architecture) = (2_048, Architecture::X86_64);
        let cost = Cost::of(&evaluated(&before), &evaluated(&after), 100_000);
        assert!(cost.before.is_some_and(|before| cost.after > before + 1.5), "{cost:?}");
        let text = cost.text();
        assert!(
            text.contains(" -> ") && text.ends_with("a month at 100,000 sign-ups (us-east-1 prices of 2026-06)"),
            "{text}"
        );
        let same = Cost::of(&evaluated(&before), &evaluated(&before), 1_000).text();
        assert!(!same.contains("->"), "{same}");
    }

    #[test]
    fn a_change_of_the_topology_costs_what_both_tell() {
        let (before, after) = (spec("waitlist.yaml"), others::elsewhere(&spec("waitlist.yaml")));
        assert_eq!(after.topology, Topology::HighPerformance);
        let cost = Cost::of(&evaluated(&before), &evaluated(&after), 1_000);
        assert_eq!((cost.before, cost.after), (Some(total(&before, 1_000)), total(&after, 1_000)));
        // While both stand, both are paid for, and nobody is counted twice.
        let both = [evaluated(&before), evaluated(&after)[2..].to_vec()].concat();
        let both = Cost::of(&[], &both, 1_000).after;
        assert!(both > cost.after && both < cost.after + 2.0, "{both} {cost:?}");
    }

    #[test]
    fn a_bill_adds_up_to_what_a_plan_tells() {
        for (name, sign_ups) in [0, 7, 90_000_000]
            .into_iter()
            .flat_map(|sign_ups| ["waitlist.yaml", "high-performance.yaml"].map(|name| (name, sign_ups)))
        {
            let spec = spec(name);
            let bill = Bill::of(&spec, sign_ups);
            let sum: f64 = bill.items.iter().map(|item| item.amount).sum();
            assert_eq!(dollars(sum), dollars(bill.total));
            assert_eq!(bill.total, Cost::of(&[], &evaluated(&spec), sign_ups).after);
            assert!(bill.text().lines().all(|line| line.len() <= 80), "{}", bill.text());
        }
    }

    #[test]
    fn a_bill_reads_as_a_table() {
        insta::assert_snapshot!(Bill::of(&spec("waitlist.yaml"), 1_000).text(), @r"
        a month at 1,000 sign-ups (us-east-1 prices of 2026-06)
           $1.80  alarms            18 at $0.10
           $3.00  dashboard         1 at $3.00
           $4.80  metrics           16 at $0.30
           $0.04  schedule          43,800 invocations at $1.00 a million
           $0.01  functions         58,800 invocations at $0.20 a million
           $0.01  their memory      712 GB-seconds at $13.3334 a million
           $0.01  HTTP API          12,000 requests at $1.00 a million
           $0.01  table, writes     15,000 units at $0.625 a million
           $0.00  table, reads      3,000 units at $0.125 a million
           $0.00  table, storage    0.003 GB at $0.25
           $0.00  table, backups    0.003 GB at $0.20
           $0.10  mail              1,000 mails at $0.10 a thousand
           $0.01  logs              0.018 GB at $0.50
           $0.00  data out          0.05 GB at $0.09
           $9.79  in all
        the same by other means
          $74.41  high-performance  a load balancer, 2 t4g.small in two zones
          $15.00  Cognito           Essentials, the default; on Lite $0.0055 each
        No free tiers (Cognito: 10,000 users); Cognito's logs and alarms are left out.
        ");
        insta::assert_snapshot!(Bill::of(&spec("high-performance.yaml"), 1_000).text(), @r"
        a month at 1,000 sign-ups (us-east-1 prices of 2026-06)
           $2.40  alarms            24 at $0.10
           $6.00  dashboard         2 at $3.00
           $9.00  metrics           30 at $0.30
          $16.43  load balancer     730 hours at $0.0225
          $24.53  t4g.small         1,460 hours at $0.0168
           $1.28  disks             16 GB at $0.08
          $14.60  public IPv4       2,920 hours at $0.005
           $0.00  its load          0.05 unit-hours at $0.008
           $0.04  schedule          43,800 invocations at $1.00 a million
           $0.01  functions         46,800 invocations at $0.20 a million
           $0.01  their memory      622 GB-seconds at $13.3334 a million
           $0.01  table, writes     15,000 units at $0.625 a million
           $0.00  table, reads      3,000 units at $0.125 a million
           $0.00  table, storage    0.003 GB at $0.25
           $0.00  table, backups    0.003 GB at $0.20
           $0.10  mail              1,000 mails at $0.10 a thousand
           $0.00  logs              0.01 GB at $0.50
           $0.00  data out          0.05 GB at $0.09
          $74.41  in all
        the same by other means
           $9.79  serverless        an HTTP API and functions; nothing stands
          $15.00  Cognito           Essentials, the default; on Lite $0.0055 each
        No free tiers (Cognito: 10,000 users); Cognito's logs and alarms are left out.
        ");
        let mut spec = spec("waitlist.yaml");
        spec.data.pitr_days = 0;
        insta::assert_snapshot!(Bill::of(&spec, 10_000_000).text(), @r"
        a month at 10,000,000 sign-ups (us-east-1 prices of 2026-06)
                $1.80  alarms            18 at $0.10
                $3.00  dashboard         1 at $3.00
                $4.80  metrics           16 at $0.30
                $0.04  schedule          43,800 invocations at $1.00 a million
               $30.01  functions         150,043,800 invocations at $0.20 a million
               $22.01  their memory      1,650,548 GB-seconds at $13.3334 a million
              $120.00  HTTP API          120,000,000 requests at $1.00 a million
               $93.75  table, writes     150,000,000 units at $0.625 a million
                $3.75  table, reads      30,000,000 units at $0.125 a million
                $7.50  table, storage    30 GB at $0.25
            $1,000.00  mail              10,000,000 mails at $0.10 a thousand
               $89.80  logs              180 GB at $0.50
               $45.00  data out          500 GB at $0.09
            $1,421.46  in all
        the same by other means
            $1,293.30  high-performance  a load balancer, 2 t4g.small in two zones
          $150,000.00  Cognito           Essentials, the default; on Lite $0.0055 each
        No free tiers (Cognito: 10,000 users); Cognito's logs and alarms are left out.
        ");
    }
}
