//! A queue of the operator's own.

use serde_json::json;

use crate::account::Account;
use crate::http::encode;

/// A queue that takes whatever some topics bring.
#[derive(Debug)]
pub struct Queue {
    pub url: String,
    pub arn: String,
}

impl Queue {
    /// `topics` names those that may send, as IAM writes a pattern of ARNs.
    pub fn new(account: &Account, name: &str, topics: &str) -> Self {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage", "Resource": "*",
            "Condition": { "ArnLike": { "aws:SourceArn": topics } },
        }] });
        let asked = json!({ "QueueName": name, "Attributes": { "Policy": policy.to_string() } });
        let made = account.json("sqs", "AmazonSQS.CreateQueue", asked);
        let url = made["QueueUrl"].as_str().expect("a queue").to_owned();
        let asked = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let attributes = account.json("sqs", "AmazonSQS.GetQueueAttributes", asked);
        let arn = attributes["Attributes"]["QueueArn"].as_str().expect("an ARN").to_owned();
        Self { url, arn }
    }

    /// The same, which hears of one topic from now on.
    pub fn on(account: &Account, name: &str, topic: &str) -> Self {
        let queue = Self::new(account, name, topic);
        let (topic, arn) = (encode(topic), encode(&queue.arn));
        let asked = format!("Action=Subscribe&Version=2010-03-31&TopicArn={topic}&Protocol=sqs&Endpoint={arn}");
        let answer = account.query("sns", &asked);
        assert!(answer.contains("SubscribeResponse"), "{answer}");
        queue
    }

    /// Takes what is there now.
    pub fn take(&self, account: &Account) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let asked = json!({ "QueueUrl": self.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0 });
            let found = account.json("sqs", "AmazonSQS.ReceiveMessage", asked);
            let messages = found["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(message["Body"].as_str().expect("a body").to_owned());
                let handle = json!({ "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"] });
                account.json("sqs", "AmazonSQS.DeleteMessage", handle);
            }
        }
    }
}
