//! Placeholders: the only thing a sentence holds beside its words.

use std::collections::BTreeSet;

/// The text with each `{name}` replaced by its value. A name without a value stays as it stands; values are
/// put in as they are and never read again, so that none of them can hold a placeholder.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next(rest) {
        filled.push_str(before);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => filled.extend(["{", name, "}"]),
        }
        rest = after;
    }
    filled + rest
}

/// The names of all placeholders of a text.
pub fn placeholders(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some((_, name, after)) = next(rest) {
        names.insert(name);
        rest = after;
    }
    names
}

/// What stands before the first placeholder, its name, and what follows it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find('{')?;
        let after = &text[open + 1..];
        let length = after.bytes().take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_').count();
        if length > 0 && after[length..].starts_with('}') {
            return Some((&text[..open], &after[..length], &after[length + 1..]));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_stands_where_its_name_stood() {
        assert_eq!(fill("{a}, {b} and {a}", &[("a", "1"), ("b", "{a}")]), "1, {a} and 1");
        assert_eq!(fill("{unknown} {} {A} {", &[("a", "1")]), "{unknown} {} {A} {");
        assert_eq!(placeholders("{{a}} {b_c} { d }"), BTreeSet::from(["a", "b_c"]));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[{}a-c é]{0,20}", value in "[{}a-c]{0,6}") {
            let filled = fill(&text, &[("a", &value)]);
            prop_assert!(placeholders(&text).contains("a") || filled == text);
        }
    }
}
