//! The rules of each type of field, the same for the form and the API.

use jiff::civil::Date;
use regex::Regex;
use url::Url;

use super::read::Raw;
use super::{Problem, country_name};
use crate::address::{Address, AddressError, MAX_LENGTH};
use crate::config::{Bound, Field, FieldType};
use crate::sign_up::FieldValue;
use crate::text::{deceives, is_blank};

/// Whole numbers beyond 2^53 lose digits in JavaScript and JSON.
const INTEGER_LIMIT: f64 = 9_007_199_254_740_992.0;

/// Numbers stay within what every store and spreadsheet keeps exactly enough.
const NUMBER_LIMIT: f64 = 1e15;

/// Digits in a phone number: the shortest national numbers to the longest of E.164.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 5..=15;

/// The checked value, `None` when the field was left empty and may be.
pub(super) fn check(field: &Field, pattern: Option<&Regex>, raw: Raw) -> Result<Option<FieldValue>, Problem> {
    let value = match raw {
        Raw::Absent => None,
        Raw::Text(text) => text_value(field, pattern, &text)?,
        Raw::Number(number) => Some(number_value(field, number)?),
        Raw::Flag(false) if field.is_required() => None,
        Raw::Flag(flag) => Some(FieldValue::Flag(flag)),
        Raw::Many(values) => many_value(field, &values)?,
    };
    if value.is_none() && field.is_required() {
        return Err(Problem::Required);
    }
    Ok(value)
}

fn text_value(field: &Field, pattern: Option<&Regex>, text: &str) -> Result<Option<FieldValue>, Problem> {
    let multiline = field.kind == FieldType::Textarea;
    // A browser sends the line breaks of a text area as CR LF; people mean one character.
    let text = if multiline { text.replace("\r\n", "\n") } else { text.to_owned() };
    let text = text.trim();
    if is_blank(text) {
        return Ok(None);
    }
    if text.chars().any(|letter| letter.is_control() && !(multiline && matches!(letter, '\n' | '\t'))) {
        return Err(Problem::ControlCharacter);
    }
    if !multiline && text.chars().any(deceives) {
        return Err(Problem::ControlCharacter);
    }
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if length > field.length_limit() {
        return Err(Problem::TooLong(field.length_limit()));
    }
    if let Some(least) = field.min_length.filter(|least| length < *least) {
        return Err(Problem::TooShort(least));
    }
    match field.kind {
        FieldType::Email => check_email(text)?,
        FieldType::Date => check_date(field, text)?,
        FieldType::Phone => check_phone(text)?,
        FieldType::Url => check_url(text)?,
        FieldType::Country if country_name(text).is_none() => return Err(Problem::NotAnOption),
        FieldType::Choice if !is_option(field, text) => return Err(Problem::NotAnOption),
        _ => {}
    }
    if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
        return Err(Problem::Pattern);
    }
    Ok(Some(FieldValue::Text(text.to_owned())))
}

fn check_email(text: &str) -> Result<(), Problem> {
    match Address::parse(text) {
        Ok(_) => Ok(()),
        Err(AddressError::TooLong) => Err(Problem::TooLong(u32::try_from(MAX_LENGTH).unwrap_or(254))),
        Err(_) => Err(Problem::Format),
    }
}

fn check_date(field: &Field, text: &str) -> Result<(), Problem> {
    let date = date(text).ok_or(Problem::Format)?;
    let bound = |bound: &Option<Bound>| bound.as_ref().and_then(date_bound);
    if let Some(least) = bound(&field.min).filter(|least| date < *least) {
        return Err(Problem::TooLow(least.to_string()));
    }
    if let Some(most) = bound(&field.max).filter(|most| date > *most) {
        return Err(Problem::TooHigh(most.to_string()));
    }
    Ok(())
}

/// `YYYY-MM-DD` of a day that exists, and nothing else that ISO 8601 would allow.
fn date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if shape { text.parse().ok() } else { None }
}

fn date_bound(bound: &Bound) -> Option<Date> {
    match bound {
        Bound::Date(text) => date(text),
        Bound::Number(_) => None,
    }
}

fn check_phone(text: &str) -> Result<(), Problem> {
    let rest = text.strip_prefix('+').unwrap_or(text);
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/');
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    if rest.bytes().all(allowed) && PHONE_DIGITS.contains(&digits) { Ok(()) } else { Err(Problem::Format) }
}

fn check_url(text: &str) -> Result<(), Problem> {
    let url = Url::parse(text).map_err(|_| Problem::Format)?;
    let web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    // `https:example.com` and inner white space are repaired by browsers, but are no address to keep.
    if web && text.contains("://") && !text.chars().any(char::is_whitespace) { Ok(()) } else { Err(Problem::Format) }
}

fn is_option(field: &Field, value: &str) -> bool {
    field.options.iter().any(|option| option.value == value)
}

fn number_value(field: &Field, number: f64) -> Result<FieldValue, Problem> {
    let integer = field.kind == FieldType::Integer;
    if !number.is_finite() || (integer && number.fract() != 0.0) {
        return Err(Problem::Format);
    }
    // Neither zero nor anything a person would type: a store with decimal numbers could not keep it.
    if number != 0.0 && number.abs() < 1.0 / NUMBER_LIMIT {
        return Err(Problem::Format);
    }
    let ceiling = if integer { INTEGER_LIMIT } else { NUMBER_LIMIT };
    let bound = |bound: &Option<Bound>, otherwise: f64| match bound {
        Some(Bound::Number(number)) => number.clamp(-ceiling, ceiling),
        _ => otherwise,
    };
    let (least, most) = (bound(&field.min, -ceiling), bound(&field.max, ceiling));
    if number < least {
        return Err(Problem::TooLow(least.to_string()));
    }
    if number > most {
        return Err(Problem::TooHigh(most.to_string()));
    }
    Ok(FieldValue::number(number))
}

/// The chosen options in the order they were declared, each once.
fn many_value(field: &Field, values: &[String]) -> Result<Option<FieldValue>, Problem> {
    if !values.iter().all(|value| is_option(field, value)) {
        return Err(Problem::NotAnOption);
    }
    let chosen: Vec<String> =
        field.options.iter().map(|option| &option.value).filter(|value| values.contains(value)).cloned().collect();
    Ok((!chosen.is_empty()).then_some(FieldValue::Choices(chosen)))
}
