//! What holds of the daily digest: it comes twice at most, is taken for sent only if it was, and is given up only with an
//! alarm.

use std::collections::BTreeMap;

use signup_service::clock::Clock;
use signup_service::digest::DigestMail;
use signup_service::notice::Notice;
use signup_service::user::End;

use super::Witness;

#[derive(Debug, Default)]
pub(super) struct Digests {
    /// How often each came, by its subject, which has the day.
    came: BTreeMap<String, u32>,
    alarms: usize,
}

impl Witness {
    /// Readers have a digest.
    pub fn digest_came(&mut self, notice: &Notice) {
        let count = self.digests.came.entry(day(&notice.subject).to_owned()).or_default();
        *count += 1;
        let count = *count;
        self.check(count <= 2, || format!("d: a digest came {count} times: {}", notice.subject));
    }

    /// The log told of a digest that was given up.
    pub fn digest_alarm(&mut self) {
        self.digests.alarms += 1;
    }

    pub(super) fn digests_at_rest(&self) {
        let (now, mut dead) = (self.world.now(), 0);
        for digest in self.store.digests() {
            let came = self.digests.came.contains_key(&digest.day);
            self.check(digest.end != Some(End::Sent) || came, || format!("d: not sent, and marked so: {digest:?}"));
            let due = digest.since() <= now && digest.is_due(now) && !DigestMail::is_over(digest.since(), now);
            self.check(!due, || format!("d: it is due, and nobody sends it: {digest:?}"));
            dead += usize::from(matches!(digest.end, Some(End::Dead(_))));
        }
        self.check(dead <= self.digests.alarms, || format!("d: {dead} digests are dead, and nobody was told of all"));
    }
}

/// `simulation 2026-11-22: ..`
fn day(subject: &str) -> &str {
    subject.split([' ', ':']).nth(1).unwrap_or_default()
}
