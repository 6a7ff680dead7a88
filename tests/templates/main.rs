//! Judges the templates by what they say: most of all what an emulator drops or cannot prove, such as
//! encryption, backups, policies, throttling, log retention and the narrowness of roles.
//!
//! Nothing is deployed here; the end-to-end tests do that with the same files.

mod boot;
mod data;
mod functions;
mod notifications;
mod roles;
mod servers;
mod template;
mod watching;

use std::collections::BTreeSet;

use serde_json::Value;
use template::{data, references, serverless, servers, templates, text, workers};

/// Longest template that CloudFormation takes without a bucket, in bytes.
const INLINE_LIMIT: usize = 51_200;

#[test]
fn every_parameter_is_used_described_and_bounded() {
    for template in templates() {
        let mut used = BTreeSet::new();
        for section in ["Rules", "Conditions", "Resources", "Outputs"] {
            used.extend(references(template.at(&format!("/{section}"))));
        }
        for (name, parameter) in template.section("Parameters") {
            let place = format!("{}, parameter {name}", template.file);
            assert!(used.contains(name), "{place} is not used");
            assert!(text(&parameter["Description"]).ends_with('.'), "{place} is not described");
            let bounded = ["AllowedValues", "AllowedPattern", "MinValue"].iter().any(|key| !parameter[key].is_null());
            assert!(bounded, "{place} takes anything");
            if parameter["AllowedValues"].is_null() {
                assert!(!text(&parameter["ConstraintDescription"]).is_empty(), "{place} does not say what it takes");
            }
        }
    }
}

#[test]
fn every_value_that_other_stacks_and_commands_read_is_an_output() {
    let promised = [
        (
            data(),
            "TableName TableArn TableStreamArn ArtifactBucket ConfigurationSet FeedbackTopicArn AdminLogGroup AlarmTopicArn",
        ),
        (
            workers(),
            "WorkerFunction SweeperFunction FeedbackFunction DeadLetterQueueUrl MissedSweepQueueUrl LostFeedbackQueueUrl \
             ActivityTopicArn DigestTopicArn UndeliveredEventsQueueUrl WorkerLogGroup SweeperLogGroup FeedbackLogGroup",
        ),
        (
            serverless(),
            "Endpoint ApiId WebFunction WebFunctionVersion WebLogGroup AdminFunction AccessLogGroup \
             DomainTarget",
        ),
        (servers(), "Endpoint DomainTarget LoadBalancer TargetGroupArn AutoScalingGroup"),
    ];
    for (template, outputs) in promised {
        assert_eq!(template.names("Outputs"), outputs.split(' ').collect(), "{}", template.file);
    }
    let data = data();
    for template in [workers(), serverless(), servers()] {
        for (name, parameter) in template.section("Parameters") {
            if text(&parameter["Description"]).ends_with("of the data stack.") {
                assert!(data.names("Outputs").contains(name), "{} takes `{name}` from nowhere", template.file);
            }
        }
    }
}

#[test]
fn every_template_can_be_sent_inline_and_explains_what_its_lint_ignores() {
    for template in templates() {
        assert!(template.text.len() <= INLINE_LIMIT, "{} has {} bytes", template.file, template.text.len());
        let lines: Vec<&str> = template.text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("ignore_checks")) {
            let rule = line.split(['[', ']']).nth(1).expect("a list of rules");
            let comment = lines[..at].iter().rev().find(|line| line.starts_with('#')).expect("a comment above");
            assert!(comment.contains(rule), "{}: `{rule}` is ignored without a reason", template.file);
        }
    }
}

#[test]
fn every_resource_takes_the_stacks_tags_or_has_none() {
    // CloudFormation hands the stack's tags to these; tags written here would shadow them.
    let tagged = [
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::DomainName",
        "AWS::ApiGatewayV2::Stage",
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SES::ConfigurationSet",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    ];
    // Parts of something that is tagged; AWS knows no tags for them.
    let tagless = [
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::AutoScaling::ScalingPolicy",
        "AWS::EC2::Route",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::IAM::InstanceProfile",
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::SES::ConfigurationSetEventDestination",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule",
    ];
    for template in templates() {
        for (id, resource) in template.section("Resources") {
            let kind = text(&resource["Type"]);
            assert!(tagged.contains(&kind) || tagless.contains(&kind), "{}, {id}: is {kind} tagged?", template.file);
            assert_eq!(resource["Properties"]["Tags"], Value::Null, "{}, {id}", template.file);
        }
    }
}

#[test]
fn nothing_has_a_fixed_name_but_what_must_be_found_by_it() {
    // A fixed name cannot be replaced, collides with what an earlier stack left, and for a role asks for more rights.
    let named = ["AccessLogs", "Admin", "AdminLogs", "Dashboard", "Feedback", "Servers", "Sweeper", "Web", "Worker"];
    for template in templates() {
        for (id, resource) in template.section("Resources") {
            let name = ["Name", "TableName", "BucketName", "QueueName", "TopicName", "RoleName", "LogGroupName"];
            let name = name.into_iter().chain(["AutoScalingGroupName", "FunctionName", "DashboardName"]);
            let own = match text(&resource["Type"]) {
                // These say whose part they are, or are known by an id.
                "AWS::Lambda::Version" | "AWS::Lambda::Alias" | "AWS::Lambda::Permission" => continue,
                "AWS::AutoScaling::ScalingPolicy" | "AWS::Lambda::EventInvokeConfig" => continue,
                "AWS::Lambda::EventSourceMapping" => continue,
                "AWS::ApiGatewayV2::Api" | "AWS::Logs::MetricFilter" => continue,
                _ => name.into_iter().any(|name| !resource["Properties"][name].is_null()),
            };
            assert_eq!(own, named.contains(&id), "{}, {id}", template.file);
        }
    }
}
