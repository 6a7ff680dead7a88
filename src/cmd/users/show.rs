//! `users show`: everything that is kept of one user, for the operator and for whoever asks what is kept of them.
//!
//! What makes a link is left out: it is worthless without the service's key, and nobody's to read with it.

use jiff::Timestamp;
use serde_json::{Value, json};
use signup_service::clock::{Clock, System, rfc3339};
use signup_service::config::Form;
use signup_service::user::{Answers, CODE_TRIES, End, EndedBy, FieldValue, Link, Mail, State, User};

use super::{Book, Context, Who, count};
use crate::error::{Exit, Outcome};
use signup_service::export::Row;

pub async fn run(context: &Context, user: &str) -> Outcome<Exit> {
    let who = Who::parse(user)?;
    let book = Book::open(context).await?;
    let user = book.find(&who).await?.ok_or_else(|| who.not_found(context))?;
    let now = System.now();
    context.output.text(text(&user, &book.spec.form, now));
    context.output.object(&object(&user, now));
    Ok(Exit::Done)
}

/// As the list shows the user, and what else is kept.
fn object(user: &User, now: Timestamp) -> Value {
    let mut all = json!(Row::of(user));
    let waiting = user.waiting.as_ref().map(|waiting| {
        let mut all = json!(waiting.answers);
        all["link"] = link(&waiting.link);
        all["keep_until"] = json!(rfc3339(waiting.keep_until));
        all
    });
    all["keep_until"] = json!(user.keep_until.map(rfc3339));
    all["forgotten"] = json!(user.is_forgotten(now));
    all["link"] = json!(user.link.as_ref().map(link));
    all["waiting"] = json!(waiting);
    all["mail"] = json!(user.mail.as_ref().map(mail));
    all["mailed_at"] = json!(user.mailed_at.map(rfc3339));
    all["counted"] = json!(user.counted);
    all
}

fn link(link: &Link) -> Value {
    json!({ "expires_at": rfc3339(link.expires_at), "mailed": link.out, "wrong_codes": link.tries })
}

fn mail(mail: &Mail) -> Value {
    let (status, reason) = match &mail.end {
        None => ("waiting", None),
        Some(End::Sent) => ("sent", None),
        Some(End::Dead(reason)) => ("given_up", Some(reason)),
    };
    json!({
        "kind": mail.kind.name(), "status": status, "reason": reason, "since": rfc3339(mail.since),
        "due_at": rfc3339(mail.due_at), "attempts": mail.attempts, "unanswered": mail.unanswered,
    })
}

type Lines = Vec<(String, String)>;

fn text(user: &User, form: &Form, now: Timestamp) -> String {
    let line = |name: &str, value: String| (name.to_owned(), value);
    let at = |name: &str, at: Option<Timestamp>| at.map(|at| line(name, readable(at)));
    let mut about = vec![line("id", user.id.to_string()), line("state", user.state.name().to_owned())];
    about.extend(at("signed up", Some(user.created_at)));
    about.extend(at("confirmed", user.confirmed_at));
    about.extend(at("ended", user.ended_at));
    if user.state == State::Suppressed {
        about.push(line("mail", format!("{}, gets no mail any more", why(user))));
    }
    if let Some(until) = user.keep_until {
        let gone = if user.is_forgotten(now) { ": counts as gone, and the table deletes it within days" } else { "" };
        about.push(line("kept until", format!("{}{gone}", readable(until))));
    }
    let email = plain(&user.answers.email);
    let mut sections = vec![(if email.is_empty() { "no address is kept".into() } else { email }, about)];
    sections.push(("answers".into(), answers(&user.answers, form)));
    sections.push(("link".into(), user.link.as_ref().map(|link| link_lines(link, now)).unwrap_or_default()));
    if let Some(waiting) = &user.waiting {
        let mut lines = vec![line("email", plain(&waiting.answers.email))];
        lines.extend(answers(&waiting.answers, form));
        lines.extend(link_lines(&waiting.link, now));
        lines.push(line("kept until", readable(waiting.keep_until)));
        sections.push(("new answers that wait for confirmation".into(), lines));
    }
    let mut mail = user.mail.as_ref().map(|mail| mail_lines(mail, now)).unwrap_or_default();
    mail.extend(at("last mailed", user.mailed_at));
    sections.push(("mail".into(), mail));
    let shown = sections.into_iter().filter(|(_, lines)| !lines.is_empty());
    shown.map(|(title, lines)| section(&title, lines)).collect::<Vec<_>>().join("\n\n")
}

/// The answers by the form's labels, in its order; then what the form no longer asks for, by name.
fn answers(answers: &Answers, form: &Form) -> Lines {
    let declared = form.fields.iter().filter_map(|field| Some((field.label(), answers.fields.get(&field.name)?)));
    let is_declared = |name: &String| form.fields.iter().any(|field| field.name == *name);
    let others = answers.fields.iter().filter(|(name, _)| !is_declared(name));
    let others = others.map(|(name, value)| (format!("{name} (no longer asked)"), value));
    let mut lines: Lines = declared.chain(others).map(|(name, value)| (plain(&name), shown(value))).collect();
    if let Some(consent) = &answers.consent {
        lines.push(("consent".into(), format!("version {}: {}", plain(&consent.version), plain(&consent.text))));
    }
    lines.extend(answers.language.as_ref().map(|language| ("language".into(), plain(language))));
    lines
}

fn shown(value: &FieldValue) -> String {
    match value {
        FieldValue::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        FieldValue::Integer(number) => number.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Text(text) => plain(text),
        FieldValue::Choices(choices) => plain(&choices.join(", ")),
    }
}

fn link_lines(link: &Link, now: Timestamp) -> Lines {
    let word = if link.expires_at > now { "works until" } else { "stopped working" };
    let mut lines = vec![(word.to_owned(), readable(link.expires_at))];
    lines.push(("mailed".into(), if link.out { "yes" } else { "not yet" }.into()));
    if link.tries > 0 {
        let ended = if link.tries >= CODE_TRIES { ", so that the code works no more; the link does" } else { "" };
        lines.push(("wrong codes".into(), format!("{}{ended}", link.tries)));
    }
    lines
}

fn mail_lines(mail: &Mail, now: Timestamp) -> Lines {
    let tried = count(mail.attempts, "attempt");
    let status = match &mail.end {
        Some(End::Sent) => format!("sent, {tried}"),
        Some(End::Dead(reason)) => format!("given up after {tried}: {}", plain(reason)),
        None if mail.lease.as_ref().is_some_and(|lease| lease.until > now) => format!("is being sent, {tried}"),
        None if mail.due_at > now => format!("waits, next try at {}, {tried} so far", readable(mail.due_at)),
        None => format!("waits, {tried} so far"),
    };
    let mut lines = vec![(mail.kind.name().to_owned(), status), ("first due".into(), readable(mail.since))];
    if mail.unanswered > 0 {
        lines.push(("unanswered".into(), count(mail.unanswered, "attempt")));
    }
    lines
}

/// Names and values in two columns below a title; further lines of a value below its first.
fn section(title: &str, lines: Lines) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let indent = format!("\n{:1$}", "", width + 4);
    let rows = lines.iter().map(|(name, value)| format!("  {name:width$}  {}", value.replace('\n', &indent)));
    [title.to_owned()].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Why somebody is suppressed.
fn why(user: &User) -> String {
    let on = user.ended_at.map(|at| format!(" on {}", readable(at))).unwrap_or_default();
    let what = match user.ended_by {
        Some(EndedBy::Bounce) => "bounced for good",
        Some(EndedBy::Complaint) => "was reported as spam",
        None => "was refused by the person",
    };
    format!("{what}{on}")
}

fn readable(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A text as a terminal may show it: what would steer it, or turn the direction of writing, is spelled out.
fn plain(text: &str) -> String {
    let steers = |letter: char| {
        (letter.is_control() && letter != '\n')
            || matches!(letter, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) { plain.extend(letter.escape_unicode()) } else { plain.push(letter) }
    }
    plain
}

#[cfg(test)]
mod tests {
    use signup_service::user::Undeliverable;

    use super::*;
    use crate::engine::sample;

    fn form() -> Form {
        let form = json!({ "title": "Small", "fields": [
            { "name": "tags", "type": "multi_choice", "options": ["web", "data"], "label": "What you like" },
            { "name": "email", "type": "email" }, { "name": "age", "type": "integer" },
        ] });
        serde_json::from_value(form).expect("a form")
    }

    #[test]
    fn everything_kept_is_shown() {
        let mut user = sample::mailed(sample::pending());
        user.waiting = Some(signup_service::user::Waiting {
            answers: Answers {
                fields: [("age".into(), FieldValue::Integer(37))].into(),
                email: "Ada@example.com".into(),
                ..Answers::default()
            },
            link: user.link.clone().expect("while pending"),
            keep_until: sample::at(90_000),
        });
        insta::assert_snapshot!(text(&user, &form(), sample::at(100)), @r#"
        ada@example.com
          id          01010101010101010101010101010101
          state       pending
          signed up   2026-11-22 10:00:01 UTC
          kept until  2026-12-22 10:00:01 UTC

        answers
          What you like                  web, data
          Age                            36
          nationality (no longer asked)  GB
          consent                        version 2026-06: I agree.
          language                       en

        link
          works until  2026-11-23 10:00:01 UTC
          mailed       yes

        new answers that wait for confirmation
          email        Ada@example.com
          Age          37
          works until  2026-11-23 10:00:01 UTC
          mailed       yes
          kept until   2026-11-23 11:00:00 UTC

        mail
          confirmation  sent, 1 attempt
          first due     2026-11-22 10:00:01 UTC
          last mailed   2026-11-22 10:00:02 UTC
        "#);
        insta::assert_snapshot!(text(&sample::confirmed(), &form(), sample::at(100)), @r#"
        bob@example.com
          id         02020202020202020202020202020202
          state      confirmed
          signed up  2026-11-22 10:00:02 UTC
          confirmed  2026-11-22 10:01:00 UTC

        answers
          What you like                  web, data
          Age                            36
          nationality (no longer asked)  GB
          consent                        version 2026-06: I agree.
          language                       en

        mail
          confirmation  sent, 1 attempt
          first due     2026-11-22 10:00:02 UTC
          last mailed   2026-11-22 10:00:03 UTC
        "#);
        let shown = serde_json::to_string(&object(&user, sample::at(100))).expect("JSON");
        let secret = user.link.expect("while pending").nonce.to_string();
        assert!(!shown.contains(&secret) && shown.contains("\"forgotten\":false"), "{shown}");
    }

    #[test]
    fn whoever_gets_no_mail_any_more_is_shown_with_the_reason() {
        let shown = |user: &User| text(user, &form(), sample::at(400));
        let complained = shown(&sample::complained());
        assert!(complained.starts_with("bob@example.com\n") && complained.contains("What you like"), "{complained}");
        let (_, line) = complained.split_once("\n  mail ").expect("a line");
        insta::assert_snapshot!(line.lines().next().unwrap_or_default().trim(), @"was reported as spam on 2026-11-22 10:05:00 UTC, gets no mail any more");
        let report = Undeliverable { by: EndedBy::Bounce, at: sample::at(9), since: sample::at(2) };
        let bounced = sample::mailed(sample::pending()).undeliverable(&report, sample::at(10)).expect("a change");
        insta::assert_snapshot!(shown(&bounced), @r"
        no address is kept
          id         01010101010101010101010101010101
          state      suppressed
          signed up  2026-11-22 10:00:01 UTC
          ended      2026-11-22 10:00:09 UTC
          mail       bounced for good on 2026-11-22 10:00:09 UTC, gets no mail any more

        mail
          confirmation  sent, 1 attempt
          first due     2026-11-22 10:00:01 UTC
          last mailed   2026-11-22 10:00:02 UTC
        ");
        let refused = User::unsubscribe(None, bounced.name(), sample::at(10)).expect("a refusal");
        assert!(
            shown(&refused).contains("was refused by the person on 2026-11-22 10:00:10 UTC, gets no mail any more")
        );
    }

    #[test]
    fn a_text_steers_no_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\nd");
    }
}
