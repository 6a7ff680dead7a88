//! The outbox of one user: a mail is taken, sent and finished, so that two workers never hold the same one.
//!
//! A user has one mail at a time. Which link it carries is decided when it leaves, and remembered until it is
//! known whether it arrived.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CODE_TRIES, MailId, NOTICE_PAUSE, Nonce, State, User};
use crate::clock::{after, before, millis};
use crate::config::MailKind;
use crate::event::Told;

/// How long a worker has for one mail before another may try, in seconds. Longer than one call to SES may
/// take, and long enough to mark the mail afterwards while the table recovers.
pub const LEASE: u32 = 90;

/// The first pause after a holder was lost, in seconds; it doubles with each. A process that ended with a mail in its
/// hands has mostly not sent it, but may have, and the next one may end of the same cause.
const LOST_PAUSE: u32 = 120;

/// The longest of them, in seconds. So a function that ends whenever it sends, which its alarms tell, fills no
/// mailbox until it is mended: some ten mails in a day at the very worst.
const LONGEST_LOST: u32 = 4 * 3_600;

/// How long the stream has to deliver a later mail before the sweeper takes it, in seconds; a first one has
/// [`LOOK_AFTER`].
pub const STREAM_GRACE: u32 = 120;

/// How long after a sign-up its first mail may be taken without being put into the index of what is due, in seconds.
const FRESH: u32 = 60;

/// When the sweeper looks whether the first mails of those who signed up were taken, in seconds: when whoever took one
/// in time is done or lost, and the list of who signed up is certainly up to date. Whose clock is slow by more than three
/// minutes signs people up where nobody looks any more; AWS keeps clocks within a second.
pub const LOOK_AFTER: u32 = 240;

/// When a mail is given up, in seconds after it was due first, unless its link dies earlier. A quota recovers
/// within 24 hours, and an identity that is verified later than that is beyond what a person waits for.
pub(crate) const LIFETIME: u32 = 36 * 3_600;

/// What must be left of a link, in seconds, for its mail to be worth sending: it has to arrive and be read.
pub(crate) const LEAST_LEFT: u32 = 600;

/// A mail that the holder alone may send, until it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    #[serde(with = "millis")]
    pub until: Timestamp,
    /// Drawn by the holder, so that two of the same moment are told apart.
    pub by: u32,
    /// The link that this attempt carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carries: Option<Nonce>,
}

/// How a mail ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Sent,
    /// Given up, for the reason stated, which holds no address.
    Dead(String),
}

/// A mail of the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub id: MailId,
    pub kind: MailKind,
    /// When it was to be sent first.
    #[serde(with = "millis")]
    pub since: Timestamp,
    /// When it may be sent next.
    #[serde(with = "millis")]
    pub due_at: Timestamp,
    /// Where its links lead.
    pub base_url: String,
    pub attempts: u32,
    /// Attempts of which nobody knows whether they delivered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unanswered: u32,
    /// Holders that were lost, and with them whether they sent it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Whether it is the first of a sign-up and has had no trouble yet. It is not in the index of what is due then, which
    /// saves two writes: the sweeper looks through those who signed up, [`LOOK_AFTER`] seconds later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Mail {
    pub(super) fn new(id: MailId, kind: MailKind, base_url: String, due_at: Timestamp) -> Self {
        Self {
            id,
            kind,
            since: due_at,
            due_at,
            base_url,
            attempts: 0,
            unanswered: 0,
            lost: 0,
            lease: None,
            end: None,
            fresh: false,
        }
    }

    /// Whether it is still to be sent.
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn was_sent(&self) -> bool {
        self.end == Some(End::Sent)
    }

    /// Whether it is nothing without a link.
    pub(super) fn needs_link(&self) -> bool {
        self.kind != MailKind::Welcome
    }

    /// The link that is perhaps being sent at this moment.
    pub(super) fn carries(&self) -> Option<Nonce> {
        self.lease.as_ref().and_then(|lease| lease.carries)
    }

    /// When the sweeper takes it. A lease does not move it, which saves two writes of the index; one that ran out does.
    pub(super) fn sweep_at(&self) -> Option<Timestamp> {
        let first = self.attempts == 0 || (self.attempts == 1 && self.lease.is_some());
        let grace = if first { STREAM_GRACE } else { 0 };
        (self.is_open() && !self.fresh).then(|| after(self.since, grace).max(self.due_at))
    }

    /// Somebody has it in hand, and may keep it until the sweeper has looked.
    pub(super) fn is_handled(&mut self, now: Timestamp) {
        self.fresh &= now < after(self.since, FRESH);
    }

    fn is_free(&self, now: Timestamp) -> bool {
        self.is_open() && self.due_at <= now && self.lease.as_ref().is_none_or(|lease| lease.until <= now)
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailEnd {
    Sent,
    /// Not sent; due again then.
    Later(Timestamp),
    /// Perhaps sent, perhaps not; due again then.
    Unanswered(Timestamp),
    /// Given up, for the reason stated, which holds no address. Whether the attempt was answered is told too.
    Dead {
        reason: String,
        unanswered: bool,
    },
}

/// A user for whom there was something to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub user: User,
    /// The mail that is to be sent now.
    pub attempt: Option<Attempt>,
    /// The mail that was given up instead, and why.
    pub given_up: Option<(MailId, &'static str)>,
}

/// A mail as its holder sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub id: MailId,
    pub kind: MailKind,
    /// As typed.
    pub to: String,
    pub language: Option<String>,
    pub base_url: String,
    /// This attempt included.
    pub attempts: u32,
    /// Attempts before this one of which nobody knows whether they delivered.
    pub unanswered: u32,
    /// When it is given up.
    pub deadline: Timestamp,
    /// What its link says, of all but a welcome.
    pub link: Option<(Nonce, Timestamp)>,
    /// Whether the six digits still work.
    pub code: bool,
    pub lease: Lease,
}

/// What came of asking for the mail.
enum Lent {
    Nothing,
    Mail(Attempt),
    GivenUp(MailId, &'static str),
}

impl User {
    /// What there is to do for this user now: the user after it, with the mail taken for [`LEASE`] seconds if
    /// one is due, and counted as it is. `None` when there is nothing to do. `country_field` is the one by whose
    /// values users are counted, and `told` what subscribers know by now.
    pub fn take(mut self, told: &Told, by: u32, country_field: Option<&str>, now: Timestamp) -> Option<Taken> {
        let before = self.clone();
        self.untold = told.left(self.untold, self.id);
        let (attempt, given_up) = match self.lease(by, now) {
            Lent::Mail(attempt) => (Some(attempt), None),
            Lent::GivenUp(mail, reason) => (None, Some((mail, reason))),
            Lent::Nothing => (None, None),
        };
        // Not while a mail for it is open: that has to be given up first, so that somebody is told.
        let open = self.mail.as_ref().is_some_and(Mail::is_open);
        if !open {
            self.waiting = self.waiting.filter(|waiting| waiting.keep_until > now);
            self.later = self.later.filter(|later| later.keep_until > now);
        }
        self.count(by, country_field);
        self.wakes = false;
        (self != before).then(|| Taken { user: self.changed(), attempt, given_up })
    }

    fn lease(&mut self, by: u32, now: Timestamp) -> Lent {
        self.drop_mail_without_link();
        if !self.mail.as_ref().is_some_and(|mail| mail.is_free(now)) {
            return Lent::Nothing;
        }
        if self.release(by, now) {
            return Lent::Nothing;
        }
        // From now on the newest answers are those that wait.
        self.waiting = self.later.take().or(self.waiting.take());
        let confirmed_once = self.state != State::Pending;
        let newest = self.newest_link().map(|link| (link.nonce, link.expires_at, link.tries < CODE_TRIES));
        let Some(mail) = &mut self.mail else { return Lent::Nothing };
        let link = newest.filter(|_| mail.needs_link());
        let deadline = deadline(mail, link.map(|(_, expires_at, _)| expires_at));
        if link.is_some() && deadline <= now {
            let reason = "its link would have stopped working before it was read";
            mail.end = Some(End::Dead(reason.into()));
            return Lent::GivenUp(mail.id, reason);
        }
        if link.is_some() {
            mail.kind = if confirmed_once { MailKind::Update } else { MailKind::Confirmation };
        }
        let lease = Lease { until: after(now, LEASE), by, carries: link.map(|(nonce, ..)| nonce) };
        mail.attempts += 1;
        mail.is_handled(now);
        mail.lease = Some(lease.clone());
        if mail.attempts == 1 {
            let in_a_row = self.mailed_at.is_some_and(|at| after(at, NOTICE_PAUSE) > now);
            self.mailings = if in_a_row { self.mailings.saturating_add(1) } else { 1 };
        }
        self.mailed_at = Some(now);
        let answers = match &self.waiting {
            // Whoever confirmed is asked where they confirmed, however the address is spelt this time.
            Some(waiting) if !confirmed_once => &waiting.answers,
            _ => &self.answers,
        };
        let language = self.waiting.as_ref().map_or(&self.answers, |waiting| &waiting.answers).language.clone();
        Lent::Mail(Attempt {
            id: mail.id,
            kind: mail.kind,
            to: answers.email.clone(),
            language,
            base_url: mail.base_url.clone(),
            attempts: mail.attempts,
            unanswered: mail.unanswered,
            deadline,
            link: link.map(|(nonce, expires_at, _)| (nonce, expires_at)),
            code: link.is_some_and(|(.., works)| works),
            lease,
        })
    }

    /// Ends a lease that ran out, if there is one: its holder is lost, and so is whether the mail went out. The next
    /// attempt is put off, and apart from those that were lost with it: `by` spreads it over half of the pause.
    fn release(&mut self, by: u32, now: Timestamp) -> bool {
        let Some(mail) = &mut self.mail else { return false };
        let Some(lease) = mail.lease.take() else { return false };
        let pause = LOST_PAUSE.saturating_mul(1 << mail.lost.min(16)).min(LONGEST_LOST);
        mail.fresh = false;
        mail.lost = mail.lost.saturating_add(1);
        mail.due_at = after(now, pause / 2 + by % (pause / 2));
        if let Some(link) = lease.carries.and_then(|nonce| self.link_of(nonce)) {
            link.out = true;
        }
        true
    }

    /// The user after an attempt; `None` when the lease was lost to another meanwhile.
    pub fn finish(mut self, lease: &Lease, end: &MailEnd, next: MailId, now: Timestamp) -> Option<Self> {
        let mail = self.mail.as_mut().filter(|mail| mail.lease.as_ref() == Some(lease) && mail.is_open())?;
        (mail.lease, mail.fresh) = (None, false);
        let out = match end {
            MailEnd::Sent => {
                mail.end = Some(End::Sent);
                true
            }
            MailEnd::Later(due_at) => {
                mail.due_at = *due_at;
                self.postpone(lease.carries, *due_at, now);
                false
            }
            MailEnd::Unanswered(due_at) => {
                mail.due_at = *due_at;
                mail.unanswered += 1;
                true
            }
            MailEnd::Dead { reason, unanswered } => {
                mail.end = Some(End::Dead(reason.clone()));
                *unanswered
            }
        };
        if let Some(link) = lease.carries.and_then(|nonce| self.link_of(nonce)).filter(|_| out) {
            link.out = true;
        }
        self.follow_up(lease.carries, next, now);
        Some(self.changed())
    }

    /// A link that nobody has does not grow old while its mail cannot leave.
    fn postpone(&mut self, carried: Option<Nonce>, until: Timestamp, now: Timestamp) {
        let wait = u32::try_from(until.as_second() - now.as_second()).unwrap_or(0);
        let link = carried.and_then(|nonce| self.link_of(nonce)).filter(|link| !link.out);
        let Some(expires_at) = link.map(|link| {
            link.expires_at = after(link.expires_at, wait);
            link.expires_at
        }) else {
            return;
        };
        for waiting in [&mut self.waiting, &mut self.later].into_iter().flatten() {
            waiting.keep_until = waiting.keep_until.max(waiting.link.expires_at);
        }
        self.keep_until = self.keep_until.map(|until| until.max(expires_at));
    }

    /// Opens a mail for a link that came while another was being sent.
    fn follow_up(&mut self, carried: Option<Nonce>, next: MailId, now: Timestamp) {
        self.drop_mail_without_link();
        let Some(mail) = self.mail.as_ref().filter(|mail| !mail.is_open()) else { return };
        let base_url = mail.base_url.clone();
        let kind = if self.state == State::Pending { MailKind::Confirmation } else { MailKind::Update };
        if self.newest_link().is_some_and(|link| !link.out && carried != Some(link.nonce)) {
            self.open_mail(next, kind, base_url, now);
        }
    }
}

/// When a mail is not worth sending any more: its own time is over, or too little is left of its link.
fn deadline(mail: &Mail, expires_at: Option<Timestamp>) -> Timestamp {
    let given_up = after(mail.since, LIFETIME);
    let Some(expires_at) = expires_at else { return given_up };
    // A link that lives for a quarter of an hour is worth its mail for half of that.
    let life = u32::try_from(expires_at.as_second() - mail.since.as_second()).unwrap_or(0);
    before(expires_at, LEAST_LEFT.min(life / 2)).min(given_up)
}
