//! The worker: follows the stream, sends what it brings, counts what it tells, and tells subscribers.
//!
//! Every step may be repeated: a lease keeps a mail from two senders, and a user is counted under a ticket that says so. What
//! fails goes back to the stream; what the stream gives up, [`Worker::sweep`] finds.

mod digest;
mod ending;
mod look;
mod notice;
mod sweep;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;

use crate::address::Address;
use crate::census::country_field;
use crate::clock::{after, before, later};
use crate::config::ServiceConfig;
use crate::counting::{SETTLED_AT_ONCE, settle};
use crate::event::{Farewell, Told};
use crate::journal::{Journal, Line, Unit};
use crate::ledger::Ledger;
use crate::mail::{Letter, compose};
use crate::mailer::{Mailer, SendError};
use crate::pace::{Pace, Quota};
use crate::publisher::Publisher;
use crate::store::{Saved, StoreError};
use crate::stream::{Change, What};
use crate::token::TokenKey;
use crate::user::{Attempt, MailEnd, MailId, Taken, User, UserId};
use tell::Subject;

/// The pauses after which a sent mail is marked again when the table failed, in milliseconds.
const MARK_AGAIN: [u64; 7] = [200, 400, 800, 1_600, 3_200, 6_400, 12_800];

/// Of one shard, or of those who are gone, a sweep looks at so many at most at once; the next sweep is a minute away.
const SWEEP: u16 = 100;

/// How often users are taken while others change them.
const TRIES: u32 = 6;

/// How long the mails that are taken at once may take to be sent, in seconds: well within a lease.
const AT_ONCE: f64 = 10.0;

/// What must be left of a lease for its mail to be begun, in seconds: 20 for SES, 9 for the mark.
const LEAST_LEASE: u32 = 30;

/// How long the account's quota is believed, in seconds.
const QUOTA_AGE: u32 = 300;

/// What is kept of an invocation for what is under way when its work must end, in seconds: one mail, with
/// 9 seconds for the lease, 20 for SES and 9 for the mark, which are the clients' time-outs.
pub const RESERVE: u32 = 38;

/// When the last attempt to mark a mail as sent must begin, in seconds after the end of work.
const LAST_MARK: u32 = RESERVE - 9;

/// Sends and counts.
#[derive(Clone, Debug)]
pub struct Worker {
    pub config: Arc<ServiceConfig>,
    pub ledger: Ledger,
    pub mailer: Arc<dyn Mailer>,
    pub publisher: Arc<dyn Publisher>,
    pub journal: Arc<dyn Journal>,
    pub token_key: TokenKey,
    pub sending: Arc<Mutex<Sending>>,
}

/// What a worker knows of the account it sends from, and of the topics it tells.
#[derive(Debug)]
pub struct Sending {
    pace: Pace,
    asked: Option<Timestamp>,
    quota: Option<Quota>,
    /// Until then the day's mails are taken for used up.
    used_up: Option<Timestamp>,
    hush: tell::Hush,
    notices: notice::Notices,
}

impl Sending {
    pub fn new(now: Timestamp) -> Self {
        Self {
            pace: Pace::new(now),
            asked: None,
            quota: None,
            used_up: None,
            hush: tell::Hush::default(),
            notices: notice::Notices::default(),
        }
    }
}

impl Worker {
    /// Works a batch off. From `until` on nothing new is begun. Returns the sequence numbers of the records that
    /// must come again.
    pub async fn batch(&self, changes: &[Change], until: Timestamp) -> Vec<String> {
        let mut failed = BTreeSet::new();
        // Of a user who changed twice only the newest counts, and both records fail or pass with it.
        let mut users: BTreeMap<UserId, (User, Vec<&str>)> = BTreeMap::new();
        let mut gone: Vec<Farewell> = Vec::new();
        let (mut noted, mut digests) = (Vec::new(), BTreeSet::new());
        for change in changes {
            match &change.what {
                What::User(user) => {
                    let (newest, records) = users.entry(user.id).or_insert_with(|| ((**user).clone(), Vec::new()));
                    records.push(&change.sequence);
                    if newest.version < user.version {
                        newest.clone_from(user);
                    }
                }
                What::Forgotten(user) => {
                    let now = self.ledger.clock.now();
                    let farewell = self.ledger.wanted.farewell_of_forgotten(user, now);
                    if user.counted.is_none() && farewell.is_none() {
                        continue;
                    }
                    if let Err(error) = self.ledger.store.forget(&change.event, user, farewell.as_ref(), now).await {
                        error.log();
                        failed.insert(change.sequence.as_str());
                    }
                }
                What::Gone(farewell) => gone.push((**farewell).clone()),
                What::Noted(entry) => noted.push((&**entry, change.sequence.as_str())),
                What::Digest(day) => drop(digests.insert(day)),
                What::Nothing => {}
            }
        }
        self.ask_quota().await;
        let told =
            self.tell(gone.iter().map(Subject::Gone).chain(users.values().map(|(it, _)| Subject::User(it)))).await;
        self.drop_told(&gone, &told).await;
        let mut users: Vec<(User, Vec<&str>)> = users.into_values().collect();
        // Who has to wait for a mail is counted before: counting must not fall behind with the mail.
        let waiting = users.split_off(self.at_once().min(users.len()));
        let mut parts = vec![users];
        for part in in_parts(waiting, SETTLED_AT_ONCE) {
            parts.extend(in_parts(self.count(part, &told).await, self.at_once()));
        }
        for part in parts {
            let counted = part.iter().all(|(user, _)| !user.wakes);
            let (part, records): (Vec<User>, Vec<Vec<&str>>) = part.into_iter().unzip();
            if self.ledger.clock.now() >= until {
                tracing::warn!("there was no time for the whole batch");
                // The sweeper finds the mail of whoever was counted.
                failed.extend(records.into_iter().flatten().filter(|_| !counted));
                continue;
            }
            if let Err(error) = self.work(part, &told, until).await {
                error.log();
                failed.extend(records.into_iter().flatten());
            }
        }
        failed.extend(self.write_to_operator(noted, until).await);
        for day in digests {
            // Whatever comes of it: while it is due each sweep wakes the worker again.
            if self.ledger.clock.now() < until {
                self.send_digest(day).await.unwrap_or_else(|error| error.log());
            }
        }
        changes.iter().map(|change| &change.sequence).filter(|it| failed.contains(it.as_str())).cloned().collect()
    }

    /// Counts users who have to wait for their mail; whoever could not be counted comes back as before.
    async fn count<'a>(&self, users: Vec<(User, Vec<&'a str>)>, told: &Told) -> Vec<(User, Vec<&'a str>)> {
        let country = country_field(&self.config);
        let now = self.ledger.clock.now();
        let aside = |user: &User| user.clone().set_aside(told, self.ledger.entropy.number(), country, now);
        let pairs: Vec<(User, User)> = users.iter().map(|(user, _)| (user.clone(), aside(user))).collect();
        let settled = settle(&*self.ledger.store, &pairs, now).await;
        let kept = settled.map(|settled| {
            settled.failure.iter().for_each(StoreError::log);
            settled.kept
        });
        let kept = kept.unwrap_or_else(|error| {
            error.log();
            Vec::new()
        });
        let newest = |(before, after): (User, User)| if kept.contains(&after.id) { after } else { before };
        pairs.into_iter().map(newest).zip(users.into_iter().map(|(_, records)| records)).collect()
    }

    /// Takes users, without what was told of them, counts them, and sends their mails. Returns how many there was
    /// something to do for.
    async fn work(&self, users: Vec<User>, told: &Told, until: Timestamp) -> Result<usize, StoreError> {
        let mut taken = Vec::new();
        // Whoever was taken is mailed, whatever became of the others.
        let mut failure = self.take(users, told, &mut taken).await.err();
        let count = taken.len();
        for Taken { user, attempt, .. } in taken {
            let Some(attempt) = attempt else { continue };
            if let Err(error) = self.deliver(user, attempt, until).await {
                error.log();
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(count), Err)
    }

    /// Leases what is due and counts what changed. Whoever changed meanwhile is looked at again.
    async fn take(&self, users: Vec<User>, told: &Told, taken: &mut Vec<Taken>) -> Result<(), StoreError> {
        let country = country_field(&self.config);
        let mut users = users;
        for tried in 0..TRIES {
            let now = self.ledger.clock.now();
            let (mut pairs, mut taking) = (Vec::new(), Vec::new());
            for user in users {
                let by = self.ledger.entropy.number();
                let Some(mut after) = user.clone().take(told, by, country, now) else { continue };
                if let Some((mail, reason)) = after.given_up {
                    after.user = self.ledger.wanted.note_given_up(after.user, mail, reason, now);
                }
                pairs.push((user, after.user.clone()));
                taking.push(after);
            }
            // Before the mark: told twice is better than never, should this invocation end in between.
            for (mail, reason) in taking.iter().filter_map(|taken| taken.given_up) {
                tracing::error!(%mail, outcome = "dead", error = reason, "mail");
                self.measure("MailsGivenUp");
            }
            let settled = settle(&*self.ledger.store, &pairs, now).await?;
            taken.extend(taking.into_iter().filter(|taken| settled.kept.contains(&taken.user.id)));
            if let Some(error) = settled.failure {
                return Err(error);
            }
            if settled.changed.is_empty() {
                return Ok(());
            }
            users = Vec::new();
            for id in settled.changed {
                users.extend(self.ledger.store.load(id).await?);
            }
            self.ledger.pause(tried).await;
        }
        Err(StoreError::busy("take users", "they kept changing"))
    }

    /// Sends a mail that was taken, and marks it.
    async fn deliver(&self, user: User, attempt: Attempt, until: Timestamp) -> Result<(), StoreError> {
        let (result, end) = self.attempt(&user, &attempt, until).await;
        let (mail, kind, attempts) = (attempt.id, attempt.kind.name(), attempt.attempts);
        if let (Err(error), MailEnd::Dead { .. }) = (&result, &end) {
            // Before the mark, as above.
            tracing::error!(%mail, kind, attempts, outcome = "dead", %error, "mail");
            self.measure("MailsGivenUp");
        }
        let kept = self.finish(user, &attempt, &end, until).await?;
        let metric = match (&result, &end) {
            _ if !kept => {
                tracing::warn!(%mail, kind, attempts, outcome = "lease lost", "mail");
                return Ok(());
            }
            (Err(_), MailEnd::Dead { .. }) => return Ok(()),
            (Err(error @ SendError::QuotaUsedUp), _) => {
                tracing::error!(%mail, kind, attempts, outcome = "quota", %error, "mail");
                "MailsOverQuota"
            }
            (Err(error), _) => {
                tracing::warn!(%mail, kind, attempts, outcome = "later", %error, "mail");
                "MailsDelayed"
            }
            (Ok(()), _) => {
                tracing::info!(%mail, kind, attempts, outcome = "sent", "mail");
                "MailsSent"
            }
        };
        self.measure(metric);
        Ok(())
    }

    fn measure(&self, metric: &'static str) {
        self.journal.write(&Line::new("mails", self.ledger.clock.now()).metric(metric, Unit::Count, 1));
    }

    async fn attempt(&self, user: &User, attempt: &Attempt, until: Timestamp) -> (Result<(), SendError>, MailEnd) {
        let now = self.ledger.clock.now();
        let result = if self.sending().used_up.is_some_and(|until| until > now) {
            Err(SendError::QuotaUsedUp)
        } else {
            let wait = self.sending().pace.reserve(now);
            let start = later(now, wait);
            if start >= until || start >= before(attempt.lease.until, LEAST_LEASE) {
                return (Err(SendError::Later("there was no time for it".into())), MailEnd::Later(now));
            }
            self.ledger.clock.sleep(wait).await;
            self.send(user, attempt).await
        };
        match &result {
            Ok(()) => self.sending().pace.taken(),
            Err(SendError::Throttled(_)) => self.sending().pace.throttled(),
            Err(SendError::QuotaUsedUp) => {
                let until = after(self.ledger.clock.now(), QUOTA_AGE);
                self.sending().used_up.get_or_insert(until);
            }
            Err(_) => {}
        }
        let end = ending::end(&result, attempt, self.ledger.clock.now(), self.ledger.entropy.fraction());
        (result, end)
    }

    async fn send(&self, user: &User, attempt: &Attempt) -> Result<(), SendError> {
        let to = Address::parse(&attempt.to).map_err(|_| SendError::Never("its address cannot be read".into()))?;
        let token = attempt.link.map(|(nonce, _)| self.token_key.confirm(user.id, nonce));
        let code = attempt.link.filter(|_| attempt.code).map(|(nonce, _)| self.token_key.code(user.id, nonce));
        let letter = Letter {
            id: attempt.id,
            kind: attempt.kind,
            to: &to.mailable(),
            base_url: &attempt.base_url,
            language: attempt.language.as_deref(),
            token: token.as_deref().unwrap_or_default(),
            code: code.as_deref(),
            unsubscribe: Some(&self.token_key.unsubscribe(user.root())),
            expires_at: attempt.link.map(|(_, expires_at)| expires_at),
        };
        self.mailer.send(&compose(&self.config, &letter, self.ledger.clock.now())).await
    }

    /// Ends a lease. `false` when it was lost to another meanwhile. A mail that was sent is marked again and again
    /// while the lease lasts and the invocation has its reserve: given up, it would go out a second time.
    async fn finish(
        &self,
        mut user: User,
        attempt: &Attempt,
        end: &MailEnd,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let last = after(until, LAST_MARK).min(attempt.lease.until);
        let next = MailId(self.ledger.entropy.bytes());
        let mut pauses = MARK_AGAIN.into_iter().map(Duration::from_millis);
        loop {
            let now = self.ledger.clock.now();
            let Some(finished) = user.clone().finish(&attempt.lease, end, next, now) else { return Ok(false) };
            let finished = self.ledger.wanted.note_end(finished, attempt, end, now);
            let error = match self.ledger.store.save(&finished, Some(user.version)).await {
                Ok(Saved::Done) => return Ok(true),
                Ok(Saved::Changed) => match self.ledger.store.load(user.id).await {
                    Ok(Some(changed)) => {
                        user = changed;
                        continue;
                    }
                    Ok(None) => return Ok(false),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            match pauses.next() {
                Some(pause) if later(self.ledger.clock.now(), pause) < last => {
                    error.log();
                    self.ledger.clock.sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Asks what the account may send, unless it was asked a moment ago.
    async fn ask_quota(&self) {
        let now = self.ledger.clock.now();
        if self.sending().asked.is_some_and(|at| after(at, QUOTA_AGE) > now) {
            return;
        }
        let quota = self.mailer.quota().await;
        let mut sending = self.sending();
        sending.asked = Some(now);
        sending.quota = quota.as_ref().ok().copied();
        sending.used_up = None;
        match quota {
            Ok(quota) => {
                sending.pace.set(&quota);
                sending.used_up = quota.is_used_up().then(|| after(now, QUOTA_AGE));
            }
            Err(error) => tracing::warn!(%error, "the account's sending quota is not known"),
        }
    }

    /// How many users are taken at once: as many as there is time to mail.
    fn at_once(&self) -> usize {
        self.sending().pace.within(AT_ONCE).min(SETTLED_AT_ONCE)
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The same in parts of so many at most, none of which holds more room than it needs.
fn in_parts<T>(all: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut all = all.into_iter();
    std::iter::from_fn(|| Some(all.by_ref().take(size.max(1)).collect::<Vec<T>>()).filter(|part| !part.is_empty()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole_and_hold_no_more_room_than_they_need() {
        assert_eq!(in_parts(vec![1, 2, 3, 4, 5], 2), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(in_parts(vec![1, 2], 0), [vec![1], vec![2]]);
        assert!(in_parts(Vec::<u8>::new(), 3).is_empty());
        let parts = in_parts((0..10_000_u32).collect(), 25);
        assert!(parts.iter().map(Vec::capacity).sum::<usize>() < 20_000);
    }
}
