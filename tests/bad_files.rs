//! Mistakes in what a spec names, such as languages, mail templates and the logo, are shown where they stand.

use insta::assert_snapshot;
use support::Sandbox;

/// A spec with these lines in front, and the files that it names.
fn validate(lines: &str, files: &[(&str, &str)]) -> String {
    sandbox(lines, files).refusal(&["validate"])
}

fn sandbox(lines: &str, files: &[(&str, &str)]) -> Sandbox {
    let email = if lines.contains("email:") { "" } else { "email: {from: hello@example.com}\n" };
    let form = "form:\n  title: Demo\n  fields:\n    - {name: email, type: email}\n    - {name: meal, type: choice, options: [fish, vegan]}\n";
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", format!("service: demo\n{lines}\n{email}{form}"));
    for (name, text) in files {
        let path = sandbox.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder in the sandbox");
        sandbox.write(name, text);
    }
    sandbox
}

/// The English file under another code.
fn english_as(code: &str) -> String {
    include_str!("../lambda/languages/en.json").replacen("\"en\"", &format!("\"{code}\""), 1)
}

#[test]
fn a_language_is_shipped_or_a_file() {
    assert_snapshot!("language_not_shipped", validate("languages: [en, nl]", &[]));
    assert_snapshot!("language_file_missing", validate("languages: [en, languages/nl.yaml]", &[]));
    assert_snapshot!("language_twice", validate("languages: [en, fr, fr.yaml]", &[("fr.yaml", "code: fr\n")]));
    assert_snapshot!("no_language", validate("languages: []", &[]));
    assert_snapshot!("bad_language_code", validate("languages: [fr.yaml]", &[("fr.yaml", "code: FR\n")]));
    let rightwards = english_as("he").replacen("\"dir\": \"ltr\",", "", 1);
    assert_snapshot!("language_without_direction", validate("languages: [en, he.json]", &[("he.json", &rightwards)]));
    let known = "code: ar\nform: {title: أهلا}\n";
    assert_eq!(sandbox("languages: [ar.yaml]", &[("ar.yaml", known)]).json(&["validate"])["valid"], true);
    assert_snapshot!("language_without_code", validate("languages: [nl.yaml]", &[("nl.yaml", "name: Nederlands\n")]));
}

#[test]
fn a_language_of_ones_own_lacks_nothing() {
    let start = "code: nl\nname: Nederlands\nwords:\n  form: {submit: Inschrijven, required: verplicht}\n";
    assert_snapshot!("sentences_missing", validate("languages: [nl.yaml]", &[("nl.yaml", start)]));
    assert_snapshot!("no_sentences", validate("languages: [nl.yaml]", &[("nl.yaml", "code: nl\nname: Nederlands\n")]));
}

#[test]
fn every_mistake_of_a_language_is_told_at_once() {
    let french = "code: fr
words:
  form: {sumbit: Envoyer, required_note: Champs obligatoires, rate_limited: 'Dans {minuten}', check: 5}
  mails: {}
  errors: {too_low: ''}
countries: {XX: Nulle part}
";
    assert_snapshot!("mistakes_in_words", validate("languages: [en, fr.yaml]", &[("fr.yaml", french)]));
    let french = "code: fr
form:
  title: ''
  consent: {text: J’accepte}
  fields:
    emial: {label: Courriel}
    email: {placeholder: vous@example.com}
    meal: {label: Repas, placeholder: Choisir, options: {fsh: Poisson, vegan: Végétalien}}
";
    assert_snapshot!("mistakes_in_form", validate("languages: [en, fr.yaml]", &[("fr.yaml", french)]));
    let unknown = "code: fr\ndirection: ltr\n";
    assert_snapshot!("unknown_key_of_a_language", validate("languages: [fr.yaml]", &[("fr.yaml", unknown)]));
    assert_snapshot!("language_is_no_yaml", validate("languages: [fr.yaml]", &[("fr.yaml", "code: fr\nform: [\n")]));
}

#[test]
fn mail_templates_are_checked_by_name_and_by_line() {
    let spec = "email: {from: hello@example.com, templates: mail}\nlanguages: [en, fr]";
    let text = "Subject: Hello\n\nGo to {{link}}.\n";
    assert_snapshot!(
        "template_names",
        validate(
            spec,
            &[
                ("mail/confirmaton.txt", text),
                ("mail/confirmation.md", text),
                ("mail/confirmation.de.txt", text),
                ("mail/update.txt", text),
                ("mail/update.en.txt", text),
            ]
        )
    );
    assert_snapshot!(
        "template_texts",
        validate(
            spec,
            &[
                ("mail/confirmation.txt", "Hello\n\nGo to {{link}}.\n"),
                ("mail/confirmation.fr.txt", "Subject: Bonjour {{brnad}}\n\nVoici le code {{code}}.\n"),
                ("mail/welcome.txt", "Subject: Welcome\n\nGo to\n{{link}} {{brand\n"),
                ("mail/update.html", "<p>Nothing to press</p>\n"),
            ]
        )
    );
    assert_snapshot!("template_too_large", validate(spec, &[("mail/welcome.html", &"x".repeat(70_000))]));
    assert_snapshot!("no_template_folder", validate(spec, &[]));
    let good = [
        ("mail/confirmation.txt", text),
        ("mail/confirmation.fr.txt", text),
        ("mail/welcome.html", "<p>Hi {{unsubscribe}}</p>"),
    ];
    assert_eq!(sandbox(spec, &good).json(&["validate"])["valid"], true);
}

#[test]
fn a_logo_is_a_small_picture() {
    let spec = "branding: {logo: logo.svg}";
    assert_snapshot!("logo_missing", validate(spec, &[]));
    assert_snapshot!("logo_no_picture", validate(spec, &[("logo.svg", "<html></html>")]));
    assert_snapshot!("logo_too_large", validate(spec, &[("logo.svg", &"x".repeat(70_000))]));
    for doctype in ["", "<!DOCTYPE svg [\n  <!ENTITY ns_svg \"http://www.w3.org/2000/svg\">\n]>\n"] {
        let svg = format!("<?xml version='1.0'?>\n{doctype}<svg xmlns='http://www.w3.org/2000/svg'/>");
        assert_eq!(sandbox(spec, &[("logo.svg", &svg)]).json(&["validate"])["valid"], true);
    }
}
