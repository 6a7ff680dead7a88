//! The mail that the emulator captured, newest first.

use std::collections::BTreeMap;

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

/// Reads all captured mail from the emulator at `endpoint`.
pub async fn read(endpoint: &str) -> Outcome<Vec<Mail>> {
    let answer = Fetcher::new(true).get(&format!("{endpoint}/_ministack/ses/messages")).await?;
    let captured: Captured = serde_json::from_slice(&answer.body).map_err(|error| {
        Failure::new("unexpected_answer", "the local AWS does not list its mail").cause(error.to_string())
    })?;
    let mut mails: Vec<Mail> = captured.messages.into_values().flatten().map(mail).collect();
    mails.sort_by(|one, other| other.time.cmp(&one.time));
    Ok(mails)
}

fn mail(record: Record) -> Mail {
    Mail {
        id: record.message_id,
        time: match record.timestamp {
            serde_json::Value::String(time) => time,
            serde_json::Value::Number(seconds) => seconds
                .as_f64()
                .and_then(|seconds| jiff::Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok())
                .map(|time| time.to_string())
                .unwrap_or_default(),
            _ => String::new(),
        },
        from: record.source,
        to: record.to,
        subject: record.subject,
        html: record.body_html.unwrap_or_default(),
        text: record.body_text.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
