//! What subscribers are told: every change, each under an ID of its own, and nobody who is gone. A part of the witness.

use std::collections::{BTreeMap, BTreeSet};

use signup_service::clock::Clock;
use signup_service::config::{ConfirmationMode, EventType};
use signup_service::event::{Event, EventId, Tell};
use signup_service::user::{Answers, End, EndedBy, State, User, UserId};

use super::{Who, Witness, brief};

/// How long after an answer was read it may be told, in milliseconds: a batch has three seconds for all of its events, and
/// each of its calls takes some.
const FRESH: i64 = 10_000;

/// What was told, and what is to be.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Whether anybody subscribes at all.
    pub(super) wanted: bool,
    /// What happened, by the ID under which it must be told, and whether it was.
    happened: BTreeMap<EventId, Happened>,
    /// What an invocation last read of somebody, and when.
    read: BTreeMap<(u64, UserId), (i64, Option<Answers>)>,
    /// Whoever the table forgot, until the worker knows.
    passed: BTreeMap<String, User>,
}

#[derive(Debug)]
struct Happened {
    user: UserId,
    version: u64,
    kind: EventType,
    told: bool,
}

impl Witness {
    /// Says that somebody subscribes to everything.
    pub fn subscribe(&mut self) {
        self.news.wanted = true;
    }

    fn happens(&mut self, user: &User, version: u64, kind: EventType) {
        if !self.news.wanted {
            return;
        }
        let (state, at) = (user.state, self.world.now());
        let id = Tell { kind, version, state, at, mail: None }.id(user.id);
        let earlier = self.news.happened.insert(id, Happened { user: user.id, version, kind, told: false });
        self.check(earlier.is_none(), || format!("n: {kind:?} of {} happens twice under one ID", brief(Some(user))));
    }

    /// What a change means to whoever asks who did what.
    pub(super) fn note_news(&mut self, who: &Who, old: Option<&User>, new: &User) {
        use EventType::{Bounced, Complained, Confirmed, Erased, Failed, Received, Sent, Unsubscribed};
        let mut kinds = BTreeSet::new();
        let began = old.is_none_or(|old| old.created_at != new.created_at);
        let confirmed = new.state == State::Confirmed;
        match who {
            Who::SignUp(number) => {
                if began {
                    kinds.insert(Received);
                    kinds.extend(old.map(|_| Erased));
                }
                let at_once = self.submissions[*number].mode == ConfirmationMode::None;
                let was = old.is_some_and(|old| !began && old.state != State::Pending);
                kinds.extend((confirmed && at_once && !was).then_some(Confirmed));
            }
            Who::Link(_) | Who::Code(_) => {
                // Whatever confirms leaves its link among those that are done; a wrong code does not.
                let did = old.is_none_or(|old| old.done != new.done);
                kinds.extend((confirmed && did).then_some(Confirmed));
            }
            Who::Unsubscribe => drop(kinds.insert(Unsubscribed)),
            Who::Feedback(_) if new.ended_by == Some(EndedBy::Bounce) => drop(kinds.insert(Bounced)),
            Who::Feedback(_) => drop(kinds.insert(Complained)),
            Who::Worker(_) => {
                let ended =
                    |user: &User| user.mail.as_ref().and_then(|mail| mail.end.clone().map(|end| (mail.id, end)));
                let was_open = old.and_then(|old| old.mail.as_ref()).filter(|mail| mail.is_open());
                match (was_open, ended(new)) {
                    (Some(mail), Some((id, end))) if mail.id == id => {
                        kinds.insert(if end == End::Sent { Sent } else { Failed });
                    }
                    // One ended and the next was opened in one write: how it ended, its link tells.
                    (Some(mail), None) if new.mail.as_ref().is_some_and(|next| next.id != mail.id) => {
                        kinds.insert(self.ended_before(new));
                    }
                    _ => {}
                }
            }
            Who::Resend | Who::Operator | Who::Renaming => {}
        }
        for kind in kinds {
            let version = old.filter(|_| kind == Erased).map_or(new.version, |old| old.version);
            self.happens(new, version, kind);
        }
    }

    /// How the mail ended in whose place another was opened, as the user's own news say.
    fn ended_before(&self, new: &User) -> EventType {
        let tells = new.untold.iter().flat_map(|untold| &untold.tells);
        let mut kinds = tells.filter(|tell| tell.version == new.version).map(|tell| tell.kind);
        let kind = kinds.next().unwrap_or(EventType::Sent);
        let fits = matches!(kind, EventType::Sent | EventType::Failed) && kinds.next().is_none();
        self.check(fits, || format!("n: a mail ended as {kind:?}"));
        kind
    }

    /// Somebody is erased, or forgotten by the table.
    pub(super) fn note_gone(&mut self, user: &User) {
        self.happens(user, user.version, EventType::Erased);
    }

    /// The table forgot somebody, and will say so once.
    pub fn passes(&mut self, event: &str, user: &User) {
        self.news.passed.insert(event.to_owned(), user.clone());
    }

    /// The worker knows of it. Returns whether it did not before.
    pub(super) fn knows_of_passing(&mut self, event: &str) -> bool {
        self.news.passed.remove(event).is_some()
    }

    /// An invocation read somebody.
    pub fn reads(&mut self, who: &Who, id: UserId, found: Option<&User>) {
        if let Who::Worker(invocation) = who {
            let answers = found.map(|user| user.answers.clone());
            self.news.read.insert((*invocation, id), (self.world.passed(), answers));
        }
    }

    /// An invocation is about to tell something.
    pub fn tells(&mut self, invocation: u64, event: &Event) {
        self.check(self.news.happened.contains_key(&event.id), || format!("n: {event:?} never happened"));
        let happened = &self.news.happened[&event.id];
        let same = (happened.user, happened.kind) == (event.user, event.kind);
        self.check(same, || format!("n: {event:?} is another event"));
        if event.data.is_empty() {
            return;
        }
        self.check(event.kind != EventType::Erased, || format!("n: {event:?} names somebody who is gone"));
        let read = self.news.read.get(&(invocation, event.user));
        let fresh = read.filter(|(at, _)| self.world.passed() - at <= FRESH).and_then(|(_, answers)| answers.as_ref());
        let email = |answers: &Answers| event.data.get("email").is_none_or(|email| *email == answers.email.as_str());
        self.check(fresh.is_some_and(email), || format!("n: {event:?} names who was not read to be there"));
    }

    /// Subscribers know.
    pub fn told_news(&mut self, event: &Event) {
        if let Some(happened) = self.news.happened.get_mut(&event.id) {
            happened.told = true;
        }
    }

    /// Nothing is left to be told, but for what the stream lost of whom the table forgot.
    pub(super) fn news_at_rest(&self) {
        let lost =
            |it: &Happened| self.news.passed.values().any(|user| user.id == it.user && user.version >= it.version);
        let untold = self.news.happened.values().find(|it| !it.told && !lost(it));
        self.check(untold.is_none(), || format!("n: nobody was told: {untold:?}"));
        let kept = self.store.users().into_iter().find(|user| user.untold.is_some());
        self.check(kept.is_none(), || format!("n: told, and kept to be told: {}", brief(kept.as_ref())));
        let left = self.store.farewells_left();
        self.check(left == 0, || format!("n: {left} farewells are left"));
    }
}
