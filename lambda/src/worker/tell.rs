//! Telling subscribers what happened: before the write that takes it out of the user, so that a crash tells twice and
//! never not at all.
//!
//! It has little time and never fails: a topic that is slow, throttled or gone must not hold up the mail. What could not
//! be told stays where it is kept, and the sweeper comes back to it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{SWEEP, Worker};
use crate::clock::after;
use crate::event::{Event, Farewell, Told, events};
use crate::journal::{Line, Unit};
use crate::publisher::{AT_ONCE, PublishError};
use crate::store::{SHARDS, StoreError};
use crate::user::{EventId, Queue, User};

/// How long the events of a batch may take, in seconds: the mails of the batch wait for it.
const WITHIN: u32 = 3;

/// How long nothing is told after a failure, in seconds; it doubles with each in a row.
const FIRST_HUSH: u32 = 30;

/// The longest of these pauses, in seconds.
const LONGEST_HUSH: u32 = 600;

/// What a worker knows of the topic.
#[derive(Debug, Default)]
pub(super) struct Hush {
    failures: u32,
    until: Option<Timestamp>,
}

impl Hush {
    fn failed(&mut self, now: Timestamp) {
        let pause = FIRST_HUSH.saturating_mul(1 << self.failures.min(16)).min(LONGEST_HUSH);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(after(now, pause));
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until > now)
    }
}

/// Whoever something is to be told of.
pub(super) enum Subject<'a> {
    User(&'a User),
    Gone(&'a Farewell),
}

impl Worker {
    /// Tells as much as there is time for. Returns what needs no telling any more.
    pub(super) async fn tell(&self, subjects: impl IntoIterator<Item = Subject<'_>>) -> Told {
        if self.ledger.wanted.is_empty() {
            return Told::Everything;
        }
        let end = after(self.ledger.clock.now(), WITHIN);
        let (mut told, mut events) = (BTreeSet::new(), Vec::new());
        for subject in subjects {
            if self.is_hushed(end) {
                return Told::These(told);
            }
            events.extend(self.of(subject).await);
            while events.len() >= AT_ONCE && !self.is_hushed(end) {
                let rest = events.split_off(AT_ONCE);
                self.publish(&std::mem::replace(&mut events, rest), &mut told).await;
            }
        }
        if !events.is_empty() && !self.is_hushed(end) {
            self.publish(&events, &mut told).await;
        }
        Told::These(told)
    }

    /// What is to be told of somebody. Where answers are in it they are read anew: a record of the stream may be hours
    /// old, and nobody may be named who was erased meanwhile.
    async fn of(&self, subject: Subject<'_>) -> Vec<Event> {
        let user = match subject {
            Subject::Gone(farewell) => return events(&self.config, farewell.id, None, &farewell.tells),
            Subject::User(user) => user,
        };
        let Some(untold) = &user.untold else { return Vec::new() };
        if self.config.notifications.fields.is_empty() {
            return events(&self.config, user.id, None, &untold.tells);
        }
        match self.ledger.store.load(user.id).await {
            Ok(Some(user)) => {
                let tells = user.untold.as_ref().map_or(&[][..], |untold| &untold.tells);
                events(&self.config, user.id, Some(&user.answers), tells)
            }
            // What was untold of them is told with their erasure.
            Ok(None) => Vec::new(),
            Err(error) => {
                error.log();
                Vec::new()
            }
        }
    }

    async fn publish(&self, events: &[Event], told: &mut BTreeSet<EventId>) {
        let results = self.publisher.publish(events).await;
        let (mut sent, mut delayed) = (0, None);
        for (event, result) in events.iter().zip(results) {
            let (id, kind) = (event.id, event.kind.name());
            match result {
                Ok(()) => {
                    sent += 1;
                    told.insert(id);
                }
                Err(error @ PublishError::Never(_)) => {
                    tracing::error!(event = %id, kind, outcome = "refused", %error, "event");
                    self.count_events("EventsGivenUp", 1);
                    told.insert(id);
                }
                Err(error) => delayed.get_or_insert((0, error)).0 += 1,
            }
        }
        match delayed {
            Some((count, error)) => {
                tracing::warn!(count, outcome = "later", %error, "events");
                self.count_events("EventsDelayed", count);
                let now = self.ledger.clock.now();
                self.sending().hush.failed(now);
            }
            None => self.sending().hush = Hush::default(),
        }
        if sent > 0 {
            self.count_events("EventsSent", sent);
        }
    }

    pub(super) fn count_events(&self, metric: &'static str, count: u64) {
        self.journal.write(&Line::new("events", self.ledger.clock.now()).metric(metric, Unit::Count, count));
    }

    fn is_hushed(&self, end: Timestamp) -> bool {
        let now = self.ledger.clock.now();
        now >= end || self.sending().hush.holds(now)
    }

    /// Drops the farewells that are told. What fails is told once more by the sweeper.
    pub(super) async fn drop_told(&self, farewells: &[Farewell], told: &Told) -> usize {
        let mut count = 0;
        for farewell in farewells.iter().filter(|it| it.tells.iter().all(|tell| told.includes(tell, it.id))) {
            match self.ledger.store.drop_farewell(farewell).await {
                Ok(()) => count += 1,
                Err(error) => error.log(),
            }
        }
        count
    }

    /// Tells what is overdue, as long as that works and there is time. Whatever stays overdue is measured each minute.
    pub(super) async fn sweep_news(&self, until: Timestamp) -> Result<usize, StoreError> {
        // What is left from when somebody subscribed goes with the first sweep of an hour.
        if self.ledger.wanted.is_empty() && self.ledger.clock.now().as_second().rem_euclid(3_600) >= 60 {
            return Ok(0);
        }
        let mut failure = None;
        let mut count = 0;
        loop {
            let (worked, overdue) = self.sweep_news_once(until, &mut failure).await;
            count += worked;
            if worked > 0 && self.ledger.clock.now() < until {
                continue;
            }
            if overdue > 0 {
                tracing::warn!(overdue, "subscribers are not told");
                self.count_events("EventsOverdue", overdue);
            }
            return failure.map_or(Ok(count), Err);
        }
    }

    /// One look at all who are due. Returns for how many there was something to do, and how many are left. What fails does
    /// not keep the others; the first of it is remembered.
    async fn sweep_news_once(&self, until: Timestamp, failure: &mut Option<StoreError>) -> (usize, u64) {
        let (mut count, mut overdue) = (0, 0);
        let mut note = |error: StoreError| {
            error.log();
            failure.get_or_insert(error);
        };
        let now = self.ledger.clock.now();
        let gone = self.ledger.store.farewells(now, SWEEP).await.unwrap_or_else(|error| {
            note(error);
            Vec::new()
        });
        let told = self.tell(gone.iter().map(Subject::Gone)).await;
        let dropped = self.drop_told(&gone, &told).await;
        count += dropped;
        overdue += (gone.len() - dropped) as u64;
        // Another shard begins each minute, as with the mail.
        let first = u8::try_from(now.as_second().rem_euclid(3_600) / 60).unwrap_or(0);
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            let due = self.ledger.store.due(Queue::News, shard, now, SWEEP).await.unwrap_or_else(|error| {
                note(error);
                Vec::new()
            });
            for part in due.chunks(self.at_once().max(1)) {
                if self.ledger.clock.now() >= until || self.sending().hush.holds(self.ledger.clock.now()) {
                    overdue += part.len() as u64;
                    continue;
                }
                let mut users = Vec::new();
                for id in part {
                    match self.ledger.store.load(*id).await {
                        Ok(user) => users.extend(user),
                        Err(error) => {
                            overdue += 1;
                            note(error);
                        }
                    }
                }
                let told = self.tell(users.iter().map(Subject::User)).await;
                let left = users.iter().filter(|user| told.left(user.untold.clone(), user.id).is_some());
                overdue += left.count() as u64;
                match self.work(users, &told, until).await {
                    Ok(worked) => count += worked,
                    Err(error) => note(error),
                }
            }
        }
        (count, overdue)
    }
}
