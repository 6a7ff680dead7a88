//! What went wrong, why, and what to do next: the one shape in which a command fails.
//!
//! Errors of the edges are turned into a [`Failure`] where the context is known; `main` prints it once.

use std::fmt;

/// What a fallible step returns.
pub type Outcome<T> = Result<T, Box<Failure>>;

/// Exit codes of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    Failed = 1,
    /// Wrong usage, or an invalid spec.
    Usage = 2,
    /// `plan --detailed-exitcode` found changes, or `users recount` something wrong.
    Pending = 3,
    /// Ctrl-C; what was started goes on in AWS.
    Interrupted = 130,
}

/// A failed command, ready to be shown as text or JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Stable name for scripts, such as `spec_invalid`.
    pub code: &'static str,
    /// What happened: lower case, no final period, names in backticks.
    pub message: String,
    /// Why, in AWS's words where AWS said so.
    pub cause: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// More lines, such as the places in the spec; printed before the message.
    pub report: Option<String>,
    pub exit: Exit,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Box<Self> {
        Box::new(Self { code, message: message.into(), cause: None, hint: None, report: None, exit: Exit::Failed })
    }

    /// A mistake in the arguments or in the spec.
    pub fn usage(code: &'static str, message: impl Into<String>) -> Box<Self> {
        Self::new(code, message).exit(Exit::Usage)
    }

    /// Whether the same request may well be answered a little later.
    pub fn is_transient(&self) -> bool {
        ["throttled", "unavailable", "timed_out", "endpoint_unreachable"].contains(&self.code)
    }

    /// Whether AWS did not take the credentials, which may be renewed while something runs.
    pub fn is_of_credentials(&self) -> bool {
        ["credentials_rejected", "no_credentials"].contains(&self.code)
    }

    pub fn cause(mut self: Box<Self>, cause: impl Into<String>) -> Box<Self> {
        self.cause = Some(cause.into());
        self
    }

    pub fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = Some(hint.into());
        self
    }

    /// Says this as well as what there is to do already.
    pub fn and_hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        let hint = hint.into();
        self.hint = Some(self.hint.map_or(hint.clone(), |first| format!("{first}; {hint}")));
        self
    }

    pub fn report(mut self: Box<Self>, report: impl Into<String>) -> Box<Self> {
        self.report = Some(report.into());
        self
    }

    pub fn exit(mut self: Box<Self>, exit: Exit) -> Box<Self> {
        self.exit = exit;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(report) = &self.report {
            writeln!(f, "{report}\n")?;
        }
        write!(f, "error: {}", self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, "\n  cause: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
