//! The sense of a form: its texts, and of each field the name, the rules and the options. Pure.

use std::collections::BTreeSet;

use signup_service::config::{Bound, Field, FieldType, Form, Rule};
use signup_service::form::{compile_pattern, date};

use super::{Problems, autocomplete, is_name};
use crate::spec::report::nearest;
use crate::spec::text::{BUTTON, HELP, LABEL, OPTION, PARAGRAPH, TITLE};
use crate::spec::tree::Path;

/// The most fields a form may have: a page that a person will still fill in.
const MAX_FIELDS: usize = 50;
/// The most characters that all texts and choices of a form may have together. Each takes up to twelve bytes in a
/// browser's encoding, which must fit the service's limit for a body, and four in the table, whose items hold 400 KB.
const MAX_CHARACTERS: u32 = 20_000;
/// The most options of one choice.
const MAX_OPTIONS: usize = 250;
/// Digits of the shortest phone number that the service takes.
const SHORTEST_PHONE: u32 = 5;
/// Names that the service itself uses beside the fields.
const RESERVED_FIELDS: [&str; 7] = ["consent", "stamp", "altcha", "id", "state", "created_at", "confirmed_at"];

/// Everything that is wrong with `form`.
pub(super) fn check(form: &Form, problems: &mut Problems) {
    let path = Path::default().key("form");
    problems.text(&path.key("title"), &form.title, TITLE);
    if let Some(submit) = &form.submit {
        problems.text(&path.key("submit"), submit, BUTTON);
    }
    if let Some(intro) = &form.intro {
        problems.text(&path.key("intro"), intro, PARAGRAPH);
    }
    if let Some(title) = &form.success.title {
        problems.text(&path.key("success").key("title"), title, TITLE);
    }
    if let Some(message) = &form.success.message {
        problems.text(&path.key("success").key("message"), message, PARAGRAPH);
    }
    if let Some(consent) = &form.consent {
        problems.text(&path.key("consent").key("text"), &consent.text, PARAGRAPH);
        problems.text(&path.key("consent").key("version"), &consent.version, 40);
        if let Some(link) = &consent.link
            && !link.starts_with("https://")
        {
            problems.add(&path.key("consent").key("link"), "`form.consent.link` is no `https://` address", "");
        }
    }
    let fields = path.key("fields");
    if form.fields.len() > MAX_FIELDS {
        problems.add_key(
            &fields,
            format!("the form has {} fields; at most {MAX_FIELDS} are possible", form.fields.len()),
            "ask for less: every field costs sign-ups",
        );
        return;
    }
    let characters = form.fields.iter().map(characters).fold(0, u32::saturating_add);
    if characters > MAX_CHARACTERS {
        problems.add_key(
            &fields,
            format!(
                "the answers to the form may have {characters} characters together; at most {MAX_CHARACTERS} are possible"
            ),
            "lower `max_length` or offer fewer choices; without `max_length` a textarea or a url has 2000, a text 200",
        );
    }
    let emails: Vec<usize> = (0..form.fields.len()).filter(|at| form.fields[*at].kind == FieldType::Email).collect();
    match emails.as_slice() {
        [] => problems.add_key(
            &fields,
            "the form has no field of type `email`",
            "add `- {name: email, type: email}`: it is where the confirmation goes",
        ),
        [_] => {}
        [_, second, ..] => problems.add(
            &fields.index(*second).key("type"),
            "the form has more than one field of type `email`",
            "keep the one that the confirmation goes to, and make the other a `text`",
        ),
    }
    let mut names = BTreeSet::new();
    for (index, field) in form.fields.iter().enumerate() {
        let path = fields.index(index);
        let name = path.key("name");
        if !is_name(&field.name, 40, b'_') {
            let hint = "use 2 to 40 lower-case letters, digits and single underscores, starting with a letter";
            problems.add(&name, format!("`{}` is no name for a field", field.name), hint);
        } else if RESERVED_FIELDS.contains(&field.name.as_str()) {
            problems.add(&name, format!("`{}` is a name that the service uses itself", field.name), "choose another");
        }
        if !names.insert(&field.name) {
            problems.add(&name, format!("there are two fields `{}`", field.name), "give each field its own name");
        }
        check_field(field, &path, problems);
    }
}

/// The most characters that an answer may have. Each choice of several comes with the field's name.
fn characters(field: &Field) -> u32 {
    let length = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    match field.kind {
        FieldType::Text | FieldType::Textarea | FieldType::Url | FieldType::Phone => field.length_limit(),
        FieldType::MultiChoice => {
            let chosen = field.options.iter().map(|option| length(&option.value).saturating_add(length(&field.name)));
            chosen.fold(0, u32::saturating_add)
        }
        _ => 0,
    }
}

fn check_field(field: &Field, path: &Path, problems: &mut Problems) {
    let texts =
        [("label", &field.label, LABEL), ("help", &field.help, HELP), ("placeholder", &field.placeholder, LABEL)];
    for (key, text, max) in texts {
        if let Some(text) = text {
            problems.text(&path.key(key), text, max);
        }
    }
    let given = [
        ("min", field.min.is_some(), Rule::MinMax),
        ("max", field.max.is_some(), Rule::MinMax),
        ("min_length", field.min_length.is_some(), Rule::Length),
        ("max_length", field.max_length.is_some(), Rule::Length),
        ("pattern", field.pattern.is_some(), Rule::Pattern),
        ("options", !field.options.is_empty(), Rule::Options),
        ("placeholder", field.placeholder.is_some(), Rule::Placeholder),
    ];
    for (key, given, rule) in given {
        if given && !field.kind.rules().contains(&rule) {
            let hint = match (rule, field.kind.rules().contains(&Rule::MinMax)) {
                (Rule::Length, true) => "limit it with `min` and `max`",
                _ => "remove it",
            };
            problems.add_key(&path.key(key), format!("a field of type `{}` takes no `{key}`", field.kind.name()), hint);
        }
    }
    if field.kind.rules().contains(&Rule::MinMax) {
        check_bounds(field, path, problems);
    }
    if let Some(max) = field.max_length.filter(|_| field.kind.rules().contains(&Rule::Length)) {
        check_length(field.kind, max, path, problems);
    }
    if field.min_length.is_some_and(|min| min > field.length_limit()) {
        let hint = format!("the greatest length is {}", field.length_limit());
        problems.add(&path.key("min_length"), "`min_length` is greater than `max_length`", hint);
    }
    if let Some(pattern) = &field.pattern
        && let Err(error) = compile_pattern(pattern)
    {
        problems.add(&path.key("pattern"), format!("`pattern` cannot be used: {}", error.reason), "");
    }
    if let Some(token) = field.autocomplete.as_ref().filter(|token| !autocomplete::TOKENS.contains(&token.as_str())) {
        let hint = match nearest(token, &autocomplete::TOKENS) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "use one of HTML's, such as `name`, `organization`, `street-address` or `off`".to_owned(),
        };
        problems.add(&path.key("autocomplete"), format!("`{token}` is no token of `autocomplete`"), hint);
    }
    check_options(field, path, problems);
}

/// A length that no answer could have makes a field that nobody can fill in.
fn check_length(kind: FieldType, max: u32, path: &Path, problems: &mut Problems) {
    let path = path.key("max_length");
    let least = if kind == FieldType::Phone { SHORTEST_PHONE } else { 1 };
    if max > 10_000 {
        problems.add(&path, "`max_length` is at most 10000", "shorten it");
    } else if max < least {
        let of = format!("`max_length` of a field of type `{}` is at least {least}", kind.name());
        problems.add(&path, of, "no answer could be so short");
    }
}

fn check_bounds(field: &Field, path: &Path, problems: &mut Problems) {
    let mut valid = true;
    for (key, bound) in [("min", &field.min), ("max", &field.max)] {
        let problem = match (field.kind, bound) {
            (_, None) => None,
            (FieldType::Date, Some(Bound::Date(text))) => date(text).is_none().then_some("a date as `YYYY-MM-DD`"),
            (FieldType::Date, Some(Bound::Number(_))) => Some("a date as `YYYY-MM-DD`"),
            (FieldType::Integer, Some(Bound::Number(number))) => {
                // Beyond 2^53 a JSON number is no longer exact.
                (number.fract() != 0.0 || number.abs() > 9_007_199_254_740_991.0).then_some("a whole number")
            }
            (_, Some(Bound::Number(_))) => None,
            (_, Some(Bound::Date(_))) => Some("a number"),
        };
        if let Some(wanted) = problem {
            valid = false;
            let path = path.key(key);
            problems.add(&path, format!("`{path}` must be {wanted}"), "");
        }
    }
    let crossed = match (&field.min, &field.max) {
        (Some(Bound::Number(min)), Some(Bound::Number(max))) => min > max,
        (Some(Bound::Date(min)), Some(Bound::Date(max))) => min > max,
        _ => false,
    };
    if valid && crossed {
        problems.add(&path.key("min"), "`min` is greater than `max`", "no value could satisfy both");
    }
}

fn check_options(field: &Field, path: &Path, problems: &mut Problems) {
    if !field.kind.rules().contains(&Rule::Options) {
        return;
    }
    let options = path.key("options");
    if field.options.is_empty() {
        let hint = "list them: `options: [single, married]`";
        problems.add(&path.key("type"), format!("a field of type `{}` needs `options`", field.kind.name()), hint);
    }
    if field.options.len() > MAX_OPTIONS {
        problems.add_key(&options, format!("there are more than {MAX_OPTIONS} options"), "");
    }
    let mut values = BTreeSet::new();
    for (index, option) in field.options.iter().enumerate() {
        if option.value.trim().is_empty() || option.value.chars().count() > 100 {
            problems.add(&options.index(index), "an option has 1 to 100 characters", "");
        }
        if option.value.contains(char::is_control) {
            problems.add(&options.index(index), "an option holds a control character", "keep it on one line");
        }
        // Without a label of its own, an option is shown as its value.
        if option.label != option.value {
            problems.text(&options.index(index).key("label"), &option.label, OPTION);
        }
        if !values.insert(&option.value) {
            problems.add(&options.index(index), format!("there are two options `{}`", option.value), "remove one");
        }
    }
}
