//! signupctl's own calls: the actions that each operation needs, and the subcommands that it serves. Pure.

use super::Command::{self, Admin, Deploy, Destroy, Doctor, Drift, Logs, Plan, Rollback, Status, Users, VerifyEmail};
use super::scope::On;

/// One operation of the SDK.
#[cfg_attr(not(test), expect(dead_code, reason = "a test holds client and operation against the sources"))]
pub struct Call {
    /// The client's name in `aws`.
    pub client: &'static str,
    pub operation: &'static str,
    pub actions: &'static [&'static str],
    pub on: On,
    pub by: &'static [Command],
}

const fn call(
    client: &'static str,
    operation: &'static str,
    actions: &'static [&'static str],
    on: On,
    by: &'static [Command],
) -> Call {
    Call { client, operation, actions, on, by }
}

const EVERY: &[Command] = &Command::ALL;
/// Whoever makes change sets.
const CHANGE: &[Command] = &[Plan, Deploy, Rollback, Drift];
/// Whoever executes them.
const EXECUTE: &[Command] = &[Deploy, Rollback, Drift];
/// Whoever waits for a stack.
const FOLLOW: &[Command] = &[Deploy, Rollback, Drift, Destroy];
/// Whoever brings a stack out of a bad state.
const SETTLE: &[Command] = &[Deploy, Rollback];
/// Whoever looks for what an earlier stack left.
const LOOK: &[Command] = &[Plan, Deploy, Destroy, Doctor];
/// Whoever takes things away.
const DELETE: &[Command] = &[Deploy, Rollback, Destroy];

/// Every operation that the sources call.
pub const ALL: &[Call] = &[
    call("cloudformation", "describe_stacks", &["cloudformation:DescribeStacks"], On::Stacks, EVERY),
    // How many there are, beside the quota.
    call("cloudformation", "describe_stacks", &["cloudformation:DescribeStacks"], On::Anything, &[Doctor]),
    call(
        "cloudformation",
        "describe_account_limits",
        &["cloudformation:DescribeAccountLimits"],
        On::Anything,
        &[Doctor],
    ),
    call("cloudformation", "get_template", &["cloudformation:GetTemplate"], On::Stacks, EVERY),
    call("cloudformation", "list_change_sets", &["cloudformation:ListChangeSets"], On::Stacks, EVERY),
    call(
        "cloudformation",
        "create_change_set",
        &["cloudformation:CreateChangeSet", "cloudformation:TagResource", "cloudformation:UntagResource"],
        On::Stacks,
        CHANGE,
    ),
    call("cloudformation", "describe_change_set", &["cloudformation:DescribeChangeSet"], On::Stacks, CHANGE),
    call("cloudformation", "delete_change_set", &["cloudformation:DeleteChangeSet"], On::Stacks, CHANGE),
    call("cloudformation", "describe_events", &["cloudformation:DescribeEvents"], On::Anything, CHANGE),
    call("cloudformation", "execute_change_set", &["cloudformation:ExecuteChangeSet"], On::Stacks, EXECUTE),
    call("cloudformation", "describe_stack_events", &["cloudformation:DescribeStackEvents"], On::Stacks, FOLLOW),
    call("cloudformation", "set_stack_policy", &["cloudformation:SetStackPolicy"], On::Stacks, DELETE),
    call(
        "cloudformation",
        "update_termination_protection",
        &["cloudformation:UpdateTerminationProtection"],
        On::Stacks,
        DELETE,
    ),
    call("cloudformation", "list_stack_resources", &["cloudformation:ListStackResources"], On::Stacks, SETTLE),
    call("cloudformation", "delete_stack", &["cloudformation:DeleteStack"], On::Stacks, DELETE),
    call("cloudformation", "rollback_stack", &["cloudformation:RollbackStack"], On::Stacks, SETTLE),
    call("cloudformation", "continue_update_rollback", &["cloudformation:ContinueUpdateRollback"], On::Stacks, SETTLE),
    call(
        "cloudformation",
        "detect_stack_drift",
        &["cloudformation:DetectStackDrift", "cloudformation:DetectStackResourceDrift"],
        On::Stacks,
        &[Drift],
    ),
    call(
        "cloudformation",
        "describe_stack_drift_detection_status",
        &["cloudformation:DescribeStackDriftDetectionStatus", "cloudformation:BatchDescribeTypeConfigurations"],
        On::Anything,
        &[Drift],
    ),
    call(
        "cloudformation",
        "describe_stack_resource_drifts",
        &["cloudformation:DescribeStackResourceDrifts"],
        On::Stacks,
        &[Drift],
    ),
    call("s3", "list_objects_v2", &["s3:ListBucket"], On::Bucket, &[Deploy, Rollback, Destroy, Users]),
    call("s3", "get_object", &["s3:GetObject"], On::Bucket, &[Plan, Deploy, Rollback, Users]),
    call("s3", "put_object", &["s3:PutObject"], On::Bucket, &[Deploy, Users]),
    call("s3", "delete_objects", &["s3:DeleteObject"], On::Bucket, DELETE),
    call("s3", "delete_bucket", &["s3:DeleteBucket"], On::Bucket, DELETE),
    call("s3", "delete_bucket_policy", &["s3:DeleteBucketPolicy"], On::Bucket, &[Deploy]),
    call("s3", "list_buckets", &["s3:ListAllMyBuckets"], On::Anything, LOOK),
    call("s3", "get_bucket_tagging", &["s3:GetBucketTagging"], On::Bucket, LOOK),
    call("dynamodb", "list_tables", &["dynamodb:ListTables"], On::Anything, LOOK),
    call(
        "dynamodb",
        "describe_table",
        &["dynamodb:DescribeTable"],
        On::Table,
        &[Plan, Deploy, Rollback, Destroy, Doctor],
    ),
    call("dynamodb", "list_tags_of_resource", &["dynamodb:ListTagsOfResource"], On::Table, LOOK),
    call("dynamodb", "update_table", &["dynamodb:UpdateTable"], On::Table, DELETE),
    call("dynamodb", "update_continuous_backups", &["dynamodb:UpdateContinuousBackups"], On::Table, DELETE),
    call("dynamodb", "delete_table", &["dynamodb:DeleteTable"], On::Table, DELETE),
    // The lock, the proof, and the people.
    call("dynamodb", "put_item", &["dynamodb:PutItem"], On::Table, &[Deploy, Rollback, Drift, Destroy, Users, Admin]),
    call(
        "dynamodb",
        "delete_item",
        &["dynamodb:DeleteItem"],
        On::Table,
        &[Deploy, Rollback, Drift, Destroy, Users, Admin],
    ),
    call("dynamodb", "get_item", &["dynamodb:GetItem"], On::Table, &[Deploy, Rollback, Status, Users, Admin]),
    call("dynamodb", "query", &["dynamodb:Query"], On::Table, &[Deploy, Rollback, Destroy, Status, Users, Admin]),
    call("dynamodb", "batch_get_item", &["dynamodb:BatchGetItem"], On::Table, &[Deploy, Rollback, Status, Users]),
    call("dynamodb", "update_item", &["dynamodb:UpdateItem"], On::Table, &[Users]),
    call(
        "dynamodb",
        "transact_write_items",
        &["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        On::Table,
        &[Deploy, Users],
    ),
    call(
        "lambda",
        "get_function_configuration",
        &["lambda:GetFunctionConfiguration"],
        On::Functions,
        &[Plan, Deploy, Rollback, Drift, Doctor],
    ),
    call(
        "lambda",
        "list_versions_by_function",
        &["lambda:ListVersionsByFunction"],
        On::Functions,
        &[Plan, Deploy, Rollback, Drift],
    ),
    call("lambda", "get_alias", &["lambda:GetAlias"], On::Functions, &[Plan, Deploy, Rollback, Drift, Status]),
    call("lambda", "update_alias", &["lambda:UpdateAlias"], On::Functions, EXECUTE),
    call("lambda", "update_function_code", &["lambda:UpdateFunctionCode"], On::Functions, EXECUTE),
    call("lambda", "update_function_configuration", &["lambda:UpdateFunctionConfiguration"], On::Functions, EXECUTE),
    call("lambda", "delete_function", &["lambda:DeleteFunction"], On::Functions, &[Deploy]),
    call(
        "ssm",
        "put_parameter",
        &["ssm:PutParameter", "ssm:AddTagsToResource"],
        On::Parameters,
        &[Deploy, Destroy, VerifyEmail],
    ),
    call("ssm", "get_parameter", &["ssm:GetParameter"], On::Parameters, &[Deploy, Destroy, Users, VerifyEmail, Admin]),
    call("ssm", "get_parameters", &["ssm:GetParameters"], On::Parameters, &[Plan, Deploy]),
    call("ssm", "label_parameter_version", &["ssm:LabelParameterVersion"], On::Parameters, &[Deploy, Destroy]),
    call("ssm", "delete_parameter", &["ssm:DeleteParameter"], On::Parameters, &[Destroy]),
    call("ssm", "delete_parameters", &["ssm:DeleteParameters"], On::Parameters, &[Destroy]),
    call("sesv2", "get_account", &["ses:GetAccount"], On::Anything, &[Deploy, Status, VerifyEmail, Doctor]),
    call(
        "sesv2",
        "get_email_identity",
        &["ses:GetEmailIdentity"],
        On::Identities,
        &[Deploy, Destroy, VerifyEmail, Doctor],
    ),
    call(
        "sesv2",
        "create_email_identity",
        &["ses:CreateEmailIdentity", "ses:TagResource"],
        On::Identities,
        &[Deploy, VerifyEmail],
    ),
    call("sesv2", "delete_email_identity", &["ses:DeleteEmailIdentity"], On::Identities, &[Destroy, VerifyEmail]),
    call(
        "sesv2",
        "put_email_identity_mail_from_attributes",
        &["ses:PutEmailIdentityMailFromAttributes"],
        On::Identities,
        &[VerifyEmail, Deploy],
    ),
    call("sesv2", "put_account_details", &["ses:PutAccountDetails"], On::Anything, &[VerifyEmail]),
    call("ssm", "get_parameters_by_path", &["ssm:GetParametersByPath"], On::Notes, &[Destroy]),
    call("lambda", "get_account_settings", &["lambda:GetAccountSettings"], On::Anything, &[Doctor]),
    call("lambda", "get_function_concurrency", &["lambda:GetFunctionConcurrency"], On::Functions, &[Doctor]),
    call("apigatewayv2", "get_apis", &["apigateway:GET"], On::Apis, &[Doctor]),
    call("acm", "describe_certificate", &["acm:DescribeCertificate"], On::Certificate, &[Doctor]),
    call("iam", "get_role", &["iam:GetRole"], On::Principals, &[Doctor]),
    call("iam", "simulate_principal_policy", &["iam:SimulatePrincipalPolicy"], On::Principals, &[Doctor]),
    call(
        "cloudwatch",
        "describe_alarms",
        &["cloudwatch:DescribeAlarms"],
        On::Anything,
        &[Plan, Deploy, Status, Doctor],
    ),
    call(
        "cloudwatch",
        "get_metric_statistics",
        &["cloudwatch:GetMetricStatistics"],
        On::Anything,
        &[Plan, Deploy, Status, Rollback],
    ),
    call("cloudwatch", "get_dashboard", &["cloudwatch:GetDashboard"], On::Dashboards, &[Plan, Deploy, Doctor]),
    call("logs", "describe_log_groups", &["logs:DescribeLogGroups"], On::Anything, &[Plan, Deploy, Doctor]),
    call("logs", "list_tags_for_resource", &["logs:ListTagsForResource"], On::LogGroups, &[Plan, Deploy, Doctor]),
    call("logs", "filter_log_events", &["logs:FilterLogEvents"], On::LogGroups, &[Logs]),
    call("sqs", "get_queue_attributes", &["sqs:GetQueueAttributes"], On::Queues, &[Status]),
    // Whoever signs a request may ask who they are.
    call("sts", "get_caller_identity", &[], On::Anything, EVERY),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Every operation that the sources call on a client, with the client's name where they say it in the same breath.
    fn called() -> BTreeSet<(Option<&'static str>, String)> {
        let clients: BTreeSet<&str> = ALL.iter().map(|call| call.client).collect();
        let mut found = BTreeSet::new();
        for folder in ["src", "lambda/src/store/dynamo"] {
            for text in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
                let text: String = text.split_whitespace().collect();
                let starts = clients.iter().map(|client| (Some(*client), format!(".{client}().")));
                for (client, start) in starts.chain([(None, "client.".to_owned())]) {
                    let rests = text.split(&start).skip(1);
                    let names = rests.filter_map(|rest| rest.split_once("()").map(|(name, _)| name.to_owned()));
                    let is_name = |name: &String| name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
                    found.extend(names.filter(is_name).filter(|name| name != "clone").map(|name| (client, name)));
                }
            }
        }
        found
    }

    fn sources(folder: &Path) -> Vec<String> {
        let entries =
            std::fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
        let text = |path: std::path::PathBuf| match path.is_dir() {
            true => sources(&path),
            false => vec![std::fs::read_to_string(&path).unwrap_or_default()],
        };
        entries.flat_map(text).collect()
    }

    #[test]
    fn every_call_of_the_sources_is_told_and_nothing_else() {
        let called = called();
        for (client, operation) in &called {
            let is_told =
                ALL.iter().any(|call| call.operation == operation && client.is_none_or(|it| it == call.client));
            assert!(is_told, "{client:?} {operation} is called, and nobody is told to allow it");
        }
        for call in ALL {
            let is_called = called.iter().any(|(_, operation)| operation == call.operation);
            assert!(is_called, "{} {} is never called", call.client, call.operation);
        }
    }
}
