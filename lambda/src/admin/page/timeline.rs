//! What happened to a user and when, as far as the user's own values tell.

use jiff::Timestamp;

use super::time::When;
use crate::user::{End, EndedBy, Mail, MailKind, State, User};

/// One event. Those without a time of their own stand at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: When,
    pub(super) what: &'static str,
    /// Not yet, but at that time unless something else happens.
    pub(super) ahead: bool,
}

/// The events of a user, oldest first.
pub(super) fn events(user: &User, now: Timestamp) -> Vec<Event> {
    // Who refused without ever having signed up has come and gone in the same moment.
    let only_refused = user.state == State::Suppressed && user.ended_at == Some(user.created_at);
    let ended = match (user.state, user.ended_by) {
        (State::Suppressed, Some(EndedBy::Bounce)) => "A mail bounced for good: no more mail",
        (State::Suppressed, Some(EndedBy::Complaint)) => "Reported a mail as spam: no more mail",
        (State::Suppressed, None) => "Refused all mail before ever confirming",
        _ => "Asked for no more mail",
    };
    let link_expires = user.link.as_ref().map(|link| link.expires_at);
    let stops = link_expires
        .map(|at| if at > now { "The link in the mail stops working" } else { "The link in the mail stopped working" });
    let all = [
        (Some(user.created_at).filter(|_| !only_refused), "Signed up"),
        (user.mailed_at, "Last mailed"),
        (user.confirmed_at, "Confirmed"),
        // Of somebody who came back it is an earlier end.
        (user.ended_at, ended),
        (link_expires, stops.unwrap_or_default()),
        (user.keep_until, "Forgotten unless confirmed before"),
    ];
    let mut events: Vec<Event> =
        all.into_iter().filter_map(|(at, what)| at.map(|at| Event { at: When(at), what, ahead: at > now })).collect();
    events.sort_by_key(|event| event.at.0);
    events
}

/// What a mail is about.
pub(super) fn about(kind: MailKind) -> &'static str {
    match kind {
        MailKind::Confirmation => "Asks to confirm the address",
        MailKind::Update => "Asks whether newer answers replace the earlier ones",
        MailKind::Welcome => "Says welcome",
    }
}

/// How far a mail is.
pub(super) fn progress(mail: &Mail, now: Timestamp) -> String {
    match &mail.end {
        Some(End::Sent) => "Sent".into(),
        Some(End::Dead(reason)) => format!("Given up: {reason}"),
        None if mail.lease.as_ref().is_some_and(|lease| lease.until > now) => "Being sent".into(),
        None if mail.attempts == 0 => "Waits to be sent".into(),
        None => "Waits for another try".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::page::tests::sample;

    fn told(user: &User) -> Vec<&'static str> {
        events(user, sample::now()).into_iter().map(|event| event.what).collect()
    }

    #[test]
    fn a_history_is_told_in_the_order_of_time() {
        assert_eq!(told(&sample::ada()), ["Signed up", "Last mailed", "Confirmed"]);
        let pending = told(&sample::pending());
        let ahead = ["The link in the mail stops working", "Forgotten unless confirmed before"];
        assert_eq!(pending[pending.len() - 2..], ahead);
        assert_eq!(told(&sample::refused()), ["Refused all mail before ever confirming"]);
        let mut bounced = sample::ada();
        (bounced.state, bounced.ended_at, bounced.ended_by) =
            (State::Suppressed, Some(sample::now()), Some(EndedBy::Bounce));
        assert_eq!(told(&bounced).last(), Some(&"A mail bounced for good: no more mail"));
    }

    #[test]
    fn a_mail_tells_how_far_it_is() {
        let mut mail = sample::pending().mail.expect("a mail");
        assert_eq!(progress(&mail, sample::now()), "Waits for another try");
        mail.end = Some(End::Dead("the address was refused".into()));
        assert_eq!(progress(&mail, sample::now()), "Given up: the address was refused");
    }
}
