//! What a person answered, in words: the label of a choice, the name of a country, a day as people read it.

use jiff::civil::Date;

use super::time::long;
use crate::config::{Field, FieldType, Form};
use crate::form::countries;
use crate::page::choice_label;
use crate::user::{Answers, FieldValue, Fields};

/// The English name of a country; the code itself of one that is none.
pub(super) fn country(code: &str) -> String {
    countries().iter().find(|country| country.code == code).map_or_else(|| code.to_owned(), |it| it.name.clone())
}

/// An answer as shown; `None` where there is none.
pub(super) fn shown(field: &Field, fields: &Fields) -> Option<String> {
    fields.get(&field.name).map(|value| words(Some(field), value)).filter(|text| !text.is_empty())
}

/// A value in words; as it is where the form does not say any more what it means.
fn words(field: Option<&Field>, value: &FieldValue) -> String {
    match value {
        FieldValue::Flag(true) => "Yes".into(),
        FieldValue::Flag(false) => "No".into(),
        FieldValue::Integer(number) => number.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Text(text) => field.map_or_else(|| text.clone(), |field| text_of(field, text)),
        FieldValue::Choices(chosen) => {
            let all: Vec<String> =
                chosen.iter().map(|text| field.map_or_else(|| text.clone(), |field| text_of(field, text))).collect();
            all.join(", ")
        }
    }
}

fn text_of(field: &Field, text: &str) -> String {
    match field.kind {
        FieldType::Country => country(text),
        FieldType::Choice | FieldType::MultiChoice => {
            let choice = field.options.iter().find(|choice| choice.value == text);
            choice.map_or_else(|| text.to_owned(), choice_label)
        }
        FieldType::Date => text.parse::<Date>().map_or_else(|_| text.to_owned(), long),
        _ => text.to_owned(),
    }
}

/// An answer with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The field's.
    pub(super) name: String,
    pub(super) label: String,
    /// `None` where the field was left empty.
    pub(super) text: Option<String>,
    /// Written from left to right in every script.
    pub(super) ltr: bool,
}

/// Every answer: the fields in the form's order, then those that the form does not ask for any more.
pub(super) fn answers(form: &Form, answers: &Answers) -> Vec<Answer> {
    let declared = form.fields.iter().map(|field| {
        let text = match field.kind {
            FieldType::Email => Some(answers.email.clone()).filter(|email| !email.is_empty()),
            _ => shown(field, &answers.fields),
        };
        let ltr = matches!(field.kind, FieldType::Email | FieldType::Phone | FieldType::Url);
        Answer { name: field.name.clone(), label: field.label(), text, ltr }
    });
    let is_declared = |name: &String| form.fields.iter().any(|field| field.name == *name);
    let others = answers.fields.iter().filter(|(name, _)| !is_declared(name));
    let others = others.map(|(name, value)| Answer {
        name: name.clone(),
        label: name.replace('_', " "),
        text: Some(words(None, value)),
        ltr: false,
    });
    declared.chain(others).collect()
}

/// What the person is called, where the form asks for it under one of the usual names.
pub(super) fn name(form: &Form, fields: &Fields) -> Option<String> {
    let of = |names: &[&str]| {
        let is_name = |field: &&Field| field.kind == FieldType::Text && names.contains(&field.name.as_str());
        form.fields.iter().find(is_name).and_then(|field| shown(field, fields))
    };
    of(&["full_name", "name"]).or_else(|| {
        let parts = [of(&["first_name", "given_name"]), of(&["last_name", "family_name", "surname"])];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::page::tests::sample;

    #[test]
    fn answers_read_as_the_form_asked() {
        let config = sample::config();
        let user = sample::ada();
        let answers = answers(&config.form, &user.answers);
        let of = |label: &str| answers.iter().find(|it| it.label == label).and_then(|it| it.text.as_deref());
        assert_eq!(of("Nationality"), Some("United Kingdom"));
        assert_eq!(of("Birthday"), Some("10 Dec 1985"));
        assert_eq!(of("Marital status"), Some("Married"));
        assert_eq!(of("Topics"), Some("Science, Music"));
        assert_eq!(of("Send me the monthly letter"), Some("Yes"));
        assert_eq!(of("Email"), Some("ada@example.com"));
        assert_eq!(of("Phone"), None);
        assert_eq!(of("shoe size"), Some("38"), "asked for once, and not any more");
    }

    #[test]
    fn a_name_is_found_under_the_usual_names() {
        let mut config = sample::config();
        let mut fields = Fields::from([("full_name".to_owned(), FieldValue::Text("Ada Lovelace".into()))]);
        assert_eq!(name(&config.form, &fields).as_deref(), Some("Ada Lovelace"));
        config.form.fields[0].name = "first_name".into();
        assert_eq!(name(&config.form, &fields), None);
        fields.insert("first_name".into(), FieldValue::Text("Ada".into()));
        assert_eq!(name(&config.form, &fields).as_deref(), Some("Ada"));
    }
}
