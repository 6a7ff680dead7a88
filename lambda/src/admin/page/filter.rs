//! Which users are meant: all, or those of one day, country or state, or whose address or name begins so.

use jiff::civil::Date;

use super::number::grouped;
use super::time::long;
use super::value::country;
use crate::census::Census;
use crate::form::{countries, is_country};
use crate::store::Prefix;
use crate::user::State;

/// A filter of users. Its query is `by` and `value`: `?by=country&value=FR`.
///
/// What is searched for is somebody's name or address, and an address of a page is kept by browsers and proxies: there
/// it is sealed, and it travels in the open in the body of a form alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum By {
    #[default]
    All,
    /// Signed up on this day in UTC.
    Day(Date),
    /// ISO 3166-1 alpha-2, of the form's first country field.
    Country(String),
    State(State),
    /// Address or name begins so.
    Search(Search),
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    pub text: String,
    /// The same as the page's address holds it.
    pub sealed: String,
}

/// As long as an address may be, in Unicode scalar values.
const LONGEST_SEARCH: usize = 254;

impl By {
    /// Reads the query's `by` and `value`. `None` for what no page of ours links to; an empty value is everybody, as
    /// an empty form sends it. `unseal` opens what is searched for.
    pub fn parse(by: &str, value: &str, unseal: impl FnOnce(&str) -> Option<String>) -> Option<Self> {
        let value = value.trim();
        match by {
            "" | "all" => Some(Self::All),
            "day" | "country" | "state" | "search" if value.is_empty() => Some(Self::All),
            "day" => value.parse().ok().map(Self::Day),
            "country" => is_country(value).then(|| Self::Country(value.to_owned())),
            "state" => State::parse(value).map(Self::State),
            "search" => unseal(value).map(|text| Self::Search(Search { text, sealed: value.to_owned() })),
            _ => None,
        }
    }

    /// What was typed to be searched for; `None` of what no form of ours sends, an empty text of a form left empty.
    pub fn typed(text: &str) -> Option<&str> {
        let text = text.trim();
        (text.chars().count() <= LONGEST_SEARCH).then_some(text)
    }

    /// The query that reads back as this filter.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let pairs = |by: &str, value: String| vec![("by", by.to_owned()), ("value", value)];
        match self {
            Self::All => Vec::new(),
            Self::Day(day) => pairs("day", day.to_string()),
            Self::Country(code) => pairs("country", code.clone()),
            Self::State(state) => pairs("state", state.name().to_owned()),
            Self::Search(search) => pairs("search", search.sealed.clone()),
        }
    }

    /// The day, as its field shows it; empty of another filter.
    pub fn day(&self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            _ => String::new(),
        }
    }

    /// What is looked for; empty of another filter.
    pub fn search(&self) -> &str {
        match self {
            Self::Search(search) => &search.text,
            _ => "",
        }
    }

    /// How many the counters know of; nothing of a search.
    pub(super) fn total(&self, census: &Census) -> Option<u64> {
        match self {
            Self::All => Some(census.received()),
            Self::Day(day) => Some(census.days.get(&day.to_string()).map_or(0, |pair| pair.received)),
            Self::Country(code) => Some(census.countries.get(code).map_or(0, |pair| pair.received)),
            Self::State(state) => Some(census.states.get(state).copied().unwrap_or_default()),
            Self::Search(_) => None,
        }
    }

    /// As the title of a list.
    pub(super) fn title(&self) -> String {
        match self {
            Self::All => "All users".into(),
            Self::Day(day) => format!("Signed up on {}", long(*day)),
            Self::Country(code) => format!("Users from {}", country(code)),
            Self::State(state) => format!("{} users", label(*state)),
            Self::Search(search) => format!("Beginning with “{}”", search.text),
        }
    }

    /// In which order its users are listed.
    pub(super) fn order(&self) -> &'static str {
        if matches!(self, Self::Search(_)) { "by the alphabet" } else { "newest first" }
    }

    /// What the pages before and after this one are called.
    pub(super) fn ways(&self) -> (&'static str, &'static str) {
        if matches!(self, Self::Search(_)) { ("Previous", "Next") } else { ("Newer", "Older") }
    }

    /// Whether nobody is looked for, since too many would begin so.
    pub(super) fn is_too_short(&self) -> bool {
        matches!(self, Self::Search(search) if Prefix::new(&search.text).is_none())
    }

    pub(super) fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// A state as people read it.
pub(super) fn label(state: State) -> &'static str {
    match state {
        State::Pending => "Pending",
        State::Confirmed => "Confirmed",
        State::Unsubscribed => "Unsubscribed",
        State::Suppressed => "Suppressed",
    }
}

/// A choice of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// The countries that somebody is from, and the one that is chosen, by name.
pub(super) fn country_choices(census: &Census, by: &By) -> Vec<Choice> {
    let chosen = match by {
        By::Country(code) => Some(code.as_str()),
        _ => None,
    };
    let absent = chosen.filter(|code| !census.countries.contains_key(*code)).map(|code| (code, 0));
    let present = census.countries.iter().map(|(code, pair)| (code.as_str(), pair.received));
    let mut choices: Vec<Choice> = present
        .chain(absent)
        .map(|(code, count)| Choice {
            value: code.to_owned(),
            label: format!("{} ({})", country(code), grouped(count)),
            chosen: chosen == Some(code),
        })
        .collect();
    let place = |choice: &Choice| countries().iter().position(|country| country.code == choice.value);
    choices.sort_by_cached_key(|choice| place(choice).unwrap_or(usize::MAX));
    choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::page::tests::sample;

    #[test]
    fn a_filter_reads_back_from_its_query() {
        let day = "2026-11-22".parse().expect("a day");
        let search = By::Search(Search { text: "a&b=".into(), sealed: "b&a=".into() });
        let unseal = |sealed: &str| (sealed == "b&a=").then(|| "a&b=".to_owned());
        let all = [By::All, By::Day(day), By::Country("FR".into()), search];
        for by in all.into_iter().chain(State::ALL.map(By::State)) {
            let pairs = by.pairs();
            let of = |key| pairs.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value.as_str());
            assert_eq!(By::parse(of("by"), of("value"), unseal), Some(by));
        }
        assert_eq!(By::parse("search", "  ", unseal), Some(By::All));
        for (by, value) in
            [("day", "2026-13-01"), ("country", "XX"), ("state", "gone"), ("color", "red"), ("search", "a&b=")]
        {
            assert_eq!(By::parse(by, value, unseal), None, "{by}");
        }
        assert_eq!((By::typed(" ada "), By::typed(&"x".repeat(255))), (Some("ada"), None));
    }

    #[test]
    fn the_counters_know_how_many_are_meant() {
        let census = sample::census();
        let of = |by: By| by.total(&census);
        assert_eq!(of(By::All), Some(census.received()));
        assert_eq!(of(By::State(State::Confirmed)), Some(census.confirmed()));
        assert_eq!(of(By::Country("FR".into())), Some(census.countries["FR"].received));
        assert_eq!(of(By::Country("AQ".into())), Some(0));
        assert_eq!(of(By::Search(Search { text: "a".into(), sealed: "b".into() })), None);
    }

    #[test]
    fn a_chosen_country_is_offered_even_when_nobody_is_from_there() {
        let choices = country_choices(&sample::census(), &By::Country("AQ".into()));
        assert_eq!(
            choices.iter().filter(|it| it.chosen).map(|it| it.label.as_str()).collect::<Vec<_>>(),
            ["Antarctica (0)"]
        );
    }
}
