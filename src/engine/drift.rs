//! What was changed behind the stacks' back: resources, as CloudFormation finds them, and the functions' code, which
//! it does not look at.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::types::{
    StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus as DriftStatus,
};
use serde::Serialize;

use super::compare::Difference;
use super::desired::ArtifactRef;
use super::events::Pace;
use super::stack::{Deployed, DeployedStacks};
use super::versions::{self, Version};
use crate::aws::{Aws, explain};
use crate::error::{Failure, Outcome};

/// CloudFormation looks at a stack of some forty resources within a minute or two.
const DEADLINE: Duration = Duration::from_secs(600);

/// A resource that is not as its stack says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drifted {
    pub stack: String,
    pub logical_id: String,
    pub resource_type: String,
    /// It is not there any more.
    pub deleted: bool,
    /// What the stack says is `before`, what is there `after`.
    pub properties: Vec<Difference>,
}

/// Has CloudFormation look at every stack, side by side, and looks at the functions' code.
pub async fn detect(aws: &Aws, stacks: &DeployedStacks) -> Outcome<Vec<Drifted>> {
    let mut begun = Vec::new();
    for stack in stacks.values() {
        let answer = aws.cloudformation().detect_stack_drift().stack_name(&stack.id).send().await;
        let answer = answer.map_err(|error| explain(format!("`{}` cannot be looked at", stack.name), error))?;
        begun.push((stack, answer.stack_drift_detection_id.unwrap_or_default()));
    }
    let mut found = Vec::new();
    for (stack, id) in begun {
        finish(aws, stack, &id).await?;
        found.extend(read(aws, stack).await?);
    }
    found.extend(code(aws, stacks).await?);
    Ok(found)
}

async fn finish(aws: &Aws, stack: &Deployed, id: &str) -> Outcome<()> {
    let started = Instant::now();
    let mut pace = Pace::of(aws.is_local());
    loop {
        let request = aws.cloudformation().describe_stack_drift_detection_status().stack_drift_detection_id(id);
        let answer = request.send().await;
        let answer = answer.map_err(|error| explain(format!("`{}` cannot be looked at", stack.name), error))?;
        match answer.detection_status {
            Some(StackDriftDetectionStatus::DetectionInProgress) if started.elapsed() > DEADLINE => {
                return Err(Failure::new("timed_out", format!("CloudFormation still looks at `{}`", stack.name)));
            }
            Some(StackDriftDetectionStatus::DetectionInProgress) => pace.pause(false).await,
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                return Err(Failure::new(
                    "not_all_seen",
                    format!("CloudFormation could not look at all of `{}`", stack.name),
                )
                .cause(answer.detection_status_reason.unwrap_or_default())
                .hint("grant the right to read what it names to the principal you work as"));
            }
            _ => return Ok(()),
        }
    }
}

async fn read(aws: &Aws, stack: &Deployed) -> Outcome<Vec<Drifted>> {
    let client = aws.cloudformation();
    let mut found = Vec::new();
    let mut page = None;
    loop {
        let answer = client
            .describe_stack_resource_drifts()
            .stack_name(&stack.id)
            .stack_resource_drift_status_filters(DriftStatus::Modified)
            .stack_resource_drift_status_filters(DriftStatus::Deleted)
            .set_next_token(page)
            .send()
            .await;
        let answer = answer.map_err(|error| explain(format!("the drift of `{}` cannot be read", stack.name), error))?;
        found.extend(answer.stack_resource_drifts.unwrap_or_default().into_iter().filter_map(|it| drifted(stack, it)));
        page = answer.next_token;
        if page.is_none() {
            return Ok(found);
        }
    }
}

fn drifted(stack: &Deployed, found: StackResourceDrift) -> Option<Drifted> {
    let value = |text: Option<String>| text.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| text.into()));
    let properties = found.property_differences.unwrap_or_default().into_iter().map(|difference| Difference {
        path: difference.property_path.unwrap_or_default().trim_start_matches('/').replace('/', "."),
        before: value(difference.expected_value),
        after: value(difference.actual_value),
    });
    Some(Drifted {
        stack: stack.name.clone(),
        logical_id: found.logical_resource_id?,
        resource_type: found.resource_type.unwrap_or_default(),
        deleted: found.stack_resource_drift_status == Some(DriftStatus::Deleted),
        properties: properties.collect(),
    })
}

/// The functions that do not answer by the code that their stack names, or not by the keys.
async fn code(aws: &Aws, stacks: &DeployedStacks) -> Outcome<Vec<Drifted>> {
    let mut found = Vec::new();
    for (stack, function) in versions::functions_by_stack(stacks) {
        let Some(artifact) = ArtifactRef::of(&stack.parameters) else { continue };
        let live = versions::live(aws, &function).await?;
        let published = versions::list(aws, &function).await?;
        let running = published.iter().find(|it| it.number.to_string() == live);
        let is_named = |it: &&Version| it.artifact == artifact;
        let difference = match running.filter(is_named) {
            Some(running) if versions::reads_the_keys_of(&stack.parameters, running, &published) => continue,
            Some(running) => {
                let named = versions::named(&published, &stack.parameters, &artifact);
                let number = |version: &Version| version.number.into();
                Difference { path: "version".into(), before: named.map(number), after: Some(number(running)) }
            }
            None => {
                let release = running.map_or(live, |version| version.artifact.release().to_owned());
                Difference { path: "code".into(), before: Some(artifact.release().into()), after: Some(release.into()) }
            }
        };
        found.push(Drifted {
            stack: stack.name.clone(),
            logical_id: function,
            resource_type: "AWS::Lambda::Alias".into(),
            deleted: false,
            properties: vec![difference],
        });
    }
    Ok(found)
}
