//! The countries of ISO 3166-1 under the names people look for.
//!
//! The codes come from `celes`; its names are the official ones with articles in front and without
//! accents, so those that nobody would find in a list are replaced here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A country as offered in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-2, in capitals.
    pub code: &'static str,
    pub name: String,
}

/// Names that differ from the official one.
const NAMES: &[(&str, &str)] = &[
    ("AX", "Åland Islands"),
    ("BL", "Saint Barthélemy"),
    ("BQ", "Bonaire, Sint Eustatius and Saba"),
    ("BS", "Bahamas"),
    ("BN", "Brunei"),
    ("CC", "Cocos (Keeling) Islands"),
    ("CD", "Congo (Democratic Republic)"),
    ("CG", "Congo (Republic)"),
    ("CI", "Côte d’Ivoire"),
    ("CV", "Cape Verde"),
    ("CW", "Curaçao"),
    ("FK", "Falkland Islands"),
    ("FM", "Micronesia"),
    ("GB", "United Kingdom"),
    ("GW", "Guinea-Bissau"),
    ("HM", "Heard Island and McDonald Islands"),
    ("IR", "Iran"),
    ("KP", "North Korea"),
    ("KR", "South Korea"),
    ("LA", "Laos"),
    ("MD", "Moldova"),
    ("MF", "Saint Martin"),
    ("MK", "North Macedonia"),
    ("PS", "Palestine"),
    ("RE", "Réunion"),
    ("RU", "Russia"),
    ("SH", "Saint Helena, Ascension and Tristan da Cunha"),
    ("ST", "São Tomé and Príncipe"),
    ("SX", "Sint Maarten"),
    ("SY", "Syria"),
    ("TL", "Timor-Leste"),
    ("TW", "Taiwan"),
    ("TZ", "Tanzania"),
    ("UM", "United States Minor Outlying Islands"),
    ("US", "United States"),
    ("VA", "Vatican City"),
    ("VE", "Venezuela"),
    ("VI", "U.S. Virgin Islands"),
];

/// In use here and there, but assigned by nobody: no code of ISO 3166-1.
const NOT_ASSIGNED: &str = "XK";

/// Every country, by name.
pub fn countries() -> &'static [Country] {
    static LIST: OnceLock<Vec<Country>> = OnceLock::new();
    LIST.get_or_init(|| {
        let mut list: Vec<Country> = assigned()
            .map(|country| Country { code: country.alpha2, name: name(country.alpha2, country.long_name) })
            .collect();
        list.sort_by_cached_key(|country| sort_key(&country.name));
        list
    })
}

/// Every country under the names of a language, by name; one that it does not name has its English name.
pub fn countries_in(names: &BTreeMap<String, String>) -> Cow<'static, [Country]> {
    if names.is_empty() {
        return Cow::Borrowed(countries());
    }
    let named = |country: &Country| names.get(country.code).unwrap_or(&country.name).clone();
    let mut list: Vec<Country> =
        countries().iter().map(|country| Country { code: country.code, name: named(country) }).collect();
    list.sort_by_cached_key(|country| sort_key(&country.name));
    Cow::Owned(list)
}

/// What names are sorted by: letters without their accents, in lower case, and nothing but letters and spaces.
/// Scripts other than Latin are left in the order of Unicode.
fn sort_key(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_lowercase).map(plain);
    letters.filter(|letter| letter.is_alphabetic() || *letter == ' ').collect()
}

/// A Latin letter in lower case without its accent.
fn plain(letter: char) -> char {
    match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' | 'į' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'ş' | 'š' | 'ș' | 'ß' => 's',
        'ţ' | 'ť' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

/// Whether ISO 3166-1 assigns this code, in capitals.
pub fn is_country(code: &str) -> bool {
    assigned().any(|country| country.alpha2 == code)
}

fn assigned() -> impl Iterator<Item = celes::Country> {
    celes::Country::get_countries().into_iter().filter(|country| country.alpha2 != NOT_ASSIGNED)
}

fn name(code: &str, official: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(of, _)| *of == code) {
        return (*name).to_owned();
    }
    let name = official.strip_prefix("The ").unwrap_or(official);
    name.replace(" And ", " and ").replace(" Of ", " of ").replace(" The ", " the ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_iso_3166_1_in_the_order_people_read() {
        assert_eq!(countries().len(), 249);
        assert!(countries().iter().all(|country| is_country(country.code)));
        let named = |code| countries().iter().find(|country| country.code == code).map(|country| country.name.as_str());
        assert_eq!(named("FR"), Some("France"));
        assert_eq!(named("NL"), Some("Netherlands"));
        assert_eq!(named("IM"), Some("Isle of Man"));
        for wrong in ["", "fr", "FRA", "XX", "XK", "UK"] {
            assert!(!is_country(wrong) && named(wrong).is_none(), "{wrong}");
        }
        let place = |code| countries().iter().position(|country| country.code == code);
        assert!(place("AF") < place("AX") && place("AX") < place("AL"));
        assert!(NAMES.iter().all(|(code, _)| is_country(code)));
    }

    #[test]
    fn another_language_has_its_own_names_in_its_own_order() {
        let names = [("AT", "Österreich"), ("OM", "Oman"), ("PK", "Pakistan"), ("AE", "Émirats arabes unis")];
        let list = countries_in(&names.map(|(code, name)| (code.to_owned(), name.to_owned())).into());
        let place = |code| list.iter().position(|country| country.code == code);
        assert_eq!(list.len(), 249);
        assert!(place("OM") < place("AT") && place("AT") < place("PK"), "Ö stands with O");
        assert!(place("AE") < place("FR"), "and É with E, beside what keeps its English name");
        assert_eq!(sort_key("Côte d’Ivoire"), "cote divoire");
    }
}
