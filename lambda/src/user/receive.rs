//! A submission arrives: what it means for an address that is new, and for one that is known.
//!
//! Nothing that is in force is ever overwritten: a link that may be in somebody's mailbox goes on confirming
//! what it was sent for, and the answers of a confirmed user change only by a link of their own.

use jiff::Timestamp;

use super::outbox::Mail;
use super::{Answers, Link, MailId, MailKind, Nonce, Spent, State, User, UserId, Waiting};
use crate::clock::after;
use crate::config::{ConfirmationMode, ServiceConfig};
use crate::keys::Name;

/// How long an address that is pending is not mailed again, in seconds. Long enough that a form cannot be used
/// to flood a mailbox, short enough for a mail that really was lost.
pub const RESEND_PAUSE: u32 = 300;

/// The same after the second mail in a row, in seconds. After the third it is [`NOTICE_PAUSE`].
pub const SECOND_PAUSE: u32 = 3_600;

/// The same for an address that was confirmed once, in seconds: at most one notice in 24 hours.
pub const NOTICE_PAUSE: u32 = 86_400;

/// When a link may be mailed once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Now,
    /// The last mail is too recent; from then on.
    Later(Timestamp),
    /// Not any more: the last mail is too recent until the link dies, which it does then.
    Last(Timestamp),
    /// The link died then.
    Expired(Timestamp),
    /// There is no link.
    Nothing,
}

/// The operator's part in it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub mode: ConfirmationMode,
    /// How long a link works, in seconds.
    pub expires: u32,
    /// How long what nobody confirmed is kept, in seconds; never less than a link works.
    pub retention: u32,
    /// Submissions of one address that are taken in an hour.
    pub address_per_hour: u32,
}

impl Rules {
    pub fn of(config: &ServiceConfig) -> Self {
        let expires = config.confirmation.expires.seconds;
        Self {
            mode: config.confirmation.mode,
            expires,
            retention: config.retention.seconds.max(expires),
            address_per_hour: config.security.budgets.address_per_hour,
        }
    }
}

/// The random part of a submission, drawn by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    pub nonce: Nonce,
    pub mail: MailId,
}

/// A checked submission.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the first key alone makes of the address.
    pub root: UserId,
    /// Whoever is new is kept under it.
    pub name: Name,
    pub answers: Answers,
    /// Where the links in the mail lead.
    pub base_url: String,
    pub draws: Draws,
}

/// What came of it. Whoever submitted learns no more than whether it was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The address was not known, or was forgotten.
    New,
    /// It was known; whatever follows, nothing that was in force is lost.
    Known,
    /// Too many of this address; nothing was changed.
    TooMany {
        /// Seconds until the next hour begins.
        retry_after: u32,
    },
}

/// Seconds until the hour of the budgets ends, at least one.
pub(crate) fn until_next_hour(now: Timestamp) -> u32 {
    u32::try_from(3_600 - now.as_second().rem_euclid(3_600)).unwrap_or(3_600)
}

/// Seconds until the day in UTC ends, at least one.
pub(crate) fn until_next_day(now: Timestamp) -> u32 {
    u32::try_from(86_400 - now.as_second().rem_euclid(86_400)).unwrap_or(86_400)
}

/// The hour of the budgets, counted from 1970.
pub(crate) fn hour(now: Timestamp) -> i64 {
    now.as_second().div_euclid(3_600)
}

impl User {
    /// The user after a submission; `None` when it is refused.
    pub fn receive(found: Option<Self>, request: Request, rules: &Rules, now: Timestamp) -> (Option<Self>, Receipt) {
        let hour = hour(now);
        let spent = found.as_ref().map(|user| &user.spent).filter(|spent| spent.hour == hour);
        let count = spent.map_or(0, |spent| spent.count);
        if count >= rules.address_per_hour {
            return (None, Receipt::TooMany { retry_after: until_next_hour(now) });
        }
        let spent = Spent { hour, count: count + 1 };
        match found {
            Some(user) if !user.is_forgotten(now) => {
                let user = user.receive_again(request, rules, now);
                (Some(Self { spent, ..user }), Receipt::Known)
            }
            found => {
                let user = Self::new(found, request, rules, now);
                (Some(Self { spent, ..user }), Receipt::New)
            }
        }
    }

    /// A new user, in the place of one who is forgotten if there is one: its counts are still to be undone, and its news to be told.
    fn new(forgotten: Option<Self>, request: Request, rules: &Rules, now: Timestamp) -> Self {
        let confirmed = rules.mode == ConfirmationMode::None;
        let time = u64::try_from(now.as_microsecond()).unwrap_or(0);
        let version = forgotten.as_ref().map_or(time, |user| user.version);
        let kind = if confirmed { MailKind::Welcome } else { MailKind::Confirmation };
        let name = forgotten.as_ref().map_or(request.name, Self::name);
        let (counted, ticket, untold) =
            forgotten.map_or((None, None, None), |user| (user.counted, user.ticket, user.untold));
        Self {
            id: name.id,
            keys: name.keys,
            root: (name.id != request.root).then_some(request.root),
            version,
            state: if confirmed { State::Confirmed } else { State::Pending },
            created_at: now,
            confirmed_at: confirmed.then_some(now),
            ended_at: None,
            ended_by: None,
            link: (!confirmed).then(|| Link::new(request.draws.nonce, now, rules)),
            keep_until: (!confirmed).then(|| after(now, rules.retention)),
            waiting: None,
            later: None,
            done: Vec::new(),
            mail: Some(Mail { fresh: true, ..Mail::new(request.draws.mail, kind, request.base_url, now) }),
            mailed_at: None,
            mailings: 0,
            spent: Spent::default(),
            counted,
            ticket,
            untold,
            wakes: false,
            answers: request.answers,
        }
        .waking()
    }

    fn receive_again(mut self, request: Request, rules: &Rules, now: Timestamp) -> Self {
        match self.state {
            State::Suppressed => {}
            State::Pending if rules.mode == ConfirmationMode::None => {
                // The operator asks for no confirmation any more, so there is nothing to wait for.
                self.enter(request.answers, now);
                self.mail = Some(Mail::new(request.draws.mail, MailKind::Welcome, request.base_url, now));
            }
            State::Pending => self.receive_while_pending(request, rules, now),
            State::Confirmed if self.answers == request.answers => {}
            State::Confirmed | State::Unsubscribed => {
                self.wait(request.answers, request.draws.nonce, rules, now);
                self.open_mail(request.draws.mail, MailKind::Update, request.base_url, now);
            }
        }
        let due = self.mail.as_ref().is_some_and(|mail| mail.is_open() && mail.due_at <= now);
        if due { self.waking() } else { self.changed() }
    }

    fn receive_while_pending(&mut self, request: Request, rules: &Rules, now: Timestamp) {
        self.keep_until = Some(after(now, rules.retention));
        let again = self.answers == request.answers;
        let in_force = self.link.as_ref().is_some_and(|link| self.is_in_force(link, now));
        let corrected = self.waiting.as_ref().is_some_and(|waiting| self.is_in_force(&waiting.link, now));
        match &mut self.link {
            Some(link) if again && !corrected && link.expires_at > now => {
                link.expires_at = after(now, rules.expires);
                let sent = link.out && self.mail.as_ref().is_some_and(Mail::was_sent);
                // What was corrected and corrected back is void, as long as nobody has its link.
                (self.waiting, self.later) = (None, None);
                // What was sent a moment ago need not be sent again.
                if sent && self.mailed_at.is_some_and(|at| after(at, self.pause()) > now) {
                    return;
                }
            }
            Some(_) if in_force || corrected => self.wait(request.answers, request.draws.nonce, rules, now),
            link => {
                // Nobody holds the link, so nobody can miss what it was for.
                *link = Some(Link::new(request.draws.nonce, now, rules));
                self.answers = request.answers;
                (self.waiting, self.later) = (None, None);
            }
        }
        self.open_mail(request.draws.mail, MailKind::Confirmation, request.base_url, now);
    }

    /// Lets answers wait for their confirmation, behind earlier ones whose link somebody may have.
    fn wait(&mut self, answers: Answers, nonce: Nonce, rules: &Rules, now: Timestamp) {
        let keep_until = after(now, rules.retention);
        let in_force = self.waiting.as_ref().is_some_and(|waiting| self.is_in_force(&waiting.link, now));
        if !in_force {
            self.waiting = self.later.take().or(self.waiting.take());
        }
        let same = self.waiting.as_ref().is_some_and(|waiting| waiting.answers == answers);
        if same && in_force {
            // What was corrected and corrected back is void.
            self.later = None;
        }
        let slot = if in_force && !same { &mut self.later } else { &mut self.waiting };
        match slot {
            Some(waiting) if waiting.answers == answers && waiting.link.expires_at > now => {
                waiting.link.expires_at = after(now, rules.expires);
                waiting.keep_until = keep_until;
            }
            slot => *slot = Some(Waiting { answers, link: Link::new(nonce, now, rules), keep_until }),
        }
    }

    /// Sees to it that a mail goes out, not before the pause since the last one is over. One that is on its way
    /// already carries whatever is newest when it leaves.
    pub(super) fn open_mail(&mut self, id: MailId, kind: MailKind, base_url: String, now: Timestamp) {
        let open = self.mail.as_ref().filter(|mail| mail.is_open()).map(|mail| mail.due_at);
        let due_at = open.unwrap_or_else(|| self.mailed_at.map_or(now, |at| after(at, self.pause()))).max(now);
        // A link that waits for its mail does not grow old meanwhile.
        let wait = u32::try_from(due_at.as_second() - now.as_second()).unwrap_or(0);
        if let Some(link) = self.newest_link().filter(|link| !link.out) {
            link.expires_at = after(link.expires_at, wait);
        }
        let lives = self.newest_link().map(|link| link.expires_at);
        for waiting in [&mut self.waiting, &mut self.later].into_iter().flatten() {
            waiting.keep_until = waiting.keep_until.max(waiting.link.expires_at);
        }
        // Nobody is forgotten while a link still works.
        self.keep_until = self.keep_until.map(|until| lives.map_or(until, |lives| until.max(lives)));
        if open.is_none() {
            self.mail = Some(Mail::new(id, kind, base_url, due_at));
        }
    }

    /// Makes answers those of a confirmed user.
    pub(super) fn enter(&mut self, answers: Answers, now: Timestamp) {
        self.answers = answers;
        self.state = State::Confirmed;
        self.confirmed_at = Some(now);
        self.ended_at = None;
        let waiting = [self.waiting.take(), self.later.take()].into_iter().flatten().map(|waiting| waiting.link);
        self.done = self.link.take().into_iter().chain(waiting).map(|link| link.nonce).collect();
        self.keep_until = None;
    }

    /// When the newest link may be mailed once more: a mail does not extend it.
    pub fn again(&self, now: Timestamp) -> Again {
        let waiting = self.later.as_ref().or(self.waiting.as_ref()).map(|waiting| &waiting.link);
        let Some(link) = waiting.or(self.link.as_ref()) else { return Again::Nothing };
        match self.mailed_at.map(|at| after(at, self.pause())).filter(|next| *next > now) {
            _ if link.expires_at <= now => Again::Expired(link.expires_at),
            Some(next) if next >= link.expires_at => Again::Last(link.expires_at),
            Some(next) => Again::Later(next),
            None => Again::Now,
        }
    }

    /// Sends the newest link once more, on the person's own request. `false` when there is none, or when the
    /// last mail is too recent.
    pub fn resend(mut self, id: MailId, now: Timestamp) -> (Self, bool) {
        let kind = match self.state {
            State::Pending => MailKind::Confirmation,
            State::Confirmed | State::Unsubscribed => MailKind::Update,
            State::Suppressed => return (self.changed(), false),
        };
        let last = self.mail.as_ref().filter(|mail| !mail.is_open()).map(|mail| mail.base_url.clone());
        let (Again::Now, Some(base_url)) = (self.again(now), last) else { return (self.changed(), false) };
        self.open_mail(id, kind, base_url, now);
        (self.waking(), true)
    }
}

impl Link {
    fn new(nonce: Nonce, now: Timestamp, rules: &Rules) -> Self {
        Self { nonce, expires_at: after(now, rules.expires), tries: 0, out: false }
    }
}
