//! A store and a mailer that fail: before a call did its work, after it, or without anybody knowing which.
//!
//! Each is handed to one task, so that the witness knows who did what.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use signup_service::census::{Delta, Sums};
use signup_service::counting::{Note, Ticket, Verdict};
use signup_service::digest::DigestMail;
use signup_service::event::Event;
use signup_service::event::Farewell;
use signup_service::mail::Mail;
use signup_service::mailer::{Mailer, SendError};
use signup_service::notice::Notice;
use signup_service::pace::MailHealth;
use signup_service::pace::Quota;
use signup_service::publisher::{PublishError, Publisher};
use signup_service::store::{
    Claimed, ListUsers, MemoryStore, Saved, SignedUp, Spending, Spent, Store, StoreError, UserPage,
};
use signup_service::user::{Queue, User, UserId};

use crate::witness::{LATE, Who, Witness};
use crate::world::{Chance, World, at_once};

/// How often calls fail, in a thousand; nothing fails once both are 0.
#[derive(Debug, Default)]
pub struct Odds {
    pub store: usize,
    pub mail: usize,
    /// How often a worker is ended right after a mail of its own was taken.
    pub end: usize,
}

/// The store as one task meets it.
#[derive(Clone, Debug)]
pub struct Faulty {
    pub world: Arc<World>,
    pub store: Arc<MemoryStore>,
    pub witness: Arc<Mutex<Witness>>,
    pub odds: Arc<Mutex<Odds>>,
    pub who: Who,
    /// Whether the user that was read last was not so any more.
    pub late: Arc<AtomicBool>,
    pub on_their_way: Arc<Mutex<OnTheirWay>>,
}

/// Tries to count that nobody waits for any more, each by when it arrives at last, in milliseconds since the beginning.
pub type OnTheirWay = Vec<(i64, Vec<Note>)>;

/// How long a request may be on its way, in milliseconds.
const ON_ITS_WAY: usize = 3_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Before,
    After,
    /// The answer was lost, and the client asked once more.
    Twice,
}

impl Faulty {
    pub fn with<T>(&self, see: impl FnOnce(&mut Witness) -> T) -> T {
        see(&mut self.witness.lock().expect("a history ends with its first panic"))
    }

    pub fn was_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    fn fault(&self) -> Fault {
        let odds = self.odds.lock().expect("a history ends with its first panic").store;
        self.world.chance(|chance| match chance.in_thousand(odds) {
            false => Fault::None,
            true => [Fault::Before, Fault::After, Fault::Twice][chance.below(3)],
        })
    }

    /// Works on some users, under the eyes of the witness.
    fn apply<T>(&self, name: &'static str, ids: &[UserId], work: impl Future<Output = T>) -> T {
        let before: Vec<Option<User>> = ids.iter().map(|id| self.held(*id)).collect();
        let done = at_once(work);
        let after: Vec<Option<User>> = ids.iter().map(|id| self.held(*id)).collect();
        self.with(|witness| {
            for (before, after) in before.iter().zip(&after).filter(|(before, after)| before != after) {
                witness.wrote(&self.who, name, before.as_ref(), after.as_ref());
            }
            witness.recount();
        });
        done
    }

    fn held(&self, id: UserId) -> Option<User> {
        at_once(self.store.load(id)).expect("memory")
    }

    async fn call<T: Send>(&self, name: &'static str, work: impl Fn() -> T + Send) -> Result<T, StoreError> {
        self.world.pause(3).await;
        self.arrive(self.world.passed());
        let fault = self.fault();
        if fault == Fault::Before {
            return Err(self.failed(name, "before"));
        }
        let mut done = work();
        self.world.pause(3).await;
        match fault {
            Fault::After => return Err(self.failed(name, "after")),
            Fault::Twice if ["save", "close", "rename"].contains(&name) => {
                self.world.note(|| format!("{:?}: {name} is asked once more", self.who));
                done = work();
                self.world.pause(3).await;
            }
            _ => {}
        }
        Ok(done)
    }

    /// What was on its way until then has arrived.
    pub fn arrive(&self, until: i64) {
        let mut waiting = self.on_their_way.lock().expect("a history ends with its first panic");
        let (due, left): (OnTheirWay, OnTheirWay) = waiting.drain(..).partition(|(at, _)| *at <= until);
        *waiting = left;
        for (_, notes) in due {
            self.world.note(|| format!("counting arrives once more: {notes:?}"));
            let noted = || at_once(self.store.notes(Timestamp::MAX)).expect("memory");
            let before = noted();
            at_once(self.store.count(&notes)).expect("memory");
            let again: Vec<Note> = noted().into_iter().filter(|note| !before.contains(note)).collect();
            self.with(|witness| witness.counted_again(&again));
        }
    }

    fn failed(&self, name: &'static str, when: &'static str) -> StoreError {
        self.world.note(|| format!("{:?}: {name} fails {when}", self.who));
        self.with(|witness| witness.excuse(|attempt| self.who == Who::Worker(attempt.invocation)));
        StoreError::new(name, when)
    }
}

#[async_trait]
impl Store for Faulty {
    async fn load(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let load = || {
            let found = self.held(id);
            self.late.store(false, Ordering::Relaxed);
            self.with(|witness| witness.reads(&self.who, id, found.as_ref()));
            found
        };
        self.call("load", load).await
    }

    async fn glance(&self, id: UserId) -> Result<Option<User>, StoreError> {
        // Another copy may not know yet what was written last.
        let late = self.world.chance(|chance| chance.in_thousand(200).then(|| chance.below(LATE)));
        let glance = || {
            let now = self.held(id);
            let found = late.and_then(|changes| self.with(|witness| witness.before(id, changes)));
            let found = found.unwrap_or_else(|| now.clone());
            self.late.store(found != now, Ordering::Relaxed);
            found
        };
        self.call("glance", glance).await
    }

    async fn save_unless(&self, user: &User, over: Option<u64>, others: &[UserId]) -> Result<Saved, StoreError> {
        let save = || self.store.save_unless(user, over, others);
        self.call("save", || self.apply("save", &[user.id], save()).expect("memory")).await
    }

    async fn touch_unless(&self, _: UserId, _: &[UserId]) -> Result<(), StoreError> {
        self.call("touch", || ()).await
    }

    async fn count(&self, notes: &[Note]) -> Result<(), StoreError> {
        let odds = self.odds.lock().expect("a history ends with its first panic").store;
        let count = || self.apply("count", &[], self.store.count(notes)).expect("memory");
        let late = |chance: &mut Chance| chance.in_thousand(odds).then(|| chance.below(ON_ITS_WAY));
        let Some(late) = self.world.chance(late) else { return self.call("count", count).await };
        let at = self.world.passed() + i64::try_from(late).expect("short");
        self.on_their_way.lock().expect("a history ends with its first panic").push((at, notes.to_vec()));
        self.call("count", count).await.map(|()| self.store.doubt(notes))
    }

    async fn close(&self, notes: &[(UserId, Ticket, Verdict)]) -> Result<(), StoreError> {
        let close = || {
            let before = at_once(self.store.notes(Timestamp::MAX)).expect("memory");
            at_once(self.store.close(notes)).expect("memory");
            let after = at_once(self.store.notes(Timestamp::MAX)).expect("memory");
            self.with(|witness| {
                before.iter().filter(|note| !after.contains(note)).for_each(|note| witness.closed(note));
                witness.recount();
            });
        };
        self.call("close", close).await
    }

    fn drop_later(&self, holding: &[(UserId, Ticket)]) {
        // A process that ends forgets what it was to do later.
        let holding: Vec<_> = holding.iter().copied().filter(|_| self.world.in_thousand(500)).collect();
        self.store.drop_later(&holding);
    }

    async fn notes(&self, until: Timestamp) -> Result<Vec<Note>, StoreError> {
        self.call("notes", || at_once(self.store.notes(until)).expect("memory")).await
    }

    async fn erase(&self, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        let erase = || self.apply("erase", &[user.id], self.store.erase(user, farewell)).expect("memory");
        self.call("erase", erase).await
    }

    async fn rename(&self, user: &User, renamed: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        let rename = || self.store.rename(user, renamed, farewell);
        self.call("rename", || self.apply("rename", &[user.id, renamed.id], rename()).expect("memory")).await
    }

    async fn forget(
        &self,
        event: &str,
        user: &User,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let forget = || {
            let first = at_once(self.store.forget(event, user, farewell, now)).expect("memory");
            self.with(|witness| {
                witness.uncounted(event, first, user);
                witness.recount();
            });
            first
        };
        self.call("forget", forget).await
    }

    async fn farewells(&self, now: Timestamp, limit: u16) -> Result<Vec<Farewell>, StoreError> {
        self.call("farewells", || at_once(self.store.farewells(now, limit)).expect("memory")).await
    }

    async fn drop_farewell(&self, farewell: &Farewell) -> Result<(), StoreError> {
        self.call("drop_farewell", || at_once(self.store.drop_farewell(farewell)).expect("memory")).await
    }

    async fn adjust(&self, delta: &Delta) -> Result<(), StoreError> {
        let adjust = || {
            at_once(self.store.adjust(delta)).expect("memory");
            self.with(|witness| witness.recount());
        };
        self.call("adjust", adjust).await
    }

    async fn spend(&self, spending: &Spending) -> Result<Spent, StoreError> {
        self.store.spend(spending).await
    }

    async fn spent(&self, key: &str, hour: i64) -> Result<u32, StoreError> {
        self.store.spent(key, hour).await
    }

    async fn claimed(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        self.store.claimed(key, request, now).await
    }

    async fn claim(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        self.store.claim(key, request, now).await
    }

    async fn fulfil(&self, key: &str) -> Result<(), StoreError> {
        self.store.fulfil(key).await
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        self.store.list_users(query).await
    }

    async fn signed_up(&self, behind: &str, until: Timestamp, limit: u16) -> Result<SignedUp, StoreError> {
        self.call("signed_up", || at_once(self.store.signed_up(behind, until, limit)).expect("memory")).await
    }

    async fn due(&self, queue: Queue, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError> {
        self.call("due", || at_once(self.store.due(queue, shard, now, limit)).expect("memory")).await
    }

    async fn note_mail(&self, health: &MailHealth) -> Result<(), StoreError> {
        self.call("note_mail", || self.apply("note_mail", &[], self.store.note_mail(health)).expect("memory")).await
    }

    async fn mail_health(&self) -> Result<Option<MailHealth>, StoreError> {
        self.call("mail_health", || at_once(self.store.mail_health()).expect("memory")).await
    }

    async fn counters(&self, month: Option<&str>) -> Result<Sums, StoreError> {
        self.store.counters(month).await
    }

    async fn digest(&self, day: &str) -> Result<Option<DigestMail>, StoreError> {
        let load = || self.apply("load a digest", &[], self.store.digest(day)).expect("memory");
        self.call("load a digest", load).await
    }

    async fn save_digest(&self, digest: &DigestMail, over: Option<u64>) -> Result<Saved, StoreError> {
        let save = || self.apply("save a digest", &[], self.store.save_digest(digest, over)).expect("memory");
        self.call("save a digest", save).await
    }

    async fn fold(&self, before: &str, now: Timestamp) -> Result<(), StoreError> {
        let fold = || self.apply("fold", &[], self.store.fold(before, now)).expect("memory");
        self.call("fold", fold).await
    }
}

/// SES as one invocation of a worker meets it.
#[derive(Clone, Debug)]
pub struct FakeSes(pub Faulty);

#[async_trait]
impl Mailer for FakeSes {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let Self(to) = self;
        let Who::Worker(invocation) = to.who else { panic!("only workers send") };
        to.with(|witness| witness.asked(invocation, mail));
        // Most answer in a moment; the client gives up after 20 seconds.
        let slow = to.world.in_thousand(50);
        to.world.pause(if slow { 18_000 } else { 100 }).await;
        let (odds, end) = {
            let odds = to.odds.lock().expect("a history ends with its first panic");
            (odds.mail, odds.end)
        };
        let fault = to.world.chance(|chance| if chance.in_thousand(odds) { chance.below(7) } else { usize::MAX });
        let result = match fault {
            0 => Err(SendError::Throttled("the rate".into())),
            1 => Err(SendError::QuotaUsedUp),
            2 => Err(SendError::Later("no connection".into())),
            3 => Err(SendError::Never("SES answered `MessageRejected`".into())),
            4 => Err(SendError::Unknown("timed out before".into())),
            5 | 6 => {
                to.with(|witness| witness.delivered(invocation, mail));
                Err(SendError::Unknown("timed out after".into()))
            }
            _ => {
                to.with(|witness| witness.delivered(invocation, mail));
                if to.world.in_thousand(end) {
                    to.world.doom();
                }
                Ok(())
            }
        };
        if let Err(error) = &result {
            to.world.note(|| format!("task {invocation}: SES fails: {error}"));
        }
        if matches!(result, Err(SendError::Unknown(_))) {
            to.with(|witness| witness.excuse(|attempt| attempt.invocation == invocation && attempt.item == mail.id));
        }
        to.world.pause(50).await;
        result
    }

    async fn quota(&self) -> Result<Quota, SendError> {
        let Self(to) = self;
        to.world.pause(50).await;
        let odds = to.odds.lock().expect("a history ends with its first panic").mail;
        let fault = to.world.chance(|chance| if chance.in_thousand(odds) { chance.below(3) } else { 3 });
        match fault {
            0 => Err(SendError::Later("no connection".into())),
            1 => Ok(Quota { per_second: 1.0, per_day: 200.0, sent: 200.0 }),
            2 => Ok(Quota { per_second: 0.1, per_day: 200.0, sent: 1.0 }),
            _ => Ok(Quota { per_second: 14.0, per_day: 50_000.0, sent: 0.0 }),
        }
    }
}

/// SNS as one invocation of a worker meets it.
#[derive(Clone, Debug)]
pub struct FakeSns(pub Faulty);

#[async_trait]
impl Publisher for FakeSns {
    async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        let Self(to) = self;
        let Who::Worker(invocation) = to.who else { panic!("only workers tell") };
        events.iter().for_each(|event| to.with(|witness| witness.tells(invocation, event)));
        let slow = to.world.in_thousand(50);
        to.world.pause(if slow { 2_500 } else { 50 }).await;
        let (odds, end) = {
            let odds = to.odds.lock().expect("a history ends with its first panic");
            (odds.mail, odds.end)
        };
        let fault = to.world.chance(|chance| if chance.in_thousand(odds) { chance.below(3) } else { usize::MAX });
        let later = || Err(PublishError::Later("SNS is made up".into()));
        let mut results = Vec::new();
        for event in events {
            // Nothing, some or all was taken, and of the last the answer is lost.
            let taken = match fault {
                0 => false,
                1 => to.world.in_thousand(500),
                _ => true,
            };
            if taken {
                to.with(|witness| witness.told_news(event));
            }
            results.push(if taken && fault != 2 { Ok(()) } else { later() });
        }
        to.world.note(|| format!("task {invocation}: SNS: {} events, {fault}", events.len()));
        if to.world.in_thousand(end) {
            to.world.doom();
        }
        to.world.pause(20).await;
        results
    }

    async fn digest(&self, digest: &Notice) -> Result<(), PublishError> {
        let Self(to) = self;
        to.world.pause(50).await;
        let (odds, end) = {
            let odds = to.odds.lock().expect("a history ends with its first panic");
            (odds.mail, odds.end)
        };
        // There are few in a history: where mails fail, every second one does.
        let odds = if odds > 0 { 500 } else { 0 };
        let fault = to.world.chance(|chance| if chance.in_thousand(odds) { chance.below(3) } else { usize::MAX });
        let result = match fault {
            0 => Err(PublishError::Later("SNS is made up".into())),
            1 => Err(PublishError::Unknown("timed out before".into())),
            2 => Err(PublishError::Unknown("timed out after".into())),
            _ => Ok(()),
        };
        if !matches!(fault, 0 | 1) {
            to.with(|witness| witness.digest_came(digest));
        }
        to.world.note(|| format!("a digest: {}, {result:?}", digest.subject));
        if to.world.in_thousand(end) {
            to.world.doom();
        }
        to.world.pause(20).await;
        result
    }

    async fn alarm(&self, _: &Notice) -> Result<(), PublishError> {
        Ok(())
    }
}
