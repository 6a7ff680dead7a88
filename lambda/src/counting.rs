//! Counting: the counters change with the users they count, each change once, though no transaction holds the two.
//!
//! A transaction would write everything at twice the price. Instead the counters are changed first, together with a
//! [`Note`] of the change; then the user is kept, with the note's [`Ticket`], over the very version that the change was
//! made for. So a user tells for good whether a note holds: it does if the user has its ticket. If the user is at another
//! version without it, it never will, and what was counted is taken back. A note that holds is in nobody's way, and is
//! dropped when the same counters are changed again. What a lost worker leaves is told apart by [`decide`], minutes
//! later. At every moment the counters are the sum of what users are counted as ([`Tally`]) and of
//! the notes that do not hold.
//!
//! [`Tally`]: crate::census::Tally

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::census::Delta;
use crate::clock::after;
use crate::store::{Saved, Store, StoreError};
use crate::user::{User, UserId};

/// Users that are settled at once at most: as many are kept side by side.
pub const SETTLED_AT_ONCE: usize = 25;

/// How old a note is before it is looked into, in seconds: no invocation lasts as long.
pub const OVERDUE: u32 = 300;

/// How long a void note of somebody who is gone is kept, in seconds: longer than the 24 hours in which the stream can tell of
/// their end.
pub const GONE: u32 = 25 * 3_600;

/// Names one attempt to count a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    /// The version over which the user is kept, if at all.
    pub over: u64,
    /// Drawn by whoever counts, so that two over the same version are told apart.
    pub by: u32,
}

/// A change of the counters for one user, who may or may not have been kept so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub user: UserId,
    pub ticket: Ticket,
    /// The ticket that the user had before, whose note is dropped with this change.
    pub former: Option<Ticket>,
    /// When it was made, or found to be of somebody who is gone.
    pub at: Timestamp,
    pub delta: Delta,
    /// Whether it was taken back, of somebody who was gone.
    pub is_void: bool,
}

/// Whether a note holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user was kept so: the note is dropped.
    Holds,
    /// The user was not, and never will be: what was counted is taken back.
    Void,
    /// The user is not there any more by this time, and whether it was kept so is not known: what was counted is taken
    /// back, and the note stays, for whoever takes the user out of the counters and knows.
    Gone(Timestamp),
}

impl Note {
    /// What counting a user changes; `None` where nothing does.
    pub fn of(before: &User, after: &User, at: Timestamp) -> Option<Self> {
        let ticket = after.ticket.filter(|_| after.ticket != before.ticket)?;
        let mut delta = Delta::default();
        delta.replace(before.counted.as_ref(), after.counted.as_ref());
        Some(Self { user: before.id, ticket, former: before.ticket, at, delta, is_void: false })
    }

    pub fn name(&self) -> (UserId, Ticket) {
        (self.user, self.ticket)
    }
}

/// What became of users who were to be kept.
#[derive(Debug, Default)]
pub struct Settled {
    /// Those who were, and are counted so.
    pub kept: Vec<UserId>,
    /// Those of whom another version is there; of them nothing changed.
    pub changed: Vec<UserId>,
    /// Why it is not known of the others.
    pub failure: Option<StoreError>,
}

/// Keeps users, each as it was and as it is to be, and counts them as they are then. An error says that nobody was kept.
pub async fn settle(store: &dyn Store, users: &[(User, User)], now: Timestamp) -> Result<Settled, StoreError> {
    let notes: Vec<Note> = users.iter().filter_map(|(before, after)| Note::of(before, after, now)).collect();
    if !notes.is_empty()
        && let Err(error) = store.count(&notes).await
    {
        let void: Vec<_> = notes.iter().map(|note| (note.user, note.ticket, Verdict::Void)).collect();
        store.close(&void).await.unwrap_or_else(|error| error.log());
        return Err(error);
    }
    let saved = join_all(users.iter().map(|(before, after)| store.save(after, Some(before.version)))).await;
    let mut settled = Settled::default();
    for ((_, after), saved) in users.iter().zip(saved) {
        match saved {
            Ok(Saved::Done) => settled.kept.push(after.id),
            Ok(Saved::Changed) => settled.changed.push(after.id),
            Err(error) => drop(settled.failure.get_or_insert(error)),
        }
    }
    let of = |ids: &[UserId]| notes.iter().filter(|note| ids.contains(&note.user)).cloned().collect::<Vec<_>>();
    store.drop_later(&of(&settled.kept).iter().map(Note::name).collect::<Vec<_>>());
    // They may have been kept even so, by an earlier try whose answer was lost, and have changed since.
    decide(store, &of(&settled.changed), now).await.unwrap_or_else(|error| error.log());
    Ok(settled)
}

/// Finds out whether notes hold, and closes them. What cannot be decided yet stays. What fails does not keep the others, and
/// is the error at the end.
pub async fn decide(store: &dyn Store, notes: &[Note], now: Timestamp) -> Result<(), StoreError> {
    let (mut closed, mut holding, mut failure) = (Vec::new(), Vec::new(), None);
    for part in notes.chunks(SETTLED_AT_ONCE) {
        let judged = join_all(part.iter().map(|note| judge(store, note, now))).await;
        for (note, judged) in part.iter().zip(judged) {
            match judged {
                Ok(Some(Verdict::Holds)) => holding.push(note.name()),
                Ok(verdict) => closed.extend(verdict.map(|verdict| (note.user, note.ticket, verdict))),
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
    }
    store.drop_later(&holding);
    if !closed.is_empty() {
        store.close(&closed).await?;
    }
    failure.map_or(Ok(()), Err)
}

async fn judge(store: &dyn Store, note: &Note, now: Timestamp) -> Result<Option<Verdict>, StoreError> {
    if note.is_void {
        return Ok((after(note.at, GONE) <= now).then_some(Verdict::Void));
    }
    let holds = |user: &Option<User>| user.as_ref().is_some_and(|user| user.ticket == Some(note.ticket));
    if holds(&store.glance(note.user).await?) {
        return Ok(Some(Verdict::Holds));
    }
    let user = store.load(note.user).await?;
    Ok(match user {
        user if holds(&user) => Some(Verdict::Holds),
        // Whoever left the note might still keep this user. Not any more, and the user is counted anew.
        Some(user) if user.version == note.ticket.over => {
            let saved = store.save(&user.clone().waking(), Some(user.version)).await?;
            (saved == Saved::Done).then_some(Verdict::Void)
        }
        Some(user) if user.created_at <= note.at => Some(Verdict::Void),
        // Gone, or there anew.
        _ => Some(Verdict::Gone(now)),
    })
}
