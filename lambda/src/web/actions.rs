//! What the service does for a person, whether the page or the API asks for it.
//!
//! Budgets come first, then one change of one user. Nothing here tells the caller who has signed up: every way
//! through an action makes the same calls of the store.

use std::net::IpAddr;

use jiff::Timestamp;

use super::App;
use crate::address::Address;
use crate::clock::{after, day};
use crate::form::Submission;
use crate::keys::Names;
use crate::ledger::Reading;
use crate::store::{Claimed, Spending, Spent, StoreError};
use crate::user::{
    Answers, ConfirmOutcome, Draws, MailId, Nonce, Proof, Receipt, Request, User, UserId, hour, until_next_day,
    until_next_hour,
};

/// How long the day's count is believed, in seconds: by so much can a flood overshoot.
const COUNT_AGE: u32 = 15;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// The keyed hash of the client's network.
    pub(super) client: String,
    /// The language of the page, by its code.
    pub(super) language: Option<String>,
    /// A proof of work that was verified, and may be used once.
    pub(super) proof: Option<Proven>,
}

/// A proof of work as the budgets use it up.
#[derive(Clone, Debug)]
pub(super) struct Proven {
    pub(super) name: String,
    pub(super) expires_at: Timestamp,
}

/// What came of an action that a budget guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Granted<T> {
    Yes(T),
    /// Too many; come back after so many seconds.
    TooMany {
        retry_after: u32,
    },
    /// The service takes no more on this day; come back after so many seconds.
    Full {
        retry_after: u32,
    },
}

/// What names a request, so that repeating it counts once. It tells nothing of either.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) key: String,
    pub(super) request: String,
}

/// A sign-up that a budget was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    /// Stands for the address that was given ([`AddressKey::root`](crate::keys::AddressKey::root)).
    pub(super) root: UserId,
    /// Unless its name was open, nothing was changed.
    pub(super) name: Claimed,
}

/// How many signed up on a day, when it was last looked at.
#[derive(Clone, Debug)]
pub(super) struct DayCount {
    day: String,
    count: u64,
    at: Timestamp,
}

impl App {
    pub(super) async fn sign_up(
        &self,
        submission: Submission,
        visitor: Visitor,
        claim: Option<&Claim>,
    ) -> Result<Granted<Received>, StoreError> {
        self.in_time("sign up", self.receive(submission, visitor, claim)).await
    }

    async fn receive(
        &self,
        submission: Submission,
        visitor: Visitor,
        claim: Option<&Claim>,
    ) -> Result<Granted<Received>, StoreError> {
        let now = self.ledger.clock.now();
        if self.received_today(now).await? >= u64::from(self.config.security.budgets.service_per_day) {
            return Ok(Granted::Full { retry_after: until_next_day(now) });
        }
        if let Some(refusal) = self.spend(&visitor, now).await? {
            return Ok(refusal);
        }
        let root = self.parts.address_key.root(&submission.email);
        let names = self.names(root);
        // Not before: whoever has no budget left leaves nothing in the table.
        if let Some(Claim { key, request }) = claim {
            let name = self.ledger.store.claim(key, request, now).await?;
            if name != Claimed::Open {
                return Ok(Granted::Yes(Received { root, name }));
            }
        }
        let entropy = &self.ledger.entropy;
        let request = Request {
            root,
            name: names.first,
            answers: Answers {
                email: submission.email.as_typed().to_owned(),
                fields: submission.fields,
                consent: submission.consent,
                language: visitor.language,
            },
            base_url: self.parts.base_url.clone(),
            draws: Draws { nonce: Nonce(entropy.bytes()), mail: MailId(entropy.bytes()) },
        };
        let receive = |found, now| User::receive(found, request.clone(), &self.rules, now);
        if let Receipt::TooMany { retry_after } = self.ledger.change("sign up", names, Reading::Lately, receive).await?
        {
            return Ok(Granted::TooMany { retry_after });
        }
        if let Some(claim) = claim {
            self.ledger.store.fulfil(&claim.key).await?;
        }
        Ok(Granted::Yes(Received { root, name: Claimed::Open }))
    }

    /// The user and the submission a token was made for, if this service made it.
    pub(super) fn read_token(&self, token: &str) -> Option<(UserId, Nonce)> {
        self.parts.token_key.check_confirm(token)
    }

    pub(super) async fn confirm(&self, token: &str) -> Result<ConfirmOutcome, StoreError> {
        let Some((id, nonce)) = self.read_token(token) else { return Ok(ConfirmOutcome::Unknown) };
        let confirm = |found: Option<User>, now| confirmed(found, &Proof::Link(nonce), now);
        self.in_time("confirm", self.ledger.change("confirm", id, Reading::Lately, confirm)).await
    }

    /// Confirms by the six digits, whoever has the address that a root stands for.
    pub(super) async fn confirm_by_code(
        &self,
        root: UserId,
        code: &str,
        visitor: &Visitor,
    ) -> Result<Granted<ConfirmOutcome>, StoreError> {
        let digits: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        let confirm = |found: Option<User>, now| {
            let id = found.as_ref().map_or(root, |user| user.id);
            confirmed(found, &Proof::Code(&|nonce| self.parts.token_key.check_code(id, nonce, &digits)), now)
        };
        let change = self.ledger.change("confirm", self.names(root), Reading::Now, confirm);
        self.after_sign_up("confirm", visitor, change).await
    }

    /// Sends the mail once more, if there is one to send and the last is not too recent.
    pub(super) async fn resend(&self, root: UserId, visitor: &Visitor) -> Result<Granted<()>, StoreError> {
        let mail = MailId(self.ledger.entropy.bytes());
        let resend = |found: Option<User>, now| (found.map(|user| user.resend(mail, now).0), ());
        let change = self.ledger.change("resend", self.names(root), Reading::Now, resend);
        self.after_sign_up("resend", visitor, change).await
    }

    /// Stops all mail to whom the token was made for. `false` when this service did not make it.
    pub(super) async fn unsubscribe(&self, token: &str) -> Result<bool, StoreError> {
        let Some(root) = self.parts.token_key.check_unsubscribe(token) else { return Ok(false) };
        // Whoever came back meanwhile, and is named by another key, is meant too.
        let names = self.names(root);
        let name = names.first;
        let unsubscribe = |found, now| (User::unsubscribe(found, name, now), ());
        self.in_time("unsubscribe", self.ledger.change("unsubscribe", names, Reading::Now, unsubscribe)).await?;
        Ok(true)
    }

    /// What an action comes to, or that the store is too busy for it. Whatever it had done by then stays done, and
    /// sending the same again is taken as the same.
    async fn in_time<T>(
        &self,
        operation: &'static str,
        action: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let patience = self.parts.patience;
        let late = |_| Err(StoreError::busy(operation, format!("it was not done after {patience:?}")));
        tokio::time::timeout(patience, action).await.unwrap_or_else(late)
    }

    /// What follows a sign-up, if the client has a budget left for it.
    async fn after_sign_up<T>(
        &self,
        operation: &'static str,
        visitor: &Visitor,
        action: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Granted<T>, StoreError> {
        let guarded = async {
            match self.spend_after(visitor).await? {
                Some(refusal) => Ok(refusal),
                None => action.await.map(Granted::Yes),
            }
        };
        self.in_time(operation, guarded).await
    }

    /// Spends one of the client's budget; the refusal when it is used up.
    async fn spend<T>(&self, visitor: &Visitor, now: Timestamp) -> Result<Option<Granted<T>>, StoreError> {
        let budgets = &self.config.security.budgets;
        let proven = visitor.proof.as_ref().map(|proof| Spending {
            key: proven_key(&visitor.client),
            // By the proof's own time, so that it meets its first use whenever it comes again.
            hour: hour(proof.expires_at),
            limit: budgets.ip_per_hour,
            once: Some(proof.name.clone()),
        });
        let unproven = Spending {
            key: format!("unproven#{}", visitor.client),
            hour: hour(now),
            limit: budgets.unproven_per_hour,
            once: None,
        };
        let mut spent = self.ledger.store.spend(proven.as_ref().unwrap_or(&unproven)).await?;
        if spent == Spent::Repeated {
            spent = self.ledger.store.spend(&unproven).await?;
        }
        Ok(refusal(spent, now))
    }

    /// Spends one of the client's budget for what follows a sign-up, the codes and the mails asked for again. It
    /// is apart from that of sign-ups, so that who has none of those left can still confirm; the person's own
    /// limits (tries of a code, time between mails) are the narrower ones.
    async fn spend_after<T>(&self, visitor: &Visitor) -> Result<Option<Granted<T>>, StoreError> {
        let now = self.ledger.clock.now();
        let spending = Spending {
            key: format!("after#{}", visitor.client),
            hour: hour(now),
            limit: self.config.security.budgets.ip_per_hour,
            once: None,
        };
        Ok(refusal(self.ledger.store.spend(&spending).await?, now))
    }

    /// How much of the day's ceiling is used up, 1.0 at the ceiling.
    pub(super) async fn load(&self, now: Timestamp) -> Result<f64, StoreError> {
        let received = u32::try_from(self.received_today(now).await?).unwrap_or(u32::MAX);
        Ok(f64::from(received) / f64::from(self.config.security.budgets.service_per_day))
    }

    /// How many signed up today.
    async fn received_today(&self, now: Timestamp) -> Result<u64, StoreError> {
        let today = day(now);
        let known = self.today.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.day == today && after(known.at, COUNT_AGE) > now) {
            return Ok(known.count);
        }
        let count = self.ledger.store.counters(today.get(..7)).await?.received_on(&today);
        let known = DayCount { day: today, count, at: now };
        *self.today.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(known);
        Ok(count)
    }

    /// What stands for an address, whether or not anybody signed up with it.
    pub(super) fn root(&self, address: &Address) -> UserId {
        self.parts.address_key.root(address)
    }

    /// Where whoever has the address may be kept.
    fn names(&self, root: UserId) -> Names {
        self.parts.address_key.names(root)
    }

    /// The keyed hash of the network a request comes from.
    pub(super) fn client(&self, address: Option<IpAddr>) -> String {
        address.map_or_else(|| "unknown".to_owned(), |address| self.parts.address_key.client(address))
    }
}

fn confirmed(found: Option<User>, proof: &Proof<'_>, now: Timestamp) -> (Option<User>, ConfirmOutcome) {
    found.map_or((None, ConfirmOutcome::Unknown), |user| user.confirm(proof, now))
}

fn refusal<T>(spent: Spent, now: Timestamp) -> Option<Granted<T>> {
    (spent != Spent::Done).then(|| Granted::TooMany { retry_after: until_next_hour(now) })
}

/// The budget of a client whose requests come with proofs of work.
pub(super) fn proven_key(client: &str) -> String {
    format!("ip#{client}")
}
