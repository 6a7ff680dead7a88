//! The census: how many users there are, by state, by day and by country.
//!
//! Pure. Each user carries what the counters include of it ([`Tally`]); a change of the counters is the
//! difference between that and what the user is now ([`Delta`]). How both are written so that each change counts once,
//! whatever is repeated, reordered or lost on the way, is told in [`crate::counting`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::day;
use crate::config::{FieldType, ServiceConfig};
use crate::user::{EndedBy, State, User};

/// What one user adds to the counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub state: State,
    /// Day of the sign-up in UTC, `2026-11-22`.
    pub received: String,
    /// Day of the confirmation in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What ended the mail, unless the person asked for no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// The day in UTC on which it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// The field by which users are counted: the first of type `country`.
pub fn country_field(config: &ServiceConfig) -> Option<&str> {
    config.form.fields.iter().find(|field| field.kind == FieldType::Country).map(|field| field.name.as_str())
}

impl Tally {
    pub fn of(user: &User, country_field: Option<&str>) -> Self {
        let country = country_field.and_then(|name| user.answers.fields.get(name)).and_then(|value| value.as_text());
        Self {
            state: user.state,
            received: day(user.created_at),
            confirmed: user.confirmed_at.map(day),
            country: country.map(str::to_owned),
            ended_by: user.ended_by,
            ended: user.ended_by.and(user.ended_at).map(day),
        }
    }

    /// The counters that it raises by one. All are in the month of the sign-up but the days of the confirmation
    /// and of the end.
    /// Their names are short: many of them are one item, which each change of any of them writes anew.
    fn counters(&self) -> impl Iterator<Item = Counter> {
        let own = |name| Counter { month: month(&self.received), name };
        let on =
            |day: &str, kind| Counter { month: month(day), name: format!("d{}{kind}", day.get(8..).unwrap_or("")) };
        let country = |kind| self.country.as_ref().map(|code| own(format!("c{code}{kind}")));
        [
            Some(own(format!("s.{}", self.state.name()))),
            Some(on(&self.received, RECEIVED)),
            self.confirmed.as_deref().map(|day| on(day, CONFIRMED)),
            self.ended_by.map(|by| own(format!("e.{}", by.name()))),
            self.ended.as_ref().map(|day| Counter { month: month(day), name: format!("x.{day}") }),
            country(RECEIVED),
            country(CONFIRMED).filter(|_| self.state == State::Confirmed),
        ]
        .into_iter()
        .flatten()
    }
}

/// What ends the name of a counter of days or countries.
const RECEIVED: &str = ".r";
const CONFIRMED: &str = ".c";

/// The month of a day: `2026-11`.
pub fn month(day: &str) -> String {
    day.get(..7).unwrap_or(day).to_owned()
}

/// A counter's place: counters of one month are kept together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    pub month: String,
    pub name: String,
}

/// For people: `2026-11 pending`, `2026-11-22 received`, `2026-11 FR confirmed`.
impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { month, name } = self;
        let (group, kind) = name.split_once('.').unwrap_or((name, ""));
        let kind = match kind {
            "r" => "received",
            "c" => "confirmed",
            other => other,
        };
        match group.split_at_checked(1) {
            Some(("d", day)) => write!(f, "{month}-{day} {kind}"),
            Some(("c", code)) => write!(f, "{month} {code} {kind}"),
            Some(("x", "")) => write!(f, "{month} ended {kind}"),
            _ => write!(f, "{month} {kind}"),
        }
    }
}

/// By how much counters change. What cancels out is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta(BTreeMap<Counter, i64>);

/// As it is kept: the lines of each month, `s.confirmed+1`, under its own, `2026-11.`. No answer holds a line's end.
impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (month, counts)) in self.by_month().into_iter().enumerate() {
            let end = if number > 0 { "\n" } else { "" };
            write!(f, "{end}{month}.")?;
            counts.into_iter().try_for_each(|(name, by)| write!(f, "\n{name}{by:+}"))?;
        }
        Ok(())
    }
}

impl Delta {
    /// Takes one tally away and adds another.
    pub fn replace(&mut self, old: Option<&Tally>, new: Option<&Tally>) {
        let each = |tally: Option<&Tally>, by: i64, sums: &mut BTreeMap<Counter, i64>| {
            for counter in tally.into_iter().flat_map(Tally::counters) {
                *sums.entry(counter).or_default() += by;
            }
        };
        each(old, -1, &mut self.0);
        each(new, 1, &mut self.0);
        self.0.retain(|_, by| *by != 0);
    }

    /// What has to be added to nothing.
    pub fn of(sums: &Sums) -> Self {
        Self(sums.0.clone())
    }

    /// Reads one as it is written; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut month, mut counts) = (None, BTreeMap::new());
        for line in text.lines() {
            if let Some(begun) = line.strip_suffix('.') {
                month = Some(begun);
                continue;
            }
            let (name, by) = line.split_at_checked(line.rfind(['+', '-'])?)?;
            counts.insert(Counter { month: month?.to_owned(), name: name.to_owned() }, by.parse().ok()?);
        }
        Some(Self(counts))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The opposite change.
    pub fn reversed(&self) -> Self {
        Self(self.0.iter().map(|(counter, by)| (counter.clone(), -by)).collect())
    }

    /// The changes by month, in order.
    pub fn by_month(&self) -> BTreeMap<&str, Vec<(&str, i64)>> {
        let mut months: BTreeMap<&str, Vec<(&str, i64)>> = BTreeMap::new();
        for (counter, by) in &self.0 {
            months.entry(&counter.month).or_default().push((&counter.name, *by));
        }
        months
    }

    /// What has to be added to make it `expected`, of counters that stood at `before` when the users were begun to
    /// be read and at `after` when they had been: one that moved meanwhile is right anywhere between the two.
    pub fn outside(before: &Sums, after: &Sums, expected: &Sums) -> Self {
        let of = |sums: &Sums, counter: &Counter| sums.0.get(counter).copied().unwrap_or(0);
        let all = before.0.keys().chain(after.0.keys()).chain(expected.0.keys());
        let missing = |counter: &Counter| {
            let (a, b, expected) = (of(before, counter), of(after, counter), of(expected, counter));
            expected - expected.clamp(a.min(b), a.max(b))
        };
        Self(all.map(|counter| (counter.clone(), missing(counter))).filter(|(_, by)| *by != 0).collect())
    }

    /// The changes that both ask for, alike.
    pub fn common(&self, other: &Self) -> Self {
        let alike = self.0.iter().filter(|(counter, by)| other.0.get(counter) == Some(by));
        Self(alike.map(|(counter, by)| (counter.clone(), *by)).collect())
    }

    /// The same in parts of so many counters at most.
    pub fn parts(&self, counters: usize) -> Vec<Self> {
        let all: Vec<_> = self.0.iter().map(|(counter, by)| (counter.clone(), *by)).collect();
        all.chunks(counters.max(1)).map(|part| Self(part.iter().cloned().collect())).collect()
    }

    /// The counters it touches and by how much, for people.
    pub fn lines(&self) -> impl Iterator<Item = (String, i64)> {
        self.0.iter().map(|(counter, by)| (counter.to_string(), *by))
    }
}

/// Counters as they stand, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<Counter, i64>);

impl Sums {
    pub fn add(&mut self, month: &str, name: &str, by: i64) {
        let counter = Counter { month: month.to_owned(), name: name.to_owned() };
        let sum = self.0.entry(counter.clone()).or_default();
        *sum += by;
        if *sum == 0 {
            self.0.remove(&counter);
        }
    }

    pub fn add_tally(&mut self, tally: &Tally) {
        tally.counters().for_each(|counter| self.add(&counter.month, &counter.name, 1));
    }

    pub fn apply(&mut self, delta: &Delta) {
        delta.0.iter().for_each(|(counter, by)| self.add(&counter.month, &counter.name, *by));
    }

    /// All, with the month and the name of each.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &str, i64)> {
        self.0.iter().map(|(counter, count)| (counter.month.as_str(), counter.name.as_str(), *count))
    }

    /// How many counters there are that are not 0.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The same in two: so many counters at most, and the others.
    pub(crate) fn split(mut self, counters: usize) -> (Self, Self) {
        let Some(first_left) = self.0.keys().nth(counters).cloned() else { return (self, Self::default()) };
        let left = self.0.split_off(&first_left);
        (self, Self(left))
    }

    /// Those of one month.
    pub(crate) fn of(mut self, month: &str) -> Self {
        self.0.retain(|counter, _| counter.month == month);
        self
    }

    /// How many signed up on a day.
    pub fn received_on(&self, day: &str) -> u64 {
        let counter = Counter { month: month(day), name: format!("d{}{RECEIVED}", day.get(8..).unwrap_or("")) };
        self.0.get(&counter).map_or(0, |count| u64::try_from(*count).unwrap_or(0))
    }

    /// A figure of each month, by month.
    pub fn by_month(&self, figure: impl Fn(&Census) -> u64) -> BTreeMap<String, u64> {
        let mut months: BTreeMap<String, Self> = BTreeMap::new();
        for (counter, count) in &self.0 {
            months.entry(counter.month.clone()).or_default().0.insert(counter.clone(), *count);
        }
        months.into_iter().map(|(month, sums)| (month, figure(&sums.census()))).collect()
    }

    /// The same, arranged for reading.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for (counter, count) in &self.0 {
            // A counter below zero cannot be, and would be told by a recount.
            let count = u64::try_from(*count).unwrap_or(0);
            let Some((group, kind)) = counter.name.split_once('.') else { continue };
            let pair = match (group.split_at_checked(1), kind) {
                (Some(("s", "")), state) => {
                    let Some(state) = State::parse(state) else { continue };
                    *census.states.entry(state).or_default() += count;
                    continue;
                }
                (Some(("e", "")), "bounce") => {
                    census.bounced += count;
                    continue;
                }
                (Some(("e", "")), "complaint") => {
                    census.complained += count;
                    continue;
                }
                (Some(("x", "")), day) => {
                    *census.failures.entry(day.to_owned()).or_default() += count;
                    continue;
                }
                (Some(("d", day)), _) => census.days.entry(format!("{}-{day}", counter.month)).or_default(),
                (Some(("c", code)), _) => census.countries.entry(code.to_owned()).or_default(),
                // Of another version of the service.
                _ => continue,
            };
            pair.add(kind, count);
        }
        census
    }
}

/// How many signed up, and how many confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pair {
    pub received: u64,
    pub confirmed: u64,
}

impl Pair {
    fn add(&mut self, kind: &str, count: u64) {
        match kind {
            "r" => self.received += count,
            "c" => self.confirmed += count,
            _ => {}
        }
    }
}

/// How many users there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Census {
    pub states: BTreeMap<State, u64>,
    /// By day in UTC: of the sign-up and of the confirmation respectively.
    pub days: BTreeMap<String, Pair>,
    /// By value of the form's first country field: all, and those who are confirmed now.
    pub countries: BTreeMap<String, Pair>,
    /// Those whose mail ended by a bounce, and by a complaint.
    pub bounced: u64,
    pub complained: u64,
    /// The same by the day in UTC on which it ended.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, u64>,
}

impl Census {
    /// Everybody there is.
    pub fn received(&self) -> u64 {
        self.states.values().sum()
    }

    /// Those who are confirmed now.
    pub fn confirmed(&self) -> u64 {
        self.states.get(&State::Confirmed).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(state: State, confirmed: Option<&str>, country: Option<&str>) -> Tally {
        Tally {
            state,
            received: "2026-11-30".into(),
            confirmed: confirmed.map(str::to_owned),
            country: country.map(str::to_owned),
            ended_by: None,
            ended: None,
        }
    }

    #[test]
    fn a_confirmation_moves_what_it_changes_and_nothing_else() {
        let pending = tally(State::Pending, None, Some("FR"));
        let confirmed = tally(State::Confirmed, Some("2026-12-01"), Some("FR"));
        let mut delta = Delta::default();
        delta.replace(Some(&pending), Some(&confirmed));
        let months = delta.by_month();
        assert_eq!(months["2026-11"], [("cFR.c", 1), ("s.confirmed", 1), ("s.pending", -1)]);
        assert_eq!(months["2026-12"], [("d01.c", 1)]);
        let lines: Vec<String> = delta.lines().map(|(line, by)| format!("{line} {by:+}")).collect();
        let expected =
            ["2026-11 FR confirmed +1", "2026-11 confirmed +1", "2026-11 pending -1", "2026-12-01 confirmed +1"];
        assert_eq!(lines, expected);
        assert_eq!(delta.to_string(), "2026-11.\ncFR.c+1\ns.confirmed+1\ns.pending-1\n2026-12.\nd01.c+1");
        assert_eq!(Delta::parse(&delta.to_string()), Some(delta.clone()));
        assert_eq!(["2026-11.\ns", "s+1", "2026-11.\ns+x"].map(Delta::parse), [None, None, None]);
        let odd = "2026-11.\ncNew Zealand. (x)-1.r+2";
        assert_eq!(Delta::parse(odd).expect("any name").to_string(), odd);
        let mut back = delta.reversed();
        back.replace(Some(&pending), Some(&confirmed));
        assert_eq!(back, Delta::default());
        delta.replace(Some(&confirmed), Some(&pending));
        assert!(delta.is_empty() && Delta::parse("") == Some(delta));
    }

    #[test]
    fn sums_read_as_a_census() {
        let mut sums = Sums::default();
        sums.add_tally(&tally(State::Pending, None, Some("FR")));
        sums.add_tally(&tally(State::Confirmed, Some("2026-11-30"), Some("FR")));
        sums.add("2026-11", "flavour", 3);
        let census = sums.census();
        assert_eq!((census.received(), census.confirmed()), (2, 1));
        assert_eq!(census.days["2026-11-30"], Pair { received: 2, confirmed: 1 });
        assert_eq!(census.countries["FR"], Pair { received: 2, confirmed: 1 });
        assert_eq!(sums.received_on("2026-11-30"), 2);
    }

    #[test]
    fn the_difference_mends_the_sums() {
        let (mut counted, mut expected) = (Sums::default(), Sums::default());
        counted.add_tally(&tally(State::Pending, None, Some("FR")));
        expected.add_tally(&tally(State::Confirmed, Some("2026-12-01"), Some("DE")));
        counted.apply(&Delta::outside(&counted.clone(), &counted.clone(), &expected));
        assert_eq!(counted, expected);
    }

    #[test]
    fn what_moves_while_it_is_looked_at_is_not_taken_for_wrong() {
        let sums = |counts: &[(&str, i64)]| {
            let mut sums = Sums::default();
            counts.iter().for_each(|(name, count)| sums.add("2026-11", name, *count));
            sums
        };
        let (before, after) =
            (sums(&[("s.w", 3), ("s.x", 3), ("s.y", 1)]), sums(&[("s.w", 5), ("s.x", 5), ("s.y", 1)]));
        let delta = Delta::outside(&before, &after, &sums(&[("s.w", 4), ("s.x", 7), ("s.z", 2)]));
        let found = |delta: &Delta| delta.lines().collect::<Vec<_>>();
        let wrong = |counter: &str, by| (format!("2026-11 {counter}"), by);
        assert_eq!(found(&delta), [wrong("x", 2), wrong("y", -1), wrong("z", 2)]);
        let second = sums(&[("s.x", 5), ("s.y", 1)]);
        let again = Delta::outside(&second, &second, &sums(&[("s.x", 6), ("s.v", 1)]));
        assert_eq!(found(&delta.common(&again)), [wrong("y", -1)]);
        let parts = delta.parts(2);
        assert_eq!(parts.iter().flat_map(found).collect::<Vec<_>>(), found(&delta));
        assert_eq!(parts.len(), 2);
    }
}
