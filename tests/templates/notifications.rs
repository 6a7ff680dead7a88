//! Notifications: made when somebody subscribes and not before, for the worker alone to publish, and never lost in
//! silence.

use serde_json::{Value, json};

use crate::template::{Template, each, text, workers};

const LISTENERS: usize = 5;
const READERS: usize = 2;

fn if_listening(value: &Value) -> Value {
    json!({ "Fn::If": ["Listens", value, { "Ref": "AWS::NoValue" }] })
}

#[test]
fn nothing_of_it_is_made_until_somebody_subscribes() {
    let template = workers();
    for (id, condition) in [
        ("ActivityTopic", "Listens"),
        ("UndeliveredEvents", "Listens"),
        ("UndeliveredEventsPolicy", "Listens"),
        ("UndeliveredEventsAlarm", "Listens"),
        ("DigestTopic", "Reads"),
        ("UntoldEventsAlarm", "Tells"),
        ("RefusedEventsAlarm", "Tells"),
    ] {
        assert_eq!(template.at(&format!("/Resources/{id}"))["Condition"], condition, "{id}");
    }
    let topics: Vec<_> = template.of_type("AWS::SNS::Topic").map(|(id, _)| id).collect();
    assert_eq!(topics, ["ActivityTopic", "DigestTopic"]);
    for name in template.names("Parameters") {
        if name.starts_with("Subscriber") || name.starts_with("DigestAddress") {
            let default = text(template.at(&format!("/Parameters/{name}/Default")));
            assert_eq!(default, if name.ends_with("Protocol") { "https" } else { "" }, "{name}");
        }
    }
    let listens = template.at("/Conditions/Listens/Fn::Or");
    assert_eq!(each(listens).len(), LISTENERS);
    assert_eq!(each(template.at("/Conditions/Reads/Fn::Or")).len(), READERS);
}

#[test]
fn each_subscriber_gets_what_it_asked_for_and_what_it_does_not_take_is_kept() {
    let template = workers();
    let letters = json!({ "deadLetterTargetArn": { "Fn::GetAtt": "UndeliveredEvents.Arn" } });
    for number in 1..=LISTENERS {
        let parameter = |what: &str| json!({ "Ref": format!("Subscriber{number}{what}") });
        let place = format!("/Resources/Subscription{number}");
        assert_eq!(template.at(&place)["Condition"], format!("Listens{number}"));
        let subscription = template.properties(&format!("Subscription{number}"));
        assert_eq!(subscription["TopicArn"], json!({ "Ref": "ActivityTopic" }));
        assert_eq!(subscription["Protocol"], parameter("Protocol"));
        assert_eq!(subscription["Endpoint"], parameter("Endpoint"));
        assert_eq!(subscription["FilterPolicy"], json!({ "type": parameter("Events") }));
        assert_eq!(subscription["RawMessageDelivery"], json!({ "Fn::If": [format!("IsQueue{number}"), true, false] }));
        assert_eq!(subscription["RedrivePolicy"], letters);
        assert_eq!(subscription["DeliveryPolicy"]["Fn::If"][0], format!("IsQueue{number}"));
        // SNS takes no policy whose retries take longer than an hour.
        let retries = &subscription["DeliveryPolicy"]["Fn::If"][2]["healthyRetryPolicy"];
        let [count, longest] = ["numRetries", "maxDelayTarget"].map(|key| retries[key].as_u64().expect("a number"));
        assert!((1_800..=4_500).contains(&(count * longest)), "{retries}");
        let listens = template.at(&format!("/Conditions/Listens{number}"));
        assert_eq!(listens, &json!({ "Fn::Not": [{ "Fn::Equals": [parameter("Endpoint"), ""] }] }));
        let queue = template.at(&format!("/Conditions/IsQueue{number}"));
        assert_eq!(queue, &json!({ "Fn::Equals": [parameter("Protocol"), "sqs"] }));
    }
    for number in 1..=READERS {
        let subscription = template.properties(&format!("DigestSubscription{number}"));
        assert_eq!(subscription["TopicArn"], json!({ "Ref": "DigestTopic" }));
        assert_eq!((&subscription["Protocol"], &subscription["FilterPolicy"]), (&json!("email"), &Value::Null));
        assert_eq!(subscription["Endpoint"], json!({ "Ref": format!("DigestAddress{number}") }));
    }
    let policy = &template.properties("UndeliveredEventsPolicy")["PolicyDocument"]["Statement"];
    let allowed: Vec<_> = each(policy).into_iter().filter(|statement| statement["Effect"] == "Allow").collect();
    let [statement] = allowed[..] else { panic!("{} things are allowed", allowed.len()) };
    assert_eq!(statement["Condition"], json!({ "ArnEquals": { "aws:SourceArn": { "Ref": "ActivityTopic" } } }));
}

#[test]
fn both_topics_are_encrypted_by_a_key_that_costs_nothing() {
    for (id, topic) in workers().of_type("AWS::SNS::Topic") {
        assert_eq!(topic["Properties"]["KmsMasterKeyId"], "alias/aws/sns", "{id}");
    }
}

/// The statements of a role as they are written, those that a condition leaves out included.
fn statements(template: &Template, role: &str) -> Vec<Value> {
    let policies = each(&template.properties(role)["Policies"]);
    policies.into_iter().flat_map(|it| each(&it["PolicyDocument"]["Statement"])).cloned().collect()
}

#[test]
fn whoever_tells_may_publish_to_its_topics_alone_and_only_to_those_there_are() {
    let template = workers();
    let publish = |sid: &str, topic: &str| json!({ "Sid": sid, "Effect": "Allow", "Action": "sns:Publish", "Resource": { "Ref": topic } });
    let tell = if_listening(&publish("Tell", "ActivityTopic"));
    let notice = publish("Notice", "AlarmTopicArn");
    let digest = json!({ "Fn::If": ["Reads", publish("Digest", "DigestTopic"), { "Ref": "AWS::NoValue" }] });
    for (role, expected) in
        [("WorkerRole", vec![&tell, &digest, &notice]), ("SweeperRole", vec![&tell]), ("FeedbackRole", vec![])]
    {
        let all = statements(&template, role);
        let found: Vec<_> = all.iter().filter(|it| it.to_string().contains("sns:")).collect();
        assert_eq!(found, expected, "{role}");
    }
    let environment = |function: &str| template.properties(function)["Environment"]["Variables"].clone();
    let topic = if_listening(&json!({ "Ref": "ActivityTopic" }));
    for function in ["Worker", "Sweeper"] {
        assert_eq!(environment(function)["ACTIVITY_TOPIC"], topic, "{function}");
    }
    assert_eq!(environment("Worker")["DIGEST_TOPIC"]["Fn::If"][0], "Reads");
    assert_eq!(environment("Sweeper")["DIGEST_TOPIC"], Value::Null);
    assert_eq!(environment("Worker")["ALARM_TOPIC"], json!({ "Ref": "AlarmTopicArn" }));
}
