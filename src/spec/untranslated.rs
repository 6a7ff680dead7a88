//! What a person reads in another language than their own: texts of the form that a language on offer lacks. Pure.

use std::collections::BTreeMap;

use signup_service::config::Form;
use signup_service::words::Language;

use super::Spec;

/// The texts that each language after the first lacks, by their paths in the spec, the consent first; languages
/// that lack none are left out.
pub fn untranslated(spec: &Spec) -> BTreeMap<String, Vec<String>> {
    let others = spec.files.languages.iter().skip(1);
    let lacking = others.map(|language| (language.code.clone(), lacking(&spec.form, language)));
    lacking.filter(|(_, texts)| !texts.is_empty()).collect()
}

fn lacking(form: &Form, language: &Language) -> Vec<String> {
    let words = &language.form;
    let consent = words.consent.as_ref().is_some_and(|consent| consent.text.is_some());
    let texts = [
        ("form.consent.text", form.consent.is_some() && !consent),
        ("form.title", words.title.is_none()),
        ("form.intro", form.intro.is_some() && words.intro.is_none()),
        ("form.submit", form.submit.is_some() && words.submit.is_none()),
    ];
    let texts = texts.into_iter().filter(|(_, lacks)| *lacks).map(|(path, _)| path.to_owned());
    let labels =
        form.fields.iter().filter(|field| words.fields.get(&field.name).is_none_or(|words| words.label.is_none()));
    texts.chain(labels.map(|field| format!("form.fields.{}.label", field.name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_consent_comes_first_and_what_is_there_is_not_told() {
        let form = serde_json::json!({
            "title": "Join", "intro": "Soon.", "consent": { "text": "I agree.", "version": "1" },
            "fields": [{ "name": "email", "type": "email" }, { "name": "age", "type": "integer" }],
        });
        let form: Form = serde_json::from_value(form).expect("a form");
        let mut language = signup_service::words::english().clone();
        let own = serde_json::json!({ "title": "Hallo", "fields": { "age": { "label": "Alter" } } });
        language.form = serde_json::from_value(own).expect("the form's words");
        assert_eq!(lacking(&form, &language), ["form.consent.text", "form.intro", "form.fields.email.label"]);
    }
}
