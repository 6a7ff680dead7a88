//! The rules of each type of field, the same for the form and the API.

use jiff::civil::Date;
use regex::Regex;
use url::Url;

use super::read::Raw;
use super::{Problem, is_country};
use crate::address::{Address, AddressError, MAX_LENGTH};
use crate::config::{Bound, Field, FieldType};
use crate::text::{deceives, is_blank};
use crate::user::FieldValue;

/// Whole numbers of 2^53 and more lose digits in JavaScript and JSON.
const INTEGER_LIMIT: f64 = 9_007_199_254_740_991.0;

/// Numbers stay within what every store and spreadsheet keeps exactly enough. One that is nearer to zero
/// than the inverse is zero: a store with decimal numbers could not keep it.
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
    if text.is_empty() {
        return Ok(None);
    }
    let text = match field.kind {
        FieldType::Choice if is_option(field, text) => text.to_owned(),
        FieldType::Country if is_country(text) => text.to_owned(),
        FieldType::Choice | FieldType::Country => return Err(Problem::NotAnOption),
        FieldType::Date => {
            check_date(field, text)?;
            text.to_owned()
        }
        _ => match written(field, pattern, text)? {
            Some(text) => text,
            None => return Ok(None),
        },
    };
    Ok(Some(FieldValue::Text(text)))
}

/// A text that a person wrote, without the white space around it; `None` when nothing of it can be seen.
fn written(field: &Field, pattern: Option<&Regex>, text: &str) -> Result<Option<String>, Problem> {
    // As it was sent, which is what `maxLength` counts in the API's schema.
    if length(text) > field.length_limit() {
        return Err(Problem::TooLong(field.length_limit()));
    }
    let multiline = field.kind == FieldType::Textarea;
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
    if let Some(least) = field.min_length.filter(|least| length(text) < *least) {
        return Err(Problem::TooShort(least));
    }
    match field.kind {
        FieldType::Email => check_email(text)?,
        FieldType::Phone => check_phone(text)?,
        FieldType::Url => check_url(text)?,
        _ => {}
    }
    if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
        return Err(Problem::Pattern);
    }
    Ok(Some(text.to_owned()))
}

/// Unicode scalar values of a text.
fn length(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
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
    let (least, most) = date_bounds(field);
    if let Some(least) = least.filter(|least| date < *least) {
        return Err(Problem::TooLow(least.to_string()));
    }
    if let Some(most) = most.filter(|most| date > *most) {
        return Err(Problem::TooHigh(most.to_string()));
    }
    Ok(())
}

/// `YYYY-MM-DD` of a day that exists, and nothing else that ISO 8601 would allow.
pub fn date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if shape { text.parse().ok() } else { None }
}

/// The first and the last date that a field takes.
pub(crate) fn date_bounds(field: &Field) -> (Option<Date>, Option<Date>) {
    let bound = |bound: &Option<Bound>| match bound {
        Some(Bound::Date(text)) => date(text),
        _ => None,
    };
    (bound(&field.min), bound(&field.max))
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
    // `https:example.com`, `https:///example.com` and inner white space are repaired by browsers, but are no
    // address to keep.
    let host = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
    let plain = host.is_some_and(|host| !host.starts_with(['/', '\\']) && !host.contains(char::is_whitespace));
    if web && plain { Ok(()) } else { Err(Problem::Format) }
}

fn is_option(field: &Field, value: &str) -> bool {
    field.options.iter().any(|option| option.value == value)
}

fn number_value(field: &Field, number: f64) -> Result<FieldValue, Problem> {
    let integer = field.kind == FieldType::Integer;
    if !number.is_finite() || (integer && number.fract() != 0.0) {
        return Err(Problem::Format);
    }
    let (least, most) = number_bounds(field);
    if number < least {
        return Err(Problem::TooLow(least.to_string()));
    }
    if number > most {
        return Err(Problem::TooHigh(most.to_string()));
    }
    Ok(FieldValue::number(if number.abs() < 1.0 / NUMBER_LIMIT { 0.0 } else { number }))
}

/// The least and the greatest number that a field takes: as declared, within what its type keeps.
pub(crate) fn number_bounds(field: &Field) -> (f64, f64) {
    let ceiling = if field.kind == FieldType::Integer { INTEGER_LIMIT } else { NUMBER_LIMIT };
    let bound = |bound: &Option<Bound>, otherwise: f64| match bound {
        Some(Bound::Number(number)) => number.clamp(-ceiling, ceiling),
        _ => otherwise,
    };
    (bound(&field.min, -ceiling), bound(&field.max, ceiling))
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
