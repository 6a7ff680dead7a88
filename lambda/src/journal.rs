//! Lines for the log that CloudWatch also reads as metrics (the embedded metric format).
//!
//! Pure but for [`Stdout`]. A line holds counts, durations and names of outcomes; never an address, a token or a value.

use std::fmt::Debug;
use std::io::Write;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Where lines go.
pub trait Journal: Debug + Send + Sync {
    fn write(&self, line: &Line);
}

/// A metric's unit, by CloudWatch's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    Count,
    Milliseconds,
}

/// One line: what happened, and what of it is measured. One is written for each request, so that it is kept cheap.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    at: Timestamp,
    message: &'static str,
    properties: Vec<(&'static str, Value)>,
    metrics: Vec<(&'static str, Unit)>,
}

impl Line {
    pub fn new(message: &'static str, at: Timestamp) -> Self {
        Self { at, message, properties: Vec::new(), metrics: Vec::new() }
    }

    /// Something to read beside it; each name once.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.properties.push((name, value.into()));
        self
    }

    /// Something to measure.
    pub fn metric(mut self, name: &'static str, unit: Unit, value: u64) -> Self {
        self.metrics.push((name, unit));
        self.with(name, value)
    }

    /// The line as JSON, with its metrics in the service's namespace (`signupctl/<service>`).
    pub fn json(&self, service: &str) -> String {
        serde_json::to_string(&Written { line: self, service }).expect("names and values are JSON")
    }
}

/// A line as it is written.
struct Written<'a> {
    line: &'a Line,
    service: &'a str,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Line { at, message, properties, metrics } = self.line;
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("timestamp", &crate::clock::rfc3339(*at))?;
        line.serialize_entry("level", "INFO")?;
        line.serialize_entry("message", message)?;
        for (name, value) in properties {
            line.serialize_entry(name, value)?;
        }
        if !metrics.is_empty() {
            let metrics = metrics.iter().map(|&(name, unit)| Metric { name, unit }).collect();
            // No dimensions: each value of one would be billed as a metric of its own.
            let directive = Directive { namespace: format!("signupctl/{}", self.service), dimensions: [[]], metrics };
            let directives = Directives { timestamp: at.as_millisecond(), cloud_watch_metrics: [directive] };
            line.serialize_entry("_aws", &directives)?;
        }
        line.end()
    }
}

/// What CloudWatch is told of the metrics of a line.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directives {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    dimensions: [[&'static str; 0]; 1],
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: Unit,
}

/// The service and its programs, by the crates' names.
const OURS: [&str; 3] = ["signup_service", "bootstrap", "server"];

/// Sends what the service tells `tracing` to the same place, a JSON object a line as well, with the warnings of what it
/// stands on, and where a thread panicked. Why it did is left out: the message can quote what somebody typed.
pub fn subscribe<W>(writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // The SDK tells of every set of credentials that it loads, and by which key.
    let told =
        OURS.into_iter().fold(Targets::new().with_default(Level::WARN), |told, it| told.with_target(it, Level::INFO));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_ansi(false)
        .with_writer(writer)
        .finish()
        .with(told)
        .init();
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "panicked");
    }));
}

/// The function's log.
#[derive(Clone, Debug)]
pub struct Stdout {
    pub service: String,
}

impl Journal for Stdout {
    fn write(&self, line: &Line) {
        let mut text = line.json(&self.service);
        text.push('\n');
        // A log that cannot be written is no reason to refuse a sign-up.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

/// Keeps lines, for tests.
#[derive(Debug, Default)]
pub struct Kept {
    lines: Mutex<Vec<Line>>,
}

impl Kept {
    /// Every line so far, as JSON.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        lines.iter().filter_map(|line| serde_json::from_str(&line.json("test")).ok()).collect()
    }
}

impl Journal for Kept {
    fn write(&self, line: &Line) {
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_reads_as_metrics() {
        let line =
            Line::new("request", Timestamp::UNIX_EPOCH).with("route", "/").metric("Latency", Unit::Milliseconds, 3);
        let json: Value = serde_json::from_str(&line.json("waitlist")).expect("JSON");
        assert_eq!(
            json,
            json!({
                "timestamp": "1970-01-01T00:00:00.000Z", "level": "INFO", "message": "request", "route": "/", "Latency": 3,
                "_aws": { "Timestamp": 0, "CloudWatchMetrics": [{
                    "Namespace": "signupctl/waitlist", "Dimensions": [[]],
                    "Metrics": [{ "Name": "Latency", "Unit": "Milliseconds" }],
                }] },
            })
        );
        assert!(!Line::new("x", Timestamp::UNIX_EPOCH).json("waitlist").contains("_aws"));
    }
}
