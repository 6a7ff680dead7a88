//! The feedback function: hears what SES reports of the service's mail, and ends the mail to whoever it cannot or must
//! not reach.
//!
//! Every step may be repeated. A report whose user is gone changes nothing, and nobody is ever made by one. No address
//! is kept or logged: a user is found by the keyed hash, as everywhere.

mod report;

use std::sync::Arc;

pub use report::{Report, What, reports, unread};

use crate::journal::{Journal, Line, Unit};
use crate::keys::AddressKey;
use crate::ledger::{Ledger, Reading};
use crate::store::StoreError;
use crate::user::{EndedBy, User};

/// Acts upon what SES reports.
#[derive(Clone, Debug)]
pub struct Listener {
    pub ledger: Ledger,
    pub journal: Arc<dyn Journal>,
    pub address_key: AddressKey,
}

impl Listener {
    /// Acts upon each report, and counts it. What fails does not keep the others, and is the error at the end: they may
    /// all be heard again.
    pub async fn hear(&self, reports: &[Report]) -> Result<(), StoreError> {
        let mut failure = None;
        for report in reports {
            match self.act(report).await {
                Ok(outcome) => self.count(report, outcome),
                Err(error) => {
                    error.log();
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn act(&self, report: &Report) -> Result<&'static str, StoreError> {
        let What::Undeliverable(what) = &report.what else { return Ok("noted") };
        let names = self.address_key.whose(&report.to);
        let decide = |found: Option<User>, now| {
            let next = found.and_then(|user| user.undeliverable(what, now));
            let outcome = if next.is_some() { "suppressed" } else { "unchanged" };
            (next, outcome)
        };
        self.ledger.change("suppress a user", names, Reading::Now, decide).await
    }

    fn count(&self, report: &Report, outcome: &'static str) {
        let metric = match &report.what {
            What::Undeliverable(what) if what.by == EndedBy::Complaint => "MailsComplained",
            What::Undeliverable(_) | What::BouncedForNow => "MailsBounced",
            What::Rejected => "MailsRejected",
            What::Delayed => "MailsDelayedByReceiver",
        };
        let line = Line::new("feedback", self.ledger.clock.now()).with("outcome", outcome);
        self.journal.write(&line.metric(metric, Unit::Count, 1));
    }
}
