//! `users resend`: the mail with the newest link once more, by the service's own rules and its own worker.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use signup_service::clock::{Entropy, System, rfc3339};
use signup_service::event::Wanted;
use signup_service::ledger::{Ledger, Reading};
use signup_service::user::{Again, EndedBy, Mail, MailId, State, User};

use super::{Book, Context, Who, store_failure};
use crate::error::{Exit, Failure, Outcome};

pub async fn run(context: &Context, user: &str) -> Outcome<Exit> {
    let who = Who::parse(user)?;
    let book = Book::open(context).await?;
    let names = book.names(&who).await?;
    let ledger = Ledger {
        store: Arc::new(book.store.clone()),
        clock: Arc::new(System),
        entropy: Arc::new(System),
        wanted: Wanted::of(&book.spec.service_config()),
    };
    let mail = MailId(System.bytes());
    let answer = ledger.change("resend a mail", names, Reading::Now, |found, now| decide(found, mail, now)).await;
    let output = &context.output;
    match answer.map_err(|error| store_failure(&error))? {
        Answer::Nobody => Err(who.not_found(context)),
        Answer::No(why) => Err(why.failure()),
        Answer::Sent => {
            output.text("the mail goes out within seconds");
            output.object(&json!({ "resent": true, "due_at": null }));
            Ok(Exit::Done)
        }
        Answer::Waits(due_at) => {
            output.text(format!("a mail waits already, and goes out by itself: due at {}", readable(due_at)));
            output.object(&json!({ "resent": false, "due_at": rfc3339(due_at) }));
            Ok(Exit::Done)
        }
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Nobody,
    Sent,
    /// One is on its way, due then.
    Waits(Timestamp),
    No(Why),
}

/// Why there is nothing to send again.
#[derive(Debug, PartialEq, Eq)]
enum Why {
    Suppressed(Option<EndedBy>),
    Unsubscribed,
    Confirmed,
    /// The newest link died then.
    Expired(Timestamp),
    /// The last mail is too recent; from then on another may be sent.
    TooSoon(Timestamp),
    /// The last mail is too recent until the link stops working, which it does then.
    Last(Timestamp),
    NoMail,
}

/// What lets an address that SES suppressed be mailed again.
const TAKE_BACK: &str = "take it off the account's suppression list in the SES console, and `users erase` it; the person can sign up again after it";

impl Why {
    fn failure(&self) -> Box<Failure> {
        let refused = |cause: &str| Failure::new("no_mail_to_resend", "no mail is sent").cause(cause);
        match self {
            Self::Suppressed(None) => refused("the person refused mail before the address was ever confirmed")
                .hint("`users erase` forgets the refusal; the person can sign up again after it"),
            Self::Suppressed(Some(EndedBy::Bounce)) => refused("an earlier mail to the address bounced for good")
                .hint(format!("if it takes mail again, {TAKE_BACK}")),
            Self::Suppressed(Some(EndedBy::Complaint)) => {
                refused("the person reported a mail as spam").hint(format!("if the person asks for it, {TAKE_BACK}"))
            }
            Self::Unsubscribed => refused("the person asked for no more mail").hint(
                "a new sign-up by the person themselves brings a new mail, a day after the last one at the earliest",
            ),
            Self::Confirmed => refused("the user is confirmed, and nothing waits for confirmation"),
            Self::Expired(at) => refused(&format!("the link stopped working at {}", readable(*at)))
                .hint("a new sign-up by the person themselves brings a new link"),
            Self::TooSoon(at) => Failure::new("too_soon", "no mail is sent yet")
                .cause("the last one is too recent: a mailbox shall not be flooded")
                .hint(format!("the next one is possible at {}", readable(*at))),
            Self::Last(end) => refused("the last one is too recent: a mailbox shall not be flooded").hint(format!(
                "the link in it works until {}; a new sign-up by the person themselves brings a new one after it",
                readable(*end)
            )),
            Self::NoMail => refused("there was none before").hint("a new sign-up brings one"),
        }
    }
}

/// The user after it, if it is to be.
fn decide(found: Option<User>, mail: MailId, now: Timestamp) -> (Option<User>, Answer) {
    let Some(user) = found.filter(|user| !user.is_forgotten(now)) else { return (None, Answer::Nobody) };
    if let Some(mail) = user.mail.as_ref().filter(|mail| Mail::is_open(mail)) {
        return (None, Answer::Waits(mail.due_at));
    }
    let why = why_not(&user, now);
    match user.resend(mail, now) {
        (user, true) => (Some(user), Answer::Sent),
        (_, false) => (None, Answer::No(why)),
    }
}

/// Why [`User::resend`] refuses, if it does.
fn why_not(user: &User, now: Timestamp) -> Why {
    match (user.state, user.again(now)) {
        (State::Suppressed, _) => Why::Suppressed(user.ended_by),
        (State::Unsubscribed, Again::Nothing) => Why::Unsubscribed,
        (State::Confirmed, Again::Nothing) => Why::Confirmed,
        (_, Again::Expired(at)) => Why::Expired(at),
        (_, Again::Last(end)) => Why::Last(end),
        (_, Again::Later(next)) => Why::TooSoon(next),
        (_, Again::Now | Again::Nothing) => Why::NoMail,
    }
}

fn readable(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use signup_service::clock::after;
    use signup_service::user::{RESEND_PAUSE, SECOND_PAUSE};

    use super::*;
    use crate::engine::sample::{self, at};

    fn answer(user: &User, now: Timestamp) -> Answer {
        decide(Some(user.clone()), MailId([8; 16]), now).1
    }

    #[test]
    fn a_mail_is_sent_again_when_the_pause_is_over() {
        assert_eq!(answer(&sample::pending(), at(2)), Answer::Waits(at(1)));
        let user = sample::mailed(sample::pending());
        assert_eq!(answer(&user, at(200)), Answer::No(Why::TooSoon(at(2 + RESEND_PAUSE))));
        let (again, sent) = decide(Some(user), MailId([8; 16]), at(400));
        let again = again.expect("a change");
        assert_eq!((sent, again.wakes, again.mail.map(|mail| mail.id)), (Answer::Sent, true, Some(MailId([8; 16]))));
    }

    #[test]
    fn the_pause_grows_with_each_mail() {
        let once = sample::mailed(sample::pending());
        let again = decide(Some(once), MailId([8; 16]), at(400)).0.expect("a change");
        let twice = sample::mailed_at(again, at(401));
        let next = at(401 + SECOND_PAUSE);
        assert_eq!(answer(&twice, at(402 + RESEND_PAUSE)), Answer::No(Why::TooSoon(next)));
        // A day after the third, the link is a day old.
        let again = decide(Some(twice), MailId([8; 16]), next).0.expect("a change");
        let thrice = sample::mailed_at(again, after(next, 1));
        let end = thrice.link.as_ref().expect("while pending").expires_at;
        assert_eq!(answer(&thrice, after(next, 2)), Answer::No(Why::Last(end)));
        assert_eq!(answer(&thrice, end), Answer::No(Why::Expired(end)));
    }

    #[test]
    fn whoever_gets_none_is_told_why() {
        let user = sample::mailed(sample::pending());
        let expired = user.link.as_ref().expect("while pending").expires_at;
        assert_eq!(answer(&user, expired), Answer::No(Why::Expired(expired)));
        assert_eq!(answer(&user, user.keep_until.expect("while pending")), Answer::Nobody);
        assert_eq!(decide(None, MailId([8; 16]), at(0)), (None, Answer::Nobody));
        let refused = User::unsubscribe(Some(user.clone()), user.name(), at(50)).expect("a change");
        assert_eq!(answer(&refused, at(500)), Answer::No(Why::Suppressed(None)));
        let complained = Answer::No(Why::Suppressed(Some(EndedBy::Complaint)));
        assert_eq!(answer(&sample::complained(), at(500_000)), complained);
        let confirmed = sample::confirmed();
        assert_eq!(answer(&confirmed, at(500)), Answer::No(Why::Confirmed));
        let gone = User::unsubscribe(Some(confirmed.clone()), confirmed.name(), at(70)).expect("a change");
        assert_eq!(answer(&gone, at(500)), Answer::No(Why::Unsubscribed));
        let suppressed = [None, Some(EndedBy::Bounce), Some(EndedBy::Complaint)].map(Why::Suppressed);
        for why in suppressed.into_iter().chain([Why::Unsubscribed, Why::Confirmed, Why::Expired(at(0)), Why::NoMail]) {
            let failure = why.failure();
            assert!(failure.cause.is_some() && failure.exit == Exit::Failed, "{failure}");
        }
    }
}
