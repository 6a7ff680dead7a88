//! Writing to the operator what admins did.

use super::Worker;
use crate::admin::Entry;
use crate::clock::after;
use crate::publisher::PublishError;

/// How long it is tried, in seconds after what it is about: what fails goes back to the stream, and holds up the mail
/// of its shard there.
const TRIED: u32 = 300;

impl Worker {
    /// Writes the mail about an entry of the audit log. `false` when the record must come again.
    pub(super) async fn write_to_operator(&self, entry: &Entry) -> bool {
        let Some(notice) = entry.notice(&self.config.service) else { return true };
        let action = entry.action.name();
        match self.publisher.alarm(&notice).await {
            Ok(()) => {
                tracing::info!(action, outcome = "sent", "notice");
                true
            }
            Err(error @ PublishError::Later(_)) if self.ledger.clock.now() < after(entry.at, TRIED) => {
                tracing::warn!(action, outcome = "later", %error, "notice");
                false
            }
            Err(error) => {
                tracing::error!(action, outcome = "dead", %error, "notice");
                self.measure("MailsGivenUp");
                true
            }
        }
    }
}
