//! What stands behind a load balancer, and how many of it when many come. Pure.

use serde_json::Value;

use super::month::number;
use super::prices::{Price, Prices};
use crate::engine::evaluate::Evaluated;

/// Hours of a month.
pub const HOURS: f64 = 730.0;

/// People come at the same time of the day: all of them in a third of the hours.
const CROWDED: f64 = 1.0 / 3.0;

/// Metrics that EC2 bills an instance for when it measures by the minute.
const DETAILED_METRICS: f64 = 7.0;

/// A front of servers, as its template has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Servers {
    /// EC2's name of their size.
    pub kind: String,
    /// So many run, whoever comes.
    pub least: f64,
    most: f64,
    /// Requests a minute that one takes before another is started. It is the template's choice: `make bench` tells how
    /// many one could take.
    each: f64,
    disk_gb: f64,
    /// Addresses of an instance, and of the load balancer: one in each of its subnets.
    own_addresses: f64,
    shared_addresses: f64,
    metrics: f64,
}

impl Servers {
    /// Those of the stacks; `None` when there is no load balancer.
    pub fn of(stacks: &[Evaluated]) -> Option<Self> {
        let find = |kind: &str| {
            let mut all = stacks.iter().flat_map(|stack| stack.resources.values());
            all.find(|resource| resource.resource_type == kind).map(|resource| &resource.properties)
        };
        let balancer = find("AWS::ElasticLoadBalancingV2::LoadBalancer")?;
        let group = find("AWS::AutoScaling::AutoScalingGroup")?;
        let template = &find("AWS::EC2::LaunchTemplate")?["LaunchTemplateData"];
        let is_on = |value: &Value| if value == "true" { 1.0 } else { 0.0 };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let policies = stacks.iter().flat_map(|stack| stack.resources.values()).filter_map(|resource| {
            let tracking = &resource.properties["TargetTrackingConfiguration"];
            let by_requests =
                tracking["PredefinedMetricSpecification"]["PredefinedMetricType"] == "ALBRequestCountPerTarget";
            by_requests.then(|| number(&tracking["TargetValue"]))
        });
        Some(Self {
            kind: template["InstanceType"].as_str().unwrap_or_default().to_owned(),
            least: number(&group["MinSize"]),
            most: number(&group["MaxSize"]),
            each: policies.fold(f64::INFINITY, f64::min),
            disk_gb: list(&template["BlockDeviceMappings"]).iter().map(|disk| number(&disk["Ebs"]["VolumeSize"])).sum(),
            own_addresses: is_on(&template["NetworkInterfaces"][0]["AssociatePublicIpAddress"]),
            shared_addresses: list(&balancer["Subnets"]).len() as f64,
            metrics: is_on(&template["Monitoring"]["Enabled"]) * DETAILED_METRICS,
        })
    }

    /// How many run when this many requests come in the month: more in the crowded hours, the least in the others.
    pub fn running(&self, requests: f64) -> f64 {
        let a_minute = requests / (HOURS * 60.0 * CROWDED);
        let crowded = (a_minute / self.each).ceil().clamp(self.least, self.most.max(self.least));
        crowded * CROWDED + self.least * (1.0 - CROWDED)
    }

    /// What is paid for them by the hour, for this many requests in the month.
    pub fn standing(&self, prices: &Prices, requests: f64) -> Vec<(Price, f64)> {
        let running = self.running(requests);
        vec![
            (prices.balancer.clone(), HOURS),
            (prices.instances.hour(&self.kind).0, running * HOURS),
            (prices.disk.clone(), running * self.disk_gb),
            (prices.ipv4.clone(), (running * self.own_addresses + self.shared_addresses) * HOURS),
        ]
    }

    /// Metrics of the instances themselves.
    pub fn metrics(&self, requests: f64) -> f64 {
        self.running(requests) * self.metrics
    }
}
