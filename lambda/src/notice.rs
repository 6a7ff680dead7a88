//! A short mail to the operator, as SNS sends them: what a day came to, and what an admin did.

/// Characters that SNS takes of a subject, all of them ASCII.
const SUBJECT: usize = 100;

/// A subject and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub subject: String,
    pub text: String,
}

impl Notice {
    /// `subject` is ASCII; what is longer than SNS takes is cut.
    pub(crate) fn new(mut subject: String, text: String) -> Self {
        subject.truncate(SUBJECT);
        Self { subject, text }
    }
}
