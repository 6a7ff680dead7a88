//! The witness: sees every user before and after each write, and every mail, and knows what was promised.
//!
//! It never decides for the service; where it repeats a rule, it does so from what a person sees: the answers that
//! were typed, the mails that came, the time on the wall.

mod answers;
mod digests;
mod mails;
mod news;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use signup_service::census::{Delta, Sums, Tally};
use signup_service::clock::{Clock, after};
use signup_service::config::ConfirmationMode;
use signup_service::counting::{Note, Ticket};
use signup_service::store::{MemoryStore, Store};
use signup_service::user::{Answers, End, Link, MailId, Nonce, State, User, UserId};

use crate::people::person;
use crate::world::{World, at_once};
use digests::Digests;
use mails::{Attempt, Item, Letter};
use news::News;

/// How many changes back whoever reads as of a moment ago may be.
pub const LATE: usize = 4;

/// Who makes a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Who {
    /// By the number of the submission.
    SignUp(usize),
    Link(Nonce),
    /// The right six digits of a submission, or wrong ones.
    Code(Option<Nonce>),
    Unsubscribe,
    /// Of what was then.
    Feedback(Timestamp),
    Resend,
    Operator,
    /// The operator, of refusals by another key.
    Renaming,
    /// By the name of the invocation.
    Worker(u64),
}

/// What somebody typed.
#[derive(Clone, Debug)]
pub struct Submission {
    pub user: UserId,
    pub answers: Answers,
    pub nonce: Nonce,
    pub mode: ConfirmationMode,
}

/// What is known of an address.
#[derive(Debug, Default)]
struct Person {
    /// Raised when the address is erased, or signs up anew after it was forgotten.
    generation: u32,
    /// The step in which it asked for no more mail.
    ended: u64,
    /// The step of the newest submission.
    submitted: u64,
    /// The attempts that were delivered, by the time of their lease.
    mailed: Vec<Attempt>,
}

#[derive(Debug)]
pub struct Witness {
    world: Arc<World>,
    store: Arc<MemoryStore>,
    pub expires: u32,
    pub submissions: Vec<Submission>,
    /// By how much the clock on the wall ever went back, in seconds.
    pub slack: u32,
    step: u64,
    items: BTreeMap<MailId, Item>,
    people: BTreeMap<UserId, Person>,
    /// A refusal that was taken from under its former name, and has to be under the other in the same write.
    renamed: Option<User>,
    used: BTreeSet<Nonce>,
    told: BTreeSet<Nonce>,
    guesses: BTreeMap<Nonce, u8>,
    written: BTreeSet<(UserId, u64)>,
    /// What every user was before the last changes.
    former: BTreeMap<UserId, VecDeque<Option<User>>>,
    /// The tickets under which users were kept.
    tickets: BTreeSet<(UserId, Ticket)>,
    /// What was taken back for good of those whose end the stream lost.
    written_off: Sums,
    /// Under which tickets they had been counted.
    given_up: BTreeSet<(UserId, Ticket)>,
    /// Whoever the table forgot, until it is told to the counters.
    forgotten: BTreeMap<String, Tally>,
    pub mailbox: Vec<Letter>,
    dead: usize,
    alarms: usize,
    news: News,
    digests: Digests,
}

impl Witness {
    pub fn new(world: Arc<World>, store: Arc<MemoryStore>, expires: u32) -> Self {
        Self {
            world,
            store,
            expires,
            submissions: Vec::new(),
            slack: 0,
            step: 0,
            items: BTreeMap::new(),
            people: BTreeMap::new(),
            renamed: None,
            used: BTreeSet::new(),
            told: BTreeSet::new(),
            guesses: BTreeMap::new(),
            written: BTreeSet::new(),
            former: BTreeMap::new(),
            tickets: BTreeSet::new(),
            written_off: Sums::default(),
            given_up: BTreeSet::new(),
            forgotten: BTreeMap::new(),
            mailbox: Vec::new(),
            dead: 0,
            alarms: 0,
            news: News::default(),
            digests: Digests::default(),
        }
    }

    fn check(&self, holds: bool, promise: impl FnOnce() -> String) {
        self.world.check(holds, promise);
    }

    fn person(&mut self, id: UserId) -> &mut Person {
        self.people.entry(person(id)).or_default()
    }

    fn answers_of(&self, nonce: Nonce) -> Option<&Answers> {
        self.submissions.iter().find(|it| it.nonce == nonce).map(|it| &it.answers)
    }

    /// The counters are what the users carry and what is noted of others, after every step.
    pub fn recount(&self) {
        let mut sums = Sums::default();
        let users = self.store.users();
        users.iter().filter_map(|user| user.counted.as_ref()).for_each(|tally| sums.add_tally(tally));
        self.forgotten.values().for_each(|tally| sums.add_tally(tally));
        self.misjudged().iter().for_each(|(_, delta)| sums.apply(delta));
        sums.apply(&Delta::of(&self.written_off));
        let counters = at_once(self.store.counters(None)).expect("memory");
        self.check(counters == sums, || format!("e: the counters are {counters:?}, the users carry {sums:?}"));
        self.nobody_is_kept_twice(&users);
        self.check(self.renamed.is_none(), || format!("k: lost: {}", brief(self.renamed.as_ref())));
    }

    fn nobody_is_kept_twice(&self, users: &[User]) {
        let mut people = BTreeMap::new();
        for user in users {
            let other = people.insert(person(user.id), user);
            self.check(other.is_none(), || format!("k: kept twice: {} and {}", brief(Some(user)), brief(other)));
        }
    }

    /// The notes that count what was never kept, or do not count what was, and by how much the counters are off.
    fn misjudged(&self) -> Vec<(Note, Delta)> {
        let notes = at_once(self.store.notes(Timestamp::MAX)).expect("memory");
        let off = |note: Note| match (self.tickets.contains(&note.name()), note.is_void) {
            (false, false) => Some((note.clone(), note.delta)),
            (true, true) => Some((note.clone(), note.delta.reversed())),
            _ => None,
        };
        notes.into_iter().filter_map(off).collect()
    }

    /// A try to count arrived when nobody waited for it, and was not known any more.
    pub fn counted_again(&mut self, notes: &[Note]) {
        let again = notes.iter().find(|note| self.tickets.contains(&note.name()));
        self.check(again.is_none(), || format!("e: {again:?} was counted twice"));
    }

    /// A note is gone. Of whom the stream never told that they are, it is known no better then.
    pub fn closed(&mut self, note: &Note) {
        if note.is_void && self.tickets.contains(&note.name()) {
            self.written_off.apply(&note.delta.reversed());
            self.given_up.insert(note.name());
        }
    }

    /// What a user was so many changes ago, if that is known.
    pub fn before(&self, id: UserId, changes: usize) -> Option<Option<User>> {
        self.former.get(&id)?.get(changes).cloned()
    }

    fn changes(&mut self, id: UserId, old: Option<&User>) {
        let former = self.former.entry(id).or_default();
        former.push_front(old.cloned());
        former.truncate(LATE);
    }

    /// The table forgot somebody.
    pub fn forgot(&mut self, user: &User) {
        self.changes(user.id, Some(user));
        self.note_gone(user);
        self.person(user.id).generation += 1;
    }

    /// Somebody whom the table forgot was counted so.
    pub fn counts_less(&mut self, event: &str, counted: &Tally) {
        self.forgotten.insert(event.to_owned(), counted.clone());
    }

    /// Those who were never told to the counters.
    pub fn lost(&mut self) -> Vec<Tally> {
        std::mem::take(&mut self.forgotten).into_values().collect()
    }

    pub fn uncounted(&mut self, event: &str, first: bool, user: &User) {
        self.forgotten.remove(event);
        let known = self.knows_of_passing(event);
        self.check(known == first, || format!("e: {event} was taken out of the counters twice"));
        let early = user.ticket.is_some_and(|ticket| self.given_up.contains(&(user.id, ticket)));
        self.check(!first || !early, || format!("e: {event} was written off before the stream told of it"));
    }

    /// Somebody begins to sign up; the number of the submission.
    pub fn submits(&mut self, submission: Submission) -> usize {
        self.step += 1;
        let step = self.step;
        self.person(submission.user).submitted = step;
        self.submissions.push(submission);
        self.submissions.len() - 1
    }

    /// A user changed in the store.
    pub fn wrote(&mut self, who: &Who, name: &'static str, old: Option<&User>, new: Option<&User>) {
        self.step += 1;
        let now = self.world.now();
        self.world.note(|| format!("{who:?}: {name}: {} -> {}", brief(old), brief(new)));
        let id = new.or(old).expect("somebody was there or is").id;
        self.changes(id, old);
        let Some(new) = new else {
            let old = old.expect("somebody was there");
            if *who == Who::Renaming {
                self.check(old.is_bare_refusal(), || format!("k: {} is renamed", brief(Some(old))));
                self.note_gone(old);
                self.renamed = Some(old.clone());
                return;
            }
            self.check(*who == Who::Operator, || format!("f: {who:?} removed a user"));
            self.note_gone(old);
            self.person(old.id).generation += 1;
            return self.void(old.id);
        };
        self.written.insert((new.id, new.version));
        self.tickets.extend(new.ticket.map(|ticket| (new.id, ticket)));
        if matches!(who, Who::SignUp(_)) {
            let step = self.step;
            self.person(new.id).submitted = step;
        }
        match old {
            None => {
                // Whoever refuses leaves a refusal, also where nothing else is known.
                let refuses = *who == Who::Unsubscribe && new.answers == Answers::default();
                let born =
                    refuses || matches!(who, Who::SignUp(number) if self.submissions[*number].answers == new.answers);
                let blank = new.counted.is_none() && new.waiting.is_none();
                let moved = self.renamed.take_if(|_| *who == Who::Renaming);
                let born = born || moved.is_some_and(|old| is_moved(&old, new));
                self.check(born && blank, || format!("f: {who:?} brought back somebody who was erased"));
            }
            Some(old) => {
                self.check(new.version > old.version, || format!("g: {} -> {}", old.version, new.version));
                self.judge_generation(who, old, new, now);
                self.judge_report(who, old);
                self.judge_link(who, old, new, now);
            }
        }
        if *who == Who::Renaming {
            return;
        }
        self.judge_answers(who, old, new);
        if let (Who::Code(_), Some(old)) = (who, old) {
            self.guessed(old);
        }
        self.judge_mail(who, old, new, now);
        self.note_news(who, old, new);
        if old.is_none_or(|old| old.state != new.state) && matches!(new.state, State::Unsubscribed | State::Suppressed)
        {
            let step = self.step;
            self.person(new.id).ended = step;
            self.void(new.id);
        }
    }

    /// What was mailed to somebody need not work any more.
    fn void(&mut self, id: UserId) {
        self.mailbox.iter_mut().filter(|letter| letter.user == id).for_each(|letter| letter.void = true);
    }

    /// Nothing that SES reports undoes what a person did since.
    fn judge_report(&self, who: &Who, old: &User) {
        let Who::Feedback(since) = who else { return };
        let later = old.created_at > *since || old.confirmed_at.is_some_and(|at| at > *since);
        self.check(!later, || format!("h: {who:?} undoes what was done later: {}", brief(Some(old))));
    }

    fn judge_generation(&mut self, who: &Who, old: &User, new: &User, now: Timestamp) {
        if old.created_at == new.created_at {
            return;
        }
        let forgotten = old.is_forgotten(after(now, self.slack)) && matches!(who, Who::SignUp(_));
        self.check(forgotten, || format!("d: {who:?} began anew what was still kept"));
        self.person(new.id).generation += 1;
    }

    /// Nothing is under way any more: every mail has ended, and nobody waits for one that never comes.
    pub fn at_rest(&self, country: Option<&str>) {
        let mut sums = Sums::default();
        let now = self.world.now();
        for user in self.store.users() {
            sums.add_tally(&Tally::of(&user, country));
            let dead = user.mail.as_ref().is_some_and(|mail| matches!(mail.end, Some(End::Dead(_))));
            let newest = user.waiting.as_ref().map(|it| &it.link).or(user.link.as_ref());
            let waits = newest.is_some_and(|link| link.expires_at > now && !link.out);
            self.check(dead || !waits, || format!("b: a mail never comes: {}", brief(Some(&user))));
        }
        for (note, delta) in self.misjudged() {
            // Of somebody who is gone it was known too late, and the stream lost their end.
            self.check(note.is_void, || format!("e: nobody finds out about {note:?}"));
            sums.apply(&delta);
        }
        sums.apply(&Delta::of(&self.written_off));
        let counters = at_once(self.store.counters(None)).expect("memory");
        self.check(counters == sums, || format!("e: the counters are {counters:?}, a recount says {sums:?}"));
        self.news_at_rest();
        self.digests_at_rest();
        self.check(self.alarms >= self.dead, || format!("b: {} dead, {} alarms", self.dead, self.alarms));
    }
}

pub fn short(id: MailId) -> String {
    id.to_string()[..4].to_owned()
}

/// Whether it is the same refusal under another name, which nobody has counted and of which nothing is to be told.
fn is_moved(old: &User, new: &User) -> bool {
    let User { id, keys, version, .. } = *new;
    let moved = User { id, keys, version, counted: None, ticket: None, untold: None, wakes: true, ..old.clone() };
    moved == *new && person(old.id) == person(id)
}

/// A user in a few words.
pub fn brief(user: Option<&User>) -> String {
    let Some(user) = user else { return "nobody".into() };
    let number = |answers: &Answers| format!("{:?}", answers.fields.get("age"));
    let link = |link: &Link| {
        format!("{}{} until {}", &link.nonce.to_string()[..4], if link.out { " out" } else { "" }, link.expires_at)
    };
    let mail = user.mail.as_ref().map(|mail| {
        let lease = mail.lease.as_ref().map(|lease| format!(", leased until {} by {}", lease.until, lease.by));
        format!("{} {:?} due {}{} {:?}", short(mail.id), mail.kind, mail.due_at, lease.unwrap_or_default(), mail.end)
    });
    format!(
        "{} {:?} {} v{} link {:?} kept until {:?} waiting {:?} mail {mail:?} mailed {:?}",
        &user.id.to_string()[..4],
        user.state,
        number(&user.answers),
        user.version,
        user.link.as_ref().map(link),
        user.keep_until,
        user.waiting.as_ref().map(|waiting| (number(&waiting.answers), link(&waiting.link))),
        user.mailed_at,
    )
}
