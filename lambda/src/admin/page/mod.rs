//! The pages an admin sees: server-rendered HTML that needs no script, in English only.
//!
//! Pure: views in, text out. Each page is a function of the [`Site`](crate::page::Site) at the page's path
//! (`Site::at`), of the [`Account`] that is signed in, and of one view that says what is shown. Every link and form
//! action is relative, since the service may live below a path. Nothing here decides who may see or do what; a viewer
//! is only not offered what the routes would refuse. Values are escaped by the templates.

mod audit;
mod browser;
mod chart;
mod columns;
mod dashboard;
mod erase;
mod export;
mod filter;
mod frame;
mod input;
mod message;
mod mistake;
mod number;
mod password;
mod prove;
mod security;
mod set_up;
mod sign_in;
mod time;
mod timeline;
mod user;
mod users;
mod value;

pub use audit::{Audit, AuditEntry, Subject, audit};
pub use chart::Range;
pub use columns::Columns;
pub use dashboard::{Dashboard, MailHealth, Quota, dashboard};
pub use erase::{Erase, erase};
pub use export::{Export, ExportPart, export};
pub use filter::{By, Search};
pub use frame::Account;
pub use message::{busy, failed, not_allowed, not_found, refused, too_many, too_old};
pub use mistake::Mistake;
pub use password::{ChangePassword, change_password};
pub use prove::{Prove, prove};
pub use security::{AdminRow, Security, SecurityNotice, SessionRow, SetUpLink, security};
pub use set_up::{Authenticator, SetUp, recovery_codes, set_up, set_up_app, set_up_expired, set_up_password};
pub use sign_in::{SignIn, SignInNotice, sign_in};
pub use user::{UserNotice, UserView, user};
pub use users::{Users, users};

/// The style sheet of the admin's pages, which is loaded after that of all pages and uses its colours. It holds
/// nothing of the operator's, and is served as `admin.css` beside `style.css`.
pub const STYLESHEET: &str = include_str!("../../../templates/admin.css");

fn render(page: &impl askama::Template) -> String {
    page.render().expect("a template renders into memory without fail")
}

#[cfg(test)]
mod tests;
