//! Adding, changing and removing admins: by an operator with `signupctl`, or by an owner on the page.
//!
//! On the page an owner stays: whatever would leave none who can sign in is refused, also when two owners do it to each
//! other at once, since each change holds only while another owner, its witness, is as it was.

use jiff::Timestamp;

use super::account::Admin;
use super::admins::{Actor, Admins, TRIES};
use super::audit::{Action, Whom};
use super::role::{Denied, Right, Role};
use super::{AdminId, Setup};
use crate::address::Address;
use crate::store::{Saved, StoreError};

const CHANGE: &str = "change an admin";

/// A set-up link for its admin: the token, and until when it works.
#[derive(Clone, PartialEq, Eq)]
pub struct SetUpLink {
    pub token: String,
    pub expires_at: Timestamp,
}

impl SetUpLink {
    /// The link itself, below the address of the admins' pages, such as `https://join.example.com/admin`. The token is its
    /// fragment, which no browser sends.
    pub fn url(&self, admin: &str) -> String {
        format!("{admin}/set-up#{}", self.token)
    }
}

/// Without the token.
impl std::fmt::Debug for SetUpLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetUpLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What came of adding an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invited {
    Link(SetUpLink),
    /// There is one with this address; a reset makes a new link.
    Known,
    Denied(Denied),
}

/// What came of changing an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Managed<T = ()> {
    Done(T),
    /// There is none with this address.
    Unknown,
    /// No owner who can sign in would be left.
    LastOwner,
    Denied(Denied),
}

/// What an admin is to become.
enum Next {
    Reset(Setup),
    Role(Role),
    Removed,
}

impl Admins {
    /// All admins, by address.
    pub async fn list(&self) -> Result<Vec<Admin>, StoreError> {
        self.store.list_admins().await
    }

    /// Whose an address is.
    pub fn id(&self, address: &Address) -> AdminId {
        self.key.admin(address)
    }

    /// Adds an admin, who gets a link that works once and for an hour.
    pub async fn invite(&self, by: &Actor<'_>, address: &Address, role: Role) -> Result<Invited, StoreError> {
        let now = self.clock.now();
        if let Err(denied) = by.may(Right::Administer, now) {
            return Ok(Invited::Denied(denied));
        }
        let id = self.id(address);
        let (token, setup) = self.link(id);
        let link = SetUpLink { token: token.to_string(), expires_at: setup.expires_at };
        let admin = Admin::invited(id, address.as_typed(), role, by.name(), setup, now);
        if self.store.load_admin(id).await?.is_some() {
            return Ok(Invited::Known);
        }
        self.record(by, Action::AdminAdded { role }, Some(Whom::Admin(&admin))).await?;
        Ok(match self.store.save_admin(&admin, None, None).await? {
            Saved::Done => Invited::Link(link),
            Saved::Changed => Invited::Known,
        })
    }

    /// Ends an admin's password, app, recovery codes and sessions at once, and makes a link to set them up anew.
    pub async fn reset(&self, by: &Actor<'_>, id: AdminId) -> Result<Managed<SetUpLink>, StoreError> {
        let (token, setup) = self.link(id);
        let link = SetUpLink { token: token.to_string(), expires_at: setup.expires_at };
        Ok(match self.manage(by, id, &Next::Reset(setup), Action::PasswordReset).await? {
            Managed::Done(()) => Managed::Done(link),
            Managed::Unknown => Managed::Unknown,
            Managed::LastOwner => Managed::LastOwner,
            Managed::Denied(denied) => Managed::Denied(denied),
        })
    }

    /// Removes an admin; the sessions end with it.
    pub async fn remove(&self, by: &Actor<'_>, id: AdminId) -> Result<Managed, StoreError> {
        self.manage(by, id, &Next::Removed, Action::AdminRemoved).await
    }

    pub async fn change_role(&self, by: &Actor<'_>, id: AdminId, role: Role) -> Result<Managed, StoreError> {
        self.manage(by, id, &Next::Role(role), Action::RoleChanged { role }).await
    }

    async fn manage(&self, by: &Actor<'_>, id: AdminId, next: &Next, action: Action) -> Result<Managed, StoreError> {
        let mut is_recorded = false;
        for tried in 0..TRIES {
            if let Err(denied) = by.may(Right::Administer, self.clock.now()) {
                return Ok(Managed::Denied(denied));
            }
            let Some(admin) = self.store.load_admin(id).await? else { return Ok(Managed::Unknown) };
            let witness = match by {
                Actor::Operator(_) => None,
                Actor::Admin(signed_in, _) => match self.witness(&signed_in.admin, &admin, next).await? {
                    Ok(witness) => Some(witness),
                    Err(refusal) => return Ok(refusal),
                },
            };
            if matches!(next, Next::Role(role) if *role == admin.role) {
                return Ok(Managed::Done(()));
            }
            if !is_recorded {
                self.record(by, action.clone(), Some(Whom::Admin(&admin))).await?;
                is_recorded = true;
            }
            let saved = match next {
                Next::Removed => self.store.delete_admin(&admin, witness.as_ref()).await?,
                Next::Reset(setup) => {
                    self.replace(&admin, admin.clone().reset(setup.clone()), witness.as_ref()).await?
                }
                Next::Role(role) => self.replace(&admin, admin.clone().with_role(*role), witness.as_ref()).await?,
            };
            if saved == Saved::Changed {
                self.pause(tried).await;
                continue;
            }
            if !matches!(next, Next::Role(_)) {
                self.end_sessions(id, None).await?;
            }
            return Ok(Managed::Done(()));
        }
        Err(StoreError::busy(CHANGE, "the admins kept changing"))
    }

    async fn replace(&self, admin: &Admin, next: Admin, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        self.store.save_admin(&next, Some(admin.version), witness).await
    }

    /// The owner for whose sake a change may be made: whoever makes it, or another one when it is their own.
    async fn witness(&self, by: &Admin, subject: &Admin, next: &Next) -> Result<Result<Admin, Managed>, StoreError> {
        let is_owner = |admin: &Admin| admin.role == Role::Owner && admin.is_set_up();
        if by.id != subject.id {
            let by = self.store.load_admin(by.id).await?.filter(is_owner);
            return Ok(by.ok_or(Managed::Denied(Denied::Role)));
        }
        if matches!(next, Next::Role(Role::Owner)) {
            return Ok(Err(Managed::Done(())));
        }
        let admins = self.store.list_admins().await?;
        let other = admins.into_iter().find(|admin| admin.id != subject.id && is_owner(admin));
        Ok(other.ok_or(Managed::LastOwner))
    }
}
