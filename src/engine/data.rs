//! The data stack's guards, and the way its data is deleted when that is asked for.
//!
//! CloudFormation leaves table and bucket alone when it deletes their stack. What they are called is
//! therefore written down first, in Parameter Store, so that a deletion which is interrupted at any
//! moment can be taken up again, even when the stack is gone already.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use aws_sdk_dynamodb::types::{PointInTimeRecoverySpecification, TableStatus};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use signup_service::store::{DynamoStore, ListUsers, Store};

use super::artifacts;
use super::events::Pace;
use super::existing;
use super::notes::Note;
use super::plan::TABLE;
use super::progress::Progress;
use super::stack::Deployed;
use super::template::Role;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};

/// How long a load balancer that is gone may still write logs: it does so every five minutes.
const LAST_LOGS: Duration = Duration::from_secs(10 * 60);

/// Nothing that holds data, or the log of what was done with it, may be replaced or deleted by an update of the stack.
const STACK_POLICY: &str = r#"{"Statement":[
  {"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},
  {"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Principal":"*","Resource":["LogicalResourceId/Table","LogicalResourceId/ArtifactBucket","LogicalResourceId/AdminLogs"]}
]}"#;

/// Where nothing is protected, and for the one update that the operator allowed to take data away.
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
    set_stack_policy(aws, &stack.name, if wanted { STACK_POLICY } else { NO_STACK_POLICY }).await?;
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
    Ok(())
}

async fn set_stack_policy(aws: &Aws, stack: &str, policy: &str) -> Outcome<()> {
    let set = aws.cloudformation().set_stack_policy().stack_name(stack).stack_policy_body(policy).send().await;
    set.map(drop).map_err(|error| explain(format!("the stack policy of `{stack}` cannot be set"), error))
}

/// What outlives the data stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retained {
    Table(String),
    Bucket(String),
}

impl Retained {
    fn parse(item: &str) -> Option<Self> {
        let (kind, name) = item.split_once(':')?;
        match kind {
            "table" => Some(Self::Table(name.to_owned())),
            "bucket" => Some(Self::Bucket(name.to_owned())),
            _ => None,
        }
    }

    fn item(&self) -> String {
        match self {
            Self::Table(name) => format!("table:{name}"),
            Self::Bucket(name) => format!("bucket:{name}"),
        }
    }
}

impl std::fmt::Display for Retained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table `{name}` with all sign-ups"),
            Self::Bucket(name) => write!(f, "bucket `{name}`"),
        }
    }
}

/// What is to be deleted: of the stack, of an earlier deletion that was interrupted, and of earlier stacks of the
/// service that were deleted without it, as far as these may be looked for.
pub async fn retained(aws: &Aws, service: &str, key_prefix: &str, stack: Option<&Deployed>) -> Outcome<Vec<Retained>> {
    let noted = Note::deletion(key_prefix).read(aws).await?;
    let mut retained: Vec<Retained> = noted.iter().filter_map(|item| Retained::parse(item)).collect();
    let output = |key: &str| stack.and_then(|stack| stack.outputs.get(key)).cloned();
    let of_stack = [output("TableName").map(Retained::Table), output("ArtifactBucket").map(Retained::Bucket)];
    let name = Role::Data.stack_name(service);
    let (tables, buckets) =
        tokio::try_join!(existing::tables(aws, service, &name), existing::buckets(aws, service, &name))
            .or_else(|failure| if failure.code == "access_denied" { Ok(Default::default()) } else { Err(failure) })?;
    let left = tables.into_iter().map(|table| Retained::Table(table.name));
    let left = left.chain(buckets.into_iter().map(|bucket| Retained::Bucket(bucket.name)));
    for found in of_stack.into_iter().flatten().chain(left) {
        if !retained.contains(&found) {
            retained.push(found);
        }
    }
    Ok(retained)
}

/// Notes what is to be deleted, and lifts the protections that would stop it.
pub async fn unlock(aws: &Aws, key_prefix: &str, stack: &Deployed, retained: &[Retained]) -> Outcome<()> {
    let items: Vec<String> = retained.iter().map(Retained::item).collect();
    if !items.is_empty() {
        Note::deletion(key_prefix).write(aws, &items).await?;
    }
    protect(aws, stack, false).await
}

/// Deletes tables and buckets, waits until they are gone, and forgets the note. Safe to repeat.
pub async fn delete(aws: &Aws, key_prefix: &str, retained: &[Retained], progress: &Progress) -> Outcome<()> {
    for retained in retained {
        delete_one(aws, retained, progress).await?;
    }
    Note::deletion(key_prefix).delete(aws).await
}

/// Deletes what holds data in a data stack that never came to be. CloudFormation would leave it behind, and cannot
/// take back a table that is protected. Refuses a table that somebody has written to all the same.
pub async fn delete_unmade(aws: &Aws, stack: &Deployed, progress: &Progress) -> Outcome<()> {
    let client = aws.cloudformation();
    let resources = client.list_stack_resources().stack_name(&stack.id).into_paginator().items().send().collect();
    let resources: Result<Vec<_>, _> = resources.await;
    let resources =
        resources.map_err(|error| explain(format!("the resources of `{}` cannot be listed", stack.name), error))?;
    let held = |resource: StackResourceSummary| {
        let name = resource.physical_resource_id.filter(|name| !name.is_empty())?;
        let gone = resource.resource_status == Some(ResourceStatus::DeleteComplete);
        match resource.resource_type.as_deref() {
            Some(TABLE) if !gone => Some(Retained::Table(name)),
            Some("AWS::S3::Bucket") if !gone => Some(Retained::Bucket(name)),
            _ => None,
        }
    };
    let held: Vec<Retained> = resources.into_iter().filter_map(held).collect();
    for table in held.iter().filter_map(|held| if let Retained::Table(table) = held { Some(table) } else { None }) {
        if !is_empty(aws, table).await? {
            return Err(Failure::new("data_at_risk", format!("the table `{table}` holds sign-ups"))
                .cause(format!("its stack `{}` never came to be, and must be deleted before a deploy", stack.name))
                .hint("nothing was changed; look at the table, and delete it by hand if it is of no use"));
        }
    }
    for held in &held {
        delete_one(aws, held, progress).await?;
    }
    Ok(())
}

/// Whether nobody is in a table; in one that is not there nobody is either.
async fn is_empty(aws: &Aws, table: &str) -> Outcome<bool> {
    match aws.dynamodb().describe_table().table_name(table).send().await {
        Ok(_) => {}
        Err(error) if service_code(&error) == Some("ResourceNotFoundException") => return Ok(true),
        Err(error) => return Err(explain(format!("the table `{table}` cannot be read"), error)),
    }
    let users = DynamoStore::new(aws.dynamodb(), table, None).list_users(&ListUsers::newest(1)).await;
    let users = users.map_err(|error| {
        Failure::new("data_at_risk", format!("who is in the table `{table}` cannot be told")).cause(error.to_string())
    })?;
    Ok(users.users.is_empty())
}

async fn delete_one(aws: &Aws, retained: &Retained, progress: &Progress) -> Outcome<()> {
    let step = progress.step(format!("deleting the {retained}"));
    match retained {
        Retained::Table(table) => delete_table(aws, table).await?,
        Retained::Bucket(bucket) => delete_bucket(aws, bucket).await?,
    }
    step.done(&format!("deleted the {retained}"));
    Ok(())
}

async fn delete_bucket(aws: &Aws, bucket: &str) -> Outcome<()> {
    let started = Instant::now();
    let mut pace = Pace::of(aws.is_local());
    loop {
        artifacts::empty(aws, bucket).await?;
        match aws.s3().delete_bucket().bucket(bucket).send().await {
            Ok(_) => return Ok(()),
            Err(error) if service_code(&error) == Some("NoSuchBucket") => return Ok(()),
            // A load balancer's last logs come some minutes after it is gone.
            Err(error) if service_code(&error) == Some("BucketNotEmpty") && started.elapsed() < LAST_LOGS => {
                pace.pause(false).await;
            }
            Err(error) => return Err(explain(format!("the artifact bucket `{bucket}` cannot be deleted"), error)),
        }
    }
}

async fn delete_table(aws: &Aws, table: &str) -> Outcome<()> {
    let client = aws.dynamodb();
    let started = Instant::now();
    let mut pace = Pace::of(aws.is_local());
    // DynamoDB keeps a copy of a table with point-in-time recovery for 35 days after its deletion, unless
    // recovery is turned off before.
    let mut has_recovery = true;
    loop {
        let found = match client.describe_table().table_name(table).send().await {
            Ok(answer) => answer.table,
            Err(error) if service_code(&error) == Some("ResourceNotFoundException") => return Ok(()),
            Err(error) => return Err(explain(format!("the table `{table}` cannot be read"), error)),
        };
        let active = found.filter(|table| table.table_status == Some(TableStatus::Active));
        let step = match active {
            // A table that is being updated refuses everything: look again until it is active.
            None => Ok(()),
            Some(found) if found.deletion_protection_enabled == Some(true) => {
                let request = client.update_table().table_name(table).deletion_protection_enabled(false);
                request.send().await.map(drop).or_else(|error| passing(table, error))
            }
            Some(_) if has_recovery => {
                let off = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(false).build();
                let off =
                    off.map_err(|error| Failure::new("unexpected_answer", "no recovery").cause(error.to_string()))?;
                let request =
                    client.update_continuous_backups().table_name(table).point_in_time_recovery_specification(off);
                let turned_off = request.send().await;
                has_recovery = turned_off.is_err();
                turned_off.map(drop).or_else(|error| passing(table, error))
            }
            Some(_) => {
                client.delete_table().table_name(table).send().await.map(drop).or_else(|error| passing(table, error))
            }
        };
        step?;
        if started.elapsed() > DEADLINE {
            return Err(Failure::new("timed_out", format!("the table `{table}` is still there"))
                .cause(format!("DynamoDB has worked on it for more than {} minutes", DEADLINE.as_secs() / 60))
                .hint("run it again; it goes on where it stopped"));
        }
        pace.pause(true).await;
    }
}

/// Lets pass what a later look will settle: the table is busy, or gone.
fn passing<E, R>(table: &str, error: SdkError<E, R>) -> Outcome<()>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    const PASSING: [&str; 4] = [
        "ResourceInUseException",
        "ContinuousBackupsUnavailableException",
        "ResourceNotFoundException",
        "TableNotFoundException",
    ];
    match service_code(&error) {
        Some(code) if PASSING.contains(&code) => Ok(()),
        _ => Err(explain(format!("the table `{table}` cannot be deleted"), error)),
    }
}
