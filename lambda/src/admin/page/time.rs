//! Times and days as people read them, in UTC wherever the reader is.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;
use jiff::civil::Date;

/// A time as an element of HTML: `<time datetime="2026-11-22T17:05:00Z">22 Nov 2026, 17:05 UTC</time>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When(pub(super) Timestamp);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.0.strftime("%Y-%m-%dT%H:%M:%SZ");
        let people = self.0.strftime("%-d %b %Y, %H:%M UTC");
        write!(f, "<time datetime=\"{machine}\">{people}</time>")
    }
}

/// Digits, names of months and marks: there is nothing to escape.
impl HtmlSafe for When {}

/// A day with its year: `22 Nov 2026`.
pub(super) fn long(day: Date) -> String {
    day.strftime("%-d %b %Y").to_string()
}

/// A day within a year: `22 Nov`.
pub(super) fn brief(day: Date) -> String {
    day.strftime("%-d %b").to_string()
}

/// The day of a time in UTC.
pub(super) fn date(at: Timestamp) -> Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_people_and_to_programs() {
        let at: Timestamp = "2026-11-02T07:05:09.5Z".parse().expect("a time");
        let expected = "<time datetime=\"2026-11-02T07:05:09Z\">2 Nov 2026, 07:05 UTC</time>";
        assert_eq!(When(at).to_string(), expected);
        assert_eq!([long(date(at)), brief(date(at))], ["2 Nov 2026", "2 Nov"]);
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            assert!(When(edge).to_string().starts_with("<time datetime=\""));
        }
    }
}
