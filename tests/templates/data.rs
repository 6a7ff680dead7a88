//! The data stack: what must not be lost, and who may publish to its topics.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::template::{data, each, references, serverless, servers, templates, text, workers};

#[test]
fn the_table_is_encrypted_restorable_on_demand_and_forgets_in_time() {
    let data = data();
    let table = data.properties("Table");
    assert_eq!(table["SSESpecification"], json!({ "SSEEnabled": true, "SSEType": "KMS" }));
    assert_eq!(
        table["PointInTimeRecoverySpecification"],
        json!({
            "PointInTimeRecoveryEnabled": { "Fn::If": ["BacksUp", true, false] },
            "RecoveryPeriodInDays": { "Fn::If": ["BacksUp", { "Ref": "PointInTimeRecoveryDays" }, { "Ref": "AWS::NoValue" }] },
        })
    );
    assert_eq!(data.at("/Parameters/PointInTimeRecoveryDays/Default"), 35);
    assert_eq!(table["TimeToLiveSpecification"], json!({ "AttributeName": "ttl", "Enabled": true }));
    assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(table["DeletionProtectionEnabled"], json!({ "Fn::If": ["ProtectsTable", true, false] }));
    assert_eq!(data.at("/Parameters/DeletionProtection/Default"), "true");
}

#[test]
fn the_table_has_the_keys_and_indexes_that_the_service_asks_for() {
    let data = data();
    let table = data.properties("Table");
    let schema = |keys: &Value| each(keys).iter().map(|key| text(&key["AttributeName"]).to_owned()).collect::<Vec<_>>();
    assert_eq!(schema(&table["KeySchema"]), ["pk", "sk"]);
    let indexes: BTreeMap<_, _> = each(&table["GlobalSecondaryIndexes"])
        .into_iter()
        .map(|index| (text(&index["IndexName"]), (schema(&index["KeySchema"]), index["Projection"].clone())))
        .collect();
    let keys = json!({ "ProjectionType": "KEYS_ONLY" });
    let expected = [
        ("by-address", ["in_address", "address_key"]),
        ("by-country", ["in_country", "at"]),
        ("by-name", ["in_name", "name_key"]),
        ("by-state", ["in_state", "at"]),
        ("by-time", ["in_time", "at"]),
        ("due", ["due", "due_at"]),
    ];
    let expected = expected.map(|(name, fields)| (name, (fields.map(str::to_owned).to_vec(), keys.clone())));
    assert_eq!(indexes, expected.into());
    let numbers =
        each(&table["AttributeDefinitions"]).into_iter().filter(|attribute| attribute["AttributeType"] == "N");
    assert_eq!(numbers.map(|attribute| text(&attribute["AttributeName"])).collect::<Vec<_>>(), ["due_at"]);
}

#[test]
fn only_what_must_survive_its_stack_is_kept() {
    for (template, kept) in [
        (data(), BTreeSet::from(["ArtifactBucket", "ArtifactBucketPolicy", "Table"])),
        (workers(), BTreeSet::from(["FeedbackVersion", "SweeperVersion", "WorkerVersion"])),
        (serverless(), BTreeSet::from(["AdminVersion", "WebVersion"])),
        (servers(), BTreeSet::new()),
    ] {
        for (id, resource) in template.section("Resources") {
            let policies = (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]);
            if kept.contains(id) {
                assert_eq!(policies, (&json!("RetainExceptOnCreate"), &json!("Retain")), "{}, {id}", template.file);
            } else {
                assert_eq!(policies, (&Value::Null, &Value::Null), "{}, {id}", template.file);
            }
        }
    }
}

#[test]
fn a_first_deploy_that_fails_leaves_no_protected_table() {
    let data = data();
    let mut before: BTreeSet<String> = references(data.at("/Resources/Table"));
    loop {
        let more: BTreeSet<String> =
            before.iter().flat_map(|id| references(data.at(&format!("/Resources/{id}")))).collect();
        if more.is_subset(&before) {
            break;
        }
        before.extend(more);
    }
    // The subscription fails on no address that its parameter accepts, and may be absent.
    let after: Vec<_> = data.names("Resources").into_iter().filter(|id| !before.contains(*id)).collect();
    assert_eq!(after, ["AlarmSubscription", "Table"], "the table must be created last");
}

#[test]
fn artifacts_are_private_encrypted_and_leave_no_leftovers() {
    let data = data();
    let bucket = data.properties("ArtifactBucket");
    let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
    assert_eq!(encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    assert_eq!(bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced");
    for block in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(bucket["PublicAccessBlockConfiguration"][block], true, "{block}");
    }
    let rule = &bucket["LifecycleConfiguration"]["Rules"][0];
    assert_eq!(rule["Status"], "Enabled");
    assert_eq!(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 1);
    assert_eq!(rule["ExpirationInDays"], Value::Null, "an artifact is deleted when nothing refers to it, not by age");
}

#[test]
fn mail_leaves_by_tls_alone_and_learns_from_bounces() {
    let data = data();
    let set = data.properties("ConfigurationSet");
    assert_eq!(set["DeliveryOptions"]["TlsPolicy"], "REQUIRE");
    assert_eq!(set["ReputationOptions"]["ReputationMetricsEnabled"], true);
    assert_eq!(set["SuppressionOptions"]["SuppressedReasons"], json!(["BOUNCE", "COMPLAINT"]));
    let destination = &data.properties("FeedbackDestination")["EventDestination"];
    assert_eq!(destination["Enabled"], true);
    assert_eq!(destination["MatchingEventTypes"], json!(["bounce", "complaint", "reject", "deliveryDelay"]));
    assert_eq!(destination["SnsDestination"]["TopicARN"], json!({ "Ref": "FeedbackTopic" }));
    assert_eq!(data.at("/Resources/FeedbackDestination/DependsOn"), "FeedbackTopicPolicy");
}

#[test]
fn only_this_services_mail_and_alarms_may_publish() {
    let data = data();
    let expected = [
        ("AlarmTopicPolicy", "cloudwatch.amazonaws.com", "ArnLike", ":alarm:${Service}-*"),
        ("FeedbackTopicPolicy", "ses.amazonaws.com", "ArnEquals", ":configuration-set/${ConfigurationSet}"),
    ];
    let policies: Vec<_> = data.of_type("AWS::SNS::TopicPolicy").map(|(id, _)| id).collect();
    assert_eq!(policies, expected.map(|(id, ..)| id));
    for (id, service, operator, source) in expected {
        let statements = &data.properties(id)["PolicyDocument"]["Statement"];
        let allowed: Vec<_> = each(statements).into_iter().filter(|statement| statement["Effect"] == "Allow").collect();
        let [statement] = allowed[..] else { panic!("{id} allows {} things", allowed.len()) };
        assert_eq!(statement["Principal"], json!({ "Service": service }), "{id}");
        assert_eq!(statement["Action"], "sns:Publish", "{id}");
        let condition = &statement["Condition"];
        assert_eq!(condition["StringEquals"]["aws:SourceAccount"], json!({ "Ref": "AWS::AccountId" }), "{id}");
        assert!(text(&condition[operator]["aws:SourceArn"]["Fn::Sub"]).ends_with(source), "{id}");
    }
}

#[test]
fn topics_that_aws_services_publish_to_name_no_key_that_silences_them() {
    // The others are published to by the service's own roles.
    for (id, topic) in data().of_type("AWS::SNS::Topic") {
        assert_eq!(topic["Properties"]["KmsMasterKeyId"], Value::Null, "{id}");
    }
}

/// The worker is told its ARN, and no version of the worker is published for it.
#[test]
fn no_update_replaces_the_topic_of_alarms() {
    let data = data();
    let topic = data.properties("AlarmTopic").as_object().expect("properties");
    assert_eq!(topic.keys().collect::<Vec<_>>(), ["DisplayName"], "a change of another may replace it");
}

#[test]
fn the_bucket_every_queue_and_every_topic_refuse_plain_http() {
    for template in templates() {
        for (kind, policy_kind, target) in [
            ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
            ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
            ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
        ] {
            for (id, _) in template.of_type(kind) {
                let refuses = template.of_type(policy_kind).any(|(_, policy)| {
                    let properties = &policy["Properties"];
                    let of_this = each(&properties[target]).contains(&&json!({ "Ref": id }));
                    of_this && each(&properties["PolicyDocument"]["Statement"]).into_iter().any(denies_plain_http)
                });
                assert!(refuses, "{}, {id} answers plain HTTP", template.file);
            }
        }
    }
}

fn denies_plain_http(statement: &Value) -> bool {
    statement["Effect"] == "Deny"
        && statement["Principal"] == "*"
        // The policy of a topic knows no `sns:*`.
        && (text(&statement["Action"]).ends_with(":*") || statement["Action"] == "sns:Publish")
        && statement["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
}

#[test]
fn a_load_balancer_of_this_account_writes_its_logs_where_they_are_forgotten() {
    let (data, servers) = (data(), servers());
    let attributes = &servers.properties("LoadBalancer")["LoadBalancerAttributes"];
    let prefix = json!({ "Key": "access_logs.s3.prefix", "Value": "access-logs" });
    assert!(references(attributes).contains("ArtifactBucket"), "{attributes}");
    assert!(each(attributes).into_iter().any(|one| one["Fn::If"][1] == prefix), "{attributes}");
    let statements = each(&data.properties("ArtifactBucketPolicy")["PolicyDocument"]["Statement"]);
    let allowed: Vec<_> = statements.into_iter().filter(|statement| statement["Effect"] == "Allow").collect();
    let [writing] = allowed[..] else { panic!("more than one may: {allowed:?}") };
    assert_eq!(writing["Principal"], json!({ "Service": "logdelivery.elasticloadbalancing.amazonaws.com" }));
    assert_eq!(writing["Action"], "s3:PutObject");
    let place = "${ArtifactBucket.Arn}/access-logs/AWSLogs/${AWS::AccountId}/*";
    assert_eq!(writing["Resource"], json!({ "Fn::Sub": place }));
    let rules = each(&data.properties("ArtifactBucket")["LifecycleConfiguration"]["Rules"]);
    let forgetting: Vec<_> = rules.into_iter().filter(|rule| !rule["ExpirationInDays"].is_null()).collect();
    // Nothing else in the bucket may ever expire: code that runs, and what is remembered of erasures.
    let [rule] = forgetting[..] else { panic!("{forgetting:?}") };
    assert_eq!((&rule["Prefix"], &rule["Status"]), (&json!("access-logs/"), &json!("Enabled")));
    assert_eq!(rule["ExpirationInDays"], 30);
}
