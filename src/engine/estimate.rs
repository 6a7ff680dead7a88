//! How long an operation on a stack will take: the longest chain of resources that wait for each other, each for as
//! long as it took the last time, or as it takes elsewhere. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::events::Event;
use super::long_form;

/// Seconds that the creation of a resource takes on average, as published for CloudFormation; anything else takes
/// about [`OTHERS`].
const AVERAGES: [(&str, f64); 11] = [
    ("AWS::IAM::Role", 12.0),
    ("AWS::Lambda::Function", 25.0),
    ("AWS::DynamoDB::Table", 15.0),
    ("AWS::ApiGatewayV2::Api", 2.0),
    ("AWS::ApiGatewayV2::Route", 1.0),
    ("AWS::ApiGatewayV2::Stage", 1.0),
    ("AWS::ApiGatewayV2::Integration", 1.0),
    ("AWS::SQS::Queue", 72.0),
    ("AWS::CertificateManager::Certificate", 239.0),
    ("AWS::S3::Bucket", 20.0),
    ("AWS::Lambda::EventSourceMapping", 20.0),
];
const OTHERS: f64 = 3.0;

/// What a stack's operation is to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Seconds of each resource that is at work or will be.
    seconds: BTreeMap<String, f64>,
    /// What each of them waits for.
    waits_for: BTreeMap<String, BTreeSet<String>>,
}

impl Estimate {
    /// Of a template, and of those of its resources (logical ID and type) that are made or changed. `took` says how
    /// long some of them took before.
    pub fn of<'a>(
        template: &str,
        changed: impl IntoIterator<Item = (&'a str, &'a str)>,
        took: &BTreeMap<String, f64>,
    ) -> Self {
        let average = |kind: &str| AVERAGES.iter().find(|(of, _)| *of == kind).map_or(OTHERS, |(_, seconds)| *seconds);
        let seconds: BTreeMap<String, f64> = changed
            .into_iter()
            .map(|(id, kind)| (id.to_owned(), took.get(id).copied().unwrap_or_else(|| average(kind))))
            .collect();
        let template = long_form::read(template).unwrap_or_default();
        let waits_for = seconds.keys().map(|id| {
            let mut named = BTreeSet::new();
            references(&template["Resources"][id], &mut named);
            (id.clone(), named.into_iter().filter(|name| name != id && seconds.contains_key(name)).collect())
        });
        let waits_for = waits_for.collect();
        Self { seconds, waits_for }
    }

    /// A resource is done.
    pub fn done(&mut self, id: &str) {
        self.seconds.remove(id);
    }

    /// Seconds until the last is done, if nothing else happens.
    pub fn left(&self) -> f64 {
        let mut known = BTreeMap::new();
        self.seconds.keys().map(|id| self.chain(id, &mut known)).fold(0.0, f64::max)
    }

    /// Seconds until this one is done, what it waits for included.
    fn chain(&self, id: &str, known: &mut BTreeMap<String, f64>) -> f64 {
        if let Some(seconds) = known.get(id) {
            return *seconds;
        }
        let Some(own) = self.seconds.get(id) else { return 0.0 };
        // CloudFormation refuses a circle; one here must not go round for ever.
        known.insert(id.to_owned(), 0.0);
        let before = self.waits_for.get(id).into_iter().flatten().map(|other| self.chain(other, known));
        let chain = own + before.fold(0.0, f64::max);
        known.insert(id.to_owned(), chain);
        chain
    }
}

/// The logical IDs that a resource names, whichever way.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("Ref" | "DependsOn", Value::String(name)) => _ = found.insert(name.clone()),
                    ("DependsOn", Value::Array(names)) => {
                        found.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::GetAtt", Value::String(attribute)) => {
                        found.extend(attribute.split('.').next().map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(pattern)) => {
                        let names = pattern.split("${").skip(1).filter_map(|rest| rest.split(['.', '}']).next());
                        found.extend(names.map(str::to_owned));
                    }
                    _ => references(value, found),
                }
            }
        }
    }
}

/// How long each resource took in the operations that a stack's events tell of, in seconds; the newest counts.
pub fn took(oldest_first: &[Event]) -> BTreeMap<String, f64> {
    let mut begun: BTreeMap<&str, i64> = BTreeMap::new();
    let mut took = BTreeMap::new();
    for event in oldest_first.iter().filter(|event| !event.of_stack) {
        if event.status.ends_with("_IN_PROGRESS") {
            begun.entry(&event.logical_id).or_insert(event.at);
        } else if let Some(from) = begun.remove(event.logical_id.as_str())
            && event.status.ends_with("_COMPLETE")
            && !event.status.starts_with("DELETE")
        {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of minutes")]
            took.insert(event.logical_id.clone(), (event.at - from) as f64 / 1_000.0);
        }
    }
    took
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::template::Role;

    const TEMPLATE: &str = "
Resources:
  Role: {Type: AWS::IAM::Role}
  Function: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Function}}
  Queue: {Type: AWS::SQS::Queue}
  Late: {Type: AWS::X::Y, DependsOn: [Alias, Queue]}
";

    fn all() -> Vec<(&'static str, &'static str)> {
        vec![
            ("Role", "AWS::IAM::Role"),
            ("Function", "AWS::Lambda::Function"),
            ("Alias", "AWS::Lambda::Alias"),
            ("Queue", "AWS::SQS::Queue"),
            ("Late", "AWS::X::Y"),
        ]
    }

    #[test]
    fn the_longest_chain_counts_and_shrinks() {
        let mut estimate = Estimate::of(TEMPLATE, all(), &BTreeMap::new());
        // The queue and what waits for it take longer than role, function, alias and it.
        assert_eq!(estimate.left(), 72.0 + 3.0);
        estimate.done("Queue");
        assert_eq!(estimate.left(), 12.0 + 25.0 + 3.0 + 3.0);
        for id in ["Role", "Function", "Alias", "Late"] {
            estimate.done(id);
        }
        assert_eq!(estimate.left(), 0.0);
    }

    #[test]
    fn what_was_seen_before_is_trusted_more() {
        let took = BTreeMap::from([("Queue".to_owned(), 1.0), ("Function".to_owned(), 5.0)]);
        assert_eq!(Estimate::of(TEMPLATE, all(), &took).left(), 12.0 + 5.0 + 3.0 + 3.0);
        // Only what changes takes time.
        assert_eq!(Estimate::of(TEMPLATE, [("Alias", "AWS::Lambda::Alias")], &took).left(), 3.0);
    }

    #[test]
    fn every_template_can_be_estimated() {
        for role in Role::ALL {
            let evaluated = crate::engine::evaluate::evaluate(role.template(), []).expect("a template");
            let made = evaluated.resources.iter().map(|(id, resource)| (id.as_str(), resource.resource_type.as_str()));
            let left = Estimate::of(role.template(), made, &BTreeMap::new()).left();
            assert!((15.0..200.0).contains(&left), "{role:?}: {left}");
        }
    }
}
