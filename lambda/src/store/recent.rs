//! The counters that changed lately, of one shard, and the notes of those who changed them.
//!
//! Pure, and the same in every store.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::census::{Delta, Sums};
use crate::clock::after;
use crate::counting::{Note, Ticket, Verdict};
use crate::user::{User, UserId};

/// Void notes that are kept at most.
const VOID_NOTES: usize = 20;

/// How long an unanswered try may be on its way, in seconds: longer than any connection lives.
const DOUBTFUL: u32 = 3_600;

/// Names a note.
pub(super) type Name = (UserId, Ticket);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recent {
    /// Raised by every change.
    pub(super) version: u64,
    pub(super) sums: Sums,
    pub(super) notes: BTreeMap<Name, Noted>,
    /// Of what was counted although a try before was not answered, and when: should that one arrive yet, it counts nothing,
    /// though the note was dropped.
    pub(super) doubts: BTreeMap<Name, Timestamp>,
}

/// A note as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) at: Timestamp,
    pub(super) delta: Delta,
    /// Whether it was taken back, as far as could be known.
    pub(super) is_void: bool,
}

impl Recent {
    /// Counts what is not noted yet. Whether anything changed.
    pub(super) fn count(&mut self, notes: &[Note]) -> bool {
        let mut changed = false;
        for note in notes {
            if self.notes.contains_key(&note.name()) || self.doubts.contains_key(&note.name()) {
                continue;
            }
            self.sums.apply(&note.delta);
            self.notes.insert(note.name(), Noted { at: note.at, delta: note.delta.clone(), is_void: false });
            if let Some(former) = note.former {
                self.hold((note.user, former));
            }
            changed = true;
        }
        changed
    }

    /// Remembers that a try to count was not answered. Whether that was not known.
    pub(super) fn doubt(&mut self, notes: &[Note]) -> bool {
        notes.iter().filter(|note| self.doubts.insert(note.name(), note.at).is_none()).count() > 0
    }

    /// Forgets doubts about what was counted long ago. Whether there were any.
    pub(super) fn doubt_no_longer(&mut self, now: Timestamp) -> bool {
        let count = self.doubts.len();
        self.doubts.retain(|_, at| after(*at, DOUBTFUL) > now);
        self.doubts.len() < count
    }

    /// Closes notes. Whether anything changed.
    pub(super) fn close(&mut self, notes: &[(UserId, Ticket, Verdict)]) -> bool {
        let mut changed = false;
        for (user, ticket, verdict) in notes {
            let name = (*user, *ticket);
            changed |= match verdict {
                Verdict::Holds => self.drop_open(name),
                Verdict::Void => {
                    self.take_back(name, Timestamp::UNIX_EPOCH);
                    self.notes.remove(&name).is_some()
                }
                Verdict::Gone(at) => {
                    let taken = self.take_back(name, *at);
                    self.drop_oldest_void();
                    taken
                }
            };
        }
        changed
    }

    /// Takes a user who is gone out of the counters, and closes the note of how it came to be in them.
    pub(super) fn uncount(&mut self, user: &User) {
        let mut delta = Delta::default();
        delta.replace(user.counted.as_ref(), None);
        self.sums.apply(&delta);
        if let Some(ticket) = user.ticket {
            self.hold((user.id, ticket));
        }
    }

    /// Drops a note that holds. One that was taken back belongs to somebody who is gone, and waits for their end.
    fn drop_open(&mut self, name: Name) -> bool {
        let is_open = self.notes.get(&name).is_some_and(|noted| !noted.is_void);
        is_open && self.notes.remove(&name).is_some()
    }

    /// Drops a note that holds after all.
    fn hold(&mut self, name: Name) -> bool {
        let Some(noted) = self.notes.remove(&name) else { return false };
        if noted.is_void {
            self.sums.apply(&noted.delta);
        }
        true
    }

    fn take_back(&mut self, name: Name, at: Timestamp) -> bool {
        let Some(noted) = self.notes.get_mut(&name).filter(|noted| !noted.is_void) else { return false };
        (noted.is_void, noted.at) = (true, at);
        self.sums.apply(&noted.delta.reversed());
        true
    }

    /// Keeps the item small, should many be gone before they were counted: what was taken back of them is right but in the
    /// rarest case.
    fn drop_oldest_void(&mut self) {
        let void = || self.notes.iter().filter(|(_, noted)| noted.is_void);
        let oldest = void().min_by_key(|(_, noted)| noted.at).map(|(name, _)| *name);
        if let Some(oldest) = oldest.filter(|_| void().count() > VOID_NOTES) {
            self.notes.remove(&oldest);
        }
    }

    /// The notes that were made by a time.
    pub(super) fn noted_by(&self, until: Timestamp) -> impl Iterator<Item = Note> {
        let note = |(&(user, ticket), noted): (&Name, &Noted)| {
            let Noted { at, delta, is_void } = noted.clone();
            Note { user, ticket, former: None, at, delta, is_void }
        };
        self.notes.iter().filter(move |(_, noted)| noted.at <= until).map(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::Tally;
    use crate::user::State;

    fn note(user: u8, by: u32, former: Option<Ticket>) -> Note {
        let tally = Tally {
            state: State::Pending,
            received: "2026-11-22".into(),
            confirmed: None,
            country: None,
            ended_by: None,
            ended: None,
        };
        let mut delta = Delta::default();
        delta.replace(None, Some(&tally));
        Note {
            user: UserId([user; 16]),
            ticket: Ticket { over: 1, by },
            former,
            at: Timestamp::UNIX_EPOCH,
            delta,
            is_void: false,
        }
    }

    fn received(recent: &Recent) -> u64 {
        recent.sums.census().received()
    }

    fn closed(note: &Note, verdict: Verdict) -> [(UserId, Ticket, Verdict); 1] {
        [(note.user, note.ticket, verdict)]
    }

    #[test]
    fn a_note_counts_once_and_is_taken_back_once() {
        let mut recent = Recent::default();
        let (one, other) = (note(1, 1, None), note(2, 1, None));
        assert!(recent.count(&[one.clone(), other.clone()]));
        assert!(!recent.count(std::slice::from_ref(&other)));
        assert_eq!(received(&recent), 2);
        assert!(recent.close(&closed(&one, Verdict::Holds)) && recent.close(&closed(&other, Verdict::Void)));
        assert!(!recent.close(&closed(&one, Verdict::Void)) && !recent.close(&closed(&other, Verdict::Void)));
        assert_eq!((received(&recent), recent.notes.len()), (1, 0));
    }

    #[test]
    fn what_was_doubted_is_not_counted_again_for_an_hour() {
        let mut recent = Recent::default();
        let one = note(1, 1, None);
        recent.count(std::slice::from_ref(&one));
        assert!(recent.doubt(std::slice::from_ref(&one)) && !recent.doubt(std::slice::from_ref(&one)));
        assert!(recent.close(&closed(&one, Verdict::Holds)));
        let later = |seconds| Timestamp::from_second(seconds).expect("a time");
        assert!(!recent.doubt_no_longer(later(3_599)) && !recent.count(std::slice::from_ref(&one)));
        assert_eq!((received(&recent), recent.notes.len(), recent.doubts.len()), (1, 0, 1));
        assert!(recent.doubt_no_longer(later(3_600)));
        assert_eq!(recent.doubts.len(), 0);
    }

    #[test]
    fn a_users_next_note_closes_the_one_before() {
        let mut recent = Recent::default();
        let one = note(1, 1, None);
        recent.count(std::slice::from_ref(&one));
        recent.count(&[note(1, 2, Some(one.ticket))]);
        assert!(!recent.close(&closed(&one, Verdict::Void)), "what holds is not taken back");
        assert_eq!((received(&recent), recent.noted_by(Timestamp::UNIX_EPOCH).count()), (2, 1));
    }

    #[test]
    fn many_who_are_gone_do_not_fill_the_item() {
        let mut recent = Recent::default();
        for number in 0..100 {
            let note = note(number, 1, None);
            recent.count(std::slice::from_ref(&note));
            let at = Timestamp::from_second(number.into()).expect("a time");
            assert!(recent.close(&closed(&note, Verdict::Gone(at))));
        }
        let left: Vec<u8> = recent.notes.keys().map(|(user, _)| user.0[0]).collect();
        assert_eq!((received(&recent), left), (0, (80..100).collect()));
    }

    #[test]
    fn what_was_taken_back_of_somebody_gone_is_put_right_when_it_held() {
        let mut recent = Recent::default();
        let one = note(1, 1, None);
        recent.count(std::slice::from_ref(&one));
        assert!(
            recent.close(&closed(&one, Verdict::Gone(Timestamp::UNIX_EPOCH)))
                && !recent.close(&closed(&one, Verdict::Gone(Timestamp::UNIX_EPOCH)))
        );
        assert_eq!((received(&recent), recent.notes.len()), (0, 1));
        assert!(!recent.count(std::slice::from_ref(&one)), "nor is it counted late");
        assert!(!recent.close(&closed(&one, Verdict::Holds)), "whoever knows that it did knows nothing of the end");
        let mut held = recent.clone();
        held.count(&[note(1, 2, Some(one.ticket))]);
        assert_eq!((received(&held), held.notes.len()), (2, 1));
        assert!(recent.close(&closed(&one, Verdict::Void)));
        assert_eq!((received(&recent), recent.notes.len()), (0, 0));
    }
}
