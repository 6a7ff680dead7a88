//! A mail address: kept as it was typed, compared as it is delivered.
//!
//! Plus-tags and dots in the local part are the owner's business and stay untouched.

use std::fmt;

use email_address::{EmailAddress, Options};
use url::Host;

use crate::text::is_ignorable;

/// The longest address that SMTP carries, in characters.
pub const MAX_LENGTH: usize = 254;

/// An address that SES can deliver to: ASCII local part, real domain name, no quoting.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    typed: String,
    /// Bytes of `typed` before the `@`.
    local: usize,
    /// The domain in ASCII (punycode) and lower case.
    domain: String,
}

/// Why a text is no address the service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("an address is at most {MAX_LENGTH} characters long")]
    TooLong,
    #[error("an address holds no control character")]
    ControlCharacter,
    #[error("an address holds no character that cannot be seen")]
    Invisible,
    #[error("the part before the `@` is ASCII only")]
    NotAscii,
    #[error("an address looks like `name@example.com`")]
    Malformed,
}

impl Address {
    /// Reads an address after trimming white space around it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.chars().any(char::is_control) {
            return Err(AddressError::ControlCharacter);
        }
        let typed = text.trim();
        if typed.chars().count() > MAX_LENGTH {
            return Err(AddressError::TooLong);
        }
        let (local, domain) = typed.rsplit_once('@').ok_or(AddressError::Malformed)?;
        if !local.is_ascii() {
            return Err(AddressError::NotAscii);
        }
        // IDNA drops them without a word, so that two addresses that look alike would be one.
        if domain.chars().any(|letter| is_ignorable(letter) && !matches!(letter, '\u{200C}' | '\u{200D}')) {
            return Err(AddressError::Invisible);
        }
        let domain = ascii_domain(domain).ok_or(AddressError::Malformed)?;
        let address = Self { typed: typed.to_owned(), local: local.len(), domain };
        let mailable = address.mailable();
        if mailable.len() > MAX_LENGTH {
            return Err(AddressError::TooLong);
        }
        let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
        // A quoted local part is valid in the RFC, and a typing mistake everywhere else.
        if local.starts_with('"') || EmailAddress::parse_with_options(&mailable, options).is_err() {
            return Err(AddressError::Malformed);
        }
        Ok(address)
    }

    /// The address as the person wrote it.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// What two addresses are compared by: lower-case local part and ASCII domain.
    pub fn normalised(&self) -> String {
        format!("{}@{}", self.typed[..self.local].to_ascii_lowercase(), self.domain)
    }

    /// What mail is sent to: the local part as typed, the domain in ASCII.
    pub fn mailable(&self) -> String {
        format!("{}@{}", &self.typed[..self.local], self.domain)
    }

    /// The domain in ASCII and lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

/// Blank, so that no address reaches a log through a `{:?}`.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// The domain as DNS knows it; `None` for an IP address, a single label or a label DNS would refuse.
fn ascii_domain(domain: &str) -> Option<String> {
    // `Host::parse` is made for URLs and would decode percent signs.
    if domain.contains('%') {
        return None;
    }
    let Host::Domain(ascii) = Host::parse(domain).ok()? else { return None };
    let labels: Vec<&str> = ascii.split('.').collect();
    let label_is_good = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top_level_has_a_letter = labels.last()?.bytes().any(|byte| byte.is_ascii_alphabetic());
    (labels.len() > 1 && labels.iter().all(label_is_good) && top_level_has_a_letter).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn real_addresses_are_kept_as_typed() {
        for text in
            ["ada@example.com", "Ada.Lovelace+list@Example.Co.UK", "o'brien@example.org", "x@xn--bcher-kva.example"]
        {
            let address = Address::parse(text).expect(text);
            assert_eq!(address.as_typed(), text);
            assert_eq!(address.normalised(), text.to_ascii_lowercase());
        }
        assert_eq!(Address::parse("  ada@example.com ").expect("trimmed").as_typed(), "ada@example.com");
    }

    #[test]
    fn a_domain_is_compared_in_ascii() {
        let address = Address::parse("Ada@Bücher.example").expect("an address");
        assert_eq!(address.as_typed(), "Ada@Bücher.example");
        assert_eq!(address.mailable(), "Ada@xn--bcher-kva.example");
        assert_eq!(address.normalised(), "ada@xn--bcher-kva.example");
    }

    #[test]
    fn what_cannot_be_delivered_is_refused() {
        let long = format!("{}@example.com", "a".repeat(64));
        assert!(Address::parse(&long).is_ok());
        let cases = [
            ("", AddressError::Malformed),
            ("ada", AddressError::Malformed),
            ("@example.com", AddressError::Malformed),
            ("ada@", AddressError::Malformed),
            ("ada@localhost", AddressError::Malformed),
            ("ada@127.0.0.1", AddressError::Malformed),
            ("ada@[127.0.0.1]", AddressError::Malformed),
            ("ada@example..com", AddressError::Malformed),
            ("ada@-example.com", AddressError::Malformed),
            ("ada@exa_mple.com", AddressError::Malformed),
            ("ada@example.com.", AddressError::Malformed),
            ("ada@ex%61mple.com", AddressError::Malformed),
            (".ada@example.com", AddressError::Malformed),
            ("a..da@example.com", AddressError::Malformed),
            ("a da@example.com", AddressError::Malformed),
            ("\"a da\"@example.com", AddressError::Malformed),
            ("Ada <ada@example.com>", AddressError::Malformed),
            ("ada@example.com, bob@example.com", AddressError::Malformed),
            ("ädä@example.com", AddressError::NotAscii),
            ("ada@example.com\r\nBcc: bob@example.com", AddressError::ControlCharacter),
            ("ada\0@example.com", AddressError::ControlCharacter),
            ("ada@exam\u{ad}ple.com", AddressError::Invisible),
            ("ada@exam\u{200b}ple.com", AddressError::Invisible),
            ("ada@\u{202e}moc.elpmaxe", AddressError::Invisible),
        ];
        for (text, error) in cases {
            assert_eq!(Address::parse(text).err(), Some(error), "{text}");
        }
        let too_long = format!("a@{}.com", ["a".repeat(60).as_str(); 5].join("."));
        assert_eq!(Address::parse(&too_long).err(), Some(AddressError::TooLong));
        assert_eq!(Address::parse(&format!("{}@example.com", "a".repeat(65))).err(), Some(AddressError::Malformed));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_panics_and_none_smuggles_a_line(text in "\\PC{0,20}@?[\\PC\\r\\n\\x00]{0,20}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(address.as_typed(), text.trim());
                prop_assert!(address.mailable().is_ascii());
                prop_assert!(address.mailable().len() <= MAX_LENGTH);
                prop_assert!(!address.mailable().chars().any(|letter| letter.is_control() || letter == ' '));
            }
        }

        #[test]
        fn plain_addresses_parse_and_case_does_not_matter(text in "[a-zA-Z0-9]{1,20}(\\+[a-z0-9]{1,5})?@([a-z][a-z0-9]{0,10}\\.){1,3}[a-z]{2,8}") {
            let lower = Address::parse(&text).expect("an address").normalised();
            let upper = Address::parse(&text.to_ascii_uppercase()).expect("an address").normalised();
            prop_assert_eq!(&lower, &upper);
            prop_assert_eq!(Address::parse(&lower).expect("still an address").normalised(), lower);
        }
    }
}
