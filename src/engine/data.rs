//! The data stack's guards, and the way its data is deleted when that is asked for.
//!
//! CloudFormation leaves table and bucket alone when it deletes their stack. What they are called is
//! therefore written down first, in Parameter Store, so that a deletion which is interrupted at any
//! moment can be taken up again, even when the stack is gone already.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::TableStatus;
use serde::{Deserialize, Serialize};

use super::artifacts;
use super::events::Pace;
use super::progress::Progress;
use super::stack::Deployed;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};

/// Nothing that holds data may be replaced or deleted by an update of the stack.
const STACK_POLICY: &str = r#"{"Statement":[
  {"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},
  {"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Principal":"*","Resource":["LogicalResourceId/Table","LogicalResourceId/ArtifactBucket"]}
]}"#;

/// For the one update that the operator allowed to take data away.
const NO_STACK_POLICY: &str =
    r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}"#;

/// DynamoDB deletes and updates a table within a minute or two.
const DEADLINE: Duration = Duration::from_secs(600);

/// Guards the data stack as the spec asks; termination protection comes last and so tells that all is done.
pub async fn protect(aws: &Aws, stack: &Deployed, wanted: bool) -> Outcome<()> {
    if stack.termination_protection == wanted {
        return Ok(());
    }
    let client = aws.cloudformation();
    if wanted {
        set_stack_policy(aws, &stack.name, STACK_POLICY).await?;
    }
    let set = client
        .update_termination_protection()
        .stack_name(&stack.name)
        .enable_termination_protection(wanted)
        .send()
        .await;
    set.map(drop)
        .map_err(|error| explain(format!("the termination protection of `{}` cannot be changed", stack.name), error))
}

/// Lets the next update replace what holds data. Termination protection goes off until [`protect`] has
/// put both back, so that an interruption is noticed by the next run.
pub async fn allow_replacement(aws: &Aws, stack: &mut Deployed) -> Outcome<()> {
    protect(aws, stack, false).await?;
    stack.termination_protection = false;
    set_stack_policy(aws, &stack.name, NO_STACK_POLICY).await
}

async fn set_stack_policy(aws: &Aws, stack: &str, policy: &str) -> Outcome<()> {
    let set = aws.cloudformation().set_stack_policy().stack_name(stack).stack_policy_body(policy).send().await;
    set.map(drop).map_err(|error| explain(format!("the stack policy of `{stack}` cannot be set"), error))
}

/// What outlives the data stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    pub tables: Vec<String>,
    pub buckets: Vec<String>,
}

impl Retained {
    /// What the stack's outputs name, added to what an interrupted deletion left.
    fn with(mut self, stack: Option<&Deployed>) -> Self {
        let output = |key: &str| stack.and_then(|stack| stack.outputs.get(key)).cloned();
        self.tables.extend(output("TableName"));
        self.buckets.extend(output("ArtifactBucket"));
        for names in [&mut self.tables, &mut self.buckets] {
            names.sort();
            names.dedup();
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.buckets.is_empty()
    }
}

fn journal(key_prefix: &str) -> String {
    format!("{key_prefix}/deletion")
}

/// What is to be deleted: of the stack, and of an earlier deletion that was interrupted.
pub async fn retained(aws: &Aws, key_prefix: &str, stack: Option<&Deployed>) -> Outcome<Retained> {
    let noted = match aws.ssm().get_parameter().name(journal(key_prefix)).send().await {
        Ok(answer) => answer.parameter.and_then(|parameter| parameter.value),
        Err(error) if service_code(&error) == Some("ParameterNotFound") => None,
        Err(error) => return Err(explain("the note of an earlier deletion cannot be read", error)),
    };
    let noted = noted.and_then(|text| serde_json::from_str::<Retained>(&text).ok()).unwrap_or_default();
    Ok(noted.with(stack))
}

/// Notes what is to be deleted, and lifts the protections that would stop it.
pub async fn unlock(aws: &Aws, key_prefix: &str, stack: &Deployed, retained: &Retained) -> Outcome<()> {
    let text = serde_json::to_string(retained).map_err(|error| {
        Failure::new("unexpected_answer", "what is to be deleted cannot be noted").cause(error.to_string())
    })?;
    let noted = aws
        .ssm()
        .put_parameter()
        .name(journal(key_prefix))
        .description("What `signupctl destroy --delete-data` is deleting")
        .value(text)
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .overwrite(true)
        .send()
        .await;
    noted.map_err(|error| explain("what is to be deleted cannot be noted", error))?;
    protect(aws, stack, false).await
}

/// Deletes tables and buckets, waits until they are gone, and forgets the note. Safe to repeat.
pub async fn delete(aws: &Aws, key_prefix: &str, retained: &Retained, progress: &Progress) -> Outcome<()> {
    for table in &retained.tables {
        let step = progress.step(format!("deleting the table {table}"));
        delete_table(aws, table).await?;
        step.done(&format!("deleted the table {table}"));
    }
    for bucket in &retained.buckets {
        artifacts::empty(aws, bucket).await?;
        match aws.s3().delete_bucket().bucket(bucket).send().await {
            Ok(_) => progress.line(format!("  - deleted the bucket {bucket}")),
            Err(error) if service_code(&error) == Some("NoSuchBucket") => {}
            Err(error) => return Err(explain(format!("the artifact bucket `{bucket}` cannot be deleted"), error)),
        }
    }
    match aws.ssm().delete_parameter().name(journal(key_prefix)).send().await {
        Ok(_) => Ok(()),
        Err(error) if service_code(&error) == Some("ParameterNotFound") => Ok(()),
        Err(error) => Err(explain("the note of the deletion cannot be removed", error)),
    }
}

async fn delete_table(aws: &Aws, table: &str) -> Outcome<()> {
    let client = aws.dynamodb();
    let started = Instant::now();
    let mut pace = Pace::of(aws.is_local());
    loop {
        let found = match client.describe_table().table_name(table).send().await {
            Ok(answer) => answer.table,
            Err(error) if service_code(&error) == Some("ResourceNotFoundException") => return Ok(()),
            Err(error) => return Err(explain(format!("the table `{table}` cannot be read"), error)),
        };
        // A table that is being updated refuses both calls: look again until it is active.
        if let Some(found) = found.filter(|table| table.table_status == Some(TableStatus::Active)) {
            if found.deletion_protection_enabled == Some(true) {
                let lifted = client.update_table().table_name(table).deletion_protection_enabled(false).send().await;
                lifted.map_err(|error| {
                    explain(format!("the deletion protection of `{table}` cannot be lifted"), error)
                })?;
            } else {
                match client.delete_table().table_name(table).send().await {
                    Ok(_) => {}
                    Err(error) if service_code(&error) == Some("ResourceInUseException") => {}
                    Err(error) if service_code(&error) == Some("ResourceNotFoundException") => return Ok(()),
                    Err(error) => return Err(explain(format!("the table `{table}` cannot be deleted"), error)),
                }
            }
        }
        if started.elapsed() > DEADLINE {
            return Err(Failure::new("timed_out", format!("the table `{table}` is still there"))
                .cause(format!("DynamoDB has worked on it for more than {} minutes", DEADLINE.as_secs() / 60))
                .hint("run it again; it goes on where it stopped"));
        }
        pace.pause(true).await;
    }
}
