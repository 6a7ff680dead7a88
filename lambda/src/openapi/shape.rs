//! Regular expressions for what the server asks of a text: what may be in it, how long it is, how it begins.
//!
//! They keep to what ECMAScript, Python and Rust read the same way: no shorthand such as `\s`, whose white
//! space differs from engine to engine, and no look-around. Each holds for the text as it is sent, with the
//! white space that the server trims. It never holds a rule of its own: the tests compare every class with
//! the predicate of the server, character by character.

use jiff::civil::Date;

/// What `str::trim` takes away, as it stands between brackets.
pub(super) const SPACE: &str = r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// Control characters, but for the tab and the line feed.
const CONTROL: &str = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f";

/// See `text::deceives`.
const DECEIVES: &str = r"\u00ad\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff";

/// See `text::is_ignorable`. Beyond U+FFFF no way to escape a character is common to all engines.
const IGNORABLE: &str = concat!(
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164",
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8",
    "\u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}"
);

/// The highest count in a repetition: RE2 and what is built on it take no more.
const COUNT_LIMIT: u32 = 1_000;

/// A text of which something can be seen.
pub(super) fn visible() -> String {
    format!("[^{SPACE}{IGNORABLE}]")
}

/// A text of which nothing can be seen, which counts as absent.
pub(super) fn blank() -> String {
    format!("^[{SPACE}{IGNORABLE}]*$")
}

/// The pattern of a whole text with any white space around it.
pub(super) fn padded(pattern: &str) -> String {
    format!("^[{SPACE}]*{pattern}[{SPACE}]*$")
}

/// A text without forbidden characters, of at least so many characters; `multiline` lets line breaks in.
pub(super) fn text(multiline: bool, least: u32) -> String {
    let edge = if multiline { format!("[^{CONTROL}{SPACE}]") } else { format!("[^{CONTROL}{DECEIVES}{SPACE}]") };
    let inner =
        if multiline { format!(r"(?:\r\n|[^{CONTROL}])") } else { format!(r"[^{CONTROL}\u0009\u000a{DECEIVES}]") };
    // No more is said of a length than engines can count; see `is_countable`.
    match if is_countable(least) { least } else { 0 } {
        0 | 1 => padded(&format!("{edge}(?:{inner}*{edge})?")),
        2 => padded(&format!("{edge}{inner}*{edge}")),
        more => padded(&format!("{edge}{inner}{{{},}}{edge}", more - 2)),
    }
}

/// Whether a least length can be said.
pub(super) fn is_countable(least: u32) -> bool {
    least <= COUNT_LIMIT + 2
}

/// A mail address: the local part exactly; a domain of ASCII but for what punycode may mean; of any other
/// domain no more than that it is one.
pub(super) fn email() -> [String; 2] {
    let atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+";
    let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    let top = "(?:[0-9][0-9-]*)?[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
    // Other letters, and other full stops: what is no ASCII, no white space and can be seen.
    let other = format!(r"[^\u0000-\u007f{CONTROL}{SPACE}{DECEIVES}]");
    let any = format!(r"(?:[A-Za-z0-9.-]|{other})*");
    [
        padded(&format!(r"{atom}(?:\.{atom})*@(?:(?:{label}\.)+{top}|[A-Za-z0-9.-]*{other}{any})")),
        format!("^[{SPACE}]*[^@]{{1,64}}@"),
    ]
}

/// Five to fifteen digits among what people put between them.
pub(super) fn phone() -> String {
    let between = r"[ \-.()/]*";
    padded(&format!(r"\+?{between}(?:[0-9]{between}){{5,15}}"))
}

/// Something after `http://` or `https://` that can begin a host.
pub(super) fn url() -> String {
    let not = format!(r"\u0009\u000a{CONTROL}{DECEIVES}{SPACE}");
    padded(&format!(r"[Hh][Tt][Tt][Pp][Ss]?://[^/\\?#{not}][^{not}]*"))
}

/// `YYYY-MM-DD`, whether or not there is such a day.
pub(super) const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";

/// The dates from this one on, of all that look like a date.
pub(super) fn from(date: Date) -> String {
    beyond(date, |digit| (digit < b'9').then(|| (digit + 1, b'9')))
}

/// The dates up to this one, of all that look like a date.
pub(super) fn until(date: Date) -> String {
    beyond(date, |digit| (digit > b'0').then(|| (b'0', digit - 1)))
}

/// The date itself, and those whose first other digit is in the range given for the date's digit: dates of
/// this form are in the order of their texts.
fn beyond(date: Date, range: impl Fn(u8) -> Option<(u8, u8)>) -> String {
    let date = date.to_string();
    let digits = date.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit());
    let mut ways: Vec<String> = digits
        .filter_map(|(at, digit)| {
            let (first, last) = range(digit).map(|(first, last)| (char::from(first), char::from(last)))?;
            let digit = if first == last { first.to_string() } else { format!("[{first}-{last}]") };
            Some(format!("{}{digit}", &date[..at]))
        })
        .collect();
    ways.push(date);
    format!("^(?:{})", ways.join("|"))
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use regex_syntax::hir::{Class, HirKind};

    use super::*;
    use crate::text::{deceives, is_ignorable};

    fn class_is(class: &str, predicate: impl Fn(char) -> bool) {
        let hir = regex_syntax::parse(&format!("[{class}]")).expect("a class");
        let HirKind::Class(Class::Unicode(set)) = hir.kind() else { panic!("a class") };
        for letter in '\0'..=char::MAX {
            let within = set.ranges().iter().any(|range| (range.start()..=range.end()).contains(&letter));
            assert_eq!(within, predicate(letter), "{letter:?}");
        }
    }

    #[test]
    fn every_class_is_the_servers() {
        class_is(SPACE, char::is_whitespace);
        class_is(CONTROL, |letter| letter.is_control() && !matches!(letter, '\t' | '\n'));
        class_is(DECEIVES, deceives);
        class_is(IGNORABLE, is_ignorable);
    }

    #[test]
    fn dates_are_compared_by_their_text() {
        let all = ["0000-01-01", "1899-12-31", "1900-01-01", "1990-09-30", "1990-10-01", "2020-12-31", "9999-12-31"];
        for bound in all {
            let date: Date = bound.parse().expect("a date");
            let (from, until) = (Regex::new(&from(date)).expect("from"), Regex::new(&until(date)).expect("until"));
            for other in all {
                assert_eq!(from.is_match(other), other >= bound, "{other} from {bound}");
                assert_eq!(until.is_match(other), other <= bound, "{other} until {bound}");
            }
        }
    }

    #[test]
    fn a_length_is_of_the_text_without_what_is_around_it() {
        for least in [0, 1, 2, 3, 5] {
            let regex = Regex::new(&text(true, least)).expect("a pattern");
            for (sent, length) in [("a", 1), (" a ", 1), ("a\r\nb", 3), ("\r\na  b\n", 4), ("a\tb \u{a0} c", 7)] {
                assert_eq!(regex.is_match(sent), length >= least, "{sent:?} of at least {least}");
            }
        }
        assert!(!Regex::new(&text(true, 0)).expect("a pattern").is_match("a\rb"));
    }
}
