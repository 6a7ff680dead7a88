//! The roles: one for each function, and nothing in it that the function does not need.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::template::{Template, admins_streams, each, references, serverless, servers, templates, text, workers};

/// The wildcards that AWS leaves no way around, with the reason.
const WILDCARDS: [(&str, &str, &str); 18] = [
    // Each erasure leaves an object of its own.
    ("AdminRole", "s3:PutObject", "/erased/*"),
    ("ServerRole", "s3:PutObject", "/erased/*"),
    // Streams are named by whoever writes: the function's version, or the instance.
    ("AdminRole", "logs:CreateLogStream", ":log-group:/signupctl/${Service}/admin:*"),
    ("AdminRole", "logs:PutLogEvents", ":log-group:/signupctl/${Service}/admin:*"),
    ("ServerRole", "logs:CreateLogStream", ":log-group:/signupctl/${Service}/admin:*"),
    ("ServerRole", "logs:PutLogEvents", ":log-group:/signupctl/${Service}/admin:*"),
    // Between the stars is an id that AWS gives when the group is made; its name is whole.
    (
        "ServerRole",
        "autoscaling:CompleteLifecycleAction",
        ":autoScalingGroup:*:autoScalingGroupName/${Service}-servers",
    ),
    // These know no resources.
    ("ServerRole", "elasticloadbalancing:DescribeTargetHealth", "*"),
    ("ServerRole", "ssm:UpdateInstanceInformation", "*"),
    ("ServerRole", "ssmmessages:CreateControlChannel", "*"),
    ("ServerRole", "ssmmessages:CreateDataChannel", "*"),
    ("ServerRole", "ssmmessages:OpenControlChannel", "*"),
    ("ServerRole", "ssmmessages:OpenDataChannel", "*"),
    // Lambda asks for it, and the stream's own ARN is not what it is asked about.
    ("WorkerRole", "dynamodb:ListStreams", "${TableArn}/stream/*"),
    // In the sandbox SES checks the recipient's identity, which is anybody's; the sender is a condition.
    ("SweeperRole", "ses:SendRawEmail", ":identity/*"),
    ("WorkerRole", "ses:SendRawEmail", ":identity/*"),
    // The account's quota belongs to no resource.
    ("SweeperRole", "ses:GetSendQuota", "*"),
    ("WorkerRole", "ses:GetSendQuota", "*"),
];

#[test]
fn no_role_holds_a_wildcard_that_aws_could_do_without() {
    let mut met = BTreeSet::new();
    for template in templates() {
        for (role, statement) in template.role_statements() {
            assert_eq!(statement["Effect"], "Allow", "{role}");
            for key in ["NotAction", "NotResource"] {
                assert!(statement[key].is_null(), "{role} is given everything but {}", statement[key]);
            }
            for resource in each(&statement["Resource"]) {
                let written = resource.get("Fn::Sub").unwrap_or(resource).as_str().unwrap_or_default();
                for action in each(&statement["Action"]).into_iter().map(text) {
                    assert!(!action.contains('*'), "{role} may {action}");
                    if written.contains('*') {
                        let known = WILDCARDS
                            .iter()
                            .position(|(of, what, end)| *of == role && *what == action && written.ends_with(end));
                        met.insert(known.unwrap_or_else(|| panic!("{role} may {action} on {written}")));
                    }
                }
            }
        }
    }
    assert_eq!(met.len(), WILDCARDS.len(), "a wildcard is excused that nobody has");
}

#[test]
fn whoever_may_send_mail_may_send_it_as_the_sender_alone() {
    let template = workers();
    let mail: Vec<_> = sending(&template);
    assert_eq!(mail.iter().map(|(role, _)| *role).collect::<Vec<_>>(), ["SweeperRole", "WorkerRole"]);
    for (role, statement) in mail {
        let sender = json!({ "StringEqualsIfExists": { "ses:FromAddress": { "Ref": "SenderAddress" } } });
        assert_eq!(statement["Condition"], sender, "{role}");
        let set = each(&statement["Resource"]).into_iter().any(|resource| {
            resource["Fn::Sub"].as_str().is_some_and(|arn| arn.ends_with(":configuration-set/${ConfigurationSet}"))
        });
        assert!(set, "{role} may not use the configuration set");
    }
    for front in [serverless(), servers()] {
        assert!(sending(&front).is_empty(), "{}: what answers the public may not send mail", front.file);
    }
}

fn sending(template: &Template) -> Vec<(&str, &Value)> {
    let sends =
        |statement: &Value| each(&statement["Action"]).iter().any(|action| text(action).starts_with("ses:Send"));
    template.role_statements().into_iter().filter(|(_, statement)| sends(statement)).collect()
}

#[test]
fn each_function_reads_the_keys_it_uses_and_no_other() {
    for (template, role, keys) in [
        (serverless(), "WebRole", vec!["address-key", "token-key"]),
        (serverless(), "AdminRole", vec!["admin-key"]),
        (servers(), "ServerRole", vec!["address-key", "admin-key", "token-key"]),
        (workers(), "WorkerRole", vec!["token-key"]),
        (workers(), "SweeperRole", vec!["token-key"]),
        (workers(), "FeedbackRole", vec!["address-key"]),
    ] {
        let mut read = Vec::new();
        for (_, statement) in template.role_statements().into_iter().filter(|(of, _)| *of == role) {
            if each(&statement["Action"]).iter().any(|action| text(action).starts_with("ssm:Get")) {
                for resource in each(&statement["Resource"]) {
                    let (_, key) =
                        text(&resource["Fn::Sub"]).split_once(":parameter${KeyPrefix}/").expect("a parameter");
                    read.push(key.to_owned());
                }
            }
        }
        assert_eq!(read, keys, "{role}");
    }
}

#[test]
fn what_is_an_admins_is_the_admin_functions_alone() {
    let keeps_out = json!({ "ForAllValues:StringNotLike": { "dynamodb:LeadingKeys": "ADMIN*" } });
    let farewells_alone = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": "GONE#*" } });
    let counters_alone = json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": "COUNT" } });
    let counters_too = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["COUNT", "GONE#*"] } });
    for template in templates() {
        for (role, statement) in template.role_statements() {
            let is_table = each(&statement["Resource"]).contains(&&json!({ "Ref": "TableArn" }));
            // A server is the web function and the admin function in one.
            if is_table && !["AdminRole", "ServerRole"].contains(&role) {
                let condition = &statement["Condition"];
                let known = [&keeps_out, &counters_alone, &counters_too, &farewells_alone];
                assert!(known.contains(&condition), "{role}: {condition}");
            }
        }
    }
    let admin: BTreeSet<_> = serverless()
        .role_statements()
        .into_iter()
        .filter(|(role, _)| *role == "AdminRole")
        .flat_map(|(_, statement)| each(&statement["Resource"]).into_iter().cloned().collect::<Vec<_>>())
        .filter_map(|resource| resource["Fn::Sub"].as_str().map(str::to_owned))
        .filter(|resource| resource.contains("/index/"))
        .collect();
    assert_eq!(admin.len(), 5, "the lists, and not what is due: {admin:?}");
}

#[test]
fn a_function_adds_to_its_own_log_and_changes_none() {
    let mut met = BTreeSet::new();
    for template in templates() {
        for (role, statement) in template.role_statements() {
            let actions: Vec<&str> = each(&statement["Action"]).into_iter().map(text).collect();
            if actions.iter().any(|action| action.starts_with("logs:")) {
                assert_eq!(actions, ["logs:CreateLogStream", "logs:PutLogEvents"], "{role}");
                // That of whatever serves the admins' pages is in the data stack, and outlives it.
                let own = match role {
                    "AdminRole" | "ServerRole" => admins_streams(),
                    _ => json!({ "Fn::GetAtt": format!("{}.Arn", role.replace("Role", "Logs")) }),
                };
                assert_eq!(statement["Resource"], own, "{role}");
                met.insert(role.to_owned());
            }
        }
    }
    assert!(met.contains("AdminRole") && met.contains("ServerRole"), "{met:?}");
}

#[test]
fn each_role_belongs_to_one_function_schedule_or_group_of_servers() {
    for template in templates() {
        let mut owners = Vec::new();
        for (id, resource) in template.section("Resources") {
            let (role, service) = match text(&resource["Type"]) {
                "AWS::Lambda::Function" => (&resource["Properties"]["Role"], "lambda.amazonaws.com"),
                "AWS::Scheduler::Schedule" => (&resource["Properties"]["Target"]["RoleArn"], "scheduler.amazonaws.com"),
                "AWS::IAM::InstanceProfile" => (&resource["Properties"]["Roles"], "ec2.amazonaws.com"),
                _ => continue,
            };
            let named = references(role);
            let Some(role) = named.first().filter(|_| named.len() == 1) else { panic!("{id}: {named:?}") };
            let trust = &template.properties(role)["AssumeRolePolicyDocument"]["Statement"];
            let [statement] = each(trust)[..] else { panic!("{role} is for more than {id}") };
            assert_eq!(statement["Principal"], json!({ "Service": service }), "{role}");
            owners.push(role.to_owned());
        }
        owners.sort();
        let roles: Vec<_> = template.of_type("AWS::IAM::Role").map(|(id, _)| id).collect();
        assert_eq!(owners, roles, "{}", template.file);
    }
}

#[test]
fn the_schedules_role_is_taken_on_for_this_account_alone() {
    let template = workers();
    let condition =
        &template.properties("SweeperScheduleRole")["AssumeRolePolicyDocument"]["Statement"][0]["Condition"];
    assert_eq!(condition["StringEquals"]["aws:SourceAccount"], json!({ "Ref": "AWS::AccountId" }));
    assert!(text(&condition["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]).ends_with(":schedule-group/default"));
}
