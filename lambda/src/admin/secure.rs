//! What admins do for their own safety: look at their sessions and end them, change the password, make recovery codes.

use std::time::Duration;

use super::account::Admin;
use super::admins::{AdminError, Admins, Visit};
use super::attempts::Scope;
use super::audit::Action;
use super::code::draw_recovery;
use super::password::{Password, WeakPassword};
use super::role::{Denied, Right};
use super::session::Session;
use super::sign_in::{SignedIn, Welcome};
use super::token::TokenHash;
use super::{Actor, AdminId};
use crate::store::StoreError;

const PASSWORD: &str = "change a password";
const RECOVERY: &str = "make recovery codes";

/// What came of changing the password.
#[derive(Debug)]
pub enum PasswordChanged {
    /// All other sessions are over, and this one goes on under new cookies.
    Done(Box<Welcome>),
    /// Nothing was changed, for one of two reasons or for both.
    Mistaken {
        /// The current password is another one.
        is_wrong: bool,
        /// The new one is none.
        weak: Option<WeakPassword>,
    },
    /// Nothing was looked at.
    TooMany {
        retry_after: Duration,
    },
    Denied(Denied),
}

/// What came of making recovery codes.
#[derive(Clone, PartialEq, Eq)]
pub enum RecoveryCodes {
    /// Shown now and never again; those from before are worth nothing, and all other sessions are over.
    Made(Vec<String>),
    Denied(Denied),
}

/// Without the codes.
impl std::fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Made(_) => f.write_str("Made(..)"),
            Self::Denied(denied) => f.debug_tuple("Denied").field(denied).finish(),
        }
    }
}

impl Admins {
    /// The open sessions of this admin, last used first.
    pub async fn sessions(&self, signed_in: &SignedIn) -> Result<Vec<Session>, StoreError> {
        let now = self.clock.now();
        let mut sessions = self.store.list_sessions(signed_in.admin.id).await?;
        sessions.retain(|session| session.is_open(&signed_in.admin, now));
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seen_at));
        Ok(sessions)
    }

    /// Ends one of the sessions of an admin who has proven themselves a moment ago. Safe to repeat.
    pub async fn revoke(
        &self,
        signed_in: &SignedIn,
        hash: TokenHash,
        visit: &Visit,
    ) -> Result<Result<(), Denied>, StoreError> {
        if let Err(denied) = signed_in.may(Right::Secure, self.clock.now()) {
            return Ok(Err(denied));
        }
        self.record(&Actor::Admin(signed_in, visit), Action::SessionRevoked, None).await?;
        self.store.delete_session(signed_in.admin.id, hash).await?;
        Ok(Ok(()))
    }

    /// Ends all of them but this one.
    pub async fn revoke_others(&self, signed_in: &SignedIn, visit: &Visit) -> Result<Result<(), Denied>, StoreError> {
        if let Err(denied) = signed_in.may(Right::Secure, self.clock.now()) {
            return Ok(Err(denied));
        }
        self.record(&Actor::Admin(signed_in, visit), Action::OtherSessionsRevoked, None).await?;
        self.end_sessions(signed_in.admin.id, Some(signed_in.session.hash)).await?;
        Ok(Ok(()))
    }

    /// Changes the password of an admin who has proven themselves a moment ago and gives the current one once more.
    /// Wrong ones are counted for the session, together with those of `prove_again`.
    pub async fn change_password(
        &self,
        signed_in: &SignedIn,
        current: &str,
        typed: &str,
        visit: &Visit,
    ) -> Result<PasswordChanged, AdminError> {
        if let Err(denied) = signed_in.may(Right::Secure, self.clock.now()) {
            return Ok(PasswordChanged::Denied(denied));
        }
        let scopes = [Scope::Session(signed_in.session.hash)];
        if let Some(retry_after) = self.count(&scopes).await? {
            return Ok(PasswordChanged::TooMany { retry_after });
        }
        let known = signed_in.admin.password_hash().map(str::to_owned);
        let is_wrong = !self.verify(current, known.clone()).await?;
        if is_wrong {
            self.refused(Some((signed_in.admin.id, &signed_in.admin.email)), visit).await?;
        } else {
            self.take_back(&scopes).await?;
        }
        let password = Password::new(typed);
        let weak = password.check(&self.names(&signed_in.admin)).err();
        if is_wrong || weak.is_some() {
            return Ok(PasswordChanged::Mistaken { is_wrong, weak });
        }
        let hash = self.hash(password).await?;
        // The current password was good for the hash that was checked, and for no later one.
        let change = |admin: Admin, now| {
            let same = admin.password_hash() == known.as_deref();
            same.then(|| admin.with_password(hash.clone(), now)).flatten()
        };
        self.record(&Actor::Admin(signed_in, visit), Action::PasswordChanged, None).await?;
        let Some(admin) = self.change_own(PASSWORD, signed_in, change).await? else {
            return Ok(PasswordChanged::Denied(Denied::ProveAgain));
        };
        self.end_sessions(admin.id, None).await?;
        Ok(PasswordChanged::Done(Box::new(self.open_session(admin, visit, self.clock.now()).await?)))
    }

    /// Makes new recovery codes for an admin who has proven themselves a moment ago, and ends all other sessions.
    pub async fn new_recovery_codes(&self, signed_in: &SignedIn, visit: &Visit) -> Result<RecoveryCodes, StoreError> {
        if let Err(denied) = signed_in.may(Right::Secure, self.clock.now()) {
            return Ok(RecoveryCodes::Denied(denied));
        }
        let codes = draw_recovery(&*self.entropy);
        let hashes = self.recovery_hashes(signed_in.admin.id, &codes);
        let change = |admin: Admin, _| admin.with_recovery(hashes.clone(), signed_in.session.hash);
        self.record(&Actor::Admin(signed_in, visit), Action::RecoveryCodesMade, None).await?;
        if self.change_own(RECOVERY, signed_in, change).await?.is_none() {
            return Ok(RecoveryCodes::Denied(Denied::ProveAgain));
        }
        // The others are over by that, and codes that count are shown whatever becomes of this.
        if let Err(error) = self.end_sessions(signed_in.admin.id, Some(signed_in.session.hash)).await {
            error.log();
        }
        Ok(RecoveryCodes::Made(codes))
    }

    /// Changes the admin who is signed in, unless the session has ended meanwhile by a reset or another change.
    async fn change_own(
        &self,
        operation: &'static str,
        signed_in: &SignedIn,
        change: impl Fn(Admin, jiff::Timestamp) -> Option<Admin>,
    ) -> Result<Option<Admin>, StoreError> {
        let id = signed_in.admin.id;
        let decide = |found: Option<Admin>, now| {
            let open = found.filter(|admin| signed_in.session.is_open(admin, now));
            let next = open.and_then(|admin| change(admin, now));
            (next.clone(), next)
        };
        self.change(operation, id, self.store.load_admin(id).await?, decide).await
    }

    pub(super) async fn end_sessions(&self, admin: AdminId, except: Option<TokenHash>) -> Result<(), StoreError> {
        for session in self.store.list_sessions(admin).await? {
            if Some(session.hash) != except {
                self.store.delete_session(admin, session.hash).await?;
            }
        }
        Ok(())
    }
}
