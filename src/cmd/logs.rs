//! `logs`: what the functions wrote, all of them, in the order of time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use signup_service::clock::rfc3339;

use super::{Context, data_outputs};
use crate::cli;
use crate::engine::logs::{self, Line, Reader};
use crate::engine::stack;
use crate::error::{Exit, Outcome};
use crate::output::Output;

/// Between two looks while following. CloudWatch Logs takes ten such requests a second from an account.
const PAUSE: Duration = Duration::from_secs(2);

pub async fn run(context: &Context, arguments: cli::Logs) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let stacks = stack::read_all(&aws, &spec).await?;
    data_outputs(context, &aws, &stacks, &spec)?;
    let since = Timestamp::now() - SignedDuration::from_secs(arguments.since.into());
    let mut reader = Reader::new(logs::groups(&stacks), since);
    let lines = reader.read(&aws).await?;
    if !arguments.follow {
        output.text(lines.iter().map(|line| text(line, output)).collect::<Vec<_>>().join("\n"));
        output.object(&json!({ "lines": lines.iter().map(object).collect::<Vec<_>>() }));
        if lines.is_empty() {
            output.note("nothing was written in that time; `--since` looks further back");
        }
        return Ok(Exit::Done);
    }
    let mut lines = lines;
    loop {
        for line in &lines {
            // An object a line, since it never ends.
            output.line(if output.json { object(line).to_string() } else { text(line, output) });
        }
        tokio::time::sleep(PAUSE).await;
        lines = match reader.read(&aws).await {
            Err(failure) if failure.is_transient() => Vec::new(),
            lines => lines?,
        };
    }
}

fn object(line: &Line) -> Value {
    let at = Timestamp::from_millisecond(line.at).unwrap_or_default();
    let message: Value = serde_json::from_str(&line.message).unwrap_or_else(|_| line.message.clone().into());
    json!({ "time": rfc3339(at), "function": line.of, "message": message })
}

fn text(line: &Line, output: &Output) -> String {
    let at = Timestamp::from_millisecond(line.at).unwrap_or_default();
    format!("{} {:8}  {}", output.dim(&rfc3339(at)), line.of, line.text())
}

/// A time as `90s`, `10m`, `2h` or `1d`, in seconds.
pub fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || "a number and `s`, `m`, `h` or `d`, such as `10m`".to_owned();
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(["90s", "10m", "2h", "1d"].map(seconds), [Ok(90), Ok(600), Ok(7_200), Ok(86_400)]);
        for wrong in ["", "10", "m", "-1m", "1w", "99999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
