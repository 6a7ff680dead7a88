//! What SES publishes of a mail, as SNS hands it to the function, and what it means for the address.
//!
//! Pure. Whatever is no report of one of this service's mails is passed over; a bounce or a complaint of an unknown shape
//! is told apart, so that it raises an alarm.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::address::Address;
use crate::user::{EndedBy, Undeliverable};

/// A report, reduced to what is acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// To whom the mail went. Never logged.
    pub to: Address,
    pub what: What,
}

/// What became of the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It bounced for good, or was reported as spam: no further one is sent.
    ///
    /// So ends too what SES never sent, since the address is on the suppression list of the account or of SES: SES
    /// reports that as a permanent bounce (`OnAccountSuppressionList`, `Suppressed`), or as a complaint of the former.
    /// The configuration set asks for the account's list, so that what another service of the account learned of an
    /// address counts here, and a report that was lost is made up for by the next mail.
    Undeliverable(Undeliverable),
    /// It bounced for now, or for a reason that SES cannot tell: a mailbox that is full today may take the next mail,
    /// and SES itself does not suppress the address either.
    BouncedForNow,
    /// SES found a virus in it and did not send it, which says something of the mail and nothing of the address.
    Rejected,
    /// The receiving server puts it off, and SES goes on trying.
    Delayed,
}

/// The reports of an event of SNS. Anything else is none.
pub fn reports(event: &Value) -> Vec<Report> {
    messages(event)
        .filter_map(|message| if let Read::Report(report) = read(message) { Some(report) } else { None })
        .collect()
}

/// How many bounces and complaints of an event cannot be read: of these somebody has to hear, since mail goes on.
pub fn unread(event: &Value) -> usize {
    messages(event).filter(|message| matches!(read(message), Read::Unread)).count()
}

fn messages(event: &Value) -> impl Iterator<Item = &Value> {
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    records.iter().map(|record| &record["Sns"]["Message"])
}

/// What a message is.
enum Read {
    Report(Report),
    /// Nothing to act upon, such as the message by which SES tries the topic.
    Nothing,
    /// A bounce or a complaint of another shape than is known.
    Unread,
}

fn read(message: &Value) -> Read {
    let Some(message) = message.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return Read::Nothing;
    };
    let or_nothing = if matches!(message["eventType"].as_str(), Some("Bounce" | "Complaint")) {
        Read::Unread
    } else {
        Read::Nothing
    };
    // A cause would quote the message.
    let Ok(published) = serde_json::from_value(message) else { return or_nothing };
    let (mail, what) = match published {
        Published::Bounce { mail, bounce } if bounce.bounce_type == "Permanent" => {
            let what = Undeliverable { by: EndedBy::Bounce, at: bounce.timestamp, since: mail.timestamp };
            (mail, What::Undeliverable(what))
        }
        Published::Bounce { mail, .. } => (mail, What::BouncedForNow),
        // The provider says that it is no spam, which changes nothing.
        Published::Complaint { complaint, .. } if complaint.kind.as_deref() == Some("not-spam") => {
            return Read::Nothing;
        }
        Published::Complaint { mail, complaint } => {
            // An act of the person's own, which outweighs a confirmation that came before it.
            let at = complaint.timestamp;
            (mail, What::Undeliverable(Undeliverable { by: EndedBy::Complaint, at, since: at }))
        }
        Published::Reject { mail } => (mail, What::Rejected),
        Published::DeliveryDelay { mail } => (mail, What::Delayed),
    };
    // Each of the service's mails has one recipient. The report's own list of them is the receiving server's word, and
    // names another address where mail is forwarded.
    match &mail.destination[..] {
        [to] => Address::parse(to).map_or(or_nothing, |to| Read::Report(Report { to, what })),
        _ => or_nothing,
    }
}

/// What SES publishes, by the type of the event; those that are not subscribed to are unknown here.
#[derive(Debug, Deserialize)]
#[serde(tag = "eventType")]
enum Published {
    Bounce { mail: Sent, bounce: Bounce },
    Complaint { mail: Sent, complaint: Complaint },
    Reject { mail: Sent },
    DeliveryDelay { mail: Sent },
}

#[derive(Debug, Deserialize)]
struct Sent {
    /// When SES took it.
    timestamp: Timestamp,
    destination: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    timestamp: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Complaint {
    /// Absent when the provider does not say.
    #[serde(rename = "complaintFeedbackType", default)]
    kind: Option<String>,
    timestamp: Timestamp,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SENT: &str = "2026-11-22T10:00:01.000Z";
    const REPORTED: &str = "2026-11-22T10:00:09.500Z";

    fn event(message: &str) -> Value {
        let sns = json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": message });
        json!({ "Records": [{ "EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns }] })
    }

    /// A report with what SES tells of every mail.
    fn published(kind: &str, detail: Value) -> Value {
        let mut all = json!({
            "eventType": kind,
            "mail": {
                "timestamp": SENT, "source": "hello@example.com", "messageId": "0102", "sendingAccountId": "1",
                "destination": ["Ada@example.com"], "headersTruncated": false,
                "headers": [{ "name": "To", "value": "Ada@example.com" }],
                "tags": { "ses:configuration-set": ["demo"] },
            },
        });
        all.as_object_mut().expect("an object").extend(detail.as_object().expect("an object").clone());
        all
    }

    fn what(published: &Value) -> Option<What> {
        reports(&event(&published.to_string())).pop().map(|report| {
            assert_eq!(report.to.normalised(), "ada@example.com");
            report.what
        })
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn bounce(kind: &str, subtype: &str) -> Option<What> {
        let bounce = json!({
            "bounceType": kind, "bounceSubType": subtype, "timestamp": REPORTED, "feedbackId": "0102",
            "bouncedRecipients": [{ "emailAddress": "forwarded@example.net", "action": "failed", "status": "5.1.1" }],
        });
        what(&published("Bounce", json!({ "bounce": bounce })))
    }

    fn complaint(detail: Value) -> Option<What> {
        let mut complaint = json!({
            "complainedRecipients": [{ "emailAddress": "ada@example.com" }], "timestamp": REPORTED, "feedbackId": "1",
        });
        complaint.as_object_mut().expect("an object").extend(detail.as_object().expect("an object").clone());
        what(&published("Complaint", json!({ "complaint": complaint })))
    }

    #[test]
    fn a_bounce_for_good_ends_the_mail_whoever_says_so() {
        let ends = Undeliverable { by: EndedBy::Bounce, at: at(REPORTED), since: at(SENT) };
        for subtype in ["General", "NoEmail", "Suppressed", "OnAccountSuppressionList"] {
            assert_eq!(bounce("Permanent", subtype), Some(What::Undeliverable(ends)), "{subtype}");
        }
        for (kind, subtype) in
            [("Transient", "MailboxFull"), ("Transient", "General"), ("Undetermined", "Undetermined")]
        {
            assert_eq!(bounce(kind, subtype), Some(What::BouncedForNow), "{kind}, {subtype}");
        }
    }

    #[test]
    fn a_complaint_ends_the_mail_unless_it_takes_one_back() {
        let ends = Undeliverable { by: EndedBy::Complaint, at: at(REPORTED), since: at(REPORTED) };
        let complaints = [
            json!({}),
            json!({ "complaintFeedbackType": "abuse", "userAgent": "x", "arrivalDate": SENT }),
            json!({ "complaintFeedbackType": null, "complaintSubType": "OnAccountSuppressionList" }),
        ];
        for detail in complaints {
            assert_eq!(complaint(detail.clone()), Some(What::Undeliverable(ends)), "{detail}");
        }
        assert_eq!(complaint(json!({ "complaintFeedbackType": "not-spam" })), None);
    }

    #[test]
    fn a_mail_that_was_rejected_or_put_off_says_nothing_of_the_address() {
        assert_eq!(what(&published("Reject", json!({ "reject": { "reason": "Bad content" } }))), Some(What::Rejected));
        let delay = json!({
            "delayType": "TransientCommunicationFailure", "timestamp": REPORTED, "expirationTime": REPORTED,
            "delayedRecipients": [{ "emailAddress": "ada@example.com", "status": "4.4.1" }],
        });
        assert_eq!(what(&published("DeliveryDelay", json!({ "deliveryDelay": delay }))), Some(What::Delayed));
    }

    #[test]
    fn what_is_no_report_is_passed_over() {
        let whole = published("Bounce", json!({ "bounce": { "bounceType": "Permanent", "timestamp": REPORTED } }));
        let mut messages: Vec<String> = [
            "Successfully validated SNS topic for Amazon SES event publishing.",
            "",
            "null",
            "[]",
            "{\"eventType\":7}",
            "{\"eventType\":\"Bounce\"}",
        ]
        .map(str::to_owned)
        .into();
        for kind in ["Delivery", "Send", "Subscription", "bounce", ""] {
            messages.push(published(kind, json!({ "bounce": { "bounceType": "Permanent" } })).to_string());
        }
        for (place, value) in [
            ("/eventType", json!(null)),
            ("/mail", json!([])),
            ("/mail/timestamp", json!("yesterday")),
            ("/mail/destination", json!("ada@example.com")),
            ("/mail/destination", json!([])),
            ("/mail/destination", json!(["ada@example.com", "bob@example.com"])),
            ("/mail/destination", json!(["nobody"])),
            ("/mail/destination", json!([{}])),
            ("/bounce", json!(1)),
            ("/bounce/bounceType", json!(["Permanent"])),
            ("/bounce/timestamp", json!(-1)),
        ] {
            let mut broken = whole.clone();
            *broken.pointer_mut(place).expect("a place") = value;
            messages.push(broken.to_string());
        }
        for message in messages {
            assert_eq!(reports(&event(&message)), [], "{message}");
        }
        for other in [json!(null), json!([]), json!({ "Records": 1 }), json!({ "Records": [1, {}, { "Sns": [] }] })] {
            assert_eq!(reports(&other), [], "{other}");
        }
    }

    #[test]
    fn a_bounce_of_an_unknown_shape_is_not_passed_over_in_silence() {
        let odd = |kind: &str| unread(&event(&published(kind, json!({})).to_string()));
        assert_eq!(["Bounce", "Complaint", "Reject", "Open"].map(odd), [1, 1, 0, 0]);
        assert_eq!(unread(&event("Successfully validated SNS topic for Amazon SES event publishing.")), 0);
        let bounce = json!({ "bounce": { "bounceType": "Permanent", "timestamp": REPORTED } });
        let mut two = published("Bounce", bounce.clone());
        assert_eq!(unread(&event(&two.to_string())), 0);
        two["mail"]["destination"] = json!(["ada@example.com", "bob@example.com"]);
        assert_eq!(unread(&event(&two.to_string())), 1);
    }
}
