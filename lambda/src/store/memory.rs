//! The store in memory: for tests, for simulation and for developing a form without AWS.
//!
//! It also keeps the stream: [`MemoryStore::changes`] gives the worker what DynamoDB would.
//! It never forgets by itself; what has expired is treated as absent where DynamoDB's conditions do so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Change, ConfirmOutcome, Counters, Event, Known, LeasedMail, ListUsers, MailEnd, MailKind, STREAM_GRACE,
    SignUpOutcome, Store, StoreError, UserPage, What, at, shard,
};
use crate::clock::{after, day, hour};
use crate::keys::AddressHash;
use crate::sign_up::{ListedUser, MailId, NewSignUp, State, User, UserId};

/// A store that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    users: BTreeMap<UserId, (User, AddressHash)>,
    locks: BTreeMap<AddressHash, Lock>,
    mails: BTreeMap<MailId, Mail>,
    budgets: BTreeMap<(String, String), u32>,
    seen: BTreeSet<String>,
    counters: BTreeMap<String, u64>,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Lock {
    id: UserId,
    /// While pending.
    until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Mail {
    user: UserId,
    kind: MailKind,
    to: String,
    base_url: String,
    attempts: u32,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    unanswered: u32,
    due: Option<Timestamp>,
    lease: Option<Timestamp>,
    end: Option<MailEnd>,
}

/// A mail as the store holds it, for tests to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldMail {
    pub id: MailId,
    pub user: UserId,
    pub kind: MailKind,
    pub attempts: u32,
    /// How it ended; `None` while it waits.
    pub end: Option<MailEnd>,
}

impl MemoryStore {
    /// Everything that changed so far, in order, as the stream would tell it.
    pub fn changes(&self) -> Vec<Change> {
        self.held().changes.clone()
    }

    /// Every mail in the outbox.
    pub fn mails(&self) -> Vec<HeldMail> {
        self.held()
            .mails
            .iter()
            .map(|(id, mail)| HeldMail {
                id: *id,
                user: mail.user,
                kind: mail.kind,
                attempts: mail.attempts,
                end: mail.end.clone(),
            })
            .collect()
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

    fn user_changed(&mut self, user: &User, received: bool, confirmed: bool) {
        let texts = user.fields.iter().filter_map(|(name, value)| Some((name.clone(), value.as_text()?.to_owned())));
        let what = What::User {
            received: received.then(|| day(user.created_at)),
            confirmed: user.confirmed_at.filter(|_| confirmed).map(day),
            texts: texts.collect(),
        };
        self.changed(what);
    }

    fn spend(&mut self, sign_up: &NewSignUp) {
        for budget in &sign_up.budgets {
            *self.budgets.entry((budget.key.clone(), hour(sign_up.now))).or_default() += 1;
        }
    }

    fn put_mail(&mut self, sign_up: &NewSignUp, user: UserId) {
        let mail = Mail {
            user,
            kind: MailKind::after(sign_up.state),
            to: sign_up.mail_to.clone(),
            base_url: sign_up.base_url.clone(),
            attempts: 0,
            created_at: sign_up.now,
            expires_at: (sign_up.state == State::Pending).then_some(sign_up.expires_at),
            unanswered: 0,
            due: Some(after(sign_up.now, STREAM_GRACE)),
            lease: None,
            end: None,
        };
        self.mails.insert(sign_up.mail_id, mail);
        self.changed(What::Mail(sign_up.mail_id));
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn sign_up(&self, sign_up: &NewSignUp) -> Result<SignUpOutcome, StoreError> {
        let mut held = self.held();
        let hour = hour(sign_up.now);
        let spent = |budget: &crate::sign_up::Budget| {
            held.budgets.get(&(budget.key.clone(), hour.clone())).copied().unwrap_or_default()
        };
        if sign_up.budgets.iter().any(|budget| spent(budget) >= budget.limit) {
            return Ok(SignUpOutcome::RateLimited { retry_after: super::until_next_hour(sign_up.now) });
        }
        held.spend(sign_up);
        let lock = held.locks.get(&sign_up.address).filter(|lock| lock.until.is_none_or(|until| until > sign_up.now));
        let known = lock.and_then(|lock| held.users.get(&lock.id)).map(|(user, _)| user.clone());
        if let Some(mut user) = known {
            let known = Known::of(&user, sign_up);
            if known.changes() {
                let promoted = known == Known::Promoted;
                user.state = sign_up.state;
                user.email.clone_from(&sign_up.email);
                user.fields.clone_from(&sign_up.fields);
                user.consent.clone_from(&sign_up.consent);
                user.confirmed_at = promoted.then_some(sign_up.now);
                user.expires_at = (!promoted).then_some(sign_up.expires_at);
                user.mailed_at = sign_up.now;
                held.put_mail(sign_up, user.id);
                let until = (!promoted).then_some(sign_up.keep_until);
                held.locks.insert(sign_up.address.clone(), Lock { id: user.id, until });
                if promoted {
                    held.user_changed(&user, false, true);
                } else {
                    held.changed(What::Nothing);
                }
                held.users.insert(user.id, (user, sign_up.address.clone()));
            }
            return Ok(SignUpOutcome::Known(known));
        }
        let user = User::new(sign_up);
        let until = (sign_up.state == State::Pending).then_some(sign_up.keep_until);
        held.locks.insert(sign_up.address.clone(), Lock { id: user.id, until });
        held.users.insert(user.id, (user.clone(), sign_up.address.clone()));
        held.user_changed(&user, true, user.confirmed_at.is_some());
        held.put_mail(sign_up, user.id);
        Ok(SignUpOutcome::Accepted(user.id))
    }

    async fn confirm(&self, id: UserId, now: Timestamp) -> Result<ConfirmOutcome, StoreError> {
        let mut held = self.held();
        let Some((mut user, address)) = held.users.get(&id).cloned() else { return Ok(ConfirmOutcome::Unknown) };
        if user.state == State::Confirmed {
            return Ok(ConfirmOutcome::AlreadyConfirmed);
        }
        let owns_lock = held.locks.get(&address).is_some_and(|lock| lock.id == id);
        if !owns_lock || user.expires_at.is_none_or(|until| until <= now) {
            return Ok(ConfirmOutcome::Expired);
        }
        user.state = State::Confirmed;
        user.confirmed_at = Some(now);
        user.expires_at = None;
        held.locks.insert(address.clone(), Lock { id, until: None });
        held.user_changed(&user, false, true);
        held.users.insert(id, (user, address));
        Ok(ConfirmOutcome::Confirmed)
    }

    async fn get_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.held().users.get(&id).map(|(user, _)| user.clone()))
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        let held = self.held();
        let mut users: Vec<(String, &User)> =
            held.users.values().map(|(user, _)| (at(user.created_at, user.id), user)).collect();
        users.retain(|(at, _)| query.cursor.as_ref().is_none_or(|cursor| at < cursor));
        users.sort_by(|(a, _), (b, _)| b.cmp(a));
        Ok(UserPage::cut(users.into_iter().map(|(at, user)| (at, ListedUser::of(user))).collect(), query.limit))
    }

    async fn lease_mail(&self, id: MailId, now: Timestamp) -> Result<Option<LeasedMail>, StoreError> {
        let mut held = self.held();
        let Some(mail) = held.mails.get_mut(&id) else { return Ok(None) };
        let due = mail.due.is_some_and(|due| mail.attempts == 0 || due <= now);
        if mail.end.is_some() || !due || mail.lease.is_some_and(|until| until > now) {
            return Ok(None);
        }
        let lease = super::lease_until(now);
        mail.attempts += 1;
        mail.lease = Some(lease);
        mail.due = Some(lease);
        Ok(Some(LeasedMail {
            id,
            user: mail.user,
            kind: mail.kind,
            to: mail.to.clone(),
            base_url: mail.base_url.clone(),
            attempts: mail.attempts,
            created_at: mail.created_at,
            expires_at: mail.expires_at,
            unanswered: mail.unanswered,
            lease,
        }))
    }

    async fn finish_mail(&self, leased: &LeasedMail, end: &MailEnd, _now: Timestamp) -> Result<bool, StoreError> {
        let mut held = self.held();
        let Some(mail) = held.mails.get_mut(&leased.id).filter(|mail| mail.lease == Some(leased.lease)) else {
            return Ok(false);
        };
        mail.lease = None;
        match end {
            MailEnd::Later(due) => mail.due = Some(*due),
            MailEnd::Unanswered(due) => {
                mail.due = Some(*due);
                mail.unanswered += 1;
            }
            MailEnd::Sent | MailEnd::Dead(_) => {
                mail.due = None;
                mail.to.clear();
                mail.end = Some(end.clone());
            }
        }
        Ok(true)
    }

    async fn due_mails(&self, of: u8, now: Timestamp, limit: u16) -> Result<Vec<MailId>, StoreError> {
        let held = self.held();
        let mut due: Vec<(Timestamp, MailId)> = held
            .mails
            .iter()
            .filter(|(id, _)| shard(&id.0) == of)
            .filter_map(|(id, mail)| Some((mail.due.filter(|due| *due <= now)?, *id)))
            .collect();
        due.sort_unstable();
        Ok(due.into_iter().take(usize::from(limit)).map(|(_, id)| id).collect())
    }

    async fn record_events(&self, events: &[Event], _now: Timestamp) -> Result<usize, StoreError> {
        let mut held = self.held();
        let mut new = 0;
        for event in events {
            if held.seen.insert(event.id.clone()) {
                new += 1;
                for name in event.counters() {
                    *held.counters.entry(name).or_default() += 1;
                }
            }
        }
        Ok(new)
    }

    async fn counters(&self) -> Result<Counters, StoreError> {
        let held = self.held();
        let mut counters = Counters::default();
        held.counters.iter().for_each(|(name, count)| counters.add(name, *count));
        Ok(counters)
    }
}
