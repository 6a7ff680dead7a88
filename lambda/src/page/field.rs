//! One declared field as the template shows it: its control, its limits for the browser, what was typed.

use super::site::Site;
use crate::config::{Bound, Choice, Field, FieldType, Form};
use crate::form::{CONSENT, FieldError, countries_in};
use crate::words::{FieldWords, LangOf, Language, english};

/// Choices up to this many are all in view; more are in a list that opens.
const RADIOS: usize = 6;

/// A field and its state.
#[derive(Clone, Debug)]
pub(super) struct FieldView<'a> {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) label_lang: LangOf<'a>,
    pub(super) help: Option<String>,
    pub(super) help_lang: LangOf<'a>,
    pub(super) error: Option<String>,
    pub(super) required: bool,
    /// Ids of the texts that explain the field, for `aria-describedby`.
    pub(super) described_by: String,
    pub(super) autocomplete: Option<String>,
    pub(super) control: Control<'a>,
}

/// Attributes of a control that limit what can be typed.
type Limits = Vec<(&'static str, String)>;

#[derive(Clone, Debug)]
pub(super) enum Control<'a> {
    /// `ltr` for what is written from left to right in every script: addresses and numbers of telephones.
    Input {
        kind: &'static str,
        ltr: bool,
        value: String,
        limits: Limits,
    },
    Textarea {
        value: String,
        limits: Limits,
    },
    Select(Vec<OptionView<'a>>),
    Radios(Vec<OptionView<'a>>),
    Boxes(Vec<OptionView<'a>>),
    Box {
        chosen: bool,
        link: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct OptionView<'a> {
    pub(super) id: String,
    pub(super) value: String,
    pub(super) label: String,
    pub(super) lang: LangOf<'a>,
    pub(super) chosen: bool,
}

impl FieldView<'_> {
    /// The id that a link to the field leads to: of a group, its first option.
    pub(super) fn target(&self) -> String {
        match &self.control {
            Control::Radios(options) | Control::Boxes(options) => {
                options.first().map_or_else(|| self.id.clone(), |option| option.id.clone())
            }
            _ => self.id.clone(),
        }
    }
}

/// Every field of the form in its order, and the consent box last. The form is in the page's language already, as
/// far as that has texts for it.
pub(super) fn views<'a>(
    form: &Form,
    site: &Site<'a>,
    typed: &[(String, String)],
    errors: &[FieldError],
) -> Vec<FieldView<'a>> {
    let error = |name: &str| errors.iter().find(|error| error.field == name).map(|error| error.message.clone());
    let values = |name: &str| -> Vec<&str> {
        typed.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    };
    let mut views: Vec<FieldView<'a>> =
        form.fields.iter().map(|field| view(field, site, &values(&field.name), error(&field.name))).collect();
    if let Some(consent) = &form.consent {
        let control = Control::Box { chosen: !values(CONSENT).is_empty(), link: consent.link.clone() };
        let translated = site.language.form.consent.as_ref().is_some_and(|words| words.text.is_some());
        views.push(finish(FieldView {
            id: id(CONSENT),
            name: CONSENT.into(),
            label: consent.text.clone(),
            label_lang: site.own(translated),
            help: None,
            help_lang: LangOf::default(),
            error: error(CONSENT),
            required: true,
            described_by: String::new(),
            autocomplete: None,
            control,
        }));
    }
    views
}

fn id(name: &str) -> String {
    format!("field-{name}")
}

fn view<'a>(field: &Field, site: &Site<'a>, typed: &[&str], error: Option<String>) -> FieldView<'a> {
    let words = site.language.form.fields.get(&field.name);
    finish(FieldView {
        id: id(&field.name),
        name: field.name.clone(),
        label: field.label(),
        label_lang: site.own(words.is_some_and(|words| words.label.is_some())),
        help: field.help.clone(),
        help_lang: site.own(words.is_some_and(|words| words.help.is_some())),
        error,
        required: field.is_required(),
        described_by: String::new(),
        autocomplete: autocomplete(field),
        control: control(field, site, words, typed),
    })
}

fn finish(mut view: FieldView<'_>) -> FieldView<'_> {
    let help = view.help.is_some().then(|| format!("{}-help", view.id));
    let error = view.error.is_some().then(|| format!("{}-error", view.id));
    view.described_by = help.into_iter().chain(error).collect::<Vec<_>>().join(" ");
    view
}

/// What the browser may fill in: as declared, or as the type and the usual names tell (WCAG 1.3.5).
fn autocomplete(field: &Field) -> Option<String> {
    let token = match (field.kind, field.name.as_str()) {
        _ if field.autocomplete.is_some() => return field.autocomplete.clone(),
        (FieldType::Email, _) => "email",
        (FieldType::Phone, _) => "tel",
        (FieldType::Url, _) => "url",
        (FieldType::Country, "country") => "country",
        (FieldType::Text, "name" | "full_name") => "name",
        (FieldType::Text, "first_name" | "given_name") => "given-name",
        (FieldType::Text, "last_name" | "family_name" | "surname") => "family-name",
        (FieldType::Text, "organisation" | "organization" | "company") => "organization",
        (FieldType::Date, "birthday" | "date_of_birth" | "birth_date") => "bday",
        _ => return None,
    };
    Some(token.to_owned())
}

fn control<'a>(field: &Field, site: &Site<'a>, words: Option<&FieldWords>, typed: &[&str]) -> Control<'a> {
    let value = typed.first().copied().unwrap_or_default().to_owned();
    let kind = match field.kind {
        FieldType::Text => "text",
        FieldType::Email => "email",
        FieldType::Integer | FieldType::Number => "number",
        FieldType::Date => "date",
        FieldType::Phone => "tel",
        FieldType::Url => "url",
        FieldType::Textarea => return Control::Textarea { value, limits: limits(field) },
        FieldType::Choice if field.options.len() <= RADIOS => {
            let mut options = options(field, site, words, typed);
            // A radio button cannot be let go of: without this option there were no way back from a choice.
            if !field.is_required() {
                options.push(OptionView {
                    id: format!("{}-none", id(&field.name)),
                    value: String::new(),
                    label: site.words().form.no_answer.clone(),
                    lang: LangOf::default(),
                    chosen: typed.contains(&""),
                });
            }
            return Control::Radios(options);
        }
        FieldType::Choice => return Control::Select(options(field, site, words, typed)),
        FieldType::MultiChoice => return Control::Boxes(options(field, site, words, typed)),
        FieldType::Country => return Control::Select(country_options(site.language, typed)),
        FieldType::Checkbox => return Control::Box { chosen: !value.is_empty(), link: None },
    };
    let ltr = matches!(field.kind, FieldType::Email | FieldType::Phone | FieldType::Url);
    Control::Input { kind, ltr, value, limits: limits(field) }
}

fn options<'a>(field: &Field, site: &Site<'a>, words: Option<&FieldWords>, typed: &[&str]) -> Vec<OptionView<'a>> {
    let option = |(at, choice): (usize, &Choice)| OptionView {
        id: format!("{}-{at}", id(&field.name)),
        value: choice.value.clone(),
        label: label(choice),
        lang: site.own(words.is_some_and(|words| words.options.contains_key(&choice.value))),
        chosen: typed.contains(&choice.value.as_str()),
    };
    field.options.iter().enumerate().map(option).collect()
}

/// The label as declared; a plain word that stands for itself, such as `single`, begins with a capital.
pub(crate) fn label(choice: &Choice) -> String {
    let plain = |letter: char| !letter.is_uppercase();
    let mut letters = choice.value.chars();
    match letters.next() {
        Some(first) if choice.label == choice.value && choice.value.chars().all(plain) => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => choice.label.clone(),
    }
}

fn country_options(language: &Language, typed: &[&str]) -> Vec<OptionView<'static>> {
    let speaks_english = language.code.split('-').next() == Some("en");
    let lang = |code: &str| match speaks_english || language.countries.contains_key(code) {
        true => LangOf::default(),
        false => LangOf::new(english(), language),
    };
    countries_in(&language.countries)
        .iter()
        .map(|country| OptionView {
            id: String::new(),
            value: country.code.into(),
            label: country.name.clone(),
            lang: lang(country.code),
            chosen: typed.contains(&country.code),
        })
        .collect()
}

/// The limits as the browser knows them. The server judges by its own rules whatever the browser let through.
fn limits(field: &Field) -> Limits {
    let mut limits = Limits::new();
    match field.kind {
        FieldType::Integer => {
            limits.push(("step", "1".into()));
            // A keyboard of digits has no minus sign on some phones.
            if matches!(field.min, Some(Bound::Number(least)) if least >= 0.0) {
                limits.push(("inputmode", "numeric".into()));
            }
        }
        FieldType::Number => limits.extend([("step", "any".into()), ("inputmode", "decimal".into())]),
        FieldType::Email => {
            limits.extend([
                ("inputmode", "email".into()),
                ("autocapitalize", "none".into()),
                ("spellcheck", "false".into()),
            ]);
        }
        FieldType::Phone => limits.push(("inputmode", "tel".into())),
        FieldType::Url => limits.extend([("inputmode", "url".into()), ("autocapitalize", "none".into())]),
        _ => {}
    }
    let bounds = [("min", &field.min), ("max", &field.max)];
    limits.extend(bounds.into_iter().filter_map(|(name, bound)| Some((name, bound.as_ref()?.to_string()))));
    if matches!(
        field.kind,
        FieldType::Text | FieldType::Textarea | FieldType::Email | FieldType::Phone | FieldType::Url
    ) {
        limits.extend(field.min_length.map(|least| ("minlength", least.to_string())));
        // Browsers count in units of UTF-16, of which a character takes up to two: the server is the stricter.
        limits.push(("maxlength", field.length_limit().saturating_mul(2).to_string()));
    }
    if field.kind != FieldType::Textarea {
        limits.extend(
            field.pattern.as_ref().filter(|pattern| same_in_browsers(pattern)).map(|it| ("pattern", it.clone())),
        );
    }
    limits.extend(field.placeholder.as_ref().map(|text| ("placeholder", text.clone())));
    limits
}

/// Whether a pattern certainly means the same to a browser as to the server. Of the others the browser
/// is told nothing: a browser that refuses what the server would take leaves a person no way on.
fn same_in_browsers(pattern: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " _.,:;@#%/+*?|()[]{}^$-'\"<>=!".contains(letter);
    // In a class browsers read some doubled marks as operators, which here are literals.
    pattern.chars().all(plain)
        && !pattern.contains("(?")
        && !["--", "&&", "||", "[^^", "!!", "##"].iter().any(|pair| pattern.contains(pair))
}
