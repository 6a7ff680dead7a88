//! The operator's own wording of mails: a folder of files named for what they word.
//!
//! `confirmation.txt`, `confirmation.html`, and the same for `update` and `welcome`; in another language than the
//! first, `confirmation.fr.txt`. The first line of a text is its subject.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path as FilePath;

use signup_service::config::{MailKind, MailTemplate, TextTemplate};
use signup_service::mail::placeholders;
use signup_service::words::Language;

use super::Wrong;
use crate::spec::Spec;
use crate::spec::report::{Mistake, nearest};
use crate::spec::tree::Path;

/// A mail is cut off by some programs beyond 100 KB, and all templates must fit the bundle's configuration.
const MAX_BYTES: u64 = 64 * 1024;

/// All templates together: the function reads them each time it starts.
const MAX_TOTAL: usize = 512 * 1024;

/// The part of a mail that a file words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Text,
    Html,
}

pub(super) fn read(spec: &Spec, languages: &[Language], folder: &FilePath, wrong: &mut Wrong) -> Vec<MailTemplate> {
    let Some(name) = spec.email.templates.as_deref() else { return Vec::new() };
    // While a language is wrong, which file is for which cannot be judged.
    if languages.len() != spec.languages.len() {
        return Vec::new();
    }
    let path = Path::default().key("email").key("templates");
    let entries = match fs::read_dir(folder.join(name)) {
        Ok(entries) => entries,
        Err(error) => {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
                std::io::ErrorKind::NotADirectory => "it is no folder".to_owned(),
                _ => error.to_string(),
            };
            wrong.add(&path, format!("`{name}` cannot be read: {cause}"), "the path starts where the spec is");
            return Vec::new();
        }
    };
    let mut files: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    // Editors and file managers leave hidden files of their own.
    files.retain(|file| !file.starts_with('.'));
    files.sort();
    let mut templates: BTreeMap<(MailKind, String), MailTemplate> = BTreeMap::new();
    for file in files {
        let (kind, language, part) = match named(&file, languages) {
            Ok(named) => named,
            Err((message, hint)) => {
                wrong.add(&path, message, hint);
                continue;
            }
        };
        let full = format!("{}/{file}", name.trim_end_matches('/'));
        let Some(source) = super::text(folder, &full, MAX_BYTES, &path, wrong) else { continue };
        let template = templates.entry((kind, language.clone())).or_insert(MailTemplate {
            kind,
            language,
            text: None,
            html: None,
        });
        let taken = if part == Part::Text { template.text.is_some() } else { template.html.is_some() };
        if taken {
            let hint = format!("`{}` is the first language: keep the one or the other", template.language);
            wrong.add(&path, format!("`{full}` words a mail that another file words already"), hint);
            continue;
        }
        let mut mistakes = check(kind, part, &source);
        match part {
            Part::Html => template.html = Some(source.clone()),
            Part::Text => match subject(&source) {
                Ok((subject, body)) => template.text = Some(TextTemplate { subject, body }),
                Err(mistake) => mistakes.push(mistake),
            },
        }
        wrong.sheet(&full, source, mistakes);
    }
    let templates: Vec<MailTemplate> = templates.into_values().collect();
    let size = |template: &MailTemplate| {
        template.text.as_ref().map_or(0, |text| text.body.len()) + template.html.as_ref().map_or(0, String::len)
    };
    let total: usize = templates.iter().map(size).sum();
    if total > MAX_TOTAL {
        wrong.add(&path, format!("the templates have {total} bytes; at most {MAX_TOTAL} are possible"), "shorten them");
    }
    templates
}

/// What a file's name says, or what is wrong with it and how to mend it.
fn named(file: &str, languages: &[Language]) -> Result<(MailKind, String, Part), (String, String)> {
    let names = MailKind::ALL.map(MailKind::name);
    let parts: Vec<&str> = file.split('.').collect();
    let (name, language, ending) = match parts.as_slice() {
        [name, ending] => (*name, None, *ending),
        [name, language, ending] => (*name, Some(*language), *ending),
        _ => (file, None, ""),
    };
    let kind = MailKind::ALL.into_iter().find(|kind| kind.name() == name);
    let part = match ending {
        "txt" => Some(Part::Text),
        "html" => Some(Part::Html),
        _ => None,
    };
    let (Some(kind), Some(part)) = (kind, part) else {
        let hint = match nearest(name, &names).filter(|_| part.is_some() && kind.is_none()) {
            Some(known) => format!("did you mean `{}`?", file.replacen(name, known, 1)),
            None => "possible: `confirmation.txt`, `confirmation.fr.txt`, `confirmation.html`, and the same for `update` and `welcome`".to_owned(),
        };
        return Err((format!("`{file}` is no name of a mail template"), hint));
    };
    let code = match language {
        None => languages.first().map(|first| first.code.clone()),
        Some(code) => languages.iter().map(|language| language.code.clone()).find(|offered| offered == code),
    };
    let offered: Vec<&str> = languages.iter().map(|language| language.code.as_str()).collect();
    code.map(|code| (kind, code, part)).ok_or_else(|| {
        let message = format!("`{file}` is for a language that the service does not speak");
        (message, format!("`languages` has `{}`", offered.join("`, `")))
    })
}

/// The subject of the first line, and the text below.
fn subject(source: &str) -> Result<(String, String), Mistake> {
    let (first, body) = source.split_once('\n').unwrap_or((source, ""));
    let first = first.trim_start_matches('\u{feff}').trim_end();
    let subject = first.strip_prefix("Subject:").map(str::trim).filter(|subject| !subject.is_empty());
    let mistake = |message: &str, hint: &str| {
        Err(Mistake { message: message.into(), span: 0..first.len(), hint: Some(hint.into()) })
    };
    match subject {
        None => mistake("a text begins with its subject", "write `Subject: …` on the first line"),
        Some(_) if body.trim().is_empty() => mistake("the text has a subject and nothing else", "write what it says"),
        Some(subject) => Ok((subject.to_owned(), body.replace("\r\n", "\n"))),
    }
}

/// What is wrong with the placeholders of a file.
fn check(kind: MailKind, part: Part, source: &str) -> Vec<Mistake> {
    let known = kind.placeholders();
    let found = placeholders(source);
    let mut mistakes: Vec<Mistake> = found
        .iter()
        .filter(|(name, _)| !known.contains(name))
        .map(|(name, span)| Mistake {
            message: format!("`{{{{{name}}}}}` has no value in a mail of the kind `{}`", kind.name()),
            span: span.clone(),
            hint: Some(match nearest(name, known) {
                Some(known) => format!("did you mean `{{{{{known}}}}}`?"),
                None => format!("possible: `{{{{{}}}}}`", known.join("}}`, `{{")),
            }),
        })
        .collect();
    let mut need = |name: &str, what: &str, hint: &str| {
        if !found.iter().any(|(found, _)| *found == name) {
            mistakes.push(Mistake {
                message: format!("{what} of the kind `{}` needs `{{{{{name}}}}}`", kind.name()),
                span: 0..source.find('\n').unwrap_or(source.len()),
                hint: Some(hint.into()),
            });
        }
    };
    if known.contains(&"link") {
        need("link", "a mail", "it is what the person must press");
    }
    // Below a text the service puts it itself; where it belongs in a page, only who wrote the page knows.
    if part == Part::Html {
        need("unsubscribe", "the HTML of a mail", "it is how whoever never signed up stops all mail");
    }
    mistakes.extend(unclosed(source, &found).map(|span| Mistake {
        message: "`{{` is not closed".into(),
        span,
        hint: Some("end the placeholder with `}}`".into()),
    }));
    mistakes
}

fn unclosed(source: &str, found: &[(&str, Range<usize>)]) -> Option<Range<usize>> {
    let from = found.last().map_or(0, |(_, span)| span.end);
    let at = from + source[from..].find("{{")?;
    Some(at..at + 2)
}
