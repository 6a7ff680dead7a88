//! The operator's own texts in another language, against the form they are for.

use signup_service::config::{Field, Form, Rule};
use signup_service::words::{FieldWords, FormWords};

use super::languages::Review;
use crate::spec::text::{BUTTON, HELP, LABEL, OPTION, PARAGRAPH, TITLE, complaint};
use crate::spec::tree::Path;

/// What is wrong with `words` as texts of `form`: names that it does not have, and texts of no good length.
pub(super) fn check(words: &FormWords, form: &Form, review: &mut Review<'_>) {
    let path = Path::default().key("form");
    text(review, &path.key("title"), words.title.as_ref(), TITLE);
    text(review, &path.key("intro"), words.intro.as_ref(), PARAGRAPH);
    text(review, &path.key("submit"), words.submit.as_ref(), BUTTON);
    if let Some(consent) = &words.consent {
        let path = path.key("consent");
        if form.consent.is_none() {
            review.add_key(&path, "the form asks for no consent", "remove it, or add `consent` to the spec's form");
        }
        text(review, &path.key("text"), consent.text.as_ref(), PARAGRAPH);
        if consent.link.as_ref().is_some_and(|link| !link.starts_with("https://")) {
            review.add(&path.key("link"), "`form.consent.link` is no `https://` address", "");
        }
    }
    if let Some(success) = &words.success {
        let path = path.key("success");
        text(review, &path.key("title"), success.title.as_ref(), TITLE);
        text(review, &path.key("message"), success.message.as_ref(), PARAGRAPH);
    }
    let names: Vec<&str> = form.fields.iter().map(|field| field.name.as_str()).collect();
    for (name, words) in &words.fields {
        let path = path.key("fields").key(name);
        match form.fields.iter().find(|field| field.name == *name) {
            Some(field) => check_field(words, field, &path, review),
            None => review.unknown(&path, name, &names),
        }
    }
}

fn check_field(words: &FieldWords, field: &Field, path: &Path, review: &mut Review<'_>) {
    text(review, &path.key("label"), words.label.as_ref(), LABEL);
    text(review, &path.key("help"), words.help.as_ref(), HELP);
    text(review, &path.key("placeholder"), words.placeholder.as_ref(), LABEL);
    if words.placeholder.is_some() && !field.kind.rules().contains(&Rule::Placeholder) {
        let message = format!("a field of type `{}` takes no `placeholder`", field.kind.name());
        review.add_key(&path.key("placeholder"), message, "remove it");
    }
    let values: Vec<&str> = field.options.iter().map(|option| option.value.as_str()).collect();
    for (value, label) in &words.options {
        let path = path.key("options").key(value);
        if values.contains(&value.as_str()) {
            text(review, &path, Some(label), OPTION);
        } else {
            review.unknown(&path, value, &values);
        }
    }
}

fn text(review: &mut Review<'_>, path: &Path, text: Option<&String>, max: usize) {
    if let Some((message, hint)) = text.and_then(|text| complaint(path, text, max)) {
        review.add(path, message, hint);
    }
}
