//! What CloudFormation does with the caller's credentials for each type of resource: to make it, read it, change it,
//! tag it and delete it. Pure.
//!
//! As the types' own schemas say, without what concerns properties that no template sets. AWS's own keys for DynamoDB
//! and Parameter Store allow their use to whoever may use those services, so no action of KMS is here.

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

/// A type of what stands in a network.
const fn network(of: &'static str, actions: &'static [&'static str]) -> Kind {
    kind(of, On::Network, actions)
}

/// API Gateway knows methods instead of actions.
const METHODS: &[&str] =
    &["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"];

/// Every type that the templates contain, with a row for each kind of resource that it is about.
pub const ALL: &[Kind] = &[
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
    // What stands in a network has no ARN before it is there, and what describes it knows no resources.
    network(
        "AWS::EC2::VPC",
        &["ec2:CreateTags", "ec2:CreateVpc", "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:ModifyVpcAttribute"],
    ),
    kind(
        "AWS::EC2::VPC",
        On::Anything,
        &[
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcs",
        ],
    ),
    network(
        "AWS::EC2::InternetGateway",
        &["ec2:CreateInternetGateway", "ec2:CreateTags", "ec2:DeleteInternetGateway", "ec2:DeleteTags"],
    ),
    kind("AWS::EC2::InternetGateway", On::Anything, &["ec2:DescribeInternetGateways"]),
    network("AWS::EC2::VPCGatewayAttachment", &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway"]),
    kind("AWS::EC2::VPCGatewayAttachment", On::Anything, &["ec2:DescribeInternetGateways", "ec2:DescribeVpnGateways"]),
    network(
        "AWS::EC2::Subnet",
        &["ec2:CreateSubnet", "ec2:CreateTags", "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:ModifySubnetAttribute"],
    ),
    // The zones are those that the account has.
    kind("AWS::EC2::Subnet", On::Anything, &["ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets"]),
    network(
        "AWS::EC2::RouteTable",
        &["ec2:CreateRouteTable", "ec2:CreateTags", "ec2:DeleteRouteTable", "ec2:DeleteTags"],
    ),
    kind("AWS::EC2::RouteTable", On::Anything, &["ec2:DescribeRouteTables"]),
    network("AWS::EC2::Route", &["ec2:CreateRoute", "ec2:DeleteRoute", "ec2:ReplaceRoute"]),
    kind("AWS::EC2::Route", On::Anything, &["ec2:DescribeRouteTables"]),
    network(
        "AWS::EC2::SubnetRouteTableAssociation",
        &["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation"],
    ),
    kind("AWS::EC2::SubnetRouteTableAssociation", On::Anything, &["ec2:DescribeRouteTables"]),
    network(
        "AWS::EC2::VPCEndpoint",
        &[
            "ec2:CreateTags",
            "ec2:CreateVpcEndpoint",
            "ec2:DeleteTags",
            "ec2:DeleteVpcEndpoints",
            "ec2:ModifyVpcEndpoint",
        ],
    ),
    kind("AWS::EC2::VPCEndpoint", On::Anything, &["ec2:DescribePrefixLists", "ec2:DescribeVpcEndpoints"]),
    network(
        "AWS::EC2::SecurityGroup",
        &[
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteTags",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        ],
    ),
    kind(
        "AWS::EC2::SecurityGroup",
        On::Anything,
        &["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules"],
    ),
    network(
        "AWS::EC2::LaunchTemplate",
        &[
            "ec2:CreateLaunchTemplate",
            "ec2:CreateLaunchTemplateVersion",
            "ec2:CreateTags",
            "ec2:DeleteLaunchTemplate",
            "ec2:DeleteLaunchTemplateVersions",
            "ec2:DeleteTags",
            "ec2:GetLaunchTemplateData",
            "ec2:ModifyLaunchTemplate",
        ],
    ),
    kind(
        "AWS::EC2::LaunchTemplate",
        On::Anything,
        &["ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates"],
    ),
    // Which image is the newest.
    kind("AWS::EC2::LaunchTemplate", On::PublicImages, &["ssm:GetParameters"]),
    kind(
        "AWS::IAM::InstanceProfile",
        On::InstanceProfiles,
        &[
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
        ],
    ),
    kind("AWS::IAM::InstanceProfile", On::PassedRoles, &["iam:PassRole"]),
    kind(
        "AWS::AutoScaling::AutoScalingGroup",
        On::Groups,
        &[
            "autoscaling:AttachLoadBalancerTargetGroups",
            "autoscaling:CreateAutoScalingGroup",
            "autoscaling:CreateOrUpdateTags",
            "autoscaling:DeleteAutoScalingGroup",
            "autoscaling:DeleteLifecycleHook",
            "autoscaling:DeleteTags",
            "autoscaling:DetachLoadBalancerTargetGroups",
            "autoscaling:DisableMetricsCollection",
            "autoscaling:EnableMetricsCollection",
            "autoscaling:PutLifecycleHook",
            "autoscaling:ResumeProcesses",
            "autoscaling:SetDesiredCapacity",
            "autoscaling:SuspendProcesses",
            "autoscaling:TerminateInstanceInAutoScalingGroup",
            "autoscaling:UpdateAutoScalingGroup",
        ],
    ),
    kind(
        "AWS::AutoScaling::AutoScalingGroup",
        On::Anything,
        &[
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeAutoScalingInstances",
            "autoscaling:DescribeLifecycleHooks",
            "autoscaling:DescribeLoadBalancerTargetGroups",
            "autoscaling:DescribeNotificationConfigurations",
            "autoscaling:DescribeScalingActivities",
            "autoscaling:DescribeTags",
        ],
    ),
    // Auto Scaling wants to see that whoever names a launch template may start what is in it.
    kind("AWS::AutoScaling::AutoScalingGroup", On::Launched, &["ec2:CreateTags", "ec2:RunInstances"]),
    kind("AWS::AutoScaling::AutoScalingGroup", On::ScalingRole, &["iam:CreateServiceLinkedRole"]),
    kind("AWS::AutoScaling::ScalingPolicy", On::Groups, &["autoscaling:DeletePolicy", "autoscaling:PutScalingPolicy"]),
    kind("AWS::AutoScaling::ScalingPolicy", On::Anything, &["autoscaling:DescribePolicies"]),
    kind(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:DeleteLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:RemoveTags",
            "elasticloadbalancing:SetIpAddressType",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        On::Anything,
        &[
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAddresses",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "elasticloadbalancing:DescribeCapacityReservation",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
        ],
    ),
    kind("AWS::ElasticLoadBalancingV2::LoadBalancer", On::BalancingRole, &["iam:CreateServiceLinkedRole"]),
    kind(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:DeleteTargetGroup",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:RegisterTargets",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        On::Anything,
        &[
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::Listener",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:DeleteListener",
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:ModifyListenerAttributes",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::Listener",
        On::Anything,
        &[
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeListenerCertificates",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTags",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        On::LoadBalancers,
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateRule",
            "elasticloadbalancing:DeleteRule",
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:RemoveTags",
            "elasticloadbalancing:SetRulePriorities",
        ],
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        On::Anything,
        &["elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags"],
    ),
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
        let told: BTreeSet<String> = ALL.iter().map(|kind| kind.of.to_owned()).collect();
        assert_eq!(told, types);
    }
}
