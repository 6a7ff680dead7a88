//! What may come into force, and for whom: a part of the witness.

use jiff::Timestamp;
use signup_service::clock::after;
use signup_service::config::ConfirmationMode;
use signup_service::user::{Answers, ConfirmOutcome, End, NOTICE_PAUSE, Nonce, State, User};

use super::{Letter, Submission, Who, Witness, brief};
use crate::people::person;

impl Witness {
    /// Nobody's answers come into force, or change, but by what the person did for them.
    pub(super) fn judge_answers(&mut self, who: &Who, old: Option<&User>, new: &User) {
        let reborn = old.is_none_or(|old| old.created_at != new.created_at);
        let old_state = old.filter(|_| !reborn).map(|old| old.state);
        let changed = old.is_none_or(|old| old.answers != new.answers);
        if reborn || (old_state == Some(new.state) && !changed) {
            let at_once =
                matches!(who, Who::SignUp(number) if self.submissions[*number].mode == ConfirmationMode::None);
            let refused =
                *who == Who::Unsubscribe && new.state == State::Suppressed && new.answers == Answers::default();
            let fine = !reborn || new.state == State::Pending || (new.state == State::Confirmed && at_once) || refused;
            return self.check(fine, || format!("d: {who:?} confirmed without a confirmation"));
        }
        let (fine, used) = match (who, old_state, new.state) {
            (Who::SignUp(number), Some(State::Pending), State::Pending) => {
                (self.submissions[*number].answers == new.answers, None)
            }
            (Who::SignUp(number), Some(State::Pending), State::Confirmed) => {
                let submission = &self.submissions[*number];
                (submission.mode == ConfirmationMode::None && submission.answers == new.answers, None)
            }
            (Who::Link(nonce) | Who::Code(Some(nonce)), Some(from), State::Confirmed) if from != State::Suppressed => {
                // Equal answers of a second submission keep the link of the first.
                (self.answers_of(*nonce) == Some(&new.answers), Some(*nonce))
            }
            (Who::Unsubscribe, Some(State::Confirmed), State::Unsubscribed) => (!changed, None),
            (Who::Unsubscribe, Some(State::Pending | State::Unsubscribed), State::Suppressed) => {
                (new.answers == Answers::default(), None)
            }
            (Who::Feedback(_), Some(State::Pending), State::Suppressed) => (new.answers == Answers::default(), None),
            (Who::Feedback(_), Some(State::Confirmed | State::Unsubscribed), State::Suppressed) => (!changed, None),
            _ => (false, None),
        };
        self.check(fine, || format!("d: {who:?} changed answers or state: {} -> {}", brief(old), brief(Some(new))));
        if let Some(nonce) = used {
            let guessed = self.guesses.get(&nonce).copied().unwrap_or_default();
            let lucky = matches!(who, Who::Code(_)) && guessed >= 5;
            self.check(!lucky, || format!("d: digits confirmed after {guessed} wrong ones"));
            let first = self.used.insert(nonce);
            self.check(first, || format!("d: {nonce:?} took effect twice"));
        }
    }

    /// A later submission leaves the link of the first in force, once somebody has it.
    pub(super) fn judge_link(&self, who: &Who, old: &User, new: &User, now: Timestamp) {
        let Some(link) = old.link.as_ref().filter(|_| matches!(who, Who::SignUp(_)) && new.state == State::Pending)
        else {
            return;
        };
        let kept = new.link.as_ref().is_some_and(|it| it.nonce == link.nonce);
        let has = |letter: &&Letter| {
            let promised = letter.carries.as_ref().filter(|it| it.nonce == link.nonce);
            letter.first && !letter.void && promised.is_some_and(|it| it.expires_at > after(now, self.slack))
        };
        let lost = self.mailbox.iter().find(has).filter(|_| !kept);
        self.check(lost.is_none(), || format!("d: {who:?} made the link in {lost:?} void"));
    }

    /// A sign-up was answered as taken; this is the user that was kept for it.
    pub fn taken(&mut self, number: usize, kept: &User, now: Timestamp) {
        let Submission { answers, user, .. } = &self.submissions[number];
        let is_kept = person(kept.id) == *user && self.written.contains(&(kept.id, kept.version));
        self.check(is_kept, || "a: taken, but not kept".into());
        if kept.state == State::Suppressed || (kept.state == State::Confirmed && kept.answers == *answers) {
            return;
        }
        let (newest, link) = match kept.later.as_ref().or(kept.waiting.as_ref()) {
            Some(waiting) => (&waiting.answers, Some(&waiting.link)),
            None => (&kept.answers, kept.link.as_ref()),
        };
        self.check(newest == answers, || format!("a: taken, but something else waits: {}", brief(Some(kept))));
        let Some(link) = link else { self.world.broken("a: taken, but nothing confirms it") };
        let newest_kept = kept.later.as_ref().or(kept.waiting.as_ref()).map(|it| it.keep_until);
        let kept_for = newest_kept.into_iter().chain(kept.keep_until).min();
        let lasts = kept_for.is_none_or(|until| until >= link.expires_at);
        self.check(lasts, || format!("a: taken, but forgotten before its link dies: {}", brief(Some(kept))));
        let Some(mail) = &kept.mail else { self.world.broken("a: taken, but no mail is kept for it") };
        if mail.is_open() {
            // A link that waits for its mail does not grow old meanwhile; half a minute is for clocks that jump.
            let lives = after(link.expires_at, 30 + self.slack) >= after(mail.due_at.max(now), self.expires);
            self.check(link.out || lives, || {
                format!("a: taken, but the link dies before its mail leaves: {}", brief(Some(kept)))
            });
        } else {
            let recently = kept.mailed_at.is_some_and(|at| after(at, NOTICE_PAUSE) > now);
            let fine = mail.end == Some(End::Sent) && recently && link.out;
            self.check(fine, || format!("a: taken, but no mail brings its link: {}", brief(Some(kept))));
        }
    }

    /// What came of showing a link or its digits, decided at a time over the user found.
    pub fn confirmed(&mut self, who: &Who, found: Option<&User>, outcome: ConfirmOutcome, now: Timestamp) {
        let (nonce, code) = match who {
            Who::Link(nonce) => (*nonce, false),
            Who::Code(Some(nonce)) => (*nonce, true),
            _ => return self.check(outcome != ConfirmOutcome::Confirmed, || "d: wrong digits confirmed".into()),
        };
        if outcome == ConfirmOutcome::Confirmed {
            let links = found.into_iter().flat_map(|it| it.waiting.iter().map(|it| &it.link).chain(&it.link));
            let link = links.into_iter().find(|link| link.nonce == nonce);
            let alive = link.is_some_and(|link| link.expires_at > now);
            self.check(alive, || format!("d: {nonce:?} confirmed after it had expired"));
            return;
        }
        let guessed = code && self.guesses.contains_key(&nonce);
        if outcome == ConfirmOutcome::AlreadyConfirmed {
            let done = found.is_some_and(|found| found.state == State::Confirmed && found.done.contains(&nonce));
            return self.check(done, || format!("d: {nonce:?} is said to have confirmed"));
        }
        if guessed {
            return;
        }
        let good = self.mailbox.iter().find(|letter| {
            let link = letter.carries.as_ref().filter(|link| link.nonce == nonce);
            link.is_some_and(|link| link.expires_at > after(now, self.slack))
                && !letter.void
                // Only a newer link on its way makes one void that is out.
                && (letter.first || !self.is_superseded(letter, nonce))
        });
        // Digits say nothing once the link did its work.
        let done = self.used.contains(&nonce) || (code && found.is_some_and(|found| found.state == State::Confirmed));
        self.check(done || good.is_none(), || format!("d: the link in {good:?} does not work: {outcome:?}"));
    }

    /// Whether another link was sent, or perhaps sent, after this one.
    fn is_superseded(&self, letter: &Letter, nonce: Nonce) -> bool {
        let of_user = self.items.values().filter(|item| item.user == letter.user);
        let mut later = of_user.flat_map(|item| &item.attempts).filter(|attempt| attempt.step > letter.at_step);
        later.any(|attempt| attempt.carries.as_ref().is_none_or(|link| link.nonce != nonce))
    }

    /// Somebody was told that a link did its work just now.
    pub fn told(&mut self, who: &Who) {
        let (Who::Link(nonce) | Who::Code(Some(nonce))) = who else { return };
        let first = self.told.insert(*nonce);
        self.check(first, || format!("d: {who:?} took effect twice"));
    }

    /// Wrong digits were counted against whatever could be confirmed.
    pub(super) fn guessed(&mut self, user: &User) {
        for link in user.waiting.iter().map(|it| &it.link).chain(&user.link) {
            *self.guesses.entry(link.nonce).or_default() += 1;
        }
    }
}
