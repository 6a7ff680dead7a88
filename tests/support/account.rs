//! What an account on the emulator holds, read by the services' own list calls rather than by signupctl.

use std::collections::BTreeMap;

use serde_json::Value;

use super::http::{self, Answer};

/// One account on one emulator.
#[derive(Debug)]
pub struct Account {
    pub endpoint: String,
    pub region: String,
}

impl Account {
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), region: "us-east-1".to_owned() }
    }

    /// The emulator finds the service by the signature's scope, and does not check the signature.
    fn authorization(&self, service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.region
        )
    }

    /// A call of the JSON protocols.
    pub fn json(&self, service: &str, target: &str, body: Value) -> Value {
        let headers = [
            ("authorization", &*self.authorization(service)),
            ("x-amz-target", target),
            ("content-type", "application/x-amz-json-1.0"),
        ];
        http::request("POST", &format!("{}/", self.endpoint), &headers, &body.to_string()).json()
    }

    /// A call of the query protocol; the answer is XML.
    pub fn query(&self, service: &str, parameters: &str) -> String {
        let headers =
            [("authorization", &*self.authorization(service)), ("content-type", "application/x-www-form-urlencoded")];
        http::request("POST", &format!("{}/", self.endpoint), &headers, parameters).body
    }

    /// A call of a REST protocol.
    pub fn rest(&self, service: &str, path: &str) -> Answer {
        let authorization = self.authorization(service);
        http::request("GET", &format!("{}{path}", self.endpoint), &[("authorization", &authorization)], "")
    }

    /// A PUT of a REST protocol.
    pub fn put(&self, service: &str, path: &str, body: &Value) -> Answer {
        let authorization = self.authorization(service);
        let headers = [("authorization", &*authorization), ("content-type", "application/json")];
        http::request("PUT", &format!("{}{path}", self.endpoint), &headers, &body.to_string())
    }

    /// Tags a bucket as its template says: the emulator's CloudFormation gives buckets no tags.
    pub fn tag_bucket(&self, bucket: &str, key: &str, value: &str) {
        let authorization = self.authorization("s3");
        let tags = format!("<Tagging><TagSet><Tag><Key>{key}</Key><Value>{value}</Value></Tag></TagSet></Tagging>");
        let url = format!("{}/{bucket}?tagging", self.endpoint);
        let answer = http::request("PUT", &url, &[("authorization", &authorization)], &tags);
        assert!(answer.status < 300, "{answer:?}");
    }

    /// Makes an identity in SES.
    pub fn put_identity(&self, address: &str) {
        let authorization = self.authorization("ses");
        let headers = [("authorization", &*authorization), ("content-type", "application/json")];
        let body = serde_json::json!({"EmailIdentity": address}).to_string();
        let answer = http::request("POST", &format!("{}/v2/email/identities", self.endpoint), &headers, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Invokes a function and waits; returns what it answered.
    pub fn invoke(&self, function: &str, event: &Value) -> String {
        let authorization = self.authorization("lambda");
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.endpoint);
        http::request("POST", &url, &[("authorization", &authorization)], &event.to_string()).body
    }

    /// Lets a topic be published to without TLS, which its policy asks for and the emulator does not have.
    pub fn let_in_without_tls(&self, topic: &str) {
        let parameters = format!("Action=RemovePermission&Version=2010-03-31&TopicArn={topic}&Label=TlsOnly");
        let answer = self.query("sns", &parameters);
        assert!(answer.contains("RemovePermissionResponse"), "{answer}");
    }

    /// Publishes what SES would of a mail that left now to this address.
    pub fn report(&self, topic: &str, address: &str, kind: &str, detail: Value) {
        let mut report = serde_json::json!({
            "eventType": kind, "mail": { "timestamp": jiff::Timestamp::now(), "destination": [address] },
        });
        report.as_object_mut().expect("an object").extend(detail.as_object().expect("an object").clone());
        self.publish(topic, &report.to_string());
    }

    /// Ends every subscription of an endpoint.
    pub fn unsubscribe(&self, endpoint: &str) {
        let all = self.query("sns", "Action=ListSubscriptions&Version=2010-03-31");
        for member in elements(&all, "member").iter().filter(|it| elements(it, "Endpoint") == [endpoint]) {
            let arn = http::encode(&elements(member, "SubscriptionArn").concat());
            let answer = self.query("sns", &format!("Action=Unsubscribe&Version=2010-03-31&SubscriptionArn={arn}"));
            assert!(answer.contains("UnsubscribeResponse"), "{answer}");
        }
    }

    pub fn publish(&self, topic: &str, message: &str) {
        let (topic, message) = (http::encode(topic), http::encode(message));
        let parameters = format!("Action=Publish&Version=2010-03-31&TopicArn={topic}&Message={message}");
        let answer = self.query("sns", &parameters);
        assert!(answer.contains("PublishResponse"), "{answer}");
    }

    /// The role that a stack made under this logical ID.
    pub fn role(&self, logical_id: &str) -> String {
        let roles = elements(&self.query("iam", "Action=ListRoles&Version=2010-05-08"), "RoleName");
        let part = format!("-{logical_id}-");
        roles.into_iter().find(|role| role.contains(&part)).unwrap_or_else(|| panic!("no role {logical_id}"))
    }

    /// Name and document of a role's only inline policy.
    pub fn role_policy(&self, role: &str) -> (String, Value) {
        let names = self.query("iam", &format!("Action=ListRolePolicies&Version=2010-05-08&RoleName={role}"));
        let name = elements(&names, "member").pop().expect("an inline policy");
        let parameters = format!("Action=GetRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName={name}");
        let document = elements(&self.query("iam", &parameters), "PolicyDocument").pop().expect("a document");
        (name, serde_json::from_str(&http::decode(&document)).expect("a policy"))
    }

    pub fn put_role_policy(&self, role: &str, name: &str, policy: &Value) {
        let document = http::encode(&policy.to_string());
        let parameters = format!(
            "Action=PutRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName={name}&PolicyDocument={document}"
        );
        let answer = self.query("iam", &parameters);
        assert!(answer.contains("PutRolePolicyResponse"), "{answer}");
    }

    /// Every resource of the kinds that signupctl makes, each as `kind name`.
    pub fn resources(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut add =
            |kind: &str, names: Vec<String>| found.extend(names.into_iter().map(|name| format!("{kind} {name}")));
        let strings = |list: &Value, key: &str| -> Vec<String> {
            let items = list.as_array().cloned().unwrap_or_default();
            items
                .iter()
                .map(|item| if key.is_empty() { item } else { &item[key] })
                .map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned))
                .collect()
        };
        let empty = || serde_json::json!({});
        add("table", strings(&self.json("dynamodb", "DynamoDB_20120810.ListTables", empty())["TableNames"], ""));
        add(
            "backup",
            strings(&self.json("dynamodb", "DynamoDB_20120810.ListBackups", empty())["BackupSummaries"], "BackupName"),
        );
        add("key", strings(&self.json("ssm", "AmazonSSM.DescribeParameters", empty())["Parameters"], "Name"));
        add("queue", strings(&self.json("sqs", "AmazonSQS.ListQueues", empty())["QueueUrls"], ""));
        // A function's last line can come after its log group has gone; the emulator then makes the group anew, which
        // no role here may do in AWS. Those of the templates have a retention, that one has none.
        let groups = &self.json("logs", "Logs_20140328.DescribeLogGroups", empty())["logGroups"];
        let groups: Value = groups
            .as_array()
            .into_iter()
            .flatten()
            .filter(|group| group["retentionInDays"].is_number())
            .cloned()
            .collect();
        add("log group", strings(&groups, "logGroupName"));
        add("function", strings(&self.rest("lambda", "/2015-03-31/functions").json()["Functions"], "FunctionName"));
        add(
            "mapping",
            strings(&self.rest("lambda", "/2015-03-31/event-source-mappings").json()["EventSourceMappings"], "UUID"),
        );
        add("api", strings(&self.rest("apigateway", "/v2/apis").json()["items"], "name"));
        add("schedule", strings(&self.rest("scheduler", "/schedules").json()["Schedules"], "Name"));
        add("identity", strings(&self.rest("ses", "/v2/email/identities").json()["EmailIdentities"], "IdentityName"));
        add(
            "configuration set",
            strings(&self.rest("ses", "/v2/email/configuration-sets").json()["ConfigurationSets"], ""),
        );
        add("bucket", elements(&self.rest("s3", "/").body, "Name"));
        add("topic", elements(&self.query("sns", "Action=ListTopics&Version=2010-03-31"), "TopicArn"));
        add("role", elements(&self.query("iam", "Action=ListRoles&Version=2010-05-08"), "RoleName"));
        add("alarm", elements(&self.query("monitoring", "Action=DescribeAlarms&Version=2010-08-01"), "AlarmName"));
        add(
            "dashboard",
            elements(&self.query("monitoring", "Action=ListDashboards&Version=2010-08-01"), "DashboardName"),
        );
        add("stack", self.stacks());
        found.sort();
        found
    }

    /// How many resources of each kind it holds; names differ from run to run.
    pub fn census(&self) -> BTreeMap<String, usize> {
        let mut census = BTreeMap::new();
        for resource in self.resources() {
            let kind = resource.rsplit_once(' ').map_or("", |(kind, _)| kind).to_owned();
            *census.entry(kind).or_default() += 1;
        }
        census
    }

    /// Names of the stacks that are not deleted.
    pub fn stacks(&self) -> Vec<String> {
        elements(&self.query("cloudformation", "Action=DescribeStacks&Version=2010-05-15"), "StackName")
    }

    /// The status of a stack, such as `CREATE_COMPLETE`.
    pub fn stack_status(&self, stack: &str) -> String {
        let parameters = format!("Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        elements(&self.query("cloudformation", &parameters), "StackStatus").pop().unwrap_or_default()
    }

    /// How many change sets a stack has had executed or pending.
    pub fn change_sets(&self, stack: &str) -> usize {
        let parameters = format!("Action=ListChangeSets&Version=2010-05-15&StackName={stack}");
        elements(&self.query("cloudformation", &parameters), "ChangeSetId").len()
    }
}

/// The texts of all elements of this name.
pub fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).map(str::to_owned).collect()
}
