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
    let brand = config.brand();
    match mail.kind {
        MailKind::Confirmation => {
            let link = format!("{}/confirm?t={}", mail.base_url, key.issue(Purpose::Confirm, mail.user));
            let left = mail.expires_at.map(|until| until.as_second() - now.as_second());
            let left = left.map_or(config.confirmation.expires.seconds, |left| u32::try_from(left).unwrap_or(0));
            let works = remaining(left);
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
                    config.success_message().to_owned(),
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
    let brand = config.brand();
    let accent = Accent::new(config.branding.color.as_deref());
    let html = Html {
        brand: &brand,
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
        from_name: config.email.from_name.clone().unwrap_or(brand),
        reply_to: config.email.reply_to.as_ref().map(bare),
        to: mail.to.clone(),
        subject: words.subject,
        text: text.join("\n\n") + "\n",
        html,
        at: now,
    }
}

/// What is left of a time, in words and in whole units: `24 hours`, `7 days`, `45 minutes`.
///
/// The minute that a mail takes on its way through the service is forgiven, so that a link which lives for
/// 24 hours is not announced as living for 23; otherwise it never promises more than there is.
fn remaining(seconds: u32) -> String {
    let minutes = seconds.saturating_add(59) / 60;
    // Up to two days people count in hours, and up to two hours in minutes, unless the hour is full.
    let (count, name) = match minutes {
        minutes if minutes > 2 * 24 * 60 => (minutes / (24 * 60), "day"),
        minutes if minutes >= 2 * 60 || minutes == 60 => (minutes / 60, "hour"),
        minutes => (minutes, "minute"),
    };
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

    fn leased(kind: MailKind) -> LeasedMail {
        LeasedMail {
            id: MailId([1; 16]),
            user: UserId([2; 16]),
            kind,
            to: "ada@example.com".into(),
            base_url: "https://join.example.com".into(),
            attempts: 1,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: Some(crate::clock::after(Timestamp::UNIX_EPOCH, 86_400)),
            unanswered: 0,
            lease: Timestamp::UNIX_EPOCH,
        }
    }

    fn mail(kind: MailKind) -> Mail {
        let config: ServiceConfig =
            serde_json::from_str(include_str!("../tests/every_field.json")).expect("a configuration");
        compose(&config, &TokenKey(Key::new([7; 32])), &leased(kind), Timestamp::UNIX_EPOCH)
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
    fn what_is_left_is_in_words() {
        let words: Vec<String> =
            [86_400, 86_391, 86_341, 86_340, 604_795, 172_800, 3_600, 5_400, 11_000, 61].map(remaining).into();
        let expected = [
            "24 hours",
            "24 hours",
            "24 hours",
            "23 hours",
            "7 days",
            "48 hours",
            "1 hour",
            "90 minutes",
            "3 hours",
            "2 minutes",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_late_mail_says_what_is_left_of_its_link() {
        let config: ServiceConfig =
            serde_json::from_str(include_str!("../tests/every_field.json")).expect("a configuration");
        let leased = leased(MailKind::Confirmation);
        let late = crate::clock::after(Timestamp::UNIX_EPOCH, 86_400 - 1_800);
        let mail = compose(&config, &TokenKey(Key::new([7; 32])), &leased, late);
        assert!(mail.text.contains("The link works for 30 minutes."), "{}", mail.text);
    }
}
