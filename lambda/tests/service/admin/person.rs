//! A user of the service that most tests are about.

use jiff::Timestamp;
use signup_service::census::Tally;
use signup_service::user::{Answers, FieldValue, Spent, State, User, UserId};

/// The `number`th user of a service, who answered as told.
pub fn user(number: u64, email: &str, name: &str, country: &str, state: State, at: &str) -> User {
    let created_at: Timestamp = at.parse().expect("a time");
    let text = |text: &str| FieldValue::Text(text.to_owned());
    let fields = [
        ("full_name".to_owned(), text(name)),
        ("nationality".to_owned(), text(country)),
        ("age".to_owned(), FieldValue::Integer(36)),
    ];
    let id = UserId((u128::from(number) << 64 | u128::from(number)).to_be_bytes());
    let mut user = User {
        id,
        keys: 1,
        root: None,
        version: 1,
        state,
        answers: Answers { email: email.into(), fields: fields.into(), consent: None, language: None },
        created_at,
        confirmed_at: (state != State::Pending).then_some(created_at),
        ended_at: None,
        ended_by: None,
        link: None,
        keep_until: None,
        waiting: None,
        later: None,
        done: Vec::new(),
        mail: None,
        mailed_at: None,
        mailings: 0,
        spent: Spent::default(),
        counted: None,
        ticket: None,
        untold: None,
        wakes: false,
    };
    user.counted = Some(Tally::of(&user, Some("nationality")));
    user
}
