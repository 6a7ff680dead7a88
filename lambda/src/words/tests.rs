//! Claims about the languages that are shipped, and about texts laid over a form.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::config::ServiceConfig;
use crate::form::countries;

const SHIPPED: [&str; 5] = [
    include_str!("../../languages/en.json"),
    include_str!("../../languages/fr.json"),
    include_str!("../../languages/es.json"),
    include_str!("../../languages/de.json"),
    include_str!("../../languages/ar.json"),
];

fn shipped() -> Vec<Language> {
    SHIPPED.iter().map(|text| serde_json::from_str(text).expect("a whole language")).collect()
}

/// Every sentence by its key.
fn sentences(language: &Language) -> BTreeMap<String, String> {
    let Value::Object(sections) = serde_json::to_value(&language.words).expect("plain JSON") else { panic!("a map") };
    let mut sentences = BTreeMap::new();
    for (section, words) in sections {
        for (key, text) in words.as_object().expect("a map") {
            sentences.insert(format!("{section}.{key}"), text.as_str().expect("text").to_owned());
        }
    }
    sentences
}

#[test]
fn every_language_has_every_sentence_with_the_same_placeholders() {
    let english = sentences(english());
    for language in shipped() {
        for (key, text) in sentences(&language) {
            let code = &language.code;
            assert!(!text.trim().is_empty() && text.trim() == text, "{code}: {key}");
            assert_eq!(placeholders(&text), placeholders(&english[&key]), "{code}: {key}");
            assert!(!(key.starts_with("errors.") && text.ends_with('.')), "{code}: {key}");
        }
    }
}

#[test]
fn every_language_but_english_names_every_country() {
    for language in shipped().iter().filter(|language| language.code != "en") {
        let codes: Vec<&str> = language.countries.keys().map(String::as_str).collect();
        let mut all: Vec<&str> = countries().iter().map(|country| country.code).collect();
        all.sort_unstable();
        assert_eq!(codes, all, "{}", language.code);
    }
}

#[test]
fn what_is_read_from_left_to_right_stays_so_in_arabic() {
    let arabic = shipped().pop().expect("five languages");
    assert_eq!((arabic.code.as_str(), arabic.dir), ("ar", Direction::Rtl));
    for (key, text) in sentences(&arabic) {
        // A number of several parts, a date and a name turn round unless they are set apart.
        for name in placeholders(&text).into_iter().filter(|name| !["star", "time"].contains(name)) {
            let apart =
                ["\u{2066}", "\u{2068}"].iter().any(|start| text.contains(&format!("{start}{{{name}}}\u{2069}")));
            assert!(apart, "{key}: {name}");
        }
    }
}

#[test]
fn a_translation_changes_texts_and_nothing_else() {
    let config: ServiceConfig =
        serde_json::from_str(include_str!("../../tests/every_field.json")).expect("a configuration");
    assert_eq!(english().translate(&config.form), config.form);
    let form = serde_json::from_value(serde_json::json!({
        "title": "Devenir membre",
        "consent": { "text": "J’accepte." },
        "success": { "title": "C’est fait" },
        "fields": { "marital_status": { "label": "État civil", "options": { "single": "Célibataire" } } },
    }));
    let french = Language { form: form.expect("the form's words"), ..shipped().swap_remove(1) };
    let form = french.translate(&config.form);
    assert_eq!((form.title.as_str(), form.submit.as_deref()), ("Devenir membre", Some("Join")));
    let consent = form.consent.expect("declared");
    assert_eq!((consent.text.as_str(), consent.version.as_str()), ("J’accepte.", "2"));
    assert_eq!(consent.link.as_deref(), Some("https://example.com/privacy"));
    let field = form.fields.iter().find(|field| field.name == "marital_status").expect("declared");
    let labels: Vec<(&str, &str)> =
        field.options.iter().map(|option| (option.value.as_str(), option.label.as_str())).collect();
    assert_eq!(labels[..2], [("single", "Célibataire"), ("married", "married")]);
    let (title, message) = french.success(&config);
    assert_eq!((title.text.as_str(), title.translated), ("C’est fait", true));
    assert!(message.text.starts_with("Welcome to the society") && !message.translated, "as declared: {message:?}");
}

#[test]
fn a_form_without_texts_of_its_own_speaks_the_language_of_the_page() {
    let mut config: ServiceConfig = serde_json::from_value(serde_json::json!({
        "service": "x", "email": { "from": "a@example.com" }, "retention": "7d",
        "form": { "title": "Join us", "fields": [] },
    }))
    .expect("a configuration");
    assert_eq!(config.languages.len(), 1, "English alone");
    let success = |config: &ServiceConfig, at: usize| {
        let (title, message) = shipped()[at].success(config);
        assert!(title.translated);
        (title.text, message.text)
    };
    assert!(success(&config, 0).1.contains("confirmed"));
    assert_eq!(
        success(&config, 3),
        ("Willkommen".into(), "Ihre Adresse ist bestätigt. Danke für Ihre Anmeldung.".into())
    );
    config.confirmation.mode = crate::config::ConfirmationMode::None;
    assert_eq!(success(&config, 0), ("Welcome".into(), "Thank you for signing up.".into()));
    config.form.success.message = Some("You are in.".into());
    assert_eq!(success(&config, 0).1, "You are in.");
}
