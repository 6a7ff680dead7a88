//! The mails: what they say, and the MIME message they become.
//!
//! Pure. A mail holds the service's words or the operator's, and links; nothing that a person typed goes into
//! one, since whoever filled the form need not be whoever reads the mailbox.

mod template;
mod wording;

use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Mailbox;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;

use crate::address::Address;
pub use crate::config::MailKind;
use crate::config::ServiceConfig;
use crate::user::MailId;
use crate::words::{Language, fill, find};
pub use template::placeholders;

/// What makes one mail differ from the others of its kind.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    pub id: MailId,
    pub kind: MailKind,
    pub to: &'a str,
    /// Where links lead, without a slash at the end.
    pub base_url: &'a str,
    /// Code of the language of whoever signed up; the default one when absent or no longer offered.
    pub language: Option<&'a str>,
    /// For the link of `Confirmation` and `Update`; `Welcome` has none.
    pub token: &'a str,
    /// Six digits; without them the mail offers the link alone.
    pub code: Option<&'a str>,
    /// The token for never being mailed again; without it the mail offers no such link.
    pub unsubscribe: Option<&'a str>,
    /// When link and code stop working; as configured, counted from now, when absent.
    pub expires_at: Option<Timestamp>,
}

/// A mail ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub id: MailId,
    /// The sender's bare address.
    pub from: String,
    pub from_name: String,
    pub reply_to: Option<String>,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Where a mail program asks, in one click, that no more mail be sent (RFC 8058).
    pub unsubscribe: Option<String>,
    pub at: Timestamp,
}

/// Subject and both parts.
struct Content {
    subject: String,
    text: String,
    html: String,
}

/// What a mail may mention, made ready for whoever words it.
struct Facts<'a> {
    language: &'a Language,
    brand: String,
    service: &'a str,
    link: String,
    /// In two groups, `123 456`.
    code: Option<String>,
    /// What is left of the link, in the language's words.
    expires: String,
    unsubscribe: Option<String>,
}

/// The mail for a letter: in the operator's wording where there is one in the letter's language, or in ours.
pub fn compose(config: &ServiceConfig, letter: &Letter<'_>, now: Timestamp) -> Mail {
    let language = letter.language.and_then(|code| find(&config.languages, code));
    let language = language.unwrap_or_else(|| config.default_language());
    let left = letter.expires_at.map(|until| until.as_second() - now.as_second());
    let left = left.map_or(config.confirmation.expires.seconds, |left| u32::try_from(left).unwrap_or(0));
    let facts = Facts {
        language,
        brand: config.brand(),
        service: &config.service,
        link: format!("{}/confirm?t={}{marks}", letter.base_url, letter.token, marks = marks(config, letter, language)),
        code: letter.code.map(grouped),
        expires: remaining(left, language),
        unsubscribe: letter.unsubscribe.map(|token| format!("{}/unsubscribe?t={token}", letter.base_url)),
    };
    let own = |it: &&crate::config::MailTemplate| it.kind == letter.kind && it.language == language.code;
    let ours = wording::content(config, letter.kind, &facts);
    let content = match config.email.templates.iter().find(own) {
        Some(template) => template::content(config, template, &facts, ours),
        None => ours,
    };
    let bare = |address: &String| Address::parse(address).map_or_else(|_| address.clone(), |it| it.mailable());
    Mail {
        id: letter.id,
        from: bare(&config.email.from),
        from_name: config.email.from_name.clone().unwrap_or(facts.brand),
        reply_to: config.email.reply_to.as_ref().map(bare),
        to: letter.to.to_owned(),
        subject: content.subject,
        text: content.text,
        html: content.html,
        unsubscribe: facts.unsubscribe,
        at: now,
    }
}

/// What the page behind a link need not ask: that it is about later answers, and the mail's language.
fn marks(config: &ServiceConfig, letter: &Letter<'_>, language: &Language) -> String {
    let update = if letter.kind == MailKind::Update { "&update=1" } else { "" };
    match language.code == config.default_language().code {
        true => update.to_owned(),
        false => format!("{update}&lang={}", language.code),
    }
}

/// A code as people read it: in two groups.
fn grouped(code: &str) -> String {
    match code.split_at_checked(3) {
        Some((first, second)) if code.len() == 6 => format!("{first} {second}"),
        _ => code.to_owned(),
    }
}

/// What is left of a time, in whole units: `24 hours`, `7 days`, `45 min`.
///
/// The minute that a mail takes on its way through the service is forgiven, so that a link which lives for
/// 24 hours is not announced as living for 23; otherwise it never promises more than there is.
fn remaining(seconds: u32, language: &Language) -> String {
    let words = &language.words.mail;
    let minutes = seconds.saturating_add(59) / 60;
    // Up to two days people count in hours, and up to two hours in minutes: no count of hours or days is 1,
    // and no language needs a word for it.
    let (count, unit) = match minutes {
        minutes if minutes > 2 * 24 * 60 => (minutes / (24 * 60), &words.days),
        minutes if minutes >= 2 * 60 => (minutes / 60, &words.hours),
        minutes => (minutes, &words.minutes),
    };
    fill(unit, &[("count", &count.to_string())])
}

impl Mail {
    /// The message as it goes over the wire: multipart/alternative, text first.
    pub fn mime(&self) -> Vec<u8> {
        let domain = self.from.rsplit('@').next().unwrap_or("localhost");
        let mut message = MessageBuilder::new()
            .from(Mailbox::new_address(Some(self.from_name.as_str()), self.from.as_str()))
            .to(self.to.as_str())
            .subject(self.subject.as_str())
            .date(Date::new(self.at.as_second()))
            .message_id(format!("{}@{domain}", self.id))
            // No vacation notice shall answer.
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(self.text.as_str())
            .html_body(self.html.as_str());
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(reply_to.as_str());
        }
        if let Some(link) = &self.unsubscribe {
            message = message
                .header("List-Unsubscribe", Raw::new(format!("<{link}>")))
                .header("List-Unsubscribe-Post", Raw::new("List-Unsubscribe=One-Click"));
        }
        message.write_to_vec().expect("writing into memory does not fail")
    }
}

#[cfg(test)]
mod tests;
