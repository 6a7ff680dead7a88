//! The sweeper: every minute it does what the stream lost, tells what is overdue, and notes what a dashboard asks for.

use jiff::Timestamp;

use super::look::Look;
use super::tell::Subject;
use super::{SWEEP, Worker};
use crate::census::month;
use crate::clock::{before, day};
use crate::counting::{OVERDUE, decide};
use crate::pace::MailHealth;
use crate::store::{SHARDS, StoreError};
use crate::user::Queue;

/// How long a month must be over before its counters are folded, in seconds: whoever asks for the one month by another
/// clock still finds it.
const OVER: u32 = 3_600;

impl Worker {
    /// Looks after first mails, works off the users who are due, and begins none from `until` on. Returns how many; what
    /// fails is due again later, does not keep the others, and is the error at the end. Tells how the mail stood when it
    /// began, closes notes of counting that was broken off, keeps counters together, and wakes the worker where a digest is
    /// due.
    pub async fn sweep(&self, until: Timestamp) -> Result<usize, StoreError> {
        let (mut count, mut waiting) = (0, 0);
        let began = self.ledger.clock.now();
        let mut failure = None;
        let mut note = |error: StoreError| {
            error.log();
            failure.get_or_insert(error);
        };
        self.ask_quota().await;
        // First those who never had a mail, in half of the time at most: what is due was tried before.
        let look = match self.ledger.store.mail_health().await {
            Ok(last) => self.look(last, halfway(began, until)).await,
            Err(error) => Look { failure: Some(error), ..Look::default() },
        };
        (count, waiting) = (count + look.count, waiting + look.waiting);
        look.failure.into_iter().chain(look.unread).for_each(&mut note);
        // Another shard begins each minute, so that a full one cannot keep the others waiting for good.
        let minute = began.as_second().rem_euclid(3_600) / 60;
        let first = u8::try_from(minute).unwrap_or(0);
        'shards: for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            let due = self.ledger.store.due(Queue::Mail, shard, self.ledger.clock.now(), SWEEP).await;
            let mut due = due.unwrap_or_else(|error| {
                note(error);
                Vec::new()
            });
            waiting += due.len();
            while !due.is_empty() {
                if self.ledger.clock.now() >= until {
                    break 'shards;
                }
                let mut users = Vec::new();
                for id in due.drain(..self.at_once().min(due.len())) {
                    match self.ledger.store.load(id).await {
                        Ok(user) => users.extend(user),
                        Err(error) => note(error),
                    }
                }
                let told = self.tell(users.iter().map(Subject::User)).await;
                match self.work(users, &told, until).await {
                    Ok(worked) => count += worked,
                    Err(error) => note(error),
                }
            }
        }
        let quota = self.sending().quota;
        let health = MailHealth { at: began, waiting, quota, looked: look.looked };
        let over = month(&day(before(began, OVER)));
        for ended in [
            // Without the place of the last look the next would begin far back.
            if health.looked.is_some() { self.ledger.store.note_mail(&health).await } else { Ok(()) },
            self.close_notes().await,
            self.ledger.store.fold(&over, began).await,
            self.wake_for_digest(&health).await,
        ] {
            ended.unwrap_or_else(&mut note);
        }
        // Last, since a mail is more urgent than that others hear of it.
        match self.sweep_news(until).await {
            Ok(told) => count += told,
            Err(error) => note(error),
        }
        failure.map_or(Ok(count), Err)
    }

    /// Finds out what became of users whose counting was broken off.
    async fn close_notes(&self) -> Result<(), StoreError> {
        let (store, now) = (&*self.ledger.store, self.ledger.clock.now());
        decide(store, &store.notes(before(now, OVERDUE)).await?, now).await
    }
}

fn halfway(from: Timestamp, until: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(i64::midpoint(from.as_millisecond(), until.as_millisecond())).unwrap_or(until)
}
