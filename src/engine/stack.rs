//! Stacks as they are in the account.

use std::collections::BTreeMap;
use std::time::Instant;

use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
use aws_sdk_cloudformation::types::{Stack, StackStatus};
use aws_smithy_runtime_api::client::result::SdkError;
use jiff::Timestamp;

use super::adopt;
use super::desired::{Outputs, SERVICE_TAG};
use super::evaluate::{Evaluated, evaluate};
use super::events::Pace;
use super::status::{self, State};
use super::template::Role;
use super::token;
use crate::aws::{Aws, explain, service_code, service_message};
use crate::error::{Failure, Outcome};
use crate::spec::{Spec, Topology};

/// One stack as it is.
#[derive(Clone, Debug)]
pub struct Deployed {
    pub role: Role,
    pub name: String,
    pub id: String,
    pub status: StackStatus,
    pub state: State,
    pub outputs: Outputs,
    pub tags: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
    pub termination_protection: bool,
    /// When it was last created or updated.
    pub changed: Option<Timestamp>,
    /// The template's text as it was sent; absent while the stack is empty or being made.
    pub template: Option<String>,
}

impl Deployed {
    fn new(role: Role, stack: Stack) -> Option<Self> {
        let status = stack.stack_status?;
        if status::meaning(&status).state == State::Gone {
            return None;
        }
        // An empty value may come as none at all.
        let pairs = |pair: (Option<String>, Option<String>)| Some((pair.0?, pair.1.unwrap_or_default()));
        Some(Self {
            role,
            name: stack.stack_name?,
            id: stack.stack_id?,
            state: status::meaning(&status).state,
            status,
            outputs: stack
                .outputs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|o| pairs((o.output_key, o.output_value)))
                .collect(),
            // Tags with this prefix are AWS's own, such as those of Service Catalog.
            tags: stack
                .tags
                .unwrap_or_default()
                .into_iter()
                .filter_map(|tag| pairs((tag.key, tag.value)))
                .filter(|(key, _)| !key.starts_with("aws:"))
                .collect(),
            parameters: stack
                .parameters
                .unwrap_or_default()
                .into_iter()
                .filter_map(|p| pairs((p.parameter_key, p.parameter_value)))
                .collect(),
            termination_protection: stack.enable_termination_protection.unwrap_or_default(),
            changed: stack
                .last_updated_time
                .or(stack.creation_time)
                .and_then(|time| Timestamp::from_second(time.secs()).ok()),
            template: None,
        })
    }
}

impl Deployed {
    /// What the template made with its parameters; `None` when it cannot be read.
    pub fn evaluated(&self) -> Option<Evaluated> {
        let parameters = self.parameters.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        evaluate(self.template.as_deref()?, parameters)
    }
}

async fn has_only_our_change_sets(client: &aws_sdk_cloudformation::Client, stack: &Deployed) -> Outcome<bool> {
    let answer = client.list_change_sets().stack_name(&stack.id).send().await;
    let answer =
        answer.map_err(|error| explain(format!("the change sets of `{}` cannot be read", stack.name), error))?;
    let sets = answer.summaries.unwrap_or_default();
    Ok(sets.iter().all(|set| set.change_set_name().is_some_and(|name| name.starts_with(token::PREFIX))))
}

#[cfg(test)]
impl Deployed {
    /// A stack that is just what is desired.
    pub fn of(desired: &super::desired::Desired) -> Self {
        Self {
            role: desired.role,
            name: desired.stack.clone(),
            id: format!("arn:aws:cloudformation:us-east-1:000000000000:stack/{}/1", desired.stack),
            status: StackStatus::CreateComplete,
            state: State::Ready,
            outputs: Outputs::new(),
            tags: desired.tags.clone(),
            parameters: desired.parameters.iter().map(|(key, value)| (key.to_string(), value.clone())).collect(),
            termination_protection: true,
            changed: None,
            template: Some(desired.role.template().to_owned()),
        }
    }
}

/// The stacks of a service by role; one that does not exist is absent.
pub type DeployedStacks = BTreeMap<Role, Deployed>;

/// Reads the service's stacks: two requests each, all side by side, and one for the front of the other topology, which
/// is there only while the topology is changed.
///
/// Refuses, and so leaves untouched, a stack of the same name that is not this service's.
pub async fn read_all(aws: &Aws, spec: &Spec) -> Outcome<DeployedStacks> {
    let client = aws.cloudformation();
    let name = |role: Role| role.stack_name(&spec.service);
    let whole = |role: Role| {
        let (client, name) = (client.clone(), name(role));
        async move { read_whole(&client, role, &name).await }
    };
    let other = async {
        let role = spec.topology.other().front();
        let Some(found) = read(&client, role, &name(role)).await? else { return Ok(None) };
        let template = read_template(&client, &found.id).await?;
        Ok::<_, Box<Failure>>(Some(Deployed { template, ..found }))
    };
    let (data, workers, front, other) =
        tokio::join!(whole(Role::Data), whole(Role::Workers), whole(spec.topology.front()), other);
    let (data, workers, front, other) = (data?, workers?, front?, other?);
    let stacks: DeployedStacks =
        [data, workers, front, other].into_iter().flatten().map(|stack| (stack.role, stack)).collect();
    for stack in stacks.values() {
        ensure_ours(&client, stack, &spec.service).await?;
    }
    Ok(stacks)
}

/// The stack that answers requests; while the topology is changed, the one that the spec asks for, once it is there.
pub fn front(stacks: &DeployedStacks, topology: Topology) -> Option<&Deployed> {
    let made = |topology: Topology| stacks.get(&topology.front()).filter(|stack| !stack.outputs.is_empty());
    made(topology).or_else(|| made(topology.other()))
}

/// Reads one stack by name or ID; `None` when there is none.
pub async fn read(client: &aws_sdk_cloudformation::Client, role: Role, stack: &str) -> Outcome<Option<Deployed>> {
    match client.describe_stacks().stack_name(stack).send().await {
        Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().find_map(|found| Deployed::new(role, found))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(explain(format!("the stack `{stack}` cannot be read"), error)),
    }
}

/// The same with its template: two requests.
pub async fn read_whole(client: &aws_sdk_cloudformation::Client, role: Role, stack: &str) -> Outcome<Option<Deployed>> {
    let (found, template) = tokio::join!(read(client, role, stack), read_template(client, stack));
    match found? {
        Some(found) => Ok(Some(Deployed { template: template?, ..found })),
        None => Ok(None),
    }
}

/// Reads a stack whose operation ended with this status, as it is from then on: reads lag behind events.
pub async fn read_after(
    client: &aws_sdk_cloudformation::Client,
    role: Role,
    stack: &str,
    ended: &StackStatus,
    mut pace: Pace,
) -> Outcome<Option<Deployed>> {
    let started = Instant::now();
    loop {
        let found = read(client, role, stack).await?;
        if found.as_ref().is_some_and(|found| found.status == *ended) || started.elapsed() > pace.settles {
            return Ok(found);
        }
        pace.pause(false).await;
    }
}

/// The template as it was sent. Its absence only means that the stack is compared by a change set instead; credentials
/// that have run out are no such absence.
async fn read_template(client: &aws_sdk_cloudformation::Client, stack: &str) -> Outcome<Option<String>> {
    match client.get_template().stack_name(stack).send().await {
        Ok(answer) => Ok(answer.template_body),
        Err(error) => match explain(format!("the template of `{stack}` cannot be read"), error) {
            failure if failure.is_of_credentials() => Err(failure),
            _ => Ok(None),
        },
    }
}

/// CloudFormation has no code for an unknown stack, only `ValidationError` and this wording.
fn is_absent<R>(error: &SdkError<DescribeStacksError, R>) -> bool {
    service_code(error) == Some("ValidationError") && service_message(error).contains("does not exist")
}

async fn ensure_ours(client: &aws_sdk_cloudformation::Client, stack: &Deployed, service: &str) -> Outcome<()> {
    match stack.tags.get(SERVICE_TAG) {
        Some(owner) if owner == service => Ok(()),
        // An import may give no tags; the update that follows it does, unless it is broken off or rolled back.
        None if is_begun(stack, service) => Ok(()),
        // A stack that holds nothing may not show its tags; then its change sets tell who made it.
        None if stack.state == State::Empty && has_only_our_change_sets(client, stack).await? => Ok(()),
        owner => {
            let cause = match owner {
                Some(owner) => format!("it belongs to the service `{owner}`"),
                None => "it has no tag `signupctl:service`, so signupctl did not make it".to_owned(),
            };
            Err(Failure::new("not_ours", format!("there is a stack `{}` that is not this service's", stack.name))
                .cause(cause)
                .hint("nothing was touched; choose another name for `service:`"))
        }
    }
}

/// Whether a run of ours began the stack with what it took over, and did not bring it to the whole template.
fn is_begun(stack: &Deployed, service: &str) -> bool {
    stack.parameters.get("Service").is_some_and(|name| name == service)
        && stack.template.as_deref().is_some_and(|template| adopt::is_begun(template, stack.role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_and_tags_of_aws_make_no_difference() {
        use aws_sdk_cloudformation::types::{Parameter, Tag};
        let spec = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/waitlist.yaml"));
        let desired = crate::engine::desired::data(&crate::spec::load(spec, None, false).expect("valid"));
        assert_eq!(desired.parameters["AlarmAddress"], "");
        let parameter = |(key, value): (&std::borrow::Cow<'static, str>, &String)| {
            let value = Some(value.clone()).filter(|value| !value.is_empty());
            Parameter::builder().parameter_key(key.as_ref()).set_parameter_value(value).build()
        };
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let stack = Stack::builder()
            .stack_name(&desired.stack)
            .stack_id("arn")
            .stack_status(StackStatus::CreateComplete)
            .set_parameters(Some(desired.parameters.iter().map(parameter).collect()))
            .set_tags(Some(desired.tags.iter().map(tag).collect()))
            .tags(Tag::builder().key("aws:servicecatalog:x").value("y").build())
            .build();
        let deployed = Deployed::new(Role::Data, stack).expect("a stack");
        let deployed = Deployed { template: Some(Role::Data.template().trim_end().to_owned()), ..deployed };
        assert_eq!(desired.differences(&deployed), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_stack_is_told_by_its_wording() {
        use aws_smithy_types::error::ErrorMetadata;
        let refused = |code: &str, message: &str| {
            let metadata = ErrorMetadata::builder().code(code).message(message).build();
            is_absent(&SdkError::service_error(DescribeStacksError::generic(metadata), ()))
        };
        assert!(refused("ValidationError", "Stack with id demo-data does not exist"));
        assert!(!refused("ValidationError", "1 validation error detected"));
        assert!(!refused("AccessDenied", "Stack does not exist, perhaps"));
    }
}
