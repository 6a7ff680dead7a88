//! The page of one user: everything that is kept of one address.

use askama::Template;
use jiff::Timestamp;

use super::filter::label;
use super::frame::{Account, Frame, Section};
use super::render;
use super::time::When;
use super::timeline::{Event, about, events, progress};
use super::value::{self, Answer};
use crate::config::ServiceConfig;
use crate::page::Site;
use crate::user::{Again, ConsentGiven, Mail, State, User, Waiting};

/// `GET admin/users/{id}`. The forms of an owner go to `resend` and `unsubscribe` below it and send `csrf`.
#[derive(Clone, Debug)]
pub struct UserView<'a> {
    pub user: &'a User,
    pub now: Timestamp,
    pub notice: Option<UserNotice>,
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserNotice {
    /// The mail is on its way.
    Resent,
    /// A mail is on its way already.
    Waits,
    /// The address was mailed, and is left alone until then.
    ResendLater(Timestamp),
    /// The address is left alone until the link works no more, which is then.
    LastMail(Timestamp),
    /// The link of the last mail works no more.
    Expired,
    /// There is nothing to confirm.
    NothingToSend,
    Unsubscribed,
    /// There is no mail to end.
    NothingToEnd,
    /// Somebody else changed the user in the same moment.
    Changed,
}

impl UserNotice {
    /// What the message ends with.
    fn next(self) -> Option<When> {
        match self {
            Self::ResendLater(at) | Self::LastMail(at) => Some(When(at)),
            _ => None,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Resent => "The mail is on its way.",
            Self::ResendLater(_) => "The last mail is too recent. The next one is possible after",
            Self::LastMail(_) => "The last mail is too recent, and stays so until the link runs out. It works until",
            Self::Waits => "A mail waits already, and goes out by itself.",
            Self::Expired => "The link has run out. A new sign-up brings another.",
            Self::NothingToSend => "There is nothing to confirm, so no mail was sent.",
            Self::Unsubscribed => "This user gets no more mail.",
            Self::NothingToEnd => "This user gets no mail already.",
            Self::Changed => "This user changed in the same moment. Look at the page and try again.",
        }
    }

    fn is_wrong(self) -> bool {
        !matches!(self, Self::Resent | Self::Waits | Self::Unsubscribed)
    }
}

/// Later answers that wait for their own confirmation.
struct Later {
    /// Those that are not as they are now.
    answers: Vec<Answer>,
    consent: Option<ConsentGiven>,
    until: When,
}

/// The mail of the outbox.
struct MailView {
    about: &'static str,
    progress: String,
    since: When,
    /// When it is tried next.
    due: Option<When>,
    attempts: u32,
    unanswered: u32,
}

impl MailView {
    fn new(mail: &Mail, now: Timestamp) -> Self {
        Self {
            about: about(mail.kind),
            progress: progress(mail, now),
            since: When(mail.since),
            due: mail.is_open().then_some(When(mail.due_at)),
            attempts: mail.attempts,
            unanswered: mail.unanswered.saturating_add(mail.lost),
        }
    }
}

#[derive(Template)]
#[template(path = "admin/user.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    me: &'a Account<'a>,
    user: &'a User,
    id: String,
    notice: Option<UserNotice>,
    /// What the person is called, or else the address.
    title: String,
    named: bool,
    /// Whether nothing but a refusal is left.
    is_forgotten: bool,
    answers: Vec<Answer>,
    later: Vec<Later>,
    events: Vec<Event>,
    mail: Option<MailView>,
    can_resend: bool,
    can_unsubscribe: bool,
}

impl Page<'_> {
    fn state(&self) -> &'static str {
        label(self.user.state)
    }
}

/// A user at `admin/users/{id}`.
pub fn user(site: &Site<'_>, me: &Account<'_>, config: &ServiceConfig, view: &UserView<'_>) -> String {
    let UserView { user, now, notice } = view;
    let email = Some(user.answers.email.clone()).filter(|email| !email.is_empty());
    let name = value::name(&config.form, &user.answers.fields);
    let answers = value::answers(&config.form, &user.answers);
    let later = |waiting: &Waiting| Later {
        answers: changed(value::answers(&config.form, &waiting.answers), &answers),
        consent: waiting.answers.consent.clone(),
        until: When(waiting.keep_until),
    };
    let waiting: Vec<Later> = [&user.waiting, &user.later].into_iter().flatten().map(later).collect();
    render(&Page {
        frame: Frame::below(site, me, Section::Users),
        me,
        id: user.id.to_string(),
        notice: *notice,
        named: name.is_some(),
        is_forgotten: user.state == State::Suppressed && email.is_none(),
        title: name.or(email).unwrap_or_else(|| "Forgotten address".into()),
        can_resend: user.again(*now) != Again::Nothing,
        can_unsubscribe: matches!(user.state, State::Pending | State::Confirmed),
        later: waiting,
        answers,
        events: events(user, *now),
        mail: user.mail.as_ref().map(|mail| MailView::new(mail, *now)),
        user,
    })
}

/// The later answers that differ from those of now, which holds those too that would be gone.
fn changed(later: Vec<Answer>, now: &[Answer]) -> Vec<Answer> {
    let gone = |answer: &Answer| !later.iter().any(|it| it.name == answer.name) && answer.text.is_some();
    let gone: Vec<Answer> =
        now.iter().filter(|answer| gone(answer)).map(|answer| Answer { text: None, ..answer.clone() }).collect();
    later.into_iter().filter(|answer| !now.contains(answer)).chain(gone).collect()
}
