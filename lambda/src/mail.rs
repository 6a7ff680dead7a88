//! The mails: what they say, and the MIME message they become.
//!
//! Pure. A mail holds the operator's words and a link; nothing that a person typed goes into one, since
//! whoever filled the form need not be whoever reads the mailbox.

use askama::Template;
use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Mailbox;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;

use crate::address::Address;
use crate::config::ServiceConfig;
use crate::page::Accent;
use crate::sign_up::MailId;
use crate::store::{LeasedMail, MailKind};
use crate::token::{Purpose, TokenKey};

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
    pub at: Timestamp,
}

#[derive(Template)]
#[template(path = "mail.html", whitespace = "minimize")]
struct Html<'a> {
    brand: &'a str,
    color: String,
    on: String,
    subject: &'a str,
    paragraphs: &'a [String],
    /// Label and target of the button.
    button: Option<(&'a str, &'a str)>,
    closing: &'a str,
}

/// The mail of an outbox item.
pub fn compose(config: &ServiceConfig, key: &TokenKey, mail: &LeasedMail, now: Timestamp) -> Mail {
    let brand = config.branding.name.as_deref().unwrap_or(&config.form.title);
    match mail.kind {
        MailKind::Confirmation => {
            let link = format!("{}/confirm?t={}", mail.base_url, key.issue(Purpose::Confirm, mail.user));
            let works = length(config.confirmation.expires.seconds);
            build(
                config,
                mail,
                now,
                Words {
                    subject: format!("Confirm your address for {brand}"),
                    paragraphs: vec![
                        format!("Someone, most likely you, signed up for {brand} with this address."),
                        "Confirm that it is yours to complete the sign-up.".to_owned(),
                    ],
                    button: Some(("Confirm my address", &link)),
                    closing: format!(
                        "The link works for {works}. If it was not you, ignore this message: without your confirmation nothing happens."
                    ),
                },
            )
        }
        MailKind::Welcome => build(
            config,
            mail,
            now,
            Words {
                subject: format!("Welcome to {brand}"),
                paragraphs: vec![
                    format!("This address was just signed up for {brand}."),
                    // The operator's words, which the page showed too.
                    config.form.success.message.clone(),
                ],
                button: None,
                closing: "If it was not you, answer this message to let us know.".to_owned(),
            },
        ),
    }
}

struct Words<'a> {
    subject: String,
    paragraphs: Vec<String>,
    button: Option<(&'a str, &'a str)>,
    closing: String,
}

fn build(config: &ServiceConfig, mail: &LeasedMail, now: Timestamp, words: Words<'_>) -> Mail {
    let brand = config.branding.name.as_deref().unwrap_or(&config.form.title);
    let accent = Accent::new(config.branding.color.as_deref());
    let html = Html {
        brand,
        color: accent.color(),
        on: accent.on(),
        subject: &words.subject,
        paragraphs: &words.paragraphs,
        button: words.button,
        closing: &words.closing,
    };
    let html = html.render().expect("a template renders into memory without fail");
    let mut text: Vec<String> = words.paragraphs.clone();
    text.extend(words.button.map(|(label, link)| format!("{label}:\n{link}")));
    text.extend([words.closing, format!("-- \n{brand}")]);
    let bare = |address: &String| Address::parse(address).map_or_else(|_| address.clone(), |it| it.mailable());
    Mail {
        id: mail.id,
        from: bare(&config.email.from),
        from_name: config.email.from_name.clone().unwrap_or_else(|| brand.to_owned()),
        reply_to: config.email.reply_to.as_ref().map(bare),
        to: mail.to.clone(),
        subject: words.subject,
        text: text.join("\n\n") + "\n",
        html,
        at: now,
    }
}

/// A length of time in words: `24 hours`, `7 days`.
fn length(seconds: u32) -> String {
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    // Up to two days people count in hours.
    let fits = |(name, unit): &(&str, u32)| seconds.is_multiple_of(*unit) && (*name != "day" || seconds > 2 * unit);
    let (name, unit) = units.into_iter().find(fits).unwrap_or(("second", 1));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
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
        message.write_to_vec().expect("writing into memory does not fail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Key;
    use crate::sign_up::UserId;

    fn mail(kind: MailKind) -> Mail {
        let config: ServiceConfig =
            serde_json::from_str(include_str!("../tests/every_field.json")).expect("a configuration");
        let leased = LeasedMail {
            id: MailId([1; 16]),
            user: UserId([2; 16]),
            kind,
            to: "ada@example.com".into(),
            base_url: "https://join.example.com".into(),
            attempts: 1,
            created_at: Timestamp::UNIX_EPOCH,
            lease: Timestamp::UNIX_EPOCH,
        };
        compose(&config, &TokenKey(Key::new([7; 32])), &leased, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_confirmation_reads_as_before() {
        insta::assert_snapshot!(mail(MailKind::Confirmation).text);
        insta::assert_snapshot!(mail(MailKind::Confirmation).html);
    }

    #[test]
    fn both_parts_hold_the_link_and_the_headers_are_whole() {
        let mail = mail(MailKind::Confirmation);
        let link = "https://join.example.com/confirm?t=AgICAgICAgICAgICAgICA";
        assert!(mail.text.contains(link) && mail.html.contains(link));
        let mime = String::from_utf8(mail.mime()).expect("ASCII");
        assert!(mime.contains("From: \"Example\" <hello@example.com>\r\n"), "{mime}");
        assert!(mime.contains("To: <ada@example.com>\r\n"));
        assert!(mime.contains("multipart/alternative"));
    }

    #[test]
    fn a_welcome_has_no_link() {
        assert!(!mail(MailKind::Welcome).text.contains("http"));
    }

    #[test]
    fn a_length_of_time_is_in_words() {
        let words: Vec<String> = [86_400, 604_800, 172_800, 3_600, 5_400, 61].map(length).into();
        assert_eq!(words, ["24 hours", "7 days", "48 hours", "1 hour", "90 minutes", "61 seconds"]);
    }
}
