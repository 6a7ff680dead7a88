//! The event that the table's stream sends the worker, and the changes in it.
//!
//! Pure. Only what the worker acts on is read: what it does not know is passed over, so that a new kind of
//! item cannot stop the stream.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::admin::Entry;
use crate::event::Farewell;
use crate::store::dynamo::{AUDIT, DIGEST, plain};
use crate::user::{User, UserId};

/// One record of the stream, reduced to what the worker acts on.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Names the change wherever it is reported again.
    pub event: String,
    /// The record's place in its shard of the stream, by which a failure is reported.
    pub sequence: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A user changed, in a way that the worker has to act upon. It may have changed again since.
    User(Box<User>),
    /// The table forgot a user by itself, who was this one.
    Forgotten(Box<User>),
    /// Somebody is gone, of whom there is something to be told.
    Gone(Box<Farewell>),
    /// An entry of the audit log that the operator is written to about, without its ID.
    Noted(Box<Entry>),
    /// The digest of this day is due.
    Digest(String),
    /// Anything else: budgets, counters, what the worker did itself.
    Nothing,
}

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
    #[serde(default)]
    user_identity: Option<UserIdentity>,
    dynamodb: Images,
}

/// Who made the change; of a deletion by TTL it is DynamoDB itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    #[serde(default)]
    r#type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    #[serde(default)]
    keys: Map<String, Value>,
    #[serde(default)]
    new_image: Map<String, Value>,
    #[serde(default)]
    old_image: Map<String, Value>,
    #[serde(default)]
    sequence_number: String,
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
    let key = images.keys.get("pk").cloned().and_then(plain).unwrap_or_default();
    let of = |kind: &str| key.as_str().and_then(|pk| pk.strip_prefix(kind)).and_then(UserId::parse);
    let by_ttl = record.user_identity.is_some_and(|it| it.r#type == "Service");
    let what = match (of("USER#"), of("GONE#"), record.event_name.as_str()) {
        (Some(id), _, "REMOVE") if by_ttl => {
            user(id, images.old_image).map_or(What::Nothing, |user| What::Forgotten(Box::new(user)))
        }
        (Some(id), _, "INSERT" | "MODIFY") => {
            let user = user(id, images.new_image).filter(|user| user.wakes);
            user.map_or(What::Nothing, |user| What::User(Box::new(user)))
        }
        (_, Some(id), "INSERT") => gone(id, images.new_image),
        (_, _, "INSERT") if key == AUDIT => noted(images.new_image),
        (_, _, "INSERT" | "MODIFY") => match key.as_str().and_then(|pk| pk.strip_prefix(DIGEST)) {
            Some(day) if images.new_image.get("wakes") == Some(&json!({ "BOOL": true })) => {
                What::Digest(day.to_owned())
            }
            _ => What::Nothing,
        },
        _ => What::Nothing,
    };
    Change { event: record.event_id, sequence: images.sequence_number, what }
}

fn user(id: UserId, image: Map<String, Value>) -> Option<User> {
    let user = read::<User>(image);
    if user.is_none() {
        // Its cause would quote what a person typed.
        tracing::error!(user = %id, "the stream told of a user that cannot be read");
    }
    Some(User { id, ..user? })
}

fn gone(id: UserId, image: Map<String, Value>) -> What {
    match read::<Farewell>(image) {
        Some(farewell) => What::Gone(Box::new(Farewell { id, ..farewell })),
        None => {
            tracing::error!(user = %id, "the stream told of a farewell that cannot be read");
            What::Nothing
        }
    }
}

fn noted(image: Map<String, Value>) -> What {
    match read::<Entry>(image) {
        Some(entry) => What::Noted(Box::new(entry)),
        None => {
            tracing::error!("the stream told of an entry of the audit log that cannot be read");
            What::Nothing
        }
    }
}

fn read<T: DeserializeOwned>(image: Map<String, Value>) -> Option<T> {
    plain(json!({ "M": image })).and_then(|image| serde_json::from_value(image).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::State;

    fn read(records: Value) -> Vec<What> {
        let event: StreamEvent = serde_json::from_value(json!({ "Records": records })).expect("an event");
        changes(event).into_iter().map(|change| change.what).collect()
    }

    fn record(name: &str, pk: &str, old: Value, new: Value) -> Value {
        json!({
            "eventID": "e1", "eventName": name, "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
            "dynamodb": {
                "Keys": { "pk": { "S": pk }, "sk": { "S": "X" } },
                "OldImage": old, "NewImage": new, "SequenceNumber": "111", "SizeBytes": 1,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    }

    fn image(wakes: bool) -> Value {
        let mut image = json!({
            "version": { "N": "7" }, "state": { "S": "pending" }, "email": { "S": "ada@example.com" },
            "created_at": { "S": "2026-11-22T10:00:00Z" }, "fields": { "M": { "age": { "N": "36" } } },
            "spent": { "M": { "hour": { "N": "498000" }, "count": { "N": "1" } } },
            "counted": { "M": { "state": { "S": "pending" }, "received": { "S": "2026-11-22" } } },
        });
        if wakes {
            image["wakes"] = json!({ "BOOL": true });
        }
        image
    }

    #[test]
    fn a_user_who_wakes_is_told_whole() {
        let id = UserId([0xab; 16]);
        let all = read(json!([
            record("INSERT", &format!("USER#{id}"), json!({}), image(true)),
            record("MODIFY", &format!("USER#{id}"), image(true), image(false)),
        ]));
        let What::User(user) = &all[0] else { panic!("{all:?}") };
        assert_eq!((user.id, user.version, user.answers.email.as_str()), (id, 7, "ada@example.com"));
        assert_eq!(all[1], What::Nothing);
    }

    #[test]
    fn only_what_the_table_forgot_by_itself_is_to_be_uncounted() {
        let pk = format!("USER#{}", UserId([1; 16]));
        let erased = record("REMOVE", &pk, image(false), json!({}));
        let mut expired = erased.clone();
        expired["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
        let all = read(json!([erased, expired]));
        let [What::Nothing, What::Forgotten(user)] = &all[..] else { panic!("{all:?}") };
        let tally = user.counted.as_ref().expect("it was counted");
        assert_eq!((tally.state, tally.received.as_str(), user.version), (State::Pending, "2026-11-22", 7));
    }

    #[test]
    fn who_is_gone_is_told_of_once_they_are() {
        let id = UserId([1; 16]);
        let tell = json!({ "M": {
            "type": { "S": "sign_up.erased" }, "version": { "N": "7" }, "state": { "S": "confirmed" }, "at": { "N": "1" },
        } });
        let image = json!({
            "version": { "N": "7" }, "due_at": { "N": "120001" }, "wakes": { "BOOL": true }, "tells": { "L": [tell] },
        });
        let pk = format!("GONE#{id}");
        let all =
            read(json!([record("INSERT", &pk, json!({}), image.clone()), record("REMOVE", &pk, image, json!({}))]));
        let [What::Gone(farewell), What::Nothing] = &all[..] else { panic!("{all:?}") };
        assert_eq!((farewell.id, farewell.version, farewell.tells.len()), (id, 7, 1));
    }

    #[test]
    fn an_entry_of_the_audit_log_is_told_unless_it_cannot_be_read() {
        let entry = record(
            "INSERT",
            "ADMIN#AUDIT",
            json!({}),
            json!({
                "at": { "S": "2026-11-22T10:00:00Z" }, "admin": { "S": "signupctl" }, "wakes": { "BOOL": true },
                "action": { "S": "admin_added" }, "role": { "S": "owner" }, "subject": { "S": "eve@example.com" },
            }),
        );
        let mut cut = entry.clone();
        cut["dynamodb"]["NewImage"] = json!({ "action": { "S": "admin_added" } });
        let all = read(json!([entry, cut]));
        let [What::Noted(entry), What::Nothing] = &all[..] else { panic!("{all:?}") };
        assert_eq!((entry.action.name(), entry.subject.as_deref()), ("admin_added", Some("eve@example.com")));
    }

    #[test]
    fn a_digest_is_told_of_while_it_is_due() {
        let woken = json!({ "day": { "S": "2026-11-22" }, "wakes": { "BOOL": true } });
        let quiet = json!({ "day": { "S": "2026-11-22" } });
        let records = [("INSERT", woken.clone()), ("MODIFY", woken.clone()), ("MODIFY", quiet), ("REMOVE", woken)];
        let told = read(records.map(|(name, image)| record(name, "DIGEST#2026-11-22", json!({}), image)).into());
        let digest = What::Digest("2026-11-22".into());
        assert_eq!(told, [digest.clone(), digest, What::Nothing, What::Nothing]);
    }

    #[test]
    fn what_is_unknown_is_passed_over() {
        let all = read(json!([
            record("INSERT", "BUDGET#x", json!({}), json!({ "n": { "N": "1" } })),
            record("INSERT", "USER#broken", json!({}), json!({})),
            record("INSERT", "ADMINS", json!({}), image(true)),
            record("MODIFY", &format!("ADMIN#{}", UserId([1; 16])), json!({}), image(true)),
            record("INSERT", &format!("USER#{}", UserId([1; 16])), json!({}), json!({ "wakes": { "BOOL": true } })),
            { "dynamodb": {} },
        ]));
        assert_eq!(all, vec![What::Nothing; 6]);
    }

    #[test]
    fn failures_are_reported_as_lambda_reads_them() {
        let response = serde_json::to_value(BatchResponse::of(vec!["111".into()])).expect("json");
        assert_eq!(response, json!({ "batchItemFailures": [{ "itemIdentifier": "111" }] }));
    }
}
