//! `users recount`: do the counters say what the table holds, and is nobody in it who was erased?
//!
//! The service goes on meanwhile: what is found counts only when a second reading finds the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use signup_service::census::{Delta, Sums, country_field};
use signup_service::clock::{Clock, Entropy, System};
use signup_service::counting::{Note, SETTLED_AT_ONCE, Ticket, settle};
use signup_service::store::{Among, Saved, Store};
use signup_service::user::{User, UserId};

use super::walk::Walk;
use super::{Book, Context, count, store_failure};
use crate::engine::{artifacts, erasure};
use crate::error::{Exit, Failure, Outcome};

/// Users that are held at once.
const PAGE: u16 = 500;

/// Users between two notes of progress.
const NOTED: u64 = 10_000;

/// How long the worker has to count who signed up or changed just now, before the second reading. The local one has
/// nobody else to wait for.
const PAUSE: Duration = Duration::from_secs(10);
const LOCAL_PAUSE: Duration = Duration::from_secs(1);

/// Counters that are changed at once: DynamoDB takes 300 changes of an item in one expression.
const CHANGED_AT_ONCE: usize = 100;

/// How often users who change meanwhile are settled anew.
const TRIES: u32 = 6;

pub async fn run(context: &Context, repair: bool) -> Outcome<Exit> {
    let output = &context.output;
    let book = Book::open(context).await?;
    let tombstones = erasure::tombstones(&book.aws, &book.bucket).await?;
    // As the worker counts, and not as the spec may say by now.
    let config = match &book.artifact {
        Some(key) => artifacts::deployed(&book.aws, &book.bucket, key).await?.config,
        None => book.spec.service_config(),
    };
    let pause = if book.aws.is_local() { LOCAL_PAUSE } else { PAUSE };
    let note = |users: u64| output.note(format!("  {users} users so far"));
    let country = country_field(&config);
    let census = Recount { store: &book.store, country, tombstones: &tombstones, pause, note: &note };
    let found = census.check().await?;
    let mut erased_again = 0;
    let mut repaired = false;
    if repair && !found.is_right() {
        let question = format!("Repair in {}? {}.", book.aws.describe().await?, found.proposal());
        if !output.confirm(&question).await? {
            return Err(Failure::new("declined", "nothing was changed"));
        }
        erased_again = census.repair(&found).await?;
        repaired = true;
    }
    output.text(render(context, &found, repaired));
    let differences: Vec<_> =
        found.differences.lines().map(|(counter, by)| json!({ "counter": counter, "by": by })).collect();
    output.object(&json!({
        "users": found.users, "counted": found.counted, "differences": differences, "uncounted": found.uncounted.len(),
        "erased_before": found.erased.len(), "erased_again": erased_again, "repaired": repaired,
    }));
    Ok(if found.is_right() || repaired { Exit::Done } else { Exit::Pending })
}

fn render(context: &Context, found: &Found, repaired: bool) -> String {
    let users = count(found.users, "user");
    if found.is_right() {
        return format!("{users}, and the counters say so");
    }
    let mut lines = vec![format!("{users}; the counters say {}", found.counted)];
    if !found.erased.is_empty() {
        lines.push(format!("  {} in the table who had been erased", count(found.erased.len() as u64, "user")));
    }
    if !found.uncounted.is_empty() {
        lines.push(format!("  {} not counted as they are", count(found.uncounted.len() as u64, "user")));
    }
    lines.extend(found.differences.lines().map(|(counter, by)| format!("  {counter}  {by:+}")));
    lines.push(match repaired {
        true => "repaired".to_owned(),
        false => format!("`{}` sets it right", context.command("users recount --repair")),
    });
    lines.join("\n")
}

/// What two readings found alike.
#[derive(Debug, Default)]
struct Found {
    users: u64,
    /// How many the counters say there are.
    counted: u64,
    /// What has to be added to the counters to make them the sum of what users are counted as.
    differences: Delta,
    /// Users who are counted as something else than they are, each at a version.
    uncounted: BTreeSet<(UserId, u64)>,
    /// Users with a tombstone.
    erased: BTreeSet<UserId>,
}

impl Found {
    fn is_right(&self) -> bool {
        self.differences.is_empty() && self.uncounted.is_empty() && self.erased.is_empty()
    }

    fn proposal(&self) -> String {
        let erased = self.erased.len() as u64;
        let erased = (erased > 0).then(|| format!("erases {} who had been erased before", count(erased, "user")));
        let uncounted = self.uncounted.len() as u64;
        let uncounted = (uncounted > 0).then(|| format!("counts {} anew", count(uncounted, "user")));
        let changed = self.differences.lines().count() as u64;
        let changed = (changed > 0).then(|| format!("changes {}", count(changed, "counter")));
        format!("It {}", erased.into_iter().chain(uncounted).chain(changed).collect::<Vec<_>>().join(", "))
    }
}

/// One reading of all users, between two of the counters.
#[derive(Debug, Default)]
struct Reading {
    users: u64,
    before: Sums,
    after: Sums,
    tallies: Sums,
    uncounted: BTreeSet<(UserId, u64)>,
    erased: BTreeSet<UserId>,
}

impl Reading {
    fn is_right(&self) -> bool {
        self.difference().is_empty() && self.uncounted.is_empty() && self.erased.is_empty()
    }

    fn difference(&self) -> Delta {
        Delta::outside(&self.before, &self.after, &self.tallies)
    }
}

struct Recount<'a> {
    store: &'a dyn Store,
    country: Option<&'a str>,
    tombstones: &'a HashSet<String>,
    pause: Duration,
    note: &'a dyn Fn(u64),
}

impl Recount<'_> {
    /// Reads twice. A second reading is spared when the first finds nothing wrong.
    async fn check(&self) -> Outcome<Found> {
        let first = self.read().await?;
        let found = |reading: &Reading| Found {
            users: reading.users,
            counted: reading.after.census().received(),
            ..Found::default()
        };
        if first.is_right() {
            return Ok(found(&first));
        }
        tokio::time::sleep(self.pause).await;
        let second = self.read().await?;
        Ok(Found {
            differences: first.difference().common(&second.difference()),
            uncounted: &first.uncounted & &second.uncounted,
            erased: &first.erased & &second.erased,
            ..found(&second)
        })
    }

    async fn read(&self) -> Outcome<Reading> {
        let counters = async || self.store.counters(None).await.map_err(|error| store_failure(&error));
        let notes = async || self.store.notes(Timestamp::MAX).await.map_err(|error| store_failure(&error));
        let mut noted: BTreeMap<(UserId, Ticket), Note> =
            notes().await?.into_iter().map(|note| (note.name(), note)).collect();
        let mut reading = Reading { before: counters().await?, ..Reading::default() };
        let mut walk = Walk::new(self.store, Among::ALL, PAGE, None);
        while let Some(page) = walk.page().await? {
            for user in page {
                reading.users += 1;
                if reading.users.is_multiple_of(NOTED) {
                    (self.note)(reading.users);
                }
                user.counted.iter().for_each(|tally| reading.tallies.add_tally(tally));
                user.ticket.and_then(|ticket| noted.remove(&(user.id, ticket)));
                if self.is_erased(&user) {
                    reading.erased.insert(user.id);
                } else if user.clone().counted_as_is(0, self.country).is_some() {
                    reading.uncounted.insert((user.id, user.version));
                }
            }
        }
        reading.after = counters().await?;
        // What is noted and was not kept is counted as well, until the sweeper takes it back. A note that is gone by now may
        // be of somebody who was counted anew before they were read.
        let still: BTreeSet<(UserId, Ticket)> = notes().await?.iter().map(Note::name).collect();
        let noted = noted.values().filter(|note| !note.is_void && still.contains(&note.name()));
        noted.for_each(|note| reading.tallies.apply(&note.delta));
        Ok(reading)
    }

    fn is_erased(&self, user: &User) -> bool {
        !self.tombstones.is_empty() && self.tombstones.contains(&erasure::tombstone(user))
    }

    /// Sets right what was found, and looks again. Returns how many were erased anew.
    async fn repair(&self, found: &Found) -> Outcome<u64> {
        let mut erased = 0;
        for id in &found.erased {
            erased += u64::from(self.erase(*id).await?);
        }
        let uncounted: Vec<UserId> = found.uncounted.iter().map(|(id, _)| *id).collect();
        for part in uncounted.chunks(SETTLED_AT_ONCE) {
            self.settle(part).await?;
        }
        // Neither moved a counter away from the sum, so what was missing is missing still.
        for part in found.differences.parts(CHANGED_AT_ONCE) {
            self.store.adjust(&part).await.map_err(|error| {
                store_failure(&error)
                    .hint("it is not known which counters were changed: recount before you repair again")
            })?;
        }
        let left = self.check().await?;
        if left.is_right() {
            return Ok(erased);
        }
        let counters = count(left.differences.lines().count() as u64, "counter");
        let users = count((left.uncounted.len() + left.erased.len()) as u64, "user");
        Err(Failure::new("not_repaired", "something is still wrong after the repair")
            .cause(format!("{counters} and {users} are not as they should be"))
            .hint("run it again when fewer people sign up"))
    }

    /// Erases a user anew, if it is still the record that was erased.
    async fn erase(&self, id: UserId) -> Outcome<bool> {
        for _ in 0..TRIES {
            let user = self.store.load(id).await.map_err(|error| store_failure(&error))?;
            let Some(user) = user.filter(|user| self.is_erased(user)) else { return Ok(false) };
            // Subscribers were told when it was erased first.
            if self.store.erase(&user, None).await.map_err(|error| store_failure(&error))? == Saved::Done {
                return Ok(true);
            }
        }
        Err(Failure::new("throttled", "a user could not be erased")
            .cause("the user kept changing")
            .hint("run it again"))
    }

    /// Counts users as they are.
    async fn settle(&self, ids: &[UserId]) -> Outcome<()> {
        for _ in 0..TRIES {
            let mut users = Vec::new();
            for id in ids {
                let Some(user) = self.store.load(*id).await.map_err(|error| store_failure(&error))? else { continue };
                let Some(counted) = user.clone().counted_as_is(System.number(), self.country) else { continue };
                users.push((user, counted));
            }
            let settled = settle(self.store, &users, System.now()).await.map_err(|error| store_failure(&error))?;
            if let Some(error) = settled.failure {
                return Err(store_failure(&error));
            }
            if settled.changed.is_empty() {
                return Ok(());
            }
        }
        Err(Failure::new("throttled", "users could not be counted").cause("they kept changing").hint("run it again"))
    }
}

#[cfg(test)]
mod tests {
    use signup_service::store::MemoryStore;

    use super::*;
    use crate::engine::sample;

    /// A store of three users: one is counted as they are, one as what they were, and one not at all.
    async fn store() -> MemoryStore {
        let store = MemoryStore::default();
        let users = [sample::mailed(sample::pending()), sample::confirmed(), sample::received(3, "eve@example.com")];
        for user in &users {
            sample::keep(&store, user).await;
            let mut delta = Delta::default();
            delta.replace(None, user.counted.as_ref());
            store.adjust(&delta).await.expect("the store works");
        }
        store
    }

    fn recount<'a>(store: &'a MemoryStore, tombstones: &'a HashSet<String>) -> Recount<'a> {
        Recount { store, country: Some("nationality"), tombstones, pause: Duration::ZERO, note: &|_| () }
    }

    #[tokio::test]
    async fn what_is_wrong_is_found_and_set_right() {
        let (store, tombstones) = (store().await, HashSet::new());
        let all = recount(&store, &tombstones);
        let found = all.check().await.expect("the store works");
        assert_eq!((found.users, found.counted, found.uncounted.len(), found.differences.is_empty()), (3, 2, 2, true));
        // Somebody has counted a user who is not there.
        let mut stray = Delta::default();
        stray.replace(None, sample::mailed(sample::pending()).counted.as_ref());
        store.adjust(&stray).await.expect("the store works");
        let found = all.check().await.expect("the store works");
        let wrong: Vec<_> = found.differences.lines().collect();
        assert!(wrong.contains(&("2026-11 pending".to_owned(), -1)) && wrong.len() == 3, "{wrong:?}");
        insta::assert_snapshot!(found.proposal(), @"It counts 2 users anew, changes 3 counters");
        let users = store.users().len();
        all.repair(&found).await.expect("repaired");
        let found = all.check().await.expect("the store works");
        assert!(found.is_right(), "{found:?}");
        assert_eq!((found.users, found.counted, store.users().len()), (3, 3, users));
    }

    #[tokio::test]
    async fn whoever_was_erased_and_is_back_is_erased_anew() {
        let store = store().await;
        let tombstones = HashSet::from([erasure::tombstone(&sample::confirmed())]);
        let all = recount(&store, &tombstones);
        let found = all.check().await.expect("the store works");
        assert_eq!((found.erased.len(), found.users), (1, 3));
        assert_eq!(all.repair(&found).await.expect("repaired"), 1);
        let found = all.check().await.expect("the store works");
        assert!(found.is_right() && found.users == 2, "{found:?}");
        // The same address signs up again: that is another record.
        let again = User { created_at: sample::at(5_000), ..sample::confirmed() };
        sample::keep(&store, &again).await;
        assert_eq!(all.check().await.expect("the store works").erased.len(), 0);
    }
}
