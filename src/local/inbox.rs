//! The mail that the emulator captured, newest first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::Fetcher;
use crate::error::{Failure, Outcome};

/// One captured mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    pub id: String,
    /// When the emulator took it, RFC 3339.
    pub time: String,
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Mail {
    /// The links in the text, in their order.
    pub fn links(&self) -> Vec<&str> {
        let starts = self.text.match_indices("http").map(|(at, _)| &self.text[at..]);
        starts
            .filter(|rest| rest.starts_with("http://") || rest.starts_with("https://"))
            .map(|rest| rest.split(char::is_whitespace).next().unwrap_or(rest).trim_end_matches(['.', ',', ')', '>']))
            .collect()
    }
}

#[derive(Deserialize)]
struct Captured {
    messages: BTreeMap<String, Vec<Record>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    message_id: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body_text: Option<String>,
    #[serde(default)]
    body_html: Option<String>,
    #[serde(default)]
    timestamp: serde_json::Value,
}

/// SES's mailbox simulator: nobody reads there. `deploy` signs somebody up with such an address.
const SIMULATOR: &str = "@simulator.amazonses.com";

/// Reads all captured mail from the emulator at `endpoint`, but for what only the mailbox simulator would get.
pub async fn read(endpoint: &str) -> Outcome<Vec<Mail>> {
    let answer = Fetcher::new(true).get(&format!("{endpoint}/_ministack/ses/messages")).await?;
    let captured: Captured = serde_json::from_slice(&answer.body).map_err(|error| {
        Failure::new("unexpected_answer", "the local AWS does not list its mail").cause(error.to_string())
    })?;
    let mails = captured.messages.into_values().flatten().map(mail);
    let mut mails: Vec<Mail> = mails.filter(|mail| !mail.to.iter().all(|to| to.ends_with(SIMULATOR))).collect();
    mails.sort_by(|one, other| other.time.cmp(&one.time));
    Ok(mails)
}

fn mail(record: Record) -> Mail {
    Mail {
        id: record.message_id,
        time: time(&record.timestamp),
        from: record.source,
        to: record.to,
        subject: record.subject,
        html: record.body_html.unwrap_or_default(),
        text: record.body_text.unwrap_or_default(),
    }
}

/// The emulator tells a time as RFC 3339 or as seconds since 1970. Always in milliseconds here, so that times can be
/// compared as text.
fn time(told: &serde_json::Value) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below 2^53")]
    let time = match told {
        serde_json::Value::String(text) => text.parse::<Timestamp>().ok(),
        told => told.as_f64().and_then(|seconds| Timestamp::from_millisecond((seconds * 1e3) as i64).ok()),
    };
    time.map(|time| format!("{time:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_can_be_compared_as_text() {
        let told = [json!("2026-11-22T10:00:00.12Z"), json!(1_795_341_600.5), json!("2026-11-22T10:00:01+00:00")];
        let times = told.map(|told| time(&told));
        assert_eq!(times, ["2026-11-22T10:00:00.120Z", "2026-11-22T10:00:00.500Z", "2026-11-22T10:00:01.000Z"]);
    }

    #[test]
    fn links_end_where_the_sentence_does() {
        let text = "Open http://127.0.0.1:1/x?t=abc.\nOr see (https://example.com/a), please.".to_owned();
        let mail = Mail {
            id: String::new(),
            time: String::new(),
            from: String::new(),
            to: vec![],
            subject: String::new(),
            text,
            html: String::new(),
        };
        assert_eq!(mail.links(), ["http://127.0.0.1:1/x?t=abc", "https://example.com/a"]);
    }
}
