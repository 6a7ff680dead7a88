//! Which language a person is answered in: asked for in the address, preferred by the browser, or the first.

use super::{Language, english};

/// Preferences that are looked at: no browser sends more, and a header may be as long as a caller likes.
const PREFERENCES: usize = 32;

/// The language for a request: `explicit` (the query's `lang`) where it is offered, then the best match of
/// the header `Accept-Language`, then the first. `fr-CH` finds `fr`, and `pt` finds `pt-BR`.
///
/// Always one of `languages`; English where that is empty, which no checked configuration is.
pub fn choose<'a>(languages: &'a [Language], explicit: Option<&str>, accept_language: Option<&str>) -> &'a Language {
    explicit
        .and_then(|code| find(languages, code))
        .or_else(|| preferred(languages, accept_language?))
        .or_else(|| languages.first())
        .unwrap_or_else(|| english())
}

/// The language of a tag, or of the longest beginning of it that is offered.
pub fn find<'a>(languages: &'a [Language], tag: &str) -> Option<&'a Language> {
    let tag = tag.trim();
    let mut range = tag;
    loop {
        if let Some(language) = languages.iter().find(|language| language.code.eq_ignore_ascii_case(range)) {
            return Some(language);
        }
        match range.rsplit_once('-') {
            Some((shorter, _)) => range = shorter,
            None => break,
        }
    }
    languages.iter().find(|language| {
        let (start, rest) = language.code.split_at_checked(tag.len()).unwrap_or_default();
        !tag.is_empty() && start.eq_ignore_ascii_case(tag) && rest.starts_with('-')
    })
}

fn preferred<'a>(languages: &'a [Language], header: &str) -> Option<&'a Language> {
    let mut wanted: Vec<(u16, &str)> =
        header.split(',').take(PREFERENCES).map(weighed).filter(|(weight, _)| *weight > 0).collect();
    // Of the same weight, the one named first comes first: the sort is stable.
    wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    wanted.into_iter().find_map(|(_, tag)| if tag == "*" { languages.first() } else { find(languages, tag) })
}

/// `fr;q=0.8` as its weight in thousandths and its tag; what cannot be read weighs nothing.
fn weighed(part: &str) -> (u16, &str) {
    let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
    let weight = match parameters.trim().strip_prefix("q=").or_else(|| parameters.trim().strip_prefix("Q=")) {
        Some(weight) => thousandths(weight.trim()),
        None if parameters.trim().is_empty() => Some(1_000),
        None => None,
    };
    (weight.unwrap_or(0), tag.trim())
}

/// `0`, `1`, or either with up to three decimals (RFC 9110), and no more than 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    Some((if whole == "1" { 1_000 } else { decimals }).min(1_000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offered(codes: &[&str]) -> Vec<Language> {
        codes.iter().map(|code| Language { code: (*code).to_owned(), ..english().clone() }).collect()
    }

    #[test]
    fn what_was_asked_for_wins_then_the_browsers_best_then_the_first() {
        let languages = offered(&["en", "fr", "de", "pt-BR"]);
        let code = |explicit, accept| choose(&languages, explicit, accept).code.clone();
        assert_eq!(code(Some("de"), Some("fr")), "de");
        assert_eq!(code(Some("FR-ca"), None), "fr");
        assert_eq!(code(Some("xx"), Some("fr-CH, fr;q=0.9, en;q=0.8")), "fr");
        assert_eq!(code(None, Some("en;q=0.2, de;q=0.9,fr;q=0.85")), "de");
        assert_eq!(code(None, Some("fr;q=0, de;q=0.001")), "de");
        assert_eq!(code(None, Some("nl, pt;q=0.5")), "pt-BR");
        assert_eq!(code(None, Some("nl, *;q=0.5, de;q=0.1")), "en");
        assert_eq!(code(None, Some("fr;q=1.5, de;q=half, ;;, fr ; q=0.3")), "fr");
        assert_eq!(code(None, Some("p")), "en");
        assert_eq!(code(None, None), "en");
    }

    proptest! {
        #[test]
        fn it_is_always_one_of_the_list(
            codes in prop::collection::vec("[a-z]{2}(-[A-Z]{2})?", 1..4),
            explicit in prop::option::of("\\PC{0,12}"),
            header in prop::option::of("([a-zA-Z*é-]{0,6}(;q=[0-9.]{0,5})?[, ]{0,2}){0,8}|\\PC{0,40}"),
        ) {
            let languages = offered(&codes.iter().map(String::as_str).collect::<Vec<_>>());
            let chosen = choose(&languages, explicit.as_deref(), header.as_deref());
            prop_assert!(languages.iter().any(|language| std::ptr::eq(language, chosen)));
        }
    }
}
