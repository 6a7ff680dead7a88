//! The mails in the service's own words, and the frame that every HTML part without one of its own gets.

use askama::Template;

use super::{Content, Facts};
use crate::config::{MailKind, ServiceConfig};
use crate::page::Accent;
use crate::words::{LangOf, Language, fill};

#[derive(Template)]
#[template(path = "mail.html", whitespace = "minimize")]
struct Frame<'a> {
    language: &'a Language,
    brand: &'a str,
    color: String,
    on: String,
    subject: &'a str,
    paragraphs: &'a [Paragraph<'a>],
    /// Label of the button, and its target.
    button: Option<(&'a str, &'a str)>,
    /// What stands before the code, the code, and what stands after it.
    code: Option<(&'a str, &'a str, &'a str)>,
    closing: &'a str,
    /// Target of the link at the foot.
    unsubscribe: Option<&'a str>,
}

/// A paragraph, and its language where that is not the mail's.
struct Paragraph<'a> {
    lang: LangOf<'a>,
    pieces: Vec<Piece<'a>>,
}

/// A part of a paragraph.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Link(&'a str),
    Break,
}

/// Subject and both parts.
pub(super) fn content(config: &ServiceConfig, kind: MailKind, facts: &Facts<'_>) -> Content {
    let words = &facts.language.words.mail;
    let branded = |text: &str| fill(text, &[("brand", &facts.brand)]);
    let works = fill(&words.link_works, &[("time", &facts.expires)]);
    let success = facts.language.success(config).1;
    let (subject, paragraphs, button, closing) = match kind {
        MailKind::Confirmation => (
            branded(&words.confirm_subject),
            [branded(&words.confirm_intro), words.confirm_request.clone()],
            Some(words.confirm_button.as_str()),
            format!("{works} {}", words.confirm_ignore),
        ),
        MailKind::Update => (
            branded(&words.update_subject),
            [branded(&words.update_intro), words.update_request.clone()],
            Some(words.update_button.as_str()),
            format!("{works} {}", words.update_ignore),
        ),
        // The operator's words, which the page showed too.
        MailKind::Welcome => (
            branded(&words.welcome_subject),
            [branded(&words.welcome_intro), success.text],
            None,
            words.welcome_not_you.clone(),
        ),
    };
    let code = facts.code.as_deref().filter(|_| button.is_some());
    let mut text: Vec<String> = paragraphs.to_vec();
    text.extend(button.map(|label| format!("{label}\n{}", facts.link)));
    text.extend(code.map(|code| fill(&words.code, &[("code", code)])));
    text.push(closing.clone());
    let ours = |text| Paragraph { lang: LangOf::default(), pieces: vec![Piece::Text(text)] };
    let mut pieces = paragraphs.each_ref().map(|text| ours(text.as_str()));
    if kind == MailKind::Welcome && !success.translated {
        pieces[1].lang = LangOf::new(config.default_language(), facts.language);
    }
    let accent = Accent::new(config.branding.color.as_deref());
    let (before, after) = words.code.split_once("{code}").unwrap_or((&words.code, ""));
    let html = Frame {
        language: facts.language,
        brand: &facts.brand,
        color: accent.color(),
        on: accent.on(),
        subject: &subject,
        paragraphs: &pieces,
        button: button.map(|label| (label, facts.link.as_str())),
        code: code.map(|code| (before, code, after)),
        closing: &closing,
        unsubscribe: facts.unsubscribe.as_deref(),
    };
    let html = html.render().expect("a template renders into memory without fail");
    Content { text: signed(text, facts), html, subject }
}

/// The HTML part for a text of the operator's: its paragraphs in our frame, its links as links.
pub(super) fn framed(config: &ServiceConfig, subject: &str, body: &str, foot: bool, facts: &Facts<'_>) -> String {
    let paragraphs: Vec<Paragraph<'_>> = body
        .split("\n\n")
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(|text| Paragraph { lang: LangOf::default(), pieces: pieces(text) })
        .collect();
    let accent = Accent::new(config.branding.color.as_deref());
    let html = Frame {
        language: facts.language,
        brand: &facts.brand,
        color: accent.color(),
        on: accent.on(),
        subject,
        paragraphs: &paragraphs,
        button: None,
        code: None,
        closing: "",
        unsubscribe: facts.unsubscribe.as_deref().filter(|_| foot),
    };
    html.render().expect("a template renders into memory without fail")
}

/// A paragraph taken apart at its line breaks and links.
fn pieces(paragraph: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for (number, line) in paragraph.lines().enumerate() {
        if number > 0 {
            pieces.push(Piece::Break);
        }
        for word in line.split_inclusive(' ') {
            // Neither brackets around a link nor the full stop of a sentence that it ends are a part of it.
            let inner = word.trim_start_matches(['<', '(', '[']);
            let link = inner.trim_end().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '>', ']']);
            if link.starts_with("https://") || link.starts_with("http://") {
                let (before, after) = (&word[..word.len() - inner.len()], &inner[link.len()..]);
                pieces.extend([Piece::Text(before), Piece::Link(link), Piece::Text(after)]);
            } else {
                pieces.push(Piece::Text(word));
            }
        }
    }
    pieces
}

/// The text part: paragraphs, the brand as signature, and the way out.
fn signed(mut paragraphs: Vec<String>, facts: &Facts<'_>) -> String {
    paragraphs.push(format!("-- \n{}", facts.brand));
    paragraphs.extend(way_out(facts));
    paragraphs.join("\n\n") + "\n"
}

/// How to get no more mail.
pub(super) fn way_out(facts: &Facts<'_>) -> Option<String> {
    facts.unsubscribe.as_ref().map(|link| format!("{}\n{link}", facts.language.words.mail.unsubscribe))
}
