//! The directory: in which lists a user is, and where.
//!
//! Pure. A user's place in a list is a text, the same in every store. It ends with the user's ID, so that no two are
//! alike and each can be a cursor. A list is read in the order of its places, or in the opposite one.

use jiff::Timestamp;

use super::{at, shard_of};
use crate::user::{State, User, UserId};

/// Shards of each list in order of time, of which a page must ask every one. A shard takes the 1,000 writes a second of
/// one partition of DynamoDB, and so each list some 1,000 sign-ups a second. That of all is sharded by day, so that a day is
/// in one place, and written once for each who comes; those by state are sharded by ID, and also written when somebody goes on.
pub const LIST_SHARDS: u8 = 2;

/// Letters of a prefix that choose the partition: fewer are not looked for.
pub const PREFIX: usize = 2;

/// Characters of a name that can be looked for; the key of an index holds 1,024 bytes.
const NAME: usize = 100;

/// Some of the users, in one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Among {
    /// Newest first: everybody of a group, or who of it signed up at a time, of which the beginning is given as written
    /// in UTC: `2026`, `2026-11`, `2026-11-22`.
    Newest { of: Group, on: Option<String> },
    /// Whose address begins so, by the alphabet.
    Address(Prefix),
    /// Whose name begins so, by the alphabet; where the form asks for a name.
    Name(Prefix),
}

/// Users who have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    All,
    State(State),
    /// By ISO 3166-1 alpha-2; somebody new is in it once counted.
    Country(String),
}

/// How a word begins: at least [`PREFIX`] letters, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// `None` for what is too short to be looked for.
    pub fn new(text: &str) -> Option<Self> {
        let text = folded(text);
        (text.chars().count() >= PREFIX).then_some(Self(text))
    }
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    Start,
    /// Right behind the user at this place.
    After(String),
    /// So that it ends right before the user at this place.
    Before(String),
}

impl From {
    /// Behind a cursor, or at the start.
    pub fn after(cursor: Option<String>) -> Self {
        cursor.map_or(Self::Start, Self::After)
    }
}

/// The lists that are kept, each an index of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    Time,
    State,
    Country,
    Address,
    Name,
}

/// A user in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) list: List,
    /// The part of the list that one partition holds.
    pub(super) part: String,
    pub(super) place: String,
}

/// Every list.
const LISTS: [List; 5] = [List::Time, List::State, List::Country, List::Address, List::Name];

/// A user in every list that it is in. `name_field` holds what people are called by.
pub(super) fn entries(user: &User, name_field: Option<&str>) -> Vec<Entry> {
    LISTS.into_iter().filter_map(|list| entry(user, list, name_field)).collect()
}

/// A user in one list; `None` where it is not in it.
fn entry(user: &User, list: List, name_field: Option<&str>) -> Option<Entry> {
    let in_time = |group: &str, shard: u8| {
        Some(Entry { list, part: format!("{group}#{shard}"), place: at(user.created_at, user.id) })
    };
    let by_id = || shard_of(user.id, LIST_SHARDS);
    let by_letters = |text: &str| {
        let text = folded(text);
        let part: String = text.chars().take(PREFIX).collect();
        (part.chars().count() == PREFIX).then(|| Entry { list, part, place: format!("{text}#{}", user.id) })
    };
    match list {
        List::Time => in_time("", shard_of_day(user.created_at)),
        List::State => in_time(user.state.name(), by_id()),
        List::Country => in_time(user.counted.as_ref()?.country.as_deref()?, by_id()),
        List::Address => by_letters(&user.answers.email),
        List::Name => {
            let name = name_field.and_then(|field| user.answers.fields.get(field)).and_then(|value| value.as_text())?;
            by_letters(&name.chars().take(NAME).collect::<String>())
        }
    }
}

/// All of a day in UTC are in one shard, and all of the next in another.
fn shard_of_day(at: Timestamp) -> u8 {
    let day = at.as_second().div_euclid(86_400);
    // Less than `LIST_SHARDS`.
    day.rem_euclid(LIST_SHARDS.into()) as u8
}

impl Among {
    /// Everybody, newest first.
    pub const ALL: Self = Self::Newest { of: Group::All, on: None };

    /// Everybody of a group, newest first.
    pub fn all(of: Group) -> Self {
        Self::Newest { of, on: None }
    }

    pub(super) fn list(&self) -> List {
        match self {
            Self::Newest { of: Group::All, .. } => List::Time,
            Self::Newest { of: Group::State(_), .. } => List::State,
            Self::Newest { of: Group::Country(_), .. } => List::Country,
            Self::Address(_) => List::Address,
            Self::Name(_) => List::Name,
        }
    }

    /// The parts of the list that hold these users.
    pub(super) fn parts(&self) -> Vec<String> {
        let sharded = |group: &str| (0..LIST_SHARDS).map(|shard| format!("{group}#{shard}")).collect();
        match self {
            Self::Newest { of: Group::All, .. } => sharded(""),
            Self::Newest { of: Group::State(state), .. } => sharded(state.name()),
            Self::Newest { of: Group::Country(country), .. } => sharded(country),
            Self::Address(prefix) | Self::Name(prefix) => vec![prefix.0.chars().take(PREFIX).collect()],
        }
    }

    /// How every place begins that is meant; nothing where the whole part is.
    pub(super) fn beginning(&self) -> &str {
        match self {
            Self::Newest { on, .. } => on.as_deref().unwrap_or_default(),
            Self::Address(prefix) | Self::Name(prefix) => &prefix.0,
        }
    }

    /// So that a page is the last one of those that are read by the alphabet. It is behind every place that is meant,
    /// and before what begins otherwise.
    pub fn end(&self) -> From {
        From::Before(format!("{}\u{10FFFF}", self.beginning()))
    }

    /// Whether the greatest place comes first.
    pub(super) fn is_descending(&self) -> bool {
        matches!(self, Self::Newest { .. })
    }

    /// Whether a user is among these.
    pub fn holds(&self, user: &User, name_field: Option<&str>) -> bool {
        self.place(user, name_field).is_some()
    }

    /// Where a user is among these; `None` for one who is not.
    pub(super) fn place(&self, user: &User, name_field: Option<&str>) -> Option<String> {
        let (parts, beginning) = (self.parts(), self.beginning());
        let found = entry(user, self.list(), name_field)?;
        (parts.contains(&found.part) && found.place.starts_with(beginning)).then_some(found.place)
    }
}

/// The places of one page, in the order in which they are read, and the cursors of those beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) places: Vec<String>,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

/// What was found beyond a cursor, of any part: one more than the page holds tells whether there are more.
pub(super) fn page(mut found: Vec<String>, among: &Among, from: &From, limit: u16) -> Places {
    let backwards = matches!(from, From::Before(_));
    let order = |a: &String, b: &String| if among.is_descending() == backwards { a.cmp(b) } else { b.cmp(a) };
    found.sort_unstable_by(order);
    let limit = usize::from(limit.max(1));
    let more = found.len() > limit;
    found.truncate(limit);
    if backwards {
        found.reverse();
    }
    let (has_previous, has_next) = match from {
        From::Start => (false, more),
        From::After(_) => (true, more),
        From::Before(_) => (more, true),
    };
    Places {
        previous: found.first().filter(|_| has_previous).cloned(),
        next: found.last().filter(|_| has_next).cloned(),
        places: found,
    }
}

/// Whose a place is.
pub(super) fn id_at(place: &str) -> Option<UserId> {
    place.rsplit_once('#').and_then(|(_, id)| UserId::parse(id))
}

/// A text as it is looked for: in lower case, with single spaces.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_of_all_has_a_day_in_one_shard_and_the_next_in_another() {
        let part = |at: &str, id: u8| {
            let user = json!({
                "version": 1, "state": "pending", "email": "ada@example.com", "fields": {}, "created_at": at,
                "spent": { "hour": 0, "count": 1 },
            });
            let user = User { id: UserId([id; 16]), ..serde_json::from_value(user).expect("a user") };
            entry(&user, List::Time, None).expect("everybody is in it").part
        };
        let day = part("2026-11-22T00:00:00Z", 1);
        for id in 0..4 {
            assert_eq!(part("2026-11-22T23:59:59.999Z", id), day);
            assert_ne!(part("2026-11-23T00:00:00Z", id), day);
        }
        for part in [day, part("2026-11-23T00:00:00Z", 1), part("1969-12-31T00:00:00Z", 1)] {
            assert!(Among::ALL.parts().contains(&part), "a page asks for {part}");
        }
    }
}
