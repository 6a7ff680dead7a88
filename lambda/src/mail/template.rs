//! The operator's wording: `{{link}}` and its like replaced by what they stand for.
//!
//! Pure, and no template engine: a placeholder is all there is. `signupctl` has checked the names before.

use std::borrow::Cow;
use std::ops::Range;

use super::{Content, Facts, wording};
use crate::config::{MailTemplate, ServiceConfig};

/// Subject and both parts. A part without a wording is `ours`, or made from the operator's text.
pub(super) fn content(config: &ServiceConfig, template: &MailTemplate, facts: &Facts<'_>, ours: Content) -> Content {
    let own_html = template.html.as_ref().map(|html| fill(&offered(html, facts), facts, escaped));
    let Some(text) = &template.text else {
        return Content { html: own_html.unwrap_or(ours.html), ..ours };
    };
    let subject = fill(&text.subject, facts, str::to_owned);
    let body = fill(offered(&text.body, facts).trim(), facts, str::to_owned);
    // Who was signed up by someone else needs the way out, wherever the operator has left it out.
    let foot = !placeholders(&text.body).iter().any(|(name, _)| *name == "unsubscribe");
    let html = own_html.unwrap_or_else(|| wording::framed(config, &subject, &body, foot, facts));
    let way_out = wording::way_out(facts).filter(|_| foot).map(|text| format!("\n\n{text}"));
    Content { text: format!("{body}{}\n", way_out.unwrap_or_default()), html, subject }
}

/// The text without the lines that offer a code, when the mail has none: too many wrong ones were tried.
fn offered<'a>(text: &'a str, facts: &Facts<'_>) -> Cow<'a, str> {
    if facts.code.is_some() {
        return Cow::Borrowed(text);
    }
    let offers = |line: &&str| !placeholders(line).iter().any(|(name, _)| *name == "code");
    Cow::Owned(text.split_inclusive('\n').filter(offers).collect())
}

/// Every placeholder of a text: the name, trimmed, and the bytes from the first brace to the last.
pub fn placeholders(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("{{").map(|at| from + at) {
        let Some(length) = text[start + 2..].find("}}") else { break };
        let end = start + 2 + length + 2;
        found.push((text[start + 2..end - 2].trim(), start..end));
        from = end;
    }
    found
}

/// Values are put in as they are and never read again. A name without a value leaves nothing behind.
fn fill(text: &str, facts: &Facts<'_>, escape: fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut from = 0;
    for (name, place) in placeholders(text) {
        filled.push_str(&text[from..place.start]);
        let value = match name {
            "link" => &facts.link,
            "code" => facts.code.as_deref().unwrap_or_default(),
            "brand" => &facts.brand,
            "expires" => &facts.expires,
            "unsubscribe" => facts.unsubscribe.as_deref().unwrap_or_default(),
            "service" => facts.service,
            _ => "",
        };
        filled.push_str(&escape(value));
        from = place.end;
    }
    filled + &text[from..]
}

/// The text as HTML holds it, in content and in attributes.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}
