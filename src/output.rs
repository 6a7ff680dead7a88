//! The one owner of the streams: stdout is the result, stderr the progress.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Instant;

use serde::Serialize;

use crate::error::{Failure, Outcome};

/// Whether to colour, as the user asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// Where a command writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON object on stdout instead of text.
    pub json: bool,
    /// stderr is a terminal: progress may move.
    pub terminal: bool,
    pub color: bool,
    /// Consent was given beforehand.
    pub yes: bool,
    pub started: Instant,
}

impl Output {
    pub fn new(json: bool, choice: ColorChoice, yes: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        Self { json, terminal, color, yes, started: Instant::now() }
    }

    /// The result as text, unless JSON was asked for.
    pub fn text(&self, text: impl AsRef<str>) {
        if !self.json {
            // A reader that has gone (`| head`) needs no error.
            _ = writeln!(std::io::stdout(), "{}", text.as_ref().trim_end());
        }
    }

    /// The result as one JSON object, if JSON was asked for.
    pub fn object(&self, value: &impl Serialize) {
        if self.json {
            match serde_json::to_string_pretty(value) {
                Ok(text) => _ = writeln!(std::io::stdout(), "{text}"),
                Err(error) => self.note(format!("error: the result cannot be written as JSON: {error}")),
            }
        }
    }

    /// A line of a result that comes bit by bit.
    pub fn line(&self, line: impl AsRef<str>) {
        _ = writeln!(std::io::stdout(), "{}", line.as_ref());
    }

    /// The result where it is too long to be held: whatever is written goes to stdout, in large pieces.
    pub fn stream(&self) -> impl Write + use<> {
        std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout())
    }

    /// A line of progress.
    pub fn note(&self, line: impl AsRef<str>) {
        _ = writeln!(std::io::stderr(), "{}", line.as_ref());
    }

    /// A failure: as JSON on stdout if asked for, and always as text on stderr.
    pub fn failure(&self, failure: &Failure) {
        if self.json {
            let Failure { code, message, cause, hint, report, .. } = failure;
            let cause = cause.as_ref().or(report.as_ref());
            self.object(&serde_json::json!({
                "error": {"code": code, "message": message, "cause": cause, "hint": hint}
            }));
        }
        let text = failure.to_string();
        match text.find("error: ").filter(|_| self.color && failure.report.is_none()) {
            Some(0) => self.note(format!("{}{}", self.red("error"), &text["error".len()..])),
            _ => self.note(text),
        }
    }

    /// Asks for consent. Without a terminal and without `--yes` nothing is assumed: it fails.
    pub async fn confirm(&self, question: &str) -> Outcome<bool> {
        if self.yes {
            return Ok(true);
        }
        let answer = self.ask(&format!("{question} [y/N] ")).await?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a line of text.
    pub async fn ask(&self, question: &str) -> Outcome<String> {
        if !self.terminal || !std::io::stdin().is_terminal() {
            return Err(Failure::usage(
                "consent_needed",
                "this needs your consent, and there is no terminal to ask on",
            )
            .cause(format!("the question is: {}", question.trim_end().trim_end_matches("[y/N]").trim_end()))
            .hint("pass `--yes` if you mean it"));
        }
        _ = write!(std::io::stderr(), "{question}");
        _ = std::io::stderr().flush();
        // On a thread of its own, so that Ctrl-C is heard meanwhile.
        let read = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map(|_| line)
        });
        let line =
            read.await.map_err(|error| error.to_string()).and_then(|line| line.map_err(|error| error.to_string()));
        let line = line.map_err(|cause| Failure::new("consent_needed", "the answer cannot be read").cause(cause))?;
        Ok(line.trim().to_owned())
    }

    pub fn green(&self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn red(&self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub fn yellow(&self, text: &str) -> String {
        self.paint("33", text)
    }

    pub fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
