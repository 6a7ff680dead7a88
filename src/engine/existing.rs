//! What is in the account already under the names that a new stack will give: looked for before anything changes.
//!
//! Table, bucket and access log that an earlier stack of this very service left behind can be taken into the new stack
//! (`adopt`). Whatever else bears a name that is needed stands in the way. Changes nothing.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TableStatus;
use serde::Serialize;

use super::desired::SERVICE_TAG;
use super::evaluate::Evaluated;
use super::plan::TABLE;
use super::template::Role;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};
use crate::output::Output;

pub const BUCKET: &str = "AWS::S3::Bucket";
pub const LOG_GROUP: &str = "AWS::Logs::LogGroup";
const FUNCTION: &str = "AWS::Lambda::Function";
const ALARM: &str = "AWS::CloudWatch::Alarm";
const DASHBOARD: &str = "AWS::CloudWatch::Dashboard";

/// CloudWatch describes so many alarms at once.
const ALARMS_AT_ONCE: usize = 100;

/// What can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// An earlier stack of this service left it: the new one can take it over.
    Adopt,
    /// The name is taken.
    Rename,
}

/// Something that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Existing {
    /// The resource of the template that it would be.
    pub logical_id: String,
    pub resource_type: String,
    pub name: String,
    pub way: Way,
}

impl Existing {
    fn new(logical_id: &str, resource_type: &str, name: &str, way: Way) -> Self {
        Self { logical_id: logical_id.into(), resource_type: resource_type.into(), name: name.into(), way }
    }

    /// What it is, and its name.
    pub fn text(&self) -> String {
        format!("{} `{}`", kind(&self.resource_type), self.name)
    }

    /// A line of the plan; `adopts` says whether the operator wants it taken over.
    pub fn line(&self, adopts: bool, output: &Output) -> String {
        let what = self.text();
        match (self.way, adopts) {
            (Way::Adopt, true) => format!("  {} {what} is taken over", output.green("=")),
            (Way::Adopt, false) => {
                format!("  {} {what} is left of an earlier stack: `--adopt` takes it over", output.yellow("?"))
            }
            (Way::Rename, _) => format!("  {} {what} stands in the way", output.red("!")),
        }
    }
}

fn kind(resource_type: &str) -> &'static str {
    match resource_type {
        TABLE => "table",
        BUCKET => "bucket",
        LOG_GROUP => "log group",
        FUNCTION => "function",
        ALARM => "alarm",
        _ => "dashboard",
    }
}

/// Refuses what stands in the way, and what nobody has decided about.
pub fn ensure_decided<'a>(existing: impl IntoIterator<Item = &'a Existing>, adopts: bool) -> Outcome<()> {
    let existing: Vec<&Existing> = existing.into_iter().collect();
    let named = |found: &[&Existing]| found.iter().map(|one| one.text()).collect::<Vec<_>>().join(", ");
    let taken: Vec<&Existing> = existing.iter().copied().filter(|one| one.way == Way::Rename).collect();
    if !taken.is_empty() {
        return Err(Failure::new("name_taken", "names that the service needs are taken")
            .cause(format!("no stack of this service holds {}", named(&taken)))
            .hint("nothing was changed; choose another `service:`, or delete what is of no use"));
    }
    let left: Vec<&Existing> = existing.iter().copied().filter(|one| one.way == Way::Adopt).collect();
    for kind in [TABLE, BUCKET] {
        if left.iter().filter(|one| one.resource_type == kind).count() > 1 {
            return Err(Failure::new("name_taken", "earlier stacks of this service left more than one behind")
                .cause(named(&left))
                .hint(
                    "nothing was changed; delete those that are of no use, then pass `--adopt` to take over the rest",
                ));
        }
    }
    if left.is_empty() || adopts {
        return Ok(());
    }
    Err(Failure::new("left_behind", "an earlier stack of this service left something behind").cause(named(&left)).hint(
        "nothing was changed; pass `--adopt` to take it over with the sign-ups that it holds, choose another \
             `service:`, or delete what is of no use",
    ))
}

/// Looks for what is there of a stack that is to be made. Fails when tables and buckets may not be looked for, since a
/// new, empty table would be made beside the old one. Of names, CloudFormation itself tells what stands in its way.
pub async fn look(aws: &Aws, service: &str, role: Role, evaluated: &Evaluated) -> Outcome<Vec<Existing>> {
    let named = |kind: &str, property: &str| -> BTreeMap<String, String> {
        let of = evaluated.resources.iter().filter(|(_, resource)| resource.resource_type == kind);
        of.filter_map(|(id, resource)| Some((resource.properties.get(property)?.as_str()?.to_owned(), id.clone())))
            .collect()
    };
    let stack = role.stack_name(service);
    let (tables, buckets, functions, groups, alarms, dashboards) = tokio::join!(
        async { if role == Role::Data { tables(aws, service, &stack).await } else { Ok(Vec::new()) } },
        async { if role == Role::Data { buckets(aws, service, &stack).await } else { Ok(Vec::new()) } },
        functions(aws, named(FUNCTION, "FunctionName")),
        log_groups(aws, service, named(LOG_GROUP, "LogGroupName")),
        alarms(aws, named(ALARM, "AlarmName")),
        dashboards(aws, named(DASHBOARD, "DashboardName")),
    );
    let mut all = [tables?, buckets?].concat();
    for found in [functions, groups, alarms, dashboards] {
        match found {
            Ok(found) => all.extend(found),
            Err(failure) if failure.code == "access_denied" => {
                tracing::info!(cause = failure.cause, "{}", failure.message);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(all)
}

/// Tables that a data stack of this service made. CloudFormation gives them a name of their own behind that of the stack.
pub async fn tables(aws: &Aws, service: &str, stack: &str) -> Outcome<Vec<Existing>> {
    let client = aws.dynamodb();
    let prefix = format!("{stack}-Table-");
    // The list is in the order of the names.
    let pages = client.list_tables().exclusive_start_table_name(&prefix).send().await;
    let names = pages.map_err(|error| explain("the tables cannot be listed", error))?.table_names.unwrap_or_default();
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| name.starts_with(&prefix)) {
        let failed = || format!("the table `{name}` cannot be read");
        let table = match client.describe_table().table_name(&name).send().await {
            Ok(answer) => answer.table,
            // One that was deleted just now.
            Err(error) if service_code(&error) == Some("ResourceNotFoundException") => continue,
            Err(error) => return Err(explain(failed(), error)),
        };
        let Some(table) = table.filter(|table| table.table_status != Some(TableStatus::Deleting)) else { continue };
        let tags = match client.list_tags_of_resource().set_resource_arn(table.table_arn).send().await {
            Ok(answer) => answer.tags.unwrap_or_default(),
            Err(error) if service_code(&error) == Some("ResourceNotFoundException") => continue,
            Err(error) => return Err(explain(failed(), error)),
        };
        if tags.iter().any(|tag| tag.key == SERVICE_TAG && tag.value == service) {
            found.push(Existing::new("Table", TABLE, &name, Way::Adopt));
        }
    }
    Ok(found)
}

/// The same for buckets, whose names are in lower case.
pub async fn buckets(aws: &Aws, service: &str, stack: &str) -> Outcome<Vec<Existing>> {
    let client = aws.s3();
    let prefix = format!("{stack}-artifactbucket-");
    let answer = client.list_buckets().prefix(&prefix).bucket_region(&aws.region).send().await;
    let listed = answer.map_err(|error| explain("the buckets cannot be listed", error))?.buckets.unwrap_or_default();
    let mut found = Vec::new();
    for name in listed.into_iter().filter_map(|bucket| bucket.name).filter(|name| name.starts_with(&prefix)) {
        let tags = match client.get_bucket_tagging().bucket(&name).send().await {
            Ok(answer) => answer.tag_set,
            Err(error) if matches!(service_code(&error), Some("NoSuchTagSet" | "NoSuchBucket")) => continue,
            Err(error) => return Err(explain(format!("the bucket `{name}` cannot be read"), error)),
        };
        if tags.iter().any(|tag| tag.key == SERVICE_TAG && tag.value == service) {
            found.push(Existing::new("ArtifactBucket", BUCKET, &name, Way::Adopt));
        }
    }
    Ok(found)
}

async fn functions(aws: &Aws, names: BTreeMap<String, String>) -> Outcome<Vec<Existing>> {
    let mut found = Vec::new();
    for (name, id) in names {
        match aws.lambda().get_function_configuration().function_name(&name).send().await {
            Ok(_) => found.push(Existing::new(&id, FUNCTION, &name, Way::Rename)),
            Err(error) if service_code(&error) == Some("ResourceNotFoundException") => {}
            Err(error) => return Err(explain(format!("whether there is a function `{name}` cannot be told"), error)),
        }
    }
    Ok(found)
}

async fn log_groups(aws: &Aws, service: &str, names: BTreeMap<String, String>) -> Outcome<Vec<Existing>> {
    let client = aws.logs();
    let mut found = Vec::new();
    for (name, id) in names {
        let failed = || format!("whether there is a log group `{name}` cannot be told");
        let groups = client.describe_log_groups().log_group_name_prefix(&name).send().await;
        let groups = groups.map_err(|error| explain(failed(), error))?.log_groups.unwrap_or_default();
        let Some(group) = groups.into_iter().find(|group| group.log_group_name.as_deref() == Some(&name)) else {
            continue;
        };
        let arn = group.arn.unwrap_or_default();
        // The tags are asked for by the ARN without its last part, which stands for the group's streams.
        let tags = client.list_tags_for_resource().resource_arn(arn.trim_end_matches(":*")).send().await;
        let tags = tags.map_err(|error| explain(failed(), error))?.tags.unwrap_or_default();
        let ours = tags.get(SERVICE_TAG).is_some_and(|owner| owner == service);
        let way = if ours { Way::Adopt } else { Way::Rename };
        found.push(Existing::new(&id, LOG_GROUP, &name, way));
    }
    Ok(found)
}

async fn alarms(aws: &Aws, names: BTreeMap<String, String>) -> Outcome<Vec<Existing>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<String> = names.keys().take(ALARMS_AT_ONCE).cloned().collect();
    let answer = aws.cloudwatch().describe_alarms().set_alarm_names(Some(all)).send().await;
    let found = answer.map_err(|error| explain("the alarms cannot be read", error))?.metric_alarms.unwrap_or_default();
    let names = found.into_iter().filter_map(|alarm| {
        let name = alarm.alarm_name?;
        Some(Existing::new(names.get(&name)?, ALARM, &name, Way::Rename))
    });
    Ok(names.collect())
}

async fn dashboards(aws: &Aws, names: BTreeMap<String, String>) -> Outcome<Vec<Existing>> {
    let mut found = Vec::new();
    for (pattern, id) in names {
        let name = pattern.replace("${AWS::Region}", &aws.region);
        match aws.cloudwatch().get_dashboard().dashboard_name(&name).send().await {
            Ok(_) => found.push(Existing::new(&id, DASHBOARD, &name, Way::Rename)),
            Err(error) if service_code(&error).is_some_and(is_no_dashboard) => {}
            Err(error) => return Err(explain(format!("whether there is a dashboard `{name}` cannot be told"), error)),
        }
    }
    Ok(found)
}

/// CloudWatch documents the first code and sends the second.
fn is_no_dashboard(code: &str) -> bool {
    ["DashboardNotFoundError", "ResourceNotFound"].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Existing {
        Existing::new("Table", TABLE, name, Way::Adopt)
    }

    #[test]
    fn what_is_left_of_the_service_waits_for_a_decision() {
        let left = [table("demo-data-Table-1")];
        assert_eq!(ensure_decided(&[], false), Ok(()));
        assert_eq!(ensure_decided(&left, true), Ok(()));
        let failure = ensure_decided(&left, false).expect_err("undecided");
        assert_eq!((failure.code, failure.cause.as_deref()), ("left_behind", Some("table `demo-data-Table-1`")));
        let two = [table("demo-data-Table-1"), table("demo-data-Table-2")];
        assert_eq!(ensure_decided(&two, true).expect_err("which?").code, "name_taken");
    }

    #[test]
    fn what_is_somebody_elses_is_never_taken_over() {
        let function = Existing::new("Web", FUNCTION, "demo-web", Way::Rename);
        for adopts in [false, true] {
            let failure = ensure_decided(&[table("demo-data-Table-1"), function.clone()], adopts).expect_err("taken");
            assert_eq!(
                (failure.code, failure.cause.as_deref()),
                ("name_taken", Some("no stack of this service holds function `demo-web`"))
            );
        }
    }
}
