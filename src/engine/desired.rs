//! What should be there: a template, its parameters and its tags for each stack. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::evaluate::{Evaluated, evaluate};
use super::key_versions::{self, Versions};
use super::stack::Deployed;
use super::template::{self, Role};
use crate::spec::{Architecture, Capacity, DIGESTS, Notifications, SUBSCRIBERS, Spec, Subscriber, Topology};
use signup_service::config::EventType;

/// Tag that says which service a stack belongs to; a stack without it is somebody else's.
pub const SERVICE_TAG: &str = "signupctl:service";

/// Where bundles lie in the artifact bucket.
pub const ARTIFACTS: &str = "artifacts/";

/// How many servers stay while others are replaced. It says how an update is gone about, and not what is there.
const KEPT: &str = "ServersInService";

/// Outputs of a stack by their keys.
pub type Outputs = BTreeMap<String, String>;

/// The bundle as the templates refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRef {
    /// SHA-256 of the zip, 64 hexadecimal digits.
    pub sha256: String,
    /// The same in base64, as Lambda compares it.
    pub code_sha256: String,
}

impl ArtifactRef {
    /// Where the zip lies in the artifact bucket.
    pub fn key(&self) -> String {
        format!("{ARTIFACTS}{}.zip", self.sha256)
    }

    /// The bundle of this SHA-256 in hexadecimal digits; `None` when they are not 64 of those.
    pub fn new(sha256: &str) -> Option<Self> {
        let digits = |at: usize| u8::from_str_radix(sha256.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(digits).collect();
        let code_sha256 = BASE64_STANDARD.encode(bytes.filter(|_| sha256.len() == 64)?);
        Some(Self { sha256: sha256.to_owned(), code_sha256 })
    }

    /// The bundle that a stack was made with.
    pub fn of(parameters: &BTreeMap<String, String>) -> Option<Self> {
        Self::new(parameters.get("ArtifactKey")?.strip_prefix(ARTIFACTS)?.strip_suffix(".zip")?)
    }

    /// What `/healthz` answers once this bundle is live.
    pub fn release(&self) -> &str {
        &self.sha256[..12]
    }
}

/// One stack as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    pub role: Role,
    pub stack: String,
    pub template: Cow<'static, str>,
    pub parameters: BTreeMap<Cow<'static, str>, String>,
    pub tags: BTreeMap<String, String>,
}

impl Desired {
    fn new(role: Role, spec: &Spec, parameters: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut tags = spec.tags.clone();
        tags.insert(SERVICE_TAG.into(), spec.service.clone());
        let parameters = parameters.into_iter().chain([("Service", spec.service.clone())]);
        let parameters = parameters.map(|(key, value)| (key.into(), value)).collect();
        Self { role, stack: role.stack_name(&spec.service), template: role.template().into(), parameters, tags }
    }

    /// The same with every subscriber in the place that it has now. A subscription that moves would be made again before
    /// the old one goes, and as SNS knows it already, go with it.
    pub fn in_their_places(mut self, deployed: Option<&Deployed>) -> Self {
        if let Some(deployed) = deployed.filter(|_| self.role == Role::Workers) {
            keep_places(&mut self.parameters, &deployed.parameters, &LISTENERS, 1);
            keep_places(&mut self.parameters, &deployed.parameters, &READERS, 0);
        }
        self
    }

    /// The same to be updated while so many servers run: all of them stay in service, and there is room for one more. A
    /// stack that an earlier version made may know nothing of that.
    pub fn keeping(mut self, running: u32) -> Self {
        let bound = |key: &str| self.parameters.get(key).and_then(|count| count.parse::<u32>().ok());
        let bounds = bound("MinInstances").zip(bound("MaxInstances")).filter(|_| self.parameters.contains_key(KEPT));
        if let Some((least, most)) = bounds {
            let kept = running.min(most.saturating_sub(1)).max(least);
            self.parameters.insert(KEPT.into(), kept.to_string());
        }
        self
    }

    /// What the template makes with these parameters.
    pub fn evaluated(&self) -> Evaluated {
        let parameters = self.parameters.iter().map(|(key, value)| (key.as_ref(), value.as_str()));
        evaluate(&self.template, parameters).unwrap_or_default()
    }

    /// What differs from the stack as it is: `template`, `tags` and names of parameters. Nothing means
    /// that there is nothing to deploy.
    ///
    /// Template, parameters and tags are compared as CloudFormation holds them. A recorded hash would
    /// have to be a stack tag, and those spread to every resource: each deploy would touch them all.
    pub fn differences(&self, deployed: &Deployed) -> Vec<String> {
        let mut differences = Vec::new();
        if deployed.template.as_deref().map(str::trim_end) != Some(self.template.trim_end()) {
            differences.push("template".to_owned());
        }
        if deployed.tags != self.tags {
            differences.push("tags".to_owned());
        }
        // A parameter that is not given keeps its default, so only given ones can differ.
        let given = self.parameters.iter().filter(|(key, _)| *key != KEPT);
        let changed = given.filter(|(key, value)| deployed.parameters.get(key.as_ref()) != Some(value));
        differences.extend(changed.map(|(key, _)| key.to_string()));
        differences
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The data stack, which depends on nothing.
pub fn data(spec: &Spec) -> Desired {
    Desired::new(
        Role::Data,
        spec,
        [
            ("DeletionProtection", spec.data.deletion_protection.to_string()),
            ("PointInTimeRecoveryDays", spec.data.pitr_days.to_string()),
            ("LogRetentionDays", spec.monitoring.log_retention_days.to_string()),
            ("AlarmAddress", spec.monitoring.alarm_address.clone().unwrap_or_default()),
        ],
    )
}

/// The workers stack on top of the data stack's outputs; `None` when one of them is missing.
pub fn workers(spec: &Spec, data: &Outputs, artifact: &ArtifactRef, keys: Versions) -> Option<Desired> {
    let mut parameters = functions(spec, artifact, keys);
    parameters.extend(take(data, &["TableName", "TableArn", "TableStreamArn", "ConfigurationSet"])?);
    parameters.extend(take(data, &["FeedbackTopicArn", "AlarmTopicArn", "ArtifactBucket"])?);
    parameters.push(("SenderAddress", spec.email.from.clone()));
    parameters.extend(subscriptions(&spec.notifications));
    Some(Desired::new(Role::Workers, spec, parameters))
}

/// The stack that answers requests, of the topology that the spec asks for, on top of the data stack's outputs; `None`
/// when one of them is missing.
pub fn front(spec: &Spec, data: &Outputs, artifact: &ArtifactRef, keys: Versions) -> Option<Desired> {
    match spec.topology {
        Topology::Serverless => web(spec, data, artifact, keys),
        Topology::HighPerformance => servers(spec, data, artifact, keys),
    }
}

fn web(spec: &Spec, data: &Outputs, artifact: &ArtifactRef, keys: Versions) -> Option<Desired> {
    let budgets = &spec.security.budgets;
    let domain = |of: fn(&crate::spec::Domain) -> &String| spec.domain.as_ref().map(of).cloned().unwrap_or_default();
    let mut parameters = functions(spec, artifact, keys);
    parameters.extend(take(data, &["TableName", "TableArn", "AlarmTopicArn", "ArtifactBucket"])?);
    parameters.extend([
        (key_versions::ADMIN, keys.admin.number.to_string()),
        ("Release", artifact.release().to_owned()),
        ("ReservedConcurrency", spec.capacity.concurrency.unwrap_or(0).to_string()),
        ("RequestsPerSecond", budgets.requests_per_second.to_string()),
        ("Burst", budgets.burst.to_string()),
        ("DomainName", domain(|domain| &domain.name)),
        ("CertificateArn", domain(|domain| &domain.certificate_arn)),
    ]);
    Some(Desired::new(Role::Web, spec, parameters))
}

fn servers(spec: &Spec, data: &Outputs, artifact: &ArtifactRef, keys: Versions) -> Option<Desired> {
    let domain = spec.domain.as_ref()?;
    let Capacity { architecture, instances, .. } = &spec.capacity;
    let mut parameters = vec![
        ("ArtifactKey", artifact.key()),
        ("Release", artifact.release().to_owned()),
        ("Architecture", architecture.name().to_owned()),
        ("ImageId", image(*architecture)),
        ("InstanceType", spec.capacity.instance_type().to_owned()),
        ("MinInstances", instances.min.to_string()),
        ("MaxInstances", instances.max.to_string()),
        (KEPT, instances.min.to_string()),
        ("KeyPrefix", spec.key_prefix()),
        (key_versions::ADDRESS, keys.address.number.to_string()),
        (key_versions::TOKEN, keys.token.number.to_string()),
        (key_versions::ADMIN, keys.admin.number.to_string()),
        ("DomainName", domain.name.clone()),
        ("CertificateArn", domain.certificate_arn.clone()),
        ("StrictTransportSecurity", spec.transport().header().to_owned()),
        ("AccessLogs", spec.monitoring.access_logs.to_string()),
    ];
    parameters.extend(take(data, &["TableName", "TableArn", "AlarmTopicArn", "ArtifactBucket"])?);
    Some(Desired::new(Role::Servers, spec, parameters))
}

/// Where Parameter Store names the newest Amazon Linux 2023.
fn image(architecture: Architecture) -> String {
    format!("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}", architecture.name())
}

/// The stacks as the spec alone tells them. The data stack's outputs and the bundle are made up: they do
/// not decide what is made.
pub fn foreseen(spec: &Spec) -> Vec<Desired> {
    let outputs = template::outputs(Role::Data);
    let artifact = ArtifactRef { sha256: "0".repeat(64), code_sha256: "0".repeat(43) + "=" };
    let keys = Versions::FIRST;
    let stacks = [Some(data(spec)), workers(spec, &outputs, &artifact, keys), front(spec, &outputs, &artifact, keys)];
    stacks.into_iter().flatten().collect()
}

/// A stack as it is; `None` when it cannot be told what it was made of.
pub fn as_deployed(stack: &Deployed) -> Option<Desired> {
    Some(Desired {
        role: stack.role,
        stack: stack.name.clone(),
        template: stack.template.clone()?.into(),
        parameters: stack.parameters.iter().map(|(key, value)| (key.clone().into(), value.clone())).collect(),
        tags: stack.tags.clone(),
    })
}

/// A stack of functions as it is, but for its bundle.
pub fn with_artifact(stack: &Deployed, artifact: &ArtifactRef) -> Option<Desired> {
    let mut desired = as_deployed(stack)?;
    let new = [
        ("ArtifactKey", artifact.key()),
        ("CodeSha256", artifact.code_sha256.clone()),
        ("Release", artifact.release().to_owned()),
    ];
    for (key, value) in new {
        if let Some(parameter) = desired.parameters.get_mut(key) {
            *parameter = value;
        }
    }
    Some(desired)
}

/// Parameters that both function stacks take.
fn functions(spec: &Spec, artifact: &ArtifactRef, keys: Versions) -> Vec<(&'static str, String)> {
    vec![
        ("ArtifactKey", artifact.key()),
        ("CodeSha256", artifact.code_sha256.clone()),
        ("Architecture", spec.capacity.architecture.name().to_owned()),
        ("MemorySize", spec.capacity.memory.to_string()),
        ("LogRetentionDays", spec.monitoring.log_retention_days.to_string()),
        ("KeyPrefix", spec.key_prefix()),
        (key_versions::ADDRESS, keys.address.number.to_string()),
        (key_versions::TOKEN, keys.token.number.to_string()),
    ]
}

/// The parameters of a subscriber, by the number of its place in the template.
const LISTENERS: [[&str; 3]; SUBSCRIBERS] = [
    ["Subscriber1Protocol", "Subscriber1Endpoint", "Subscriber1Events"],
    ["Subscriber2Protocol", "Subscriber2Endpoint", "Subscriber2Events"],
    ["Subscriber3Protocol", "Subscriber3Endpoint", "Subscriber3Events"],
    ["Subscriber4Protocol", "Subscriber4Endpoint", "Subscriber4Events"],
    ["Subscriber5Protocol", "Subscriber5Endpoint", "Subscriber5Events"],
];

/// The same of those who get the digest.
const READERS: [[&str; 1]; DIGESTS] = [["DigestAddress1"], ["DigestAddress2"]];

/// Puts who has a place into it again, and the others into those that are left. Of the parameters of a place one holds the
/// endpoint.
fn keep_places<const N: usize>(
    parameters: &mut BTreeMap<Cow<'static, str>, String>,
    deployed: &BTreeMap<String, String>,
    places: &[[&'static str; N]],
    endpoint: usize,
) {
    let of = |place: &[&'static str; N]| place.map(|key| parameters.get(key).cloned().unwrap_or_default());
    let mut wanted: Vec<[String; N]> = places.iter().map(of).collect();
    let kept: Vec<Option<[String; N]>> = places
        .iter()
        .map(|place| {
            let there = deployed.get(place[endpoint]).filter(|there| !there.is_empty())?;
            let at = wanted.iter().position(|it| it[endpoint] == *there)?;
            Some(wanted.remove(at))
        })
        .collect();
    let mut others = wanted.into_iter();
    for (place, kept) in places.iter().zip(kept) {
        let Some(values) = kept.or_else(|| others.next()) else { continue };
        parameters.extend(place.iter().zip(values).map(|(key, value)| ((*key).into(), value)));
    }
}

/// Who is told what, all places of the template included: one that is free has an empty endpoint.
fn subscriptions(notifications: &Notifications) -> Vec<(&'static str, String)> {
    let mut parameters = Vec::new();
    let mut listeners = notifications.listeners();
    for [protocol, endpoint, events] in LISTENERS {
        let listener = listeners.next();
        let (by, place) = listener.and_then(Subscriber::endpoint).unwrap_or(("https", ""));
        let types = listener.map(Subscriber::types).unwrap_or_default();
        let types: Vec<&str> = types.into_iter().map(EventType::name).collect();
        parameters.extend([(protocol, by.to_owned()), (endpoint, place.to_owned()), (events, types.join(","))]);
    }
    let mut readers = notifications.readers();
    parameters.extend(READERS.map(|[address]| (address, readers.next().unwrap_or_default().to_owned())));
    parameters
}

fn take(outputs: &Outputs, keys: &[&'static str]) -> Option<Vec<(&'static str, String)>> {
    keys.iter().map(|key| Some((*key, outputs.get(*key)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn spec(name: &str) -> Spec {
        crate::spec::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), None, false)
            .expect("valid")
    }

    fn artifact() -> ArtifactRef {
        ArtifactRef { sha256: "ab".repeat(32), code_sha256: "q".repeat(43) + "=" }
    }

    /// Outputs as the data stack gives them, each under its own name.
    fn outputs() -> Outputs {
        template::keys(Role::Data, "Outputs").into_iter().map(|key| (key.clone(), key)).collect()
    }

    #[test]
    fn every_parameter_is_declared_and_every_declared_one_without_default_is_given() {
        for name in ["registration.yaml", "waitlist.yaml", "full.yaml"] {
            let spec = spec(name);
            let (outputs, artifact) = (outputs(), artifact());
            let all = [
                data(&spec),
                workers(&spec, &outputs, &artifact, Versions::FIRST).expect("the data stack tells all that is needed"),
                front(&spec, &outputs, &artifact, Versions::FIRST).expect("the data stack tells all that is needed"),
            ];
            for desired in all {
                // What nobody has to choose is left as it is.
                let mut declared = template::keys(desired.role, "Parameters");
                declared.retain(|key| !["RequestsPerTarget", "VpcCidr"].contains(&key.as_str()));
                let given: Vec<String> = desired.parameters.keys().map(ToString::to_string).collect();
                assert_eq!(declared, given, "{:?}", desired.role);
            }
        }
    }

    #[test]
    fn every_value_is_one_that_its_template_takes() {
        for name in ["registration.yaml", "waitlist.yaml", "full.yaml", "high-performance.yaml"] {
            for subdomains in [false, true] {
                let mut spec = spec(name);
                spec.security.hsts_subdomains = Some(subdomains);
                let (outputs, artifact) = (outputs(), artifact());
                let front = front(&spec, &outputs, &artifact, Versions::FIRST);
                let workers = workers(&spec, &outputs, &artifact, Versions::FIRST);
                for desired in [Some(data(&spec)), workers, front].into_iter().flatten() {
                    let template =
                        crate::engine::long_form::read(&desired.template).expect("an embedded template parses");
                    for (key, value) in &desired.parameters {
                        let Some(taken) = template["Parameters"][key.as_ref()]["AllowedValues"].as_array() else {
                            continue;
                        };
                        let text = |it: &serde_json::Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
                        assert!(taken.iter().map(text).any(|it| it == *value), "{key}: {value} is none of {taken:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_subscriber_keeps_its_place_whoever_else_comes_and_goes() {
        let endpoints = |urls: &[&str], deployed: Option<&Desired>| {
            let mut spec = spec("waitlist.yaml");
            let subscriber = |url: &&str| serde_json::from_value(serde_json::json!({ "https": url })).expect("valid");
            spec.notifications.subscribers = urls.iter().map(subscriber).collect();
            let desired = workers(&spec, &outputs(), &artifact(), Versions::FIRST).expect("all outputs");
            desired.in_their_places(deployed.map(Deployed::of).as_ref())
        };
        let places = |desired: &Desired| LISTENERS.map(|[_, endpoint, _]| desired.parameters[endpoint].clone());
        let [a, b, c] = ["https://a.example/", "https://b.example/", "https://c.example/"];
        let both = endpoints(&[a, b], None);
        assert_eq!(places(&both), [a, b, "", "", ""]);
        assert_eq!(places(&endpoints(&[b], Some(&both))), ["", b, "", "", ""]);
        assert_eq!(places(&endpoints(&[b, a], Some(&both))), [a, b, "", "", ""]);
        assert_eq!(places(&endpoints(&[c, b], Some(&both))), [c, b, "", "", ""]);
        assert_eq!(places(&endpoints(&[c, b, a], Some(&both))), [a, b, c, "", ""]);
        let alone = endpoints(&[b], Some(&both));
        assert_eq!(places(&endpoints(&[b], Some(&alone))), ["", b, "", "", ""]);
    }

    #[test]
    fn a_stack_as_desired_differs_in_nothing_and_a_changed_one_in_what_changed() {
        let desired = data(&spec("registration.yaml"));
        let mut deployed = Deployed::of(&desired);
        assert_eq!(desired.differences(&deployed), Vec::<String>::new());
        deployed.parameters.insert("PointInTimeRecoveryDays".into(), "1".into());
        deployed.tags.insert("more".into(), "tags".into());
        deployed.template = None;
        assert_eq!(desired.differences(&deployed), ["template", "tags", "PointInTimeRecoveryDays"]);
    }

    #[test]
    fn an_update_keeps_as_many_servers_as_run_and_leaves_room_for_one_more() {
        let desired =
            front(&spec("high-performance.yaml"), &outputs(), &artifact(), Versions::FIRST).expect("all outputs");
        let kept = |running| desired.clone().keeping(running).parameters[KEPT].clone();
        assert_eq!([0, 2, 4, 5, 6, 90].map(kept), ["2", "2", "4", "5", "5", "5"]);
        let deployed = Deployed::of(&desired.clone().keeping(4));
        assert_eq!(desired.differences(&deployed), Vec::<String>::new(), "how many run is no reason to deploy");
        assert_eq!(data(&spec("high-performance.yaml")).keeping(4).parameters.get(KEPT), None);
        let mut earlier = desired;
        earlier.parameters.remove(KEPT);
        assert_eq!(earlier.clone().keeping(4), earlier, "CloudFormation refuses what a template does not declare");
    }

    #[test]
    fn templates_are_taken_whole_and_given_back_unchanged() {
        for role in Role::ALL {
            assert!(role.template().len() <= 51_200, "{role:?} is larger than CloudFormation takes inline");
            // GetTemplate gives a question mark for anything else, and no deploy would ever find nothing to do.
            assert!(role.template().is_ascii(), "{role:?} would not be read back as it was sent");
        }
    }
}
