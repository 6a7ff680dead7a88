//! Alarms, dead letters and the dashboard: what tells the operator.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::template::{each, references, serverless, servers, templates, text, workers};

#[test]
fn each_queue_keeps_its_letters_two_weeks_encrypted_and_raises_an_alarm() {
    let template = workers();
    let queues: Vec<_> = template.of_type("AWS::SQS::Queue").collect();
    assert_eq!(
        queues.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        ["DeadLetters", "LostFeedback", "MissedSweeps", "UndeliveredEvents"]
    );
    for (id, queue) in queues {
        assert_eq!(queue["Properties"]["MessageRetentionPeriod"], 14 * 86_400, "{id}");
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{id}");
        let name = json!([{ "Name": "QueueName", "Value": { "Fn::GetAtt": format!("{id}.QueueName") } }]);
        let watched = template.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| {
            let alarm = &alarm["Properties"];
            // Each letter that comes raises it anew, whatever lies there already.
            alarm["MetricName"] == "NumberOfMessagesSent"
                && alarm["Statistic"] == "Sum"
                && alarm["Dimensions"] == name
                && alarm["Threshold"] == 0
                && alarm["ComparisonOperator"] == "GreaterThanThreshold"
        });
        assert!(watched, "nobody hears of {id}");
    }
}

#[test]
fn each_function_raises_an_alarm_when_it_fails() {
    for template in [workers(), serverless()] {
        for (id, _) in template.of_type("AWS::Lambda::Function") {
            let name = json!([{ "Name": "FunctionName", "Value": { "Ref": id } }]);
            let watched = template.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| {
                alarm["Properties"]["MetricName"] == "Errors" && alarm["Properties"]["Dimensions"] == name
            });
            assert!(watched, "nobody hears of {id}");
        }
    }
}

#[test]
fn every_alarm_reaches_the_topic_and_says_what_silence_means() {
    let mut names = BTreeSet::new();
    for template in templates() {
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let alarm = &alarm["Properties"];
            assert_eq!(alarm["AlarmActions"], json!([{ "Ref": "AlarmTopicArn" }]), "{id}");
            // The topic lets only alarms publish whose names begin so.
            let name = text(&alarm["AlarmName"]["Fn::Sub"]);
            names.insert(name.strip_prefix("${Service}-").unwrap_or_else(|| panic!("{id}: {name}")).to_owned());
            assert!(text(&alarm["AlarmDescription"]).ends_with('.'), "{id} does not say what is wrong");
            // A service that rests must not alarm, except the sweeper, which never does.
            let silence = if id == "SweeperAbsentAlarm" { "breaching" } else { "notBreaching" };
            assert_eq!(alarm["TreatMissingData"], silence, "{id}");
        }
    }
    let expected = "admin-errors bounces complaints dead-letters feedback-errors latency lost-feedback mail-given-up mail-quota missed-sweeps \
                    refused-events server-errors servers-at-limit servers-errors \
                    servers-latency servers-too-few servers-unanswered servers-unhealthy servers-unlogged store-failures \
                    sweeper-absent sweeper-errors undelivered-events untold-events web-errors web-throttles worker-delay worker-errors";
    assert_eq!(names, expected.split(' ').map(str::to_owned).collect());
}

#[test]
fn the_alarms_of_servers_look_at_what_their_words_say() {
    let template = servers();
    for (id, metric, statistic, than, threshold, minutes) in [
        ("ServerErrorsAlarm", "HTTPCode_Target_5XX_Count", "Sum", "GreaterThanThreshold", json!(0), 5),
        ("UnansweredAlarm", "HTTPCode_ELB_5XX_Count", "Sum", "GreaterThanThreshold", json!(0), 5),
        ("LatencyAlarm", "TargetResponseTime", "p99", "GreaterThanThreshold", json!(3), 15),
        ("UnhealthyAlarm", "UnHealthyHostCount", "Maximum", "GreaterThanThreshold", json!(0), 5),
        (
            "TooFewAlarm",
            "GroupInServiceInstances",
            "Minimum",
            "LessThanThreshold",
            json!({ "Ref": "MinInstances" }),
            15,
        ),
        (
            "AtLimitAlarm",
            "GroupInServiceInstances",
            "Minimum",
            "GreaterThanOrEqualToThreshold",
            json!({ "Ref": "MaxInstances" }),
            15,
        ),
        ("UnloggedAlarm", "ServersWithoutLog", "Sum", "GreaterThanThreshold", json!(0), 1),
    ] {
        let alarm = template.properties(id);
        let of = [&alarm["Statistic"], &alarm["ExtendedStatistic"]].into_iter().find(|it| !it.is_null());
        assert_eq!((&alarm["MetricName"], of), (&json!(metric), Some(&json!(statistic))), "{id}");
        assert_eq!((&alarm["ComparisonOperator"], &alarm["Threshold"]), (&json!(than), &threshold), "{id}");
        let periods = alarm["EvaluationPeriods"].as_u64().zip(alarm["Period"].as_u64());
        assert_eq!(periods.map(|(count, seconds)| count * seconds), Some(minutes * 60), "{id}");
        let looked_at = references(&alarm["Dimensions"]);
        let expected: &[&str] = match metric {
            "ServersWithoutLog" => &[],
            "GroupInServiceInstances" => &["Servers"],
            "UnHealthyHostCount" => &["TargetGroup", "LoadBalancer"],
            _ => &["LoadBalancer"],
        };
        assert_eq!(looked_at.len(), expected.len(), "{id}: {looked_at:?}");
        assert!(expected.iter().all(|name| looked_at.contains(*name)), "{id}: {looked_at:?}");
    }
    // More servers come for requests and for work, whichever asks for more.
    let tracked = template.of_type("AWS::AutoScaling::ScalingPolicy");
    let tracked = tracked.map(|(_, policy)| {
        let target = &policy["Properties"]["TargetTrackingConfiguration"];
        let metric = text(&target["PredefinedMetricSpecification"]["PredefinedMetricType"]).to_owned();
        (metric, target["TargetValue"].to_string())
    });
    let requests = json!({ "Ref": "RequestsPerTarget" }).to_string();
    let expected = [("ALBRequestCountPerTarget", requests), ("ASGAverageCPUUtilization", "50".to_owned())];
    assert_eq!(tracked.collect::<BTreeSet<_>>(), expected.map(|(metric, value)| (metric.to_owned(), value)).into());
}

#[test]
fn what_the_workers_logs_tell_of_losses_raises_an_alarm() {
    let template = workers();
    assert!(
        include_str!("../../lambda/src/store/mod.rs").contains(r#""the store failed""#),
        "the words are the code's"
    );
    let namespace = json!({ "Fn::Sub": "signupctl/${Service}" });
    for (metric, pattern) in [("StoreFailures", r#"{ $.message = "the store failed" }"#)] {
        for group in ["WorkerLogs", "SweeperLogs", "FeedbackLogs"] {
            let heard = template.of_type("AWS::Logs::MetricFilter").any(|(_, filter)| {
                let filter = &filter["Properties"];
                let metrics = &filter["MetricTransformations"];
                filter["LogGroupName"] == json!({ "Ref": group })
                    && filter["FilterPattern"] == pattern
                    && metrics[0]["MetricName"] == metric
                    && metrics[0]["MetricNamespace"] == namespace
                    && metrics[0]["MetricValue"] == "1"
            });
            assert!(heard, "{metric} of {group}");
        }
    }
    // The others the functions write themselves, by the embedded metric format.
    let worker =
        [include_str!("../../lambda/src/worker/mod.rs"), include_str!("../../lambda/src/worker/tell.rs")].concat();
    for (alarm, metric) in [
        ("MailGivenUpAlarm", "MailsGivenUp"),
        ("QuotaAlarm", "MailsOverQuota"),
        ("UntoldEventsAlarm", "EventsOverdue"),
        ("RefusedEventsAlarm", "EventsGivenUp"),
        ("StoreFailuresAlarm", "StoreFailures"),
    ] {
        assert!(metric == "StoreFailures" || worker.contains(&format!("\"{metric}\"")), "the name is the code's");
        let alarm = &template.properties(alarm);
        assert_eq!((&alarm["MetricName"], &alarm["Namespace"]), (&json!(metric), &namespace));
        assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&json!("Sum"), &json!(0)));
        // The metric has no dimension, since nobody gives it one.
        assert_eq!(alarm["Dimensions"], Value::Null);
    }
}

#[test]
fn mail_alarms_come_before_ses_reviews_the_account() {
    let template = workers();
    for (id, metric, review) in
        [("BouncesAlarm", "Reputation.BounceRate", 0.05), ("ComplaintsAlarm", "Reputation.ComplaintRate", 0.001)]
    {
        let alarm = template.properties(id);
        assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&json!("AWS/SES"), &json!(metric)));
        let of_this = json!([{ "Name": "ses:configuration-set", "Value": { "Ref": "ConfigurationSet" } }]);
        assert_eq!(alarm["Dimensions"], of_this, "{id}");
        assert!(alarm["Threshold"].as_f64().is_some_and(|rate| rate > 0.0 && rate <= review / 2.0), "{id}");
    }
}

#[test]
fn each_dashboard_is_json_and_shows_what_exists() {
    for template in [workers(), servers()] {
        let body = &template.properties("Dashboard")["DashboardBody"];
        let known: BTreeSet<_> = template.names("Resources").union(&template.names("Parameters")).copied().collect();
        for name in references(body) {
            assert!(known.contains(name.as_str()) || name == "AWS::Region", "`{name}` is nothing");
        }
        let dashboard: Value = serde_json::from_str(text(&body["Fn::Sub"])).expect("JSON");
        let widgets = each(&dashboard["widgets"]);
        assert!(widgets.len() >= 6);
        for widget in widgets {
            assert_eq!(widget["properties"]["region"], "${AWS::Region}", "{}", widget["properties"]["title"]);
        }
    }
}

#[test]
fn the_dashboard_shows_what_becomes_of_mail_by_the_names_of_the_code() {
    let template = workers();
    let body = text(&template.properties("Dashboard")["DashboardBody"]["Fn::Sub"]);
    let feedback = include_str!("../../lambda/src/feedback/mod.rs");
    for metric in ["MailsBounced", "MailsComplained", "MailsRejected", "MailsDelayedByReceiver"] {
        let shown = body.contains(&format!("\"{metric}\""));
        assert!(shown && feedback.contains(&format!("\"{metric}\"")), "{metric}: the name is the code's");
    }
}
