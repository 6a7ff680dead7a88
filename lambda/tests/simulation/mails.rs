//! What may be mailed, how often, and how each mail ends: a part of the witness.

use jiff::Timestamp;
use signup_service::clock::{Clock, after};
use signup_service::mail::Mail;
use signup_service::user::{End, Link, MailId, MailKind, NOTICE_PAUSE, RESEND_PAUSE, State, User, UserId};

use super::{Who, Witness, brief, short};
use crate::people::person;

/// One try of a mail, from its lease on.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub item: MailId,
    pub invocation: u64,
    pub(super) at: Timestamp,
    pub(super) step: u64,
    pub(super) asked: bool,
    pub(super) delivered: bool,
    /// Something came between, so that the mail may come once more.
    pub(super) excused: bool,
    pub(super) carries: Option<Link>,
    /// Whether that is the link of the sign-up, which no later submission makes void.
    pub(super) first: bool,
}

/// A mail of the outbox.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) user: UserId,
    pub(super) generation: u32,
    pub(super) opened_as: State,
    /// Of the steps, to tell what came first.
    pub(super) opened: u64,
    pub(super) welcome: bool,
    pub(super) attempts: Vec<Attempt>,
}

/// A mail in somebody's mailbox.
#[derive(Clone, Debug)]
pub struct Letter {
    pub user: UserId,
    /// When SES took it.
    pub sent: Timestamp,
    pub text: String,
    pub(super) carries: Option<Link>,
    pub(super) first: bool,
    pub(super) at_step: u64,
    /// The address was erased since, or asked for no more mail.
    pub(super) void: bool,
}

impl Witness {
    /// Each mail is opened, tried and ended for a reason.
    pub(super) fn judge_mail(&mut self, who: &Who, old: Option<&User>, new: &User, now: Timestamp) {
        let (step, generation) = (self.step, self.person(new.id).generation);
        let old_mail = old.and_then(|old| old.mail.as_ref());
        let kept = old_mail.zip(new.mail.as_ref()).is_some_and(|(old, new)| old.id == new.id);
        if let Some(old_mail) = old_mail.filter(|mail| mail.is_open() && !kept) {
            // `finish` ends one mail and may open the next in one write.
            let ended = matches!(who, Who::Worker(_)) && old_mail.lease.is_some() && new.mail.is_some();
            let delivered = self.items[&old_mail.id].attempts.iter().any(|attempt| attempt.delivered);
            if ended && !delivered {
                self.dies();
            }
            let fine = match who {
                Who::Unsubscribe | Who::Feedback(_) => true,
                Who::Link(_) | Who::Code(_) => new.link.is_none() && new.waiting.is_none(),
                Who::SignUp(_) => {
                    new.state == State::Confirmed || old.is_some_and(|old| old.created_at != new.created_at)
                }
                _ => ended,
            };
            self.check(fine, || format!("b: {who:?} dropped an open mail: {} -> {}", brief(old), brief(Some(new))));
        }
        let Some(mail) = &new.mail else { return };
        let item = self.items.entry(mail.id).or_insert_with(|| Item {
            user: new.id,
            generation,
            opened_as: new.state,
            opened: step,
            welcome: mail.kind == MailKind::Welcome,
            attempts: Vec::new(),
        });
        if !kept {
            // A submission whose answer was lost may be taken a second time, with the same names.
            (item.opened, item.generation) = (step, generation);
            item.attempts.iter_mut().for_each(|attempt| attempt.excused = true);
        }
        let old_lease = old_mail.filter(|_| kept).and_then(|mail| mail.lease.as_ref());
        if let (Some(lease), Who::Worker(invocation)) = (mail.lease.as_ref().filter(|it| Some(*it) != old_lease), who) {
            let link = new.waiting.as_ref().map(|it| &it.link).into_iter().chain(&new.link);
            item.attempts.push(Attempt {
                item: mail.id,
                invocation: *invocation,
                at: now,
                step,
                asked: false,
                delivered: false,
                excused: false,
                carries: link.into_iter().find(|link| Some(link.nonce) == lease.carries).cloned(),
                first: new.waiting.is_none(),
            });
            let silent = new.state == State::Suppressed
                || (new.state == State::Unsubscribed && item.opened < self.people[&person(new.id)].ended);
            self.check(!silent, || format!("c: {who:?} takes a mail for somebody who refused it"));
        }
        let lost = mail.unanswered;
        self.check(!mail.is_open() || lost < 2, || format!("c: {} may come more than twice", short(mail.id)));
        let was_open = old_mail.filter(|_| kept).is_none_or(|mail| mail.is_open());
        match &mail.end {
            Some(End::Dead(_)) if was_open => self.dies(),
            Some(End::Sent) if was_open => {
                let delivered = self.items[&mail.id].attempts.iter().any(|attempt| attempt.delivered);
                self.check(delivered, || "b: a mail is marked as sent that nobody received".into());
            }
            _ => {}
        }
    }

    /// Somebody asked for no more mail, and was told that it is so, by what was known in that step.
    pub fn refused(&mut self, id: UserId, known: u64) {
        let person = self.person(id);
        person.ended = person.ended.max(known);
    }

    pub fn step(&self) -> u64 {
        self.step
    }

    /// A mail was given up, of which the log told before.
    fn dies(&mut self) {
        self.dead += 1;
        let (dead, alarms) = (self.dead, self.alarms);
        self.check(alarms >= dead, || format!("b: {dead} mails are dead, and {alarms} alarms told of it"));
    }

    /// Excuses attempts whose mail may come again.
    pub fn excuse(&mut self, whose: impl Fn(&Attempt) -> bool) {
        for attempt in self.items.values_mut().flat_map(|item| &mut item.attempts).filter(|it| whose(it)) {
            attempt.excused = true;
        }
    }

    pub fn asked(&mut self, invocation: u64, mail: &Mail) {
        let attempt = self.attempt(invocation, mail);
        let Some(attempt) = attempt else { self.world.broken("c: a mail goes out that nobody took") };
        let twice = std::mem::replace(&mut attempt.asked, true);
        self.check(!twice, || "c: one attempt asks SES twice".into());
    }

    fn attempt(&mut self, invocation: u64, mail: &Mail) -> Option<&mut Attempt> {
        let attempts = &mut self.items.get_mut(&mail.id)?.attempts;
        attempts.iter_mut().rev().find(|attempt| attempt.invocation == invocation)
    }

    /// SES took a mail, and somebody will read it.
    pub fn delivered(&mut self, invocation: u64, mail: &Mail) {
        self.step += 1;
        let slack = self.slack;
        self.world.note(|| format!("task {invocation}: SES delivers {}", short(mail.id)));
        let attempt = self.attempt(invocation, mail).expect("it was asked");
        attempt.delivered = true;
        let attempt = attempt.clone();
        let item = &self.items[&mail.id];
        let clean = item.attempts.iter().filter(|it| it.delivered && !it.excused).count();
        self.check(clean <= 1, || format!("c: mail {} came twice, and nothing had come between", short(mail.id)));
        let (id, opened_as) = (item.user, item.opened_as);
        let current = self.people.get(&id).is_some_and(|person| person.generation == item.generation);
        if current && !item.welcome {
            let pause = if opened_as == State::Pending { RESEND_PAUSE } else { NOTICE_PAUSE };
            let mut others = self.people[&person(id)].mailed.iter().filter(|other| {
                let before = other.step < attempt.step && self.items[&other.item].generation == item.generation;
                other.item != mail.id && before && after(other.at, pause) > after(attempt.at, slack + 1)
            });
            let other = others.next();
            let mut today: Vec<MailId> = self.people[&person(id)]
                .mailed
                .iter()
                .filter(|it| {
                    self.items[&it.item].generation == item.generation && after(it.at, NOTICE_PAUSE) > attempt.at
                })
                .map(|it| it.item)
                .chain([mail.id])
                .collect();
            today.sort_unstable();
            today.dedup();
            // A clock that goes back makes days longer, and a change to `confirmation: none` adds a welcome.
            self.check(self.slack > 0 || today.len() <= 4, || format!("c: {} mails in a day: {today:?}", today.len()));
            self.check(other.is_none(), || format!("c: {} is mailed too soon after {other:?}", short(mail.id)));
        }
        let letter = Letter {
            user: id,
            sent: self.world.now(),
            text: mail.text.clone(),
            carries: attempt.carries.clone(),
            first: attempt.first,
            at_step: attempt.step,
            void: !current || self.people[&person(id)].ended > item.opened,
        };
        self.person(id).mailed.push(attempt);
        self.mailbox.push(letter);
    }

    /// The log told of a mail that was given up.
    pub fn alarm(&mut self) {
        self.alarms += 1;
    }
}
