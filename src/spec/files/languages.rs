//! The languages of a service: those that are shipped, and the operator's files, which add a language or lay
//! their own texts over a shipped one.

use std::collections::BTreeSet;
use std::path::Path as FilePath;

use serde_json::Value;
use signup_service::form::is_country;
use signup_service::words::{Language, english, placeholders};

use super::{Wrong, form};
use crate::spec::Spec;
use crate::spec::load::{syntax, typed};
use crate::spec::report::{Mistake, nearest};
use crate::spec::tree::{self, Node, Path, Tree};

/// A whole language with every text of a large form is 40 KB.
const MAX_BYTES: u64 = 256 * 1024;

/// Languages that a service may speak: all of them travel with the function, and a person must find their own.
const MAX_LANGUAGES: usize = 20;

/// Missing sentences that are told by name.
const NAMED: usize = 5;

const SHIPPED: [(&str, &str); 5] = [
    ("en", include_str!("../../../lambda/languages/en.json")),
    ("fr", include_str!("../../../lambda/languages/fr.json")),
    ("es", include_str!("../../../lambda/languages/es.json")),
    ("de", include_str!("../../../lambda/languages/de.json")),
    ("ar", include_str!("../../../lambda/languages/ar.json")),
];

fn shipped(code: &str) -> Option<Value> {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == code)?;
    Some(serde_json::from_str(text).expect("the tests read this very file"))
}

pub(super) fn read(spec: &Spec, folder: &FilePath, wrong: &mut Wrong) -> Vec<Language> {
    let path = Path::default().key("languages");
    if spec.languages.is_empty() {
        wrong.add(&path, "`languages` is empty", "leave it out for English alone");
    }
    if spec.languages.len() > MAX_LANGUAGES {
        wrong.add(&path, format!("there are more than {MAX_LANGUAGES} languages"), "");
        return Vec::new();
    }
    let mut languages: Vec<Language> = Vec::new();
    for (index, entry) in spec.languages.iter().enumerate() {
        let path = path.index(index);
        let language = match [".yaml", ".yml", ".json"].iter().any(|ending| entry.ends_with(ending)) {
            true => from_file(spec, folder, entry, &path, wrong),
            false => from_shipped(entry, &path, wrong),
        };
        let Some(language) = language else { continue };
        if languages.iter().any(|other| other.code.eq_ignore_ascii_case(&language.code)) {
            wrong.add(&path, format!("the language `{}` is there already", language.code), "keep one of them");
        } else {
            languages.push(language);
        }
    }
    languages
}

fn from_shipped(code: &str, path: &Path, wrong: &mut Wrong) -> Option<Language> {
    let Some(value) = shipped(code) else {
        let codes = SHIPPED.map(|(code, _)| code);
        let hint = format!(
            "shipped are `{}`; any other is a file beside the spec, such as `languages/nl.yaml`",
            codes.join("`, `")
        );
        wrong.add(path, format!("`{code}` is no language that is shipped"), hint);
        return None;
    };
    Some(serde_json::from_value(value).expect("the tests read this very file"))
}

fn from_file(spec: &Spec, folder: &FilePath, name: &str, path: &Path, wrong: &mut Wrong) -> Option<Language> {
    let source = super::text(folder, name, MAX_BYTES, path, wrong)?;
    match language(spec, &source) {
        Ok(language) => Some(language),
        Err(mistakes) => {
            wrong.sheet(name, source, mistakes);
            None
        }
    }
}

/// The language that a file declares, over the shipped one of the same code if there is one.
fn language(spec: &Spec, source: &str) -> Result<Language, Vec<Mistake>> {
    let root = tree::parse(source).map_err(|error| vec![syntax(&error, source)])?;
    let code = match root.get("code").map(|node| &node.value) {
        Some(Tree::Scalar(Value::String(code))) => code.clone(),
        _ => String::new(),
    };
    let mut review = Review { root: &root, mistakes: Vec::new() };
    if !is_code(&code) {
        let message = match code.as_str() {
            "" => "the file does not say which language it is".to_owned(),
            code => format!("`{code}` is no code of a language"),
        };
        let hint = "write its BCP 47 code, such as `code: nl` or `code: pt-BR`";
        review.add(&Path::default().key("code"), message, hint);
    }
    let base = shipped(&code);
    let english = serde_json::to_value(&english().words).expect("sentences are plain JSON");
    review.check_words(&english, base.is_none() && is_code(&code));
    review.check_countries();
    if base.is_none() && is_code(&code) && root.get("dir").is_none() {
        let hint = "write `dir: ltr`, or `dir: rtl` for a script that is read from right to left";
        review.add(&Path::default().key("dir"), "the file does not say which way its script is read", hint);
    }
    if !review.mistakes.is_empty() {
        return Err(review.mistakes);
    }
    let mut value = base.unwrap_or_default();
    lay(&mut value, root.to_value());
    let language: Language = typed(&root, value).map_err(|mistake| vec![mistake])?;
    if language.name.trim().is_empty() || language.name.chars().count() > 40 {
        review.add(&Path::default().key("name"), "`name` has 1 to 40 characters", "write it as its speakers do");
    }
    form::check(&language.form, &spec.form, &mut review);
    if review.mistakes.is_empty() { Ok(language) } else { Err(review.mistakes) }
}

/// `nl`, `pt-BR`, `zh-Hant-TW`: the shape alone.
fn is_code(code: &str) -> bool {
    let mut parts = code.split('-');
    let first = parts
        .next()
        .is_some_and(|first| (2..=3).contains(&first.len()) && first.bytes().all(|letter| letter.is_ascii_lowercase()));
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|letter| letter.is_ascii_alphanumeric());
    first && code.len() <= 35 && parts.all(part)
}

/// Lays one value over another: maps key by key, anything else whole.
fn lay(base: &mut Value, overlay: Value) {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => {
            for (key, value) in overlay {
                lay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, overlay) => *base = overlay,
    }
}

/// A language's file while it is checked.
pub(super) struct Review<'a> {
    root: &'a Node,
    mistakes: Vec<Mistake>,
}

impl Review<'_> {
    pub(super) fn add(&mut self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.push(self.root.locate(path), message.into(), hint.into());
    }

    /// The same, at the key itself.
    pub(super) fn add_key(&mut self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.push(self.root.locate_key(path), message.into(), hint.into());
    }

    fn push(&mut self, span: std::ops::Range<usize>, message: String, hint: String) {
        self.mistakes.push(Mistake { message, span, hint: (!hint.is_empty()).then_some(hint) });
    }

    /// A key that is none of those known.
    pub(super) fn unknown(&mut self, path: &Path, key: &str, known: &[&str]) {
        let hint = match nearest(key, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None if known.is_empty() => "remove it".to_owned(),
            None => format!("known here: `{}`", known.join("`, `")),
        };
        self.add_key(path, format!("unknown key `{path}`"), hint);
    }

    /// Every sentence is one that English has, with its placeholders; `whole` asks for all of them.
    fn check_words(&mut self, english: &Value, whole: bool) {
        let path = Path::default().key("words");
        let Value::Object(sections) = english else { return };
        let Some(words) = self.root.get("words") else {
            if whole {
                let hint = "copy those of `lambda/languages/en.json` of the sources and translate them";
                self.add(&path, "`words` is missing", hint);
            }
            return;
        };
        let known: Vec<&str> = sections.keys().map(String::as_str).collect();
        for key in words.keys().into_iter().filter(|key| !known.contains(key)) {
            self.unknown(&path.key(key), key, &known);
        }
        for (section, sentences) in sections {
            let path = path.key(section);
            let Value::Object(sentences) = sentences else { continue };
            let known: Vec<&str> = sentences.keys().map(String::as_str).collect();
            let given = words.get(section).map(Node::keys).unwrap_or_default();
            for key in given.iter().filter(|key| !known.contains(key)) {
                self.unknown(&path.key(key), key, &known);
            }
            let missing: Vec<&str> = known.iter().filter(|key| !given.contains(key)).copied().collect();
            if whole && !missing.is_empty() {
                self.missing(&path, &missing);
            }
            for (key, english) in sentences {
                let sentence = words.get(section).and_then(|section| section.get(key));
                if let (Some(node), Some(english)) = (sentence, english.as_str()) {
                    self.check_sentence(&path.key(key), node, english);
                }
            }
        }
    }

    fn missing(&mut self, path: &Path, missing: &[&str]) {
        let named = missing.iter().take(NAMED).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let more = match missing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let hint = "copy them from `lambda/languages/en.json` of the sources and translate them";
        self.add_key(path, format!("`{path}` lacks {named}{more}"), hint);
    }

    fn check_sentence(&mut self, path: &Path, node: &Node, english: &str) {
        let text = match &node.value {
            Tree::Scalar(Value::String(text)) if !text.trim().is_empty() => text,
            Tree::Scalar(Value::String(_) | Value::Null) => return self.add(path, format!("`{path}` is empty"), ""),
            _ => return self.add(path, format!("`{path}` is no text"), "put it in quotes to make it text"),
        };
        let (own, wanted) = (placeholders(text), placeholders(english));
        let listed =
            |names: BTreeSet<&&str>| names.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ");
        let english = format!("in English: {english}");
        if let unknown @ [_, ..] = own.difference(&wanted).collect::<Vec<_>>().as_slice() {
            let names = listed(unknown.iter().copied().collect());
            self.add(path, format!("{names} has no value in `{path}`"), english);
        } else if let lacking @ [_, ..] = wanted.difference(&own).collect::<Vec<_>>().as_slice() {
            let names = listed(lacking.iter().copied().collect());
            self.add(path, format!("`{path}` does not hold {names}"), english);
        }
    }

    fn check_countries(&mut self) {
        let path = Path::default().key("countries");
        let codes = self.root.get("countries").map(Node::keys).unwrap_or_default();
        for code in codes.into_iter().filter(|code| !is_country(code)) {
            let hint = "write its ISO 3166-1 code in two capitals, in quotes: `\"NO\"`";
            self.add_key(&path.key(code), format!("`{code}` is no country"), hint);
        }
    }
}
