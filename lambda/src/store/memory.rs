//! The store in memory: for tests, for simulation and for developing a form without AWS.
//!
//! It also keeps the stream: [`MemoryStore::changes`] gives the worker what DynamoDB would. It never forgets by
//! itself; [`MemoryStore::expire`] does what the table's TTL would.

mod admin;
mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::Timestamp;

use super::recent::Recent;
use super::{CLAIM, Claimed, ListUsers, Saved, SignedUp, Spending, Spent, Store, StoreError, UserPage, directory};
use crate::census::{Delta, Sums};
use crate::clock::after;
use crate::counting::{Note, Ticket, Verdict};
use crate::digest::DigestMail;
use crate::event::Farewell;
use crate::pace::MailHealth;
use crate::stream::{Change, What};
use crate::user::{Queue, User, UserId};

/// A store that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    held: Mutex<Held>,
    admins: admin::Admins,
}

#[derive(Debug, Default)]
struct Held {
    users: BTreeMap<UserId, User>,
    lists: lists::Lists,
    name_field: Option<String>,
    budgets: BTreeMap<(String, i64), u32>,
    used: BTreeSet<String>,
    claims: BTreeMap<String, ClaimHeld>,
    seen: BTreeSet<String>,
    counters: Recent,
    farewells: BTreeMap<(UserId, u64), Farewell>,
    mail: Option<MailHealth>,
    digests: BTreeMap<String, DigestMail>,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct ClaimHeld {
    request: String,
    answered: bool,
    until: Timestamp,
}

impl ClaimHeld {
    fn judge(&self, request: &str) -> Claimed {
        match (self.request == request, self.answered) {
            (false, _) => Claimed::Taken,
            (true, true) => Claimed::Answered,
            (true, false) => Claimed::Open,
        }
    }
}

impl MemoryStore {
    /// A store whose users can be looked for by a field of the form.
    pub fn naming(name_field: Option<&str>) -> Self {
        let held = Held { name_field: name_field.map(str::to_owned), ..Held::default() };
        Self { held: Mutex::new(held), ..Self::default() }
    }

    /// Everything that changed so far, in order, as the stream would tell it.
    pub fn changes(&self) -> Vec<Change> {
        self.held().changes.clone()
    }

    /// The same without the first so many.
    pub fn changes_from(&self, seen: usize) -> Vec<Change> {
        self.held().changes.get(seen..).unwrap_or_default().to_vec()
    }

    /// Everybody, by ID.
    pub fn users(&self) -> Vec<User> {
        self.held().users.values().cloned().collect()
    }

    /// Every digest that was ever due, by day.
    pub fn digests(&self) -> Vec<DigestMail> {
        self.held().digests.values().cloned().collect()
    }

    /// What is still to be told of those who are gone.
    pub fn farewells_left(&self) -> usize {
        self.held().farewells.len()
    }

    /// A try to count was not answered, and may arrive later.
    pub fn doubt(&self, notes: &[Note]) {
        self.held().counters.doubt(notes);
    }

    /// Removes whoever is forgotten, as the table does some time later.
    pub fn expire(&self, now: Timestamp) {
        let mut held = self.held();
        let gone: Vec<UserId> = held.users.values().filter(|it| it.is_forgotten(now)).map(|it| it.id).collect();
        for id in gone {
            let what = held.remove(id).map_or(What::Nothing, |user| What::Forgotten(Box::new(user)));
            held.changed(what);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic elsewhere leaves the maps whole: every operation changes them at its end.
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Held {
    fn changed(&mut self, what: What) {
        let number = self.changes.len();
        self.changes.push(Change { event: format!("memory-{number}"), sequence: number.to_string(), what });
    }

    fn put(&mut self, user: &User) {
        self.remove(user.id);
        self.lists.insert(user, self.name_field.as_deref());
        self.users.insert(user.id, user.clone());
        self.changed(if user.wakes { What::User(Box::new(user.clone())) } else { What::Nothing });
    }

    fn part_from(&mut self, farewell: Option<&Farewell>) {
        let Some(farewell) = farewell else { return };
        self.farewells.insert((farewell.id, farewell.version), farewell.clone());
        self.changed(What::Gone(Box::new(farewell.clone())));
    }

    fn remove(&mut self, id: UserId) -> Option<User> {
        let user = self.users.remove(&id)?;
        self.lists.remove(&user, self.name_field.as_deref());
        Some(user)
    }

    fn holds(&self, id: UserId, version: Option<u64>) -> bool {
        self.users.get(&id).map(|user| user.version) == version
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.held().users.get(&id).cloned())
    }

    async fn glance(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.load(id).await
    }

    async fn save_unless(&self, user: &User, over: Option<u64>, others: &[UserId]) -> Result<Saved, StoreError> {
        let mut held = self.held();
        if held.users.get(&user.id) == Some(user) {
            return Ok(Saved::Done);
        }
        if !held.holds(user.id, over) || others.iter().any(|id| held.users.contains_key(id)) {
            return Ok(Saved::Changed);
        }
        held.put(user);
        Ok(Saved::Done)
    }

    async fn touch_unless(&self, _id: UserId, _others: &[UserId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn count(&self, notes: &[Note]) -> Result<(), StoreError> {
        self.held().counters.count(notes);
        Ok(())
    }

    async fn close(&self, notes: &[(UserId, Ticket, Verdict)]) -> Result<(), StoreError> {
        self.held().counters.close(notes);
        Ok(())
    }

    fn drop_later(&self, holding: &[(UserId, Ticket)]) {
        let holding: Vec<_> = holding.iter().map(|(user, ticket)| (*user, *ticket, Verdict::Holds)).collect();
        self.held().counters.close(&holding);
    }

    async fn notes(&self, until: Timestamp) -> Result<Vec<Note>, StoreError> {
        Ok(self.held().counters.noted_by(until).collect())
    }

    async fn erase(&self, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        let mut held = self.held();
        if !held.holds(user.id, Some(user.version)) {
            return Ok(Saved::Changed);
        }
        held.remove(user.id);
        held.counters.uncount(user);
        held.changed(What::Nothing);
        held.part_from(farewell);
        Ok(Saved::Done)
    }

    async fn rename(&self, user: &User, renamed: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        let mut held = self.held();
        if !held.holds(user.id, Some(user.version)) || held.users.contains_key(&renamed.id) {
            return Ok(Saved::Changed);
        }
        held.remove(user.id);
        held.counters.uncount(user);
        held.changed(What::Nothing);
        held.part_from(farewell);
        held.put(renamed);
        Ok(Saved::Done)
    }

    async fn forget(
        &self,
        event: &str,
        user: &User,
        farewell: Option<&Farewell>,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut held = self.held();
        let first = held.seen.insert(event.to_owned());
        if first {
            held.counters.uncount(user);
            held.part_from(farewell);
        }
        Ok(first)
    }

    async fn farewells(&self, now: Timestamp, limit: u16) -> Result<Vec<Farewell>, StoreError> {
        let mut due: Vec<_> = self.held().farewells.values().filter(|it| it.due_at <= now).cloned().collect();
        due.sort_by_key(|farewell| farewell.due_at);
        due.truncate(usize::from(limit));
        Ok(due)
    }

    async fn drop_farewell(&self, farewell: &Farewell) -> Result<(), StoreError> {
        self.held().farewells.remove(&(farewell.id, farewell.version));
        Ok(())
    }

    async fn adjust(&self, delta: &Delta) -> Result<(), StoreError> {
        self.held().counters.sums.apply(delta);
        Ok(())
    }

    async fn spend(&self, spending: &Spending) -> Result<Spent, StoreError> {
        let mut held = self.held();
        let budget = (spending.key.clone(), spending.hour);
        let once = spending.once.as_ref().map(|once| format!("{}#{}#{once}", budget.0, budget.1));
        if once.as_ref().is_some_and(|once| held.used.contains(once)) {
            return Ok(Spent::Repeated);
        }
        if held.budgets.get(&budget).copied().unwrap_or_default() >= spending.limit {
            return Ok(Spent::UsedUp);
        }
        *held.budgets.entry(budget).or_default() += 1;
        held.used.extend(once);
        Ok(Spent::Done)
    }

    async fn spent(&self, key: &str, hour: i64) -> Result<u32, StoreError> {
        Ok(self.held().budgets.get(&(key.to_owned(), hour)).copied().unwrap_or_default())
    }

    async fn claimed(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        let held = self.held();
        let found = held.claims.get(key).filter(|claim| claim.until > now);
        Ok(found.map_or(Claimed::Open, |claim| claim.judge(request)))
    }

    async fn claim(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        let mut held = self.held();
        if held.claims.get(key).is_none_or(|claim| claim.until <= now) {
            let claim = ClaimHeld { request: request.to_owned(), answered: false, until: after(now, CLAIM) };
            held.claims.insert(key.to_owned(), claim);
        }
        Ok(held.claims[key].judge(request))
    }

    async fn fulfil(&self, key: &str) -> Result<(), StoreError> {
        if let Some(claim) = self.held().claims.get_mut(key) {
            claim.answered = true;
        }
        Ok(())
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        let held = self.held();
        let page = held.lists.page(query);
        let user = |place: &String| held.users.get(&directory::id_at(place)?).cloned();
        let users = page.places.iter().filter_map(user).collect();
        Ok(UserPage { users, previous: page.previous, next: page.next })
    }

    async fn signed_up(&self, behind: &str, until: Timestamp, limit: u16) -> Result<SignedUp, StoreError> {
        let held = self.held();
        let mut places = held.lists.signed_up(behind, until, usize::from(limit) + 1);
        let more = places.len() > usize::from(limit);
        places.truncate(limit.into());
        let user = |place: &String| held.users.get(&directory::id_at(place)?).cloned();
        Ok(SignedUp { users: places.iter().filter_map(user).collect(), last: places.pop(), more, failure: None })
    }

    async fn due(&self, queue: Queue, of: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError> {
        Ok(self.held().lists.due(queue, of, now).take(usize::from(limit)).collect())
    }

    async fn note_mail(&self, health: &MailHealth) -> Result<(), StoreError> {
        self.held().mail = Some(health.clone());
        Ok(())
    }

    async fn mail_health(&self) -> Result<Option<MailHealth>, StoreError> {
        Ok(self.held().mail.clone())
    }

    async fn digest(&self, day: &str) -> Result<Option<DigestMail>, StoreError> {
        Ok(self.held().digests.get(day).cloned())
    }

    async fn save_digest(&self, digest: &DigestMail, over: Option<u64>) -> Result<Saved, StoreError> {
        let mut held = self.held();
        let found = held.digests.get(&digest.day);
        if found == Some(digest) {
            return Ok(Saved::Done);
        }
        if found.map(|found| found.version) != over {
            return Ok(Saved::Changed);
        }
        held.digests.insert(digest.day.clone(), digest.clone());
        held.changed(if digest.wakes { What::Digest(digest.day.clone()) } else { What::Nothing });
        Ok(Saved::Done)
    }

    async fn counters(&self, month: Option<&str>) -> Result<Sums, StoreError> {
        let sums = self.held().counters.sums.clone();
        Ok(match month {
            Some(month) => sums.of(month),
            None => sums,
        })
    }
    async fn fold(&self, _before: &str, _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}
