//! The pages a person sees: server-rendered HTML that needs no script.
//!
//! Pure. Every link and form action is relative, since the service may live below a path. Values are
//! escaped by the templates; no page is ever built from text by hand, and no sentence stands in one: all come
//! from the words of the page's language.

mod confirm;
mod field;
mod form;
mod message;
mod sent;
mod site;
mod style;

pub(crate) use field::label as choice_label;

pub use confirm::{confirm, replace, unsubscribe};
pub use form::{Hidden, Notice, form};
pub use message::{Refusal, busy, expired, failed, not_found, refused, unknown_link, unsubscribed, welcome};
pub use sent::{Sent, SentProblem, sent};
pub use site::Site;
pub use style::{Accent, icon, stylesheet};

fn render(page: &impl askama::Template) -> String {
    page.render().expect("a template renders into memory without fail")
}

#[cfg(test)]
mod tests;
