//! Lengths of time as an operator writes them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time in whole seconds, written `30m`, `24h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    pub seconds: u32,
}

impl Duration {
    /// As a count of seconds, minutes, hours and days, largest unit that divides it.
    const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

    pub const fn hours(hours: u32) -> Self {
        Self { seconds: hours * 3_600 }
    }

    pub const fn days(days: u32) -> Self {
        Self { seconds: days * 86_400 }
    }

    /// Reads `30m`, `24h`, `7d` or `90s`; `None` for anything else, zero or more than 136 years.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let (_, length) = Self::UNITS.into_iter().find(|(letter, _)| *letter == unit)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds = digits.parse::<u32>().ok()?.checked_mul(length)?;
        (seconds > 0).then_some(Self { seconds })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) =
            Self::UNITS.into_iter().find(|(_, length)| self.seconds.is_multiple_of(*length)).unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.seconds / length)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as `30m`, `24h` or `7d`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                Duration::parse(text).ok_or_else(|| {
                    E::custom(format_args!("`{text}` is no length of time such as `30m`, `24h` or `7d`"))
                })
            }
        }
        deserializer.deserialize_any(Text)
    }
}
