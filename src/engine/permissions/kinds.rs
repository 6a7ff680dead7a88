//! What CloudFormation does with the caller's credentials for each type of resource: to make it, read it, change it,
//! tag it and delete it. Pure.
//!
//! As the types' own schemas say, without what concerns properties that no template sets. AWS's own keys for DynamoDB
//! and Parameter Store allow their use to whoever may use those services, so no action of KMS is here.

mod servers;

use super::scope::On;

/// A type of resource, and what is done to resources of it.
pub struct Kind {
    pub of: &'static str,
    pub on: On,
    pub actions: &'static [&'static str],
}

const fn kind(of: &'static str, on: On, actions: &'static [&'static str]) -> Kind {
    Kind { of, on, actions }
}

/// API Gateway knows methods instead of actions.
const METHODS: &[&str] =
    &["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"];

/// Every type that the templates contain, with a row for each kind of resource that it is about.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    FUNCTIONS.iter().chain(servers::ALL)
}

/// Those of the data, the workers and the serverless front.
const FUNCTIONS: &[Kind] = &[
    kind(
        "AWS::DynamoDB::Table",
        On::Table,
        &[
            "dynamodb:CreateTable",
            "dynamodb:DeleteTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeContributorInsights",
            "dynamodb:DescribeKinesisStreamingDestination",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:GetResourcePolicy",
            "dynamodb:ListTagsOfResource",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
        ],
    ),
    kind(
        "AWS::S3::Bucket",
        On::Bucket,
        &[
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:GetAccelerateConfiguration",
            "s3:GetAnalyticsConfiguration",
            "s3:GetBucketAbac",
            "s3:GetBucketCORS",
            "s3:GetBucketLogging",
            "s3:GetBucketMetadataTableConfiguration",
            "s3:GetBucketNotification",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetBucketWebsite",
            "s3:GetEncryptionConfiguration",
            "s3:GetIntelligentTieringConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetMetricsConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListTagsForResource",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:TagResource",
            "s3:UntagResource",
        ],
    ),
    kind("AWS::S3::BucketPolicy", On::Bucket, &["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"]),
    kind(
        "AWS::SES::ConfigurationSet",
        On::ConfigurationSets,
        &[
            "ses:CreateConfigurationSet",
            "ses:DeleteConfigurationSet",
            "ses:GetConfigurationSet",
            "ses:ListTagsForResource",
            "ses:PutConfigurationSetDeliveryOptions",
            "ses:PutConfigurationSetReputationOptions",
            "ses:PutConfigurationSetSuppressionOptions",
            "ses:TagResource",
            "ses:UntagResource",
        ],
    ),
    kind(
        "AWS::SES::ConfigurationSetEventDestination",
        On::ConfigurationSets,
        &[
            "ses:CreateConfigurationSetEventDestination",
            "ses:DeleteConfigurationSetEventDestination",
            "ses:DescribeConfigurationSet",
            "ses:GetConfigurationSetEventDestinations",
            "ses:UpdateConfigurationSetEventDestination",
        ],
    ),
    kind(
        "AWS::SNS::Topic",
        On::Topics,
        &[
            "sns:CreateTopic",
            "sns:DeleteTopic",
            "sns:GetDataProtectionPolicy",
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource",
            "sns:SetTopicAttributes",
            "sns:TagResource",
            "sns:UntagResource",
        ],
    ),
    kind("AWS::SNS::TopicPolicy", On::Topics, &["sns:GetTopicAttributes", "sns:SetTopicAttributes"]),
    kind(
        "AWS::SNS::Subscription",
        On::Topics,
        &["sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Subscribe", "sns:Unsubscribe"],
    ),
    kind(
        "AWS::SQS::Queue",
        On::Queues,
        &[
            "sqs:CreateQueue",
            "sqs:DeleteQueue",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListQueueTags",
            "sqs:SetQueueAttributes",
            "sqs:TagQueue",
            "sqs:UntagQueue",
        ],
    ),
    kind("AWS::SQS::QueuePolicy", On::Queues, &["sqs:GetQueueAttributes", "sqs:SetQueueAttributes"]),
    kind(
        "AWS::IAM::Role",
        On::Roles,
        &[
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:PutRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            "iam:UpdateRoleDescription",
        ],
    ),
    kind(
        "AWS::Lambda::Function",
        On::Functions,
        &[
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:DeleteFunctionConcurrency",
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionRecursionConfig",
            "lambda:GetFunctionScalingConfig",
            "lambda:GetRuntimeManagementConfig",
            "lambda:ListTags",
            "lambda:PutFunctionConcurrency",
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ],
    ),
    kind("AWS::Lambda::Function", On::PassedRoles, &["iam:PassRole"]),
    // Lambda fetches the code as whoever names it.
    kind("AWS::Lambda::Function", On::Bucket, &["s3:GetObject"]),
    kind(
        "AWS::Lambda::Version",
        On::Functions,
        &[
            "lambda:DeleteFunction",
            "lambda:GetFunctionConfiguration",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:ListVersionsByFunction",
            "lambda:PublishVersion",
        ],
    ),
    kind(
        "AWS::Lambda::Alias",
        On::Functions,
        &[
            "lambda:CreateAlias",
            "lambda:DeleteAlias",
            "lambda:GetAlias",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:UpdateAlias",
        ],
    ),
    kind(
        "AWS::Lambda::Permission",
        On::Functions,
        &["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"],
    ),
    kind(
        "AWS::Lambda::EventInvokeConfig",
        On::Functions,
        &[
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:UpdateFunctionEventInvokeConfig",
        ],
    ),
    kind(
        "AWS::Lambda::EventSourceMapping",
        On::Mappings,
        &[
            "lambda:CreateEventSourceMapping",
            "lambda:DeleteEventSourceMapping",
            "lambda:GetEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
        ],
    ),
    kind(
        "AWS::Lambda::EventSourceMapping",
        On::TaggedMappings,
        &["lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"],
    ),
    kind(
        "AWS::Scheduler::Schedule",
        On::Schedules,
        &["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"],
    ),
    kind("AWS::Scheduler::Schedule", On::PassedRoles, &["iam:PassRole"]),
    kind(
        "AWS::Logs::LogGroup",
        On::LogGroups,
        &[
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:DeleteRetentionPolicy",
            "logs:GetDataProtectionPolicy",
            "logs:ListTagsForResource",
            "logs:ListTagsLogGroup",
            "logs:PutRetentionPolicy",
            "logs:TagLogGroup",
            "logs:TagResource",
            "logs:UntagLogGroup",
            "logs:UntagResource",
        ],
    ),
    kind("AWS::Logs::LogGroup", On::Anything, &["logs:DescribeLogGroups"]),
    kind(
        "AWS::Logs::MetricFilter",
        On::LogGroups,
        &["logs:DeleteMetricFilter", "logs:DescribeMetricFilters", "logs:PutMetricFilter"],
    ),
    kind(
        "AWS::CloudWatch::Alarm",
        On::Alarms,
        &[
            "cloudwatch:DeleteAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
        ],
    ),
    kind("AWS::CloudWatch::Alarm", On::Anything, &["cloudwatch:DescribeAlarms"]),
    kind(
        "AWS::CloudWatch::Dashboard",
        On::Dashboards,
        &["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
    ),
    kind("AWS::ApiGatewayV2::Api", On::Apis, METHODS),
    kind("AWS::ApiGatewayV2::Integration", On::Apis, METHODS),
    kind("AWS::ApiGatewayV2::Route", On::Apis, METHODS),
    kind("AWS::ApiGatewayV2::Stage", On::Apis, METHODS),
    // An access log is a delivery of logs, which has no resource of its own.
    kind(
        "AWS::ApiGatewayV2::Stage",
        On::Anything,
        &[
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
    ),
    kind("AWS::ApiGatewayV2::DomainName", On::Domains, METHODS),
    kind("AWS::ApiGatewayV2::DomainName", On::GatewayRole, &["iam:CreateServiceLinkedRole"]),
    kind("AWS::ApiGatewayV2::ApiMapping", On::Domains, METHODS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::engine::long_form;
    use crate::engine::template::Role;

    #[test]
    fn every_type_of_the_templates_is_told_and_no_other() {
        let mut types = BTreeSet::new();
        for role in Role::ALL {
            let template = long_form::read(role.template()).expect("a template");
            let resources = template["Resources"].as_object().expect("resources");
            types.extend(resources.values().map(|it| it["Type"].as_str().expect("a type").to_owned()));
        }
        let told: BTreeSet<String> = all().map(|kind| kind.of.to_owned()).collect();
        assert_eq!(told, types);
    }
}
