//! Writing to the operator what admins did.
//!
//! After everything else of a batch: a topic that is slow must not hold up the mail. What fails goes back to the stream,
//! which brings all that is behind it again too; so what was written is remembered for a while.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Worker;
use crate::admin::Entry;
use crate::clock::after;
use crate::publisher::PublishError;

/// How long it is tried, in seconds since it failed first: records behind it wait in their shard meanwhile.
const TRIED: u32 = 300;

/// The same of the same admin is not written again within so many seconds: neither because a record came again, nor
/// because somebody does it over and over.
const ONCE_IN: u32 = 600;

/// What a worker knows of notices.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// When what was written happened, by what it was and whom it was about.
    written: BTreeMap<String, Timestamp>,
    failing_since: Option<Timestamp>,
}

impl Notices {
    fn is_known(&self, entry: &Entry) -> bool {
        let near = |at: &Timestamp| after(*at, ONCE_IN) > entry.at && after(entry.at, ONCE_IN) > *at;
        self.written.get(&what(entry)).is_some_and(near)
    }

    fn wrote(&mut self, entry: &Entry) {
        self.failing_since = None;
        self.written.retain(|_, at| after(*at, ONCE_IN) > entry.at);
        self.written.insert(what(entry), entry.at);
    }

    /// Whether it failed for so long that it is given up.
    fn failed(&mut self, now: Timestamp) -> bool {
        let since = *self.failing_since.get_or_insert(now);
        after(since, TRIED) <= now
    }
}

/// Everything of an entry but when it was.
fn what(entry: &Entry) -> String {
    format!("{:?} {:?} {:?} {:?}", entry.action, entry.admin, entry.subject, entry.network)
}

impl Worker {
    /// Writes the mails about entries of the audit log. From `until` on, and once one was not taken, nothing is begun.
    /// Returns the sequence numbers of the records that must come again.
    pub(super) async fn write_to_operator<'a>(
        &self,
        entries: Vec<(&Entry, &'a str)>,
        until: Timestamp,
    ) -> Vec<&'a str> {
        let mut again = Vec::new();
        for (entry, record) in entries {
            if !again.is_empty() || self.ledger.clock.now() >= until || !self.write_notice(entry).await {
                again.push(record);
            }
        }
        again
    }

    /// `false` when it is to be tried again.
    async fn write_notice(&self, entry: &Entry) -> bool {
        let Some(notice) = entry.notice(&self.config.service) else { return true };
        if self.sending().notices.is_known(entry) {
            return true;
        }
        let action = entry.action.name();
        let result = self.publisher.alarm(&notice).await;
        let now = self.ledger.clock.now();
        let mut sending = self.sending();
        match result {
            Ok(()) => {
                sending.notices.wrote(entry);
                tracing::info!(action, outcome = "sent", "notice");
                return true;
            }
            Err(error @ PublishError::Later(_)) if !sending.notices.failed(now) => {
                tracing::warn!(action, outcome = "later", %error, "notice");
                return false;
            }
            Err(error) => tracing::error!(action, outcome = "dead", %error, "notice"),
        }
        sending.notices.wrote(entry);
        drop(sending);
        self.measure("MailsGivenUp");
        true
    }
}
