//! What a person decides: confirming, by the link or the six digits, and asking for no more mail.

use jiff::Timestamp;

use super::{Link, Nonce, State, User};

/// Wrong codes that a link outlives. A million codes and five tries leave a guesser one chance in 200,000.
pub const CODE_TRIES: u8 = 5;

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
    /// The link did its work before, and nothing changed.
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
            .find(|(_, link)| proof.is_for(link))
            .map(|(of, link)| (of, link.expires_at > now));
        match (meant, proof) {
            (Some((_, false)), _) => (None, ConfirmOutcome::Expired),
            (Some((of, true)), _) => (Some(self.confirmed(of, now)), ConfirmOutcome::Confirmed),
            (None, Proof::Link(_)) if self.state == State::Confirmed => (None, ConfirmOutcome::AlreadyConfirmed),
            (None, Proof::Link(_)) => (None, ConfirmOutcome::Expired),
            (None, Proof::Code(_)) => {
                let links = [self.waiting.as_mut().map(|it| &mut it.link), self.link.as_mut()];
                links.into_iter().flatten().for_each(|link| link.tries = link.tries.saturating_add(1));
                (Some(self.changed()), ConfirmOutcome::Unknown)
            }
        }
    }

    fn confirmed(mut self, of: Of, now: Timestamp) -> Self {
        let waiting = self.waiting.take();
        let (answers, waiting) = match (of, waiting) {
            (Of::Waiting, Some(waiting)) => (waiting.answers, None),
            (_, waiting) => (std::mem::take(&mut self.answers), waiting),
        };
        self.enter(answers, now);
        // What was corrected after the mail of the first answers still waits for its own.
        self.waiting = waiting;
        self.drop_mail_without_link();
        self.waking()
    }

    /// The user after asking for no more mail. Who never confirmed leaves nothing but the refusal.
    pub fn unsubscribe(mut self, now: Timestamp) -> Option<Self> {
        match self.state {
            State::Unsubscribed | State::Suppressed => return None,
            State::Confirmed => self.state = State::Unsubscribed,
            State::Pending => {
                self.state = State::Suppressed;
                self.answers = super::Answers::default();
            }
        }
        self.ended_at = Some(now);
        self.link = None;
        self.keep_until = None;
        self.waiting = None;
        // One that is being sent right now is past recall.
        self.mail = self.mail.filter(|mail| !mail.is_open());
        Some(self.waking())
    }

    /// Forgets a mail that has nothing to carry any more.
    pub(super) fn drop_mail_without_link(&mut self) {
        let needs_link = self.mail.as_ref().is_some_and(|mail| mail.is_open() && mail.needs_link());
        if needs_link && self.newest_link().is_none() {
            self.mail = None;
        }
    }
}

impl Proof<'_> {
    fn is_for(&self, link: &Link) -> bool {
        match self {
            Self::Link(nonce) => link.nonce == *nonce,
            Self::Code(fits) => link.tries < CODE_TRIES && fits(link.nonce),
        }
    }
}
