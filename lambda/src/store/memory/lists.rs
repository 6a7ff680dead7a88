//! The lists of the store in memory, in order: who is in them, and who is due, as the table's indexes tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included};
use std::sync::Arc;

use jiff::Timestamp;

use crate::store::directory::{self, Among, Entry, From, List, Places};
use crate::store::{ListUsers, places_between, shard};
use crate::user::{Queue, User, UserId};

/// Every list by its parts, and of each part the places.
#[derive(Debug, Default)]
pub(super) struct Lists {
    parts: BTreeMap<(List, String), BTreeSet<Arc<str>>>,
    due: BTreeSet<(Queue, u8, Timestamp, UserId)>,
}

impl Lists {
    pub(super) fn insert(&mut self, user: &User, name_field: Option<&str>) {
        // A user has the same place in several lists, which is held once.
        let mut last: Arc<str> = "".into();
        for Entry { list, part, place } in directory::entries(user, name_field) {
            if *last != *place {
                last = place.into();
            }
            self.parts.entry((list, part)).or_default().insert(last.clone());
        }
        self.due.extend(user.due().map(|(queue, at)| (queue, shard(user.id), at, user.id)));
    }

    pub(super) fn remove(&mut self, user: &User, name_field: Option<&str>) {
        for Entry { list, part, place } in directory::entries(user, name_field) {
            let key = (list, part);
            if let Some(places) = self.parts.get_mut(&key) {
                places.remove(&*place);
                if places.is_empty() {
                    self.parts.remove(&key);
                }
            }
        }
        if let Some((queue, at)) = user.due() {
            self.due.remove(&(queue, shard(user.id), at, user.id));
        }
    }

    /// The places of a page, at the cost of its length.
    pub(super) fn page(&self, query: &ListUsers) -> Places {
        let ListUsers { among, from, limit, .. } = query;
        let beginning = among.beginning();
        // Behind every place that begins so.
        let end = format!("{beginning}{}", char::MAX);
        let is_up = among.is_descending() == matches!(from, From::Before(_));
        let (low, high) = match from {
            From::After(cursor) | From::Before(cursor) if is_up => (cursor.as_str().max(beginning), end.as_str()),
            From::After(cursor) | From::Before(cursor) => (beginning, end.as_str().min(cursor)),
            From::Start => (beginning, end.as_str()),
        };
        let wanted = usize::from((*limit).max(1)) + 1;
        let mut found = Vec::new();
        for part in among.parts() {
            let Some(places) = self.parts.get(&(among.list(), part)).filter(|_| low < high) else { continue };
            // No place is a beginning alone, so that leaving out the low end leaves out the cursor and nobody else.
            let places = places.range::<str, _>((Excluded(low), Excluded(high)));
            let text = |place: &Arc<str>| place.to_string();
            if is_up {
                found.extend(places.take(wanted).map(text));
            } else {
                found.extend(places.rev().take(wanted).map(text));
            }
        }
        directory::page(found, among, from, *limit)
    }

    /// The places of those who signed up behind a place and up to a time, oldest first.
    pub(super) fn signed_up(&self, behind: &str, until: Timestamp, limit: usize) -> Vec<String> {
        let Some((low, high)) = places_between(behind, until) else { return Vec::new() };
        let mut found = Vec::new();
        for part in Among::ALL.parts() {
            let Some(places) = self.parts.get(&(List::Time, part)) else { continue };
            let places = places.range::<str, _>((Included(low.as_str()), Included(high.as_str())));
            found.extend(places.take(limit).map(|place| place.to_string()));
        }
        found.sort_unstable();
        found.truncate(limit);
        found
    }

    /// Who of a shard is due, oldest first.
    pub(super) fn due(&self, queue: Queue, of: u8, now: Timestamp) -> impl Iterator<Item = UserId> {
        let all = (queue, of, Timestamp::MIN, UserId([0; 16]))..=(queue, of, now, UserId([u8::MAX; 16]));
        self.due.range(all).map(|(.., id)| *id)
    }
}
