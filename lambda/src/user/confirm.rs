//! What a person decides: confirming, by the link or the six digits, and asking for no more mail.

use jiff::Timestamp;

use super::{Nonce, State, User};
use crate::clock::after;
use crate::keys::Name;

/// Wrong codes that a code outlives. A million codes and five tries leave a guesser one chance in 200,000, and
/// another five only with another mail to the person.
pub const CODE_TRIES: u8 = 5;

/// How long a code that did its work is still heard, in seconds: as long as a button is pressed twice, or a request is
/// repeated whose answer was lost. Not longer, since nobody counts these tries.
const CODE_ECHO: u32 = 60;

/// What somebody shows to confirm.
pub enum Proof<'a> {
    /// Of the token in the link, which the service's key has vouched for.
    Link(Nonce),
    /// The six digits, as a judge of which link they belong to.
    Code(&'a (dyn Fn(Nonce) -> bool + Sync)),
}

impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Link(_) => "Link(..)",
            Self::Code(_) => "Code(..)",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmOutcome {
    Confirmed,
    /// The link did its work before, or the code a moment ago, and nothing changed.
    AlreadyConfirmed,
    /// The link no longer works; signing up again gives a new one.
    Expired,
    /// Nobody was sent this.
    Unknown,
}

/// Which of a user's two links is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    SignUp,
    Waiting,
}

impl User {
    /// The user after a confirmation. Without effect it is `None`, but for a wrong code, which is counted.
    pub fn confirm(mut self, proof: &Proof<'_>, now: Timestamp) -> (Option<Self>, ConfirmOutcome) {
        if self.is_forgotten(now) {
            return (None, ConfirmOutcome::Expired);
        }
        let meant = [(Of::Waiting, self.waiting.as_ref().map(|it| &it.link)), (Of::SignUp, self.link.as_ref())]
            .into_iter()
            .filter_map(|(of, link)| Some((of, link?)))
            .find(|(_, link)| match proof {
                Proof::Link(nonce) => link.nonce == *nonce,
                // A code that nobody was sent is nobody's.
                Proof::Code(fits) => link.tries < CODE_TRIES && self.is_in_force(link, now) && fits(link.nonce),
            })
            .map(|(of, link)| (of, link.expires_at > now));
        match (meant, proof) {
            (Some((_, false)), _) => (None, ConfirmOutcome::Expired),
            (Some((of, true)), _) => (Some(self.confirmed(of, now)), ConfirmOutcome::Confirmed),
            (None, Proof::Link(nonce)) if self.state == State::Confirmed && self.done.contains(nonce) => {
                (None, ConfirmOutcome::AlreadyConfirmed)
            }
            (None, Proof::Link(_)) => (None, ConfirmOutcome::Expired),
            (None, Proof::Code(fits)) if self.has_just_confirmed(now) && self.done.iter().any(|nonce| fits(*nonce)) => {
                (None, ConfirmOutcome::AlreadyConfirmed)
            }
            (None, Proof::Code(_)) => {
                let links = [self.waiting.as_mut().map(|it| &mut it.link), self.link.as_mut()];
                links.into_iter().flatten().for_each(|link| link.tries = link.tries.saturating_add(1));
                (Some(self.changed()), ConfirmOutcome::Unknown)
            }
        }
    }

    fn has_just_confirmed(&self, now: Timestamp) -> bool {
        self.state == State::Confirmed && self.confirmed_at.is_some_and(|at| after(at, CODE_ECHO) > now)
    }

    fn confirmed(mut self, of: Of, now: Timestamp) -> Self {
        let (waiting, later) = (self.waiting.take(), self.later.take());
        let (answers, by, waiting) = match (of, waiting) {
            (Of::Waiting, Some(waiting)) => (waiting.answers, Some(waiting.link.nonce), None),
            (_, waiting) => (std::mem::take(&mut self.answers), None, waiting),
        };
        self.enter(answers, now);
        self.done.extend(by);
        // What was corrected after that link left still waits for its own.
        (self.waiting, self.later) = match waiting {
            None => (later, None),
            waiting => (waiting, later),
        };
        self.drop_mail_without_link();
        self.waking()
    }

    /// The user after asking for no more mail, also of whom nothing is kept any more. Who never confirmed leaves
    /// nothing but the refusal, and so does who refuses once more when others have signed the address up again.
    pub fn unsubscribe(found: Option<Self>, name: Name, now: Timestamp) -> Option<Self> {
        let Some(mut user) = found else { return Some(Self::refused(name, now)) };
        let mailed = user.waiting.is_some() || user.mail.as_ref().is_some_and(super::Mail::is_open);
        let state = match user.state {
            State::Suppressed => return None,
            State::Unsubscribed if !mailed => return None,
            State::Confirmed => State::Unsubscribed,
            State::Pending | State::Unsubscribed => {
                user.answers = super::Answers::default();
                State::Suppressed
            }
        };
        Some(user.silenced(state, now))
    }

    /// A refusal of an address of which nothing else is known.
    fn refused(name: Name, now: Timestamp) -> Self {
        Self {
            id: name.id,
            keys: name.keys,
            root: None,
            version: u64::try_from(now.as_microsecond()).unwrap_or(0),
            state: State::Suppressed,
            answers: super::Answers::default(),
            created_at: now,
            confirmed_at: None,
            ended_at: Some(now),
            ended_by: None,
            link: None,
            keep_until: None,
            waiting: None,
            later: None,
            done: Vec::new(),
            mail: None,
            mailed_at: None,
            mailings: 0,
            spent: super::Spent::default(),
            counted: None,
            ticket: None,
            untold: None,
            wakes: false,
        }
        .waking()
    }

    /// Forgets a mail that has nothing to carry any more.
    pub(super) fn drop_mail_without_link(&mut self) {
        let needs_link = self.mail.as_ref().is_some_and(|mail| mail.is_open() && mail.needs_link());
        if needs_link && self.newest_link().is_none() {
            self.mail = None;
        }
    }
}
