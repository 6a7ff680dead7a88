//! Admins: who may look at users, how they prove it, and what they did.
//!
//! ```text
//! signupctl admin add -> Admins::invite -> link -> set_up_password -> set_up_code -> session
//! sign-in page -> Admins::sign_in -> attempts counted -> password and code -> Admin changed -> session -> audit log
//! any other page -> Admins::authenticate -> SignedIn::may(Right) -> Admins::record -> audit log, journal
//! ```
//!
//! What an admin is and every change of one is pure ([`Admin`], [`Session`], [`Attempts`]); [`Admins`] puts them together
//! with an [`AdminStore`], a clock and random bits. No default account exists, no password is in a command, and the
//! table holds nothing with which anybody could sign in. HTML is made in [`page`] alone, and HTTP is not known here.

mod account;
mod admins;
mod attempts;
mod audit;
mod base32;
mod code;
mod common;
mod manage;
mod notice;
pub mod page;
mod password;
pub mod qr;
mod role;
mod secure;
mod session;
mod set_up;
mod sign_in;
mod store;
mod token;
mod totp;

pub use account::{Admin, Credentials, Enrolment, Place, SETUP, Setup};
pub use admins::{Actor, AdminError, Admins, Visit};
pub use attempts::{Attempts, LONGEST_DELAY, MEMORY};
pub use audit::{Action, Cause, Entry, EntryPage, KEPT, ListEntries, Start, Whom};
pub use code::{Code, RECOVERY_CODES};
pub use manage::{Invited, Managed, SetUpLink};
pub use password::{HashError, MAX_LENGTH, MIN_LENGTH, Password, WeakPassword};
pub use role::{Denied, Right, Role};
pub use secure::{PasswordChanged, RecoveryCodes};
pub use session::{ABSOLUTE, COOKIE, IDLE, PROOF, Session};
pub use set_up::{Enrol, SetUp, SetUpCode, SetUpPassword};
pub use sign_in::{DEVICE_COOKIE, Proved, SignIn, SignInForm, SignedIn, Welcome};
pub use store::{AdminStore, Counted};
pub use token::TokenHash;

pub use crate::user::AdminId;

#[cfg(test)]
mod tests;
