//! The functions and what calls them: versions, logs, limits, the stream, the schedule and the API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::template::{Template, admins_streams, each, placeholders, references, serverless, templates, text, workers};

/// Longest description of a Lambda version, in characters.
const DESCRIPTION_LIMIT: usize = 256;

/// Longest that API Gateway waits for an integration, in milliseconds.
const INTEGRATION_LIMIT: u64 = 30_000;

fn functions(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    template.of_type("AWS::Lambda::Function").map(|(id, function)| (id, &function["Properties"]))
}

#[test]
fn each_function_is_what_its_name_says() {
    for (template, expected) in [
        (workers(), vec![("Feedback", "feedback"), ("Sweeper", "sweeper"), ("Worker", "worker")]),
        (serverless(), vec![("Admin", "admin"), ("Web", "web")]),
    ] {
        let found: Vec<_> = functions(&template).map(|(id, function)| (id, text(&function["Handler"]))).collect();
        assert_eq!(found, expected);
        for (id, function) in functions(&template) {
            let name = format!("${{Service}}-{}", text(&function["Handler"]));
            assert_eq!(function["FunctionName"], json!({ "Fn::Sub": name }), "{id}");
            assert_eq!(function["Runtime"], "provided.al2023", "{id}");
            assert_eq!(function["Architectures"], json!([{ "Ref": "Architecture" }]), "{id}");
            assert_eq!(function["MemorySize"], json!({ "Ref": "MemorySize" }), "{id}");
        }
    }
}

#[test]
fn each_function_logs_json_to_a_group_of_its_own_that_forgets() {
    for template in templates() {
        let mut used = BTreeSet::new();
        for (id, function) in functions(&template) {
            assert_eq!(function["LoggingConfig"]["LogFormat"], "JSON", "{id}");
            let group = &function["LoggingConfig"]["LogGroup"];
            assert!(used.insert(group.to_string()), "{id} shares `{group}`");
            let role = text(&function["Role"]["Fn::GetAtt"]).trim_end_matches(".Arn");
            let log =
                template.role_statements().into_iter().find(|(of, statement)| *of == role && statement["Sid"] == "Log");
            let (_, log) = log.unwrap_or_else(|| panic!("{role} may not log"));
            // That of the admins' side is kept with the data.
            let own = match group["Ref"].as_str() {
                Some(own) => json!({ "Fn::GetAtt": format!("{own}.Arn") }),
                None => admins_streams(),
            };
            assert_eq!(log["Resource"], own, "{role}");
        }
        for (id, group) in template.of_type("AWS::Logs::LogGroup") {
            assert_eq!(group["Properties"]["RetentionInDays"], json!({ "Ref": "LogRetentionDays" }), "{id}");
            let is_used = used.contains(&json!({ "Ref": id }).to_string());
            assert!(is_used || ["AccessLogs", "AdminLogs"].contains(&id), "nobody writes to {id}");
        }
    }
}

#[test]
fn whatever_changes_a_function_publishes_a_version() {
    for template in templates() {
        for (id, function) in functions(&template) {
            let mut versioned = function.clone();
            // The code is told by its hash; the others are not part of a version, or never change.
            for unversioned in ["Code", "FunctionName", "LoggingConfig", "ReservedConcurrentExecutions", "Role"] {
                versioned.as_object_mut().expect("properties").remove(unversioned);
            }
            // The topic of alarms is another only when the whole data stack is made anew; there is no room for its name in a
            // description. Until the next code the worker then writes to the one from before.
            if let Some(variables) = versioned["Environment"]["Variables"].as_object_mut() {
                variables.remove("ALARM_TOPIC");
            }
            let parameters = template.names("Parameters");
            let changes = references(&versioned);
            let changes: BTreeSet<_> = changes.iter().filter(|name| parameters.contains(name.as_str())).collect();
            let version = template.properties(&format!("{id}Version"));
            let published = references(version);
            assert!(
                changes.iter().all(|name| published.contains(*name)),
                "{id}: of {changes:?} only {published:?} publish"
            );
            assert_eq!(version["CodeSha256"], json!({ "Ref": "CodeSha256" }), "{id}");
        }
    }
}

#[test]
fn a_versions_description_always_fits() {
    for template in templates() {
        for (id, version) in template.of_type("AWS::Lambda::Version") {
            let pattern = text(&version["Properties"]["Description"]["Fn::Sub"]);
            let mut length = pattern.len();
            for name in placeholders(pattern) {
                length = length - "${}".len() - name.len() + longest(&template, name);
            }
            assert!(length <= DESCRIPTION_LIMIT, "{id}: up to {length} characters");
        }
    }
}

/// The most characters that a parameter takes.
fn longest(template: &Template, name: &str) -> usize {
    let parameter = template.at(&format!("/Parameters/{name}"));
    if let Some(values) = parameter["AllowedValues"].as_array() {
        return values.iter().map(|value| text(value).len()).max().unwrap_or(0);
    }
    if let Some(most) = parameter["MaxValue"].as_u64() {
        return most.to_string().len();
    }
    // The one repetition with an upper bound in its pattern: `{3,80}`, `{12}`.
    let (_, rest) = text(&parameter["AllowedPattern"]).split_once('{').expect("a bound in the pattern");
    let (bounds, _) = rest.split_once('}').expect("a bound in the pattern");
    bounds.rsplit(',').next().and_then(|most| most.parse().ok()).expect("a number")
}

#[test]
fn callers_meet_the_version_that_is_live() {
    let (workers, serverless) = (workers(), serverless());
    for (template, function) in
        [(&workers, "Worker"), (&workers, "Sweeper"), (&workers, "Feedback"), (&serverless, "Web")]
    {
        let alias = template.properties(&format!("{function}Alias"));
        assert_eq!(alias["Name"], "live");
        assert_eq!(alias["FunctionVersion"], json!({ "Fn::GetAtt": format!("{function}Version.Version") }));
    }
    let (worker, sweeper, web) =
        (json!({ "Ref": "WorkerAlias" }), json!({ "Ref": "SweeperAlias" }), json!({ "Ref": "WebAlias" }));
    assert_eq!(workers.properties("WorkerSource")["FunctionName"], worker);
    assert_eq!(workers.properties("SweeperSchedule")["Target"]["Arn"], sweeper);
    let feedback = json!({ "Ref": "FeedbackAlias" });
    assert_eq!(workers.properties("FeedbackSubscription")["Endpoint"], feedback);
    assert_eq!(workers.properties("FeedbackPermission")["FunctionName"], feedback);
    assert_eq!(serverless.properties("Integration")["IntegrationUri"], web);
    assert_eq!(serverless.properties("InvokePermission")["FunctionName"], web);
}

#[test]
fn the_stream_brings_the_worker_what_it_acts_on_and_nothing_else() {
    let template = workers();
    let filters = template.properties("WorkerSource")["FilterCriteria"]["Filters"].as_array().expect("filters");
    let filters: Vec<Value> =
        filters.iter().map(|filter| serde_json::from_str(text(&filter["Pattern"])).expect("JSON")).collect();
    let wakes = json!({ "eventName": ["INSERT", "MODIFY"], "dynamodb": { "NewImage": { "wakes": { "BOOL": [{ "exists": true }] } } } });
    let forgotten = json!({ "eventName": ["REMOVE"], "userIdentity": { "type": ["Service"] },
        "dynamodb": { "Keys": { "pk": { "S": [{ "prefix": "USER#" }] } } } });
    assert_eq!(filters, [wakes, forgotten]);
    // The attribute is there for those alone whom it wakes for.
    assert!(
        include_str!("../../lambda/src/user/mod.rs")
            .contains("skip_serializing_if = \"std::ops::Not::not\")]\n    pub wakes: bool")
    );
}

#[test]
fn a_bad_record_is_isolated_and_given_up_before_the_stream_forgets_it() {
    let template = workers();
    let source = template.properties("WorkerSource");
    assert_eq!(source["StartingPosition"], "TRIM_HORIZON");
    assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(source["BisectBatchOnFunctionError"], true);
    // Without end, so that the age alone decides.
    assert_eq!(source["MaximumRetryAttempts"], -1);
    assert!((60..86_400 / 2).contains(&source["MaximumRecordAgeInSeconds"].as_u64().expect("finite")));
    assert_eq!(source["DestinationConfig"]["OnFailure"]["Destination"], json!({ "Fn::GetAtt": "DeadLetters.Arn" }));
}

#[test]
fn the_sweeper_runs_every_minute_and_never_piles_up() {
    let template = workers();
    let schedule = template.properties("SweeperSchedule");
    assert_eq!(schedule["ScheduleExpression"], "rate(1 minute)");
    assert_eq!(schedule["FlexibleTimeWindow"]["Mode"], "OFF");
    assert_eq!(schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"], 60);
    assert_eq!(schedule["Target"]["DeadLetterConfig"]["Arn"], json!({ "Fn::GetAtt": "MissedSweeps.Arn" }));
    assert!(template.properties("Sweeper")["Timeout"].as_u64().expect("seconds") < 60);
    let retries = template.properties("SweeperRetries");
    assert_eq!(retries["MaximumRetryAttempts"], 0);
    assert_eq!(retries["Qualifier"], template.properties("SweeperAlias")["Name"]);
}

#[test]
fn feedback_of_this_services_mail_alone_is_heard_and_none_is_lost_unsaid() {
    let template = workers();
    let topic = json!({ "Ref": "FeedbackTopicArn" });
    let (letters, subscription) =
        (json!({ "Fn::GetAtt": "LostFeedback.Arn" }), template.properties("FeedbackSubscription"));
    assert_eq!((&subscription["TopicArn"], &subscription["Protocol"]), (&topic, &json!("lambda")));
    assert_eq!(subscription["RedrivePolicy"], json!({ "deadLetterTargetArn": letters }));
    let permission = template.properties("FeedbackPermission");
    assert_eq!((&permission["Principal"], &permission["SourceArn"]), (&json!("sns.amazonaws.com"), &topic));
    let retries = template.properties("FeedbackRetries");
    assert_eq!(retries["Qualifier"], template.properties("FeedbackAlias")["Name"]);
    assert_eq!(retries["DestinationConfig"], json!({ "OnFailure": { "Destination": letters } }));
    // SNS may leave its letters there, and those of this topic alone.
    let policy = &template.properties("LostFeedbackPolicy")["PolicyDocument"]["Statement"];
    let allowed: Vec<_> = each(policy).into_iter().filter(|statement| statement["Effect"] == "Allow").collect();
    let [statement] = allowed[..] else { panic!("{} things are allowed", allowed.len()) };
    assert_eq!(statement["Principal"], json!({ "Service": "sns.amazonaws.com" }));
    assert_eq!((&statement["Action"], &statement["Resource"]), (&json!("sqs:SendMessage"), &letters));
    assert_eq!(statement["Condition"], json!({ "ArnEquals": { "aws:SourceArn": topic } }));
}

#[test]
fn a_slow_function_is_cut_off_by_lambda_and_not_by_the_api() {
    let template = serverless();
    for (function, integration) in [("Web", "Integration"), ("Admin", "AdminIntegration")] {
        let function = template.properties(function)["Timeout"].as_u64().expect("seconds") * 1_000;
        let integration = template.properties(integration)["TimeoutInMillis"].as_u64().expect("milliseconds");
        assert!(function < integration && integration <= INTEGRATION_LIMIT);
    }
}

#[test]
fn the_api_is_a_throttled_route_to_each_function_in_payload_format_2() {
    let template = serverless();
    let mut routes = Vec::new();
    for (_, route) in template.of_type("AWS::ApiGatewayV2::Route") {
        let route = &route["Properties"];
        let target = text(&route["Target"]["Fn::Sub"]);
        let integration = target.strip_prefix("integrations/${").and_then(|rest| rest.strip_suffix('}'));
        let integration = template.properties(integration.expect("an integration"));
        assert_eq!(integration["PayloadFormatVersion"], "2.0");
        routes.push((text(&route["RouteKey"]), text(&integration["IntegrationUri"]["Ref"])));
    }
    assert_eq!(routes, [("ANY /admin/{proxy+}", "AdminAlias"), ("$default", "WebAlias")]);
    let stage = template.properties("Stage");
    assert_eq!((&stage["StageName"], &stage["AutoDeploy"]), (&json!("$default"), &json!(true)));
    let limits =
        json!({ "ThrottlingRateLimit": { "Ref": "RequestsPerSecond" }, "ThrottlingBurstLimit": { "Ref": "Burst" } });
    assert_eq!(stage["DefaultRouteSettings"], limits);
    // A CORS configuration here would answer in the service's place.
    assert_eq!(template.properties("Api")["CorsConfiguration"], Value::Null);
    for (permission, end) in [("InvokePermission", "/*/$default"), ("AdminInvokePermission", "/*/*/admin/{proxy+}")] {
        let source = text(&template.properties(permission)["SourceArn"]["Fn::Sub"]);
        assert!(source.ends_with(&format!(":${{Api}}{end}")), "{source}");
    }
}

#[test]
fn the_access_log_holds_no_query_address_or_header() {
    let template = serverless();
    let settings = &template.properties("Stage")["AccessLogSettings"];
    let format: Value = serde_json::from_str(text(&settings["Format"])).expect("JSON");
    let logged: BTreeSet<_> = format.as_object().expect("an object").values().map(text).collect();
    let harmless = [
        "$context.error.responseType",
        "$context.httpMethod",
        "$context.integrationErrorMessage",
        "$context.integrationLatency",
        "$context.integrationStatus",
        "$context.protocol",
        "$context.requestId",
        "$context.requestTime",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.status",
    ];
    assert_eq!(logged, harmless.into());
    assert!(text(&settings["DestinationArn"]["Fn::Sub"]).ends_with(":log-group:${AccessLogs}"));
    let name = text(&template.properties("AccessLogs")["LogGroupName"]["Fn::Sub"]);
    assert!(name.starts_with("/aws/vendedlogs/"), "{name}");
}

#[test]
fn concurrency_is_set_apart_only_when_asked_for() {
    let template = serverless();
    let reserved =
        json!({ "Fn::If": ["ReservesConcurrency", { "Ref": "ReservedConcurrency" }, { "Ref": "AWS::NoValue" }] });
    assert_eq!(template.properties("Web")["ReservedConcurrentExecutions"], reserved);
    assert_eq!(template.at("/Parameters/ReservedConcurrency/Default"), 0);
    for (id, function) in functions(&workers()) {
        assert_eq!(function["ReservedConcurrentExecutions"], Value::Null, "{id} takes from a new account's few");
    }
}

#[test]
fn a_domain_name_may_be_international() {
    let template = serverless();
    let pattern = text(template.at("/Parameters/DomainName/AllowedPattern"));
    // The look-ahead, which only bounds the length, is none of the service's patterns.
    let pattern = pattern.strip_prefix("(?=.{0,80}$)").expect("the length first");
    let pattern = signup_service::form::compile_pattern(pattern).expect("a pattern");
    for good in ["", "join.example.com", "xn--bcher-kva.example", "join.xn--p1ai", "x.xn--mgbaam7a8h"] {
        assert!(pattern.is_match(good), "{good}");
    }
    for bad in ["example", "join.example.c0m", "join.example.com.", "Join.example.com", "xn--p1ai", "a..b"] {
        assert!(!pattern.is_match(bad), "{bad}");
    }
}

#[test]
fn a_domain_of_ones_own_is_the_only_way_in() {
    let template = serverless();
    let address =
        json!({ "Fn::If": ["HasDomain", { "Fn::Sub": "https://${DomainName}" }, { "Fn::GetAtt": "Api.ApiEndpoint" }] });
    assert_eq!(template.properties("Web")["Environment"]["Variables"]["PUBLIC_URL"], address);
    assert_eq!(template.at("/Outputs/Endpoint/Value"), &address);
    assert_eq!(
        template.properties("Api")["DisableExecuteApiEndpoint"],
        json!({ "Fn::If": ["HasDomain", true, false] })
    );
    assert_eq!(template.properties("Domain")["DomainNameConfigurations"][0]["SecurityPolicy"], "TLS_1_2");
    for place in ["/Resources/Domain", "/Resources/DomainMapping", "/Outputs/DomainTarget"] {
        assert_eq!(template.at(place)["Condition"], "HasDomain", "{place}");
    }
}
