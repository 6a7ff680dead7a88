//! The countries of ISO 3166-1 under the names people look for.
//!
//! The codes come from `celes`; its names are the official ones with articles in front and without
//! accents, so those that nobody would find in a list are replaced here.

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
        let mut list: Vec<Country> = celes::Country::get_countries()
            .iter()
            .filter(|country| country.alpha2 != NOT_ASSIGNED)
            .map(|country| Country { code: country.alpha2, name: name(country.alpha2, country.long_name) })
            .collect();
        list.sort_by_cached_key(|country| country.name.replace('Å', "A"));
        list
    })
}

/// The name of a country by its code in capitals; `None` when ISO 3166-1 assigns no such code.
pub fn country_name(code: &str) -> Option<&'static str> {
    countries().iter().find(|country| country.code == code).map(|country| country.name.as_str())
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
        assert_eq!(country_name("FR"), Some("France"));
        assert_eq!(country_name("NL"), Some("Netherlands"));
        assert_eq!(country_name("IM"), Some("Isle of Man"));
        for wrong in ["", "fr", "FRA", "XX", "XK", "UK"] {
            assert_eq!(country_name(wrong), None, "{wrong}");
        }
        let place = |code| countries().iter().position(|country| country.code == code);
        assert!(place("AF") < place("AX") && place("AX") < place("AL"));
        assert!(NAMES.iter().all(|(code, _)| country_name(code).is_some()));
    }
}
