//! Takes what an earlier stack of the service left behind into a new one, by CloudFormation's import.
//!
//! An import may make nothing else, and neither tags nor outputs: the stack begins with what it takes in alone, and an
//! update then brings it to what is desired, and what differs of the things themselves, which neither looks at, is
//! reverted. Repeating after an interruption is safe: the stack stands, and the next deploy updates it.

use std::collections::HashMap;

use aws_sdk_cloudformation::types::ResourceToImport;
#[cfg(test)]
use serde_json::Value;
use serde_json::json;

use super::desired::Desired;
use super::events::{self, Pace};
use super::existing::{BUCKET, Existing, LOG_GROUP};
use super::plan::TABLE;
use super::progress::Progress;
use super::template::Role;
use super::{change_set, long_form, stack};
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};

/// Makes the stack of what is taken over.
pub async fn adopt(aws: &Aws, desired: &Desired, found: &[Existing], progress: &Progress) -> Outcome<()> {
    let ids: Vec<&str> = found.iter().map(|found| found.logical_id.as_str()).collect();
    let template = template(&desired.template, &ids).ok_or_else(|| {
        Failure::new("unexpected_answer", format!("`{}` has no template to take anything in by", desired.stack))
    })?;
    let begun = Desired { template: template.into(), tags: [].into(), ..desired.clone() };
    let client = aws.cloudformation();
    let pace = Pace::of(aws.is_local());
    let Some(set) = change_set::import(&client, &begun, found.iter().map(import).collect(), pace).await? else {
        return Err(Failure::new("unexpected_answer", format!("`{}` takes nothing in", desired.stack)));
    };
    change_set::execute(&client, &desired.stack, &set).await?;
    let ending = events::follow(&client, &desired.stack, &set.stack_id, Some(&set.token), progress, pace).await?;
    if !ending.is_deployed() {
        return Err(ending.failure(&desired.stack, "created"));
    }
    stack::read_after(&client, desired.role, &desired.stack, &ending.status, pace).await?;
    for bucket in found.iter().filter(|found| found.resource_type == BUCKET) {
        // The update that follows puts the policy anew, and cannot put one where there is one.
        match aws.s3().delete_bucket_policy().bucket(&bucket.name).send().await {
            Ok(_) => {}
            Err(error) if service_code(&error) == Some("NoSuchBucketPolicy") => {}
            Err(error) => return Err(explain(format!("the policy of the bucket `{}` stays", bucket.name), error)),
        }
    }
    Ok(())
}

fn import(found: &Existing) -> ResourceToImport {
    let key = match found.resource_type.as_str() {
        TABLE => "TableName",
        BUCKET => "BucketName",
        LOG_GROUP => "LogGroupName",
        _ => "Name",
    };
    ResourceToImport::builder()
        .logical_resource_id(&found.logical_id)
        .resource_type(&found.resource_type)
        .set_resource_identifier(Some(HashMap::from([(key.to_owned(), found.name.clone())])))
        .build()
}

/// The template of an import: of the resources those that are taken in, each to be kept come what may, and no outputs.
/// `None` when one of them is not in it.
fn template(text: &str, ids: &[&str]) -> Option<String> {
    let mut template = long_form::read(text).ok()?;
    let sections = template.as_object_mut()?;
    sections.remove("Outputs");
    let resources = sections.get_mut("Resources")?.as_object_mut()?;
    resources.retain(|id, _| ids.contains(&id.as_str()));
    for resource in resources.values_mut() {
        let resource = resource.as_object_mut()?;
        // What it waits for is not made yet.
        resource.remove("DependsOn");
        resource.insert("DeletionPolicy".into(), json!("Retain"));
    }
    (resources.len() == ids.len()).then(|| template.to_string())
}

/// Whether this is the template of an import of ours: such a stack bears no tag yet.
pub fn is_begun(text: &str, role: Role) -> bool {
    let (begun, whole) = (long_form::read(text), long_form::read(role.template()));
    let (Ok(begun), Ok(whole)) = (begun, whole) else { return false };
    let same = |name: &str| begun.get(name).is_some_and(|value| Some(value) == whole.get(name));
    let is_known = |id: &String| whole["Resources"].get(id).is_some();
    same("Description")
        && begun.get("Outputs").is_none()
        && begun["Resources"].as_object().is_some_and(|resources| resources.keys().all(is_known))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that a template of an import refers to are all in it.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Object(object) => {
                for (key, value) in object {
                    match (key.as_str(), value) {
                        ("Ref", Value::String(name)) => found.push(name.clone()),
                        ("Fn::GetAtt", Value::String(name)) => {
                            found.extend(name.split('.').next().map(str::to_owned));
                        }
                        _ => references(value, found),
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn an_import_stands_for_itself_and_is_known_again() {
        for (role, ids) in [(Role::Data, &["Table", "ArtifactBucket"][..]), (Role::Web, &["AccessLogs"])] {
            let text = template(role.template(), ids).expect("they are in it");
            let read: Value = serde_json::from_str(&text).expect("JSON");
            let resources = read["Resources"].as_object().expect("resources");
            assert_eq!(resources.len(), ids.len());
            assert!(resources.values().all(|it| it.get("DependsOn").is_none() && it["DeletionPolicy"] == "Retain"));
            let mut names = Vec::new();
            references(&read["Resources"], &mut names);
            let known = |name: &String| name.starts_with("AWS::") || read["Parameters"].get(name).is_some();
            assert!(names.iter().all(known), "{names:?}");
            assert!(is_begun(&text, role) && !is_begun(role.template(), role));
            assert!(!is_begun("Resources: {Mine: {Type: AWS::SNS::Topic}}", role));
        }
        assert_eq!(template(Role::Data.template(), &["Nowhere"]), None);
    }
}
