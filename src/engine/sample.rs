//! Users for tests, as the service would have made them.

use jiff::Timestamp;
use signup_service::clock::after;
use signup_service::config::ConfirmationMode;
use signup_service::event::Told;
use signup_service::keys::Name;
use signup_service::store::{Saved, Store};
use signup_service::user::{
    Answers, ConsentGiven, Draws, EndedBy, FieldValue, Fields, MailEnd, MailId, Nonce, Proof, Request, Rules,
    Undeliverable, User, UserId,
};

/// So many seconds after ten, when the samples begin.
pub fn at(seconds: u32) -> Timestamp {
    after("2026-11-22T10:00:00Z".parse().expect("a time"), seconds)
}

/// Signed up at 10:00:01, and to be mailed.
pub fn pending() -> User {
    received(1, "ada@example.com")
}

/// Was mailed a second after the sign-up, and not since.
pub fn mailed(user: User) -> User {
    let now = after(user.created_at, 1);
    mailed_at(user, now)
}

pub fn mailed_at(user: User, now: Timestamp) -> User {
    let taken = user.take(&Told::nothing(), 7, Some("nationality"), now).expect("something to do");
    let attempt = taken.attempt.expect("a mail is due");
    taken.user.finish(&attempt.lease, &MailEnd::Sent, MailId([9; 16]), now).expect("the lease holds")
}

/// Followed the link within a minute, and was not counted as confirmed yet.
pub fn confirmed() -> User {
    mailed(received(2, "bob@example.com")).confirm(&Proof::Link(Nonce([0x82; 16])), at(60)).0.expect("a change")
}

/// Reported a mail as spam four minutes after that.
pub fn complained() -> User {
    let complaint = Undeliverable { by: EndedBy::Complaint, at: at(300), since: at(300) };
    confirmed().undeliverable(&complaint, at(301)).expect("a change")
}

/// Somebody with this number, who signed up so many seconds after ten.
pub fn received(number: u8, email: &str) -> User {
    let fields = Fields::from([
        ("age".into(), FieldValue::Integer(36)),
        ("nationality".into(), FieldValue::Text("GB".into())),
        ("tags".into(), FieldValue::Choices(vec!["web".into(), "data".into()])),
    ]);
    let consent = Some(ConsentGiven { text: "I agree.".into(), version: "2026-06".into() });
    let request = Request {
        root: UserId([number; 16]),
        name: Name { id: UserId([number; 16]), keys: 1 },
        answers: Answers { email: email.into(), fields, consent, language: Some("en".into()) },
        base_url: "https://join.example.com".into(),
        draws: Draws { nonce: Nonce([0x80 | number; 16]), mail: MailId([number; 16]) },
    };
    let rules =
        Rules { mode: ConfirmationMode::DoubleOptIn, expires: 86_400, retention: 30 * 86_400, address_per_hour: 5 };
    User::receive(None, request, &rules, at(number.into())).0.expect("the first of the hour")
}

/// Keeps somebody who is new to a store.
pub async fn keep(store: &dyn Store, user: &User) {
    assert_eq!(store.save(user, None).await.expect("the store works"), Saved::Done);
}
