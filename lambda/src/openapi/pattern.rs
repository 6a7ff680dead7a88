//! A pattern of the spec, which is written in Rust's syntax, in the syntax that all engines share.
//!
//! The parser says what the pattern means: flags, shorthands and the cases of letters end as plain classes,
//! literals, repetitions and alternatives, and only those are written out. A pattern that asks for more,
//! such as the edge of a word, is not translated at all: it is never translated nearly.

use std::fmt::Write;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::shape::{SPACE, padded};

/// Characters of a translation at most. A class of all letters takes about 8,000, which nobody wants to
/// read many times.
const LENGTH_LIMIT: usize = 20_000;

/// A regular expression for a text with white space around it, whose trimmed value matches the pattern.
/// With `multiline`, a line feed of the pattern may be sent as CR LF. `None` when that cannot be said exactly.
pub(super) fn portable(pattern: &str, multiline: bool) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    write_hir(&hir, multiline, &mut text)?;
    // The trimmed value neither begins nor ends with white space, which must be said where the pattern may.
    let begins = if may_be_space(&hir, Edge::First) { format!("(?=[^{SPACE}])") } else { String::new() };
    let ends = if may_be_space(&hir, Edge::Last) { format!("(?<=[^{SPACE}])") } else { String::new() };
    (text.len() <= LENGTH_LIMIT).then(|| padded(&format!("{begins}{text}{ends}")))
}

fn write_hir(hir: &Hir, multiline: bool, text: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => {
            for letter in std::str::from_utf8(&literal.0).ok()?.chars() {
                match letter {
                    '\n' if multiline => text.push_str(r"(?:\r\n|\n)"),
                    '\r' if multiline => return None,
                    letter => write_literal(letter, text),
                }
            }
        }
        HirKind::Class(class) => write_class(class, multiline, text)?,
        HirKind::Look(_) => return None,
        HirKind::Repetition(repetition) => {
            let alone = is_one_character(&repetition.sub);
            text.push_str(if alone { "" } else { "(?:" });
            write_hir(&repetition.sub, multiline, text)?;
            text.push_str(if alone { "" } else { ")" });
            match (repetition.min, repetition.max) {
                (0, Some(1)) => text.push('?'),
                (0, None) => text.push('*'),
                (1, None) => text.push('+'),
                (least, None) => write!(text, "{{{least},}}").ok()?,
                (least, Some(most)) if least == most => write!(text, "{{{least}}}").ok()?,
                (least, Some(most)) => write!(text, "{{{least},{most}}}").ok()?,
            }
        }
        HirKind::Capture(capture) => write_hir(&capture.sub, multiline, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write_hir(part, multiline, text))?,
        HirKind::Alternation(ways) => {
            text.push_str("(?:");
            for (at, way) in ways.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "|" });
                write_hir(way, multiline, text)?;
            }
            text.push(')');
        }
    }
    Some(())
}

/// Whether an expression needs no brackets to be repeated.
fn is_one_character(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(_) => true,
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).is_ok_and(|text| text.chars().count() == 1),
        _ => false,
    }
}

fn write_literal(letter: char, text: &mut String) {
    match letter {
        '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => {
            text.extend(['\\', letter]);
        }
        ' '..='~' => text.push(letter),
        letter => write_escaped(letter, text),
    }
}

/// One character of a class or a literal, in the escape that all engines know; none is for those beyond U+FFFF.
fn write_escaped(letter: char, text: &mut String) {
    let code = u32::from(letter);
    if letter.is_ascii_alphanumeric() || code > 0xFFFF {
        text.push(letter);
    } else {
        write!(text, "\\u{code:04x}").expect("a text takes what is written");
    }
}

fn write_class(class: &Class, multiline: bool, text: &mut String) -> Option<()> {
    let mut set = match class {
        Class::Unicode(set) => set.clone(),
        Class::Bytes(set) => set.to_unicode_class()?,
    };
    let breaks = multiline && contains(&set, '\n');
    if multiline {
        // Never there in the checked value, where CR LF has become a line feed.
        set.difference(&ClassUnicode::new([ClassUnicodeRange::new('\r', '\r')]));
    }
    let mut others = set.clone();
    others.negate();
    let (open, ranges) = match (set.ranges(), others.ranges()) {
        ([], _) => return None,
        (_, []) => {
            text.push_str(r"[\s\S]");
            return Some(());
        }
        (these, those) if those.len() < these.len() => ("[^", those),
        (these, _) => ("[", these),
    };
    text.push_str(if breaks { r"(?:\r\n|" } else { "" });
    text.push_str(open);
    for range in ranges {
        write_escaped(range.start(), text);
        if range.start() != range.end() {
            text.push('-');
            write_escaped(range.end(), text);
        }
    }
    text.push_str(if breaks { "])" } else { "]" });
    Some(())
}

fn contains(set: &ClassUnicode, letter: char) -> bool {
    set.ranges().iter().any(|range| (range.start()..=range.end()).contains(&letter))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    First,
    Last,
}

/// Whether white space may be the first or the last character of a match.
fn may_be_space(hir: &Hir, edge: Edge) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            let letter = if edge == Edge::First { text.chars().next() } else { text.chars().next_back() };
            letter.is_some_and(char::is_whitespace)
        }
        HirKind::Class(Class::Unicode(set)) => {
            set.ranges().iter().any(|range| (range.start()..=range.end()).any(char::is_whitespace))
        }
        HirKind::Class(Class::Bytes(set)) => {
            set.ranges().iter().any(|range| (range.start()..=range.end()).any(|byte| char::from(byte).is_whitespace()))
        }
        HirKind::Repetition(repetition) => may_be_space(&repetition.sub, edge),
        HirKind::Capture(capture) => may_be_space(&capture.sub, edge),
        HirKind::Alternation(ways) => ways.iter().any(|way| may_be_space(way, edge)),
        HirKind::Concat(parts) => {
            let mut parts: Vec<&Hir> = parts.iter().collect();
            if edge == Edge::Last {
                parts.reverse();
            }
            // What may be empty lets the next part be the edge.
            let optional = parts.iter().take_while(|part| part.properties().minimum_len() == Some(0)).count();
            parts.iter().take(optional + 1).any(|part| may_be_space(part, edge))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(pattern: &str) -> Option<String> {
        let (before, after) = (format!("^[{SPACE}]*"), format!("[{SPACE}]*$"));
        let text = portable(pattern, false)?;
        Some(text.strip_prefix(&before)?.strip_suffix(&after)?.to_owned())
    }

    #[test]
    fn a_plain_pattern_stays_nearly_as_it_was_written() {
        assert_eq!(inner("[A-Z]{2}[0-9]{4}").as_deref(), Some("[A-Z]{2}[0-9]{4}"));
        assert_eq!(inner(r"a\.b|c").as_deref(), Some(r"(?:a\.b|c)"));
        assert_eq!(inner("(?i)k").as_deref(), Some(r"[Kk\u212a]"));
        assert_eq!(inner("(?x) a # first").as_deref(), Some("a"));
        assert_eq!(inner("ß€\u{1F600}").as_deref(), Some("\\u00df\\u20ac\u{1F600}"));
        assert_eq!(inner(r"[\w&&[^\D]]-").map(|text| text.contains(r"\u0660-\u0669")), Some(true));
    }

    #[test]
    fn white_space_at_the_edge_of_a_pattern_is_told_apart_from_white_space_around_the_text() {
        let looks = |pattern: &str| {
            let text = inner(pattern).expect("a pattern");
            (text.contains("(?="), text.contains("(?<="))
        };
        assert_eq!(looks("[a-z]+"), (false, false));
        assert_eq!(looks(".+"), (true, true));
        assert_eq!(looks("a.*"), (false, true));
        assert_eq!(looks(" ?a"), (true, false));
        assert_eq!(looks("a b"), (false, false));
    }

    #[test]
    fn a_line_break_is_one_character_however_it_is_sent() {
        let matches = |pattern: &str, text: &str| {
            let portable = portable(pattern, true).expect("a pattern");
            regex::Regex::new(&portable).expect("a portable pattern").is_match(text)
        };
        for text in ["ax\nb", "ax\r\nb"] {
            assert!(matches("a.\nb", text) && matches(r"a[^-]{2}b", text), "{text:?}");
        }
        // The carriage return is no character of its own.
        assert!(!matches("a.\nb", "a\r\nb") && !matches(r"a[^-]{2}b", "a\r\nb"));
    }

    #[test]
    fn what_cannot_be_said_everywhere_is_left_out() {
        for pattern in [r"^a$", r"\ba", r"a\b", "(?m)^a", "[a&&b]", r"(?:\p{L}[\p{L}'-]*|\w\W){1,3}"] {
            assert_eq!(portable(pattern, false), None, "{pattern}");
        }
        assert_eq!(portable("a\rb", true), None);
    }
}
