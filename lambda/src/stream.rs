//! The event that the table's stream sends the worker, and the changes in it.
//!
//! Pure. Only what the worker acts on is read: what it does not know is passed over, so that a new kind of
//! item cannot stop the stream.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::sign_up::MailId;
use crate::store::{Change, What};

/// A batch of the stream as Lambda delivers it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "eventID", default)]
    event_id: String,
    #[serde(default)]
    event_name: String,
    dynamodb: Images,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    #[serde(default)]
    keys: Image,
    #[serde(default)]
    new_image: Image,
    #[serde(default)]
    old_image: Image,
    #[serde(default)]
    sequence_number: String,
}

type Image = HashMap<String, Value>;

/// An attribute, of the types the worker reads.
#[derive(Clone, Debug, Default, Deserialize)]
struct Value {
    #[serde(rename = "S")]
    text: Option<String>,
    #[serde(rename = "M")]
    map: Option<Image>,
}

/// What the worker tells Lambda: the records to deliver again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    pub batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    pub item_identifier: String,
}

impl BatchResponse {
    /// A failure for each sequence number.
    pub fn of(sequences: Vec<String>) -> Self {
        let failure = |item_identifier| BatchItemFailure { item_identifier };
        Self { batch_item_failures: sequences.into_iter().map(failure).collect() }
    }
}

/// The changes of a batch, in its order.
pub fn changes(event: StreamEvent) -> Vec<Change> {
    event.records.into_iter().map(change).collect()
}

fn change(record: Record) -> Change {
    let images = record.dynamodb;
    let what = match text(&images.keys, "pk").split_once('#') {
        Some(("MAIL", id)) if record.event_name == "INSERT" => MailId::parse(id).map_or(What::Nothing, What::Mail),
        Some(("USER", _)) if record.event_name != "REMOVE" => user(&images),
        _ => What::Nothing,
    };
    Change { event: record.event_id, sequence: images.sequence_number, what }
}

/// What happened to a user, told by both images: nothing when only its fields changed.
fn user(images: &Images) -> What {
    let (old, new) = (&images.old_image, &images.new_image);
    let confirmed = |image: &Image| text(image, "state") == "confirmed";
    let day = |name| text(new, name).get(..10).map(str::to_owned);
    let received = if old.is_empty() { day("created_at") } else { None };
    let confirmed = if confirmed(new) && !confirmed(old) { day("confirmed_at") } else { None };
    if received.is_none() && confirmed.is_none() {
        return What::Nothing;
    }
    let fields = new.get("fields").and_then(|fields| fields.map.as_ref());
    let texts: BTreeMap<String, String> =
        fields.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.text.clone()?))).collect();
    What::User { received, confirmed, texts }
}

fn text<'a>(image: &'a Image, name: &str) -> &'a str {
    image.get(name).and_then(|value| value.text.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(records: serde_json::Value) -> Vec<What> {
        let event: StreamEvent = serde_json::from_value(json!({ "Records": records })).expect("an event");
        changes(event).into_iter().map(|change| change.what).collect()
    }

    fn record(name: &str, pk: &str, old: serde_json::Value, new: serde_json::Value) -> serde_json::Value {
        json!({
            "eventID": "e1", "eventName": name, "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
            "dynamodb": {
                "Keys": { "pk": { "S": pk }, "sk": { "S": "X" } },
                "OldImage": old, "NewImage": new, "SequenceNumber": "111", "StreamViewType": "NEW_AND_OLD_IMAGES"
            }
        })
    }

    #[test]
    fn a_new_mail_is_sent_once_and_its_updates_are_not() {
        let pk = format!("MAIL#{}", "ab".repeat(16));
        let image = json!({ "state": { "S": "pending" }, "attempts": { "N": "0" } });
        let inserted = read(json!([record("INSERT", &pk, json!({}), image.clone())]));
        assert_eq!(inserted, [What::Mail(MailId([0xab; 16]))]);
        assert_eq!(read(json!([record("MODIFY", &pk, image.clone(), image)])), [What::Nothing]);
    }

    #[test]
    fn a_user_is_received_and_then_confirmed() {
        let fields = json!({ "M": { "nationality": { "S": "FR" }, "age": { "N": "36" }, "ok": { "BOOL": true } } });
        let pending = json!({ "state": { "S": "pending" }, "created_at": { "S": "2026-11-22T10:00:00.000000Z" }, "fields": fields });
        let confirmed = json!({ "state": { "S": "confirmed" }, "created_at": { "S": "2026-11-22T10:00:00.000000Z" },
            "confirmed_at": { "S": "2026-11-23T10:00:00.000000Z" }, "fields": fields });
        let texts = BTreeMap::from([("nationality".to_owned(), "FR".to_owned())]);
        let user = |received: Option<&str>, confirmed: Option<&str>| What::User {
            received: received.map(str::to_owned),
            confirmed: confirmed.map(str::to_owned),
            texts: texts.clone(),
        };
        let all = read(json!([
            record("INSERT", "USER#1", json!({}), pending.clone()),
            record("MODIFY", "USER#1", pending.clone(), confirmed.clone()),
            record("INSERT", "USER#2", json!({}), confirmed.clone()),
            record("MODIFY", "USER#1", pending.clone(), pending),
            record("MODIFY", "USER#1", confirmed.clone(), confirmed.clone()),
            record("REMOVE", "USER#1", confirmed, json!({})),
        ]));
        let (day, next) = (Some("2026-11-22"), Some("2026-11-23"));
        assert_eq!(all[..3], [user(day, None), user(None, next), user(day, next)]);
        assert_eq!(all[3..], [What::Nothing, What::Nothing, What::Nothing]);
    }

    #[test]
    fn what_is_unknown_is_passed_over() {
        let all = read(json!([
            record("INSERT", "BUDGET#x", json!({}), json!({ "n": { "N": "1" } })),
            record("INSERT", "MAIL#broken", json!({}), json!({})),
            { "dynamodb": {} },
        ]));
        assert_eq!(all, [What::Nothing, What::Nothing, What::Nothing]);
    }

    #[test]
    fn failures_are_reported_as_lambda_reads_them() {
        let response = serde_json::to_value(BatchResponse::of(vec!["111".into()])).expect("json");
        assert_eq!(response, json!({ "batchItemFailures": [{ "itemIdentifier": "111" }] }));
    }
}
