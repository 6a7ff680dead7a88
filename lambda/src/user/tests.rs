mod mails;
mod undeliverable;

use super::*;
use crate::clock::after;
use crate::config::ConfirmationMode;
use crate::counting::Ticket;
use crate::event::Told;
use crate::keys::Name;

const RULES: Rules =
    Rules { mode: ConfirmationMode::DoubleOptIn, expires: 86_400, retention: 30 * 86_400, address_per_hour: 5 };

const NAME: Name = Name { id: UserId([1; 16]), keys: 1 };

fn at(seconds: u32) -> Timestamp {
    after("2026-11-22T10:00:00Z".parse().expect("a time"), seconds)
}

fn answers(age: i64) -> Answers {
    let fields = Fields::from([("age".into(), FieldValue::Integer(age))]);
    Answers { email: "Ada@example.com".into(), fields, consent: None, language: None }
}

/// A submission whose nonce is its age.
fn request(age: u8) -> Request {
    Request {
        root: NAME.id,
        name: NAME,
        answers: answers(age.into()),
        base_url: "https://join.example.com".into(),
        draws: Draws { nonce: Nonce([age; 16]), mail: MailId([age; 16]) },
    }
}

fn receive(found: Option<User>, age: u8, now: Timestamp) -> User {
    User::receive(found, request(age), &RULES, now).0.expect("taken")
}

/// Takes the mail and sends it.
fn mailed(user: User, now: Timestamp) -> (User, Attempt) {
    let taken = user.take(&Told::nothing(), 7, None, now).expect("something to do");
    let attempt = taken.attempt.expect("a mail is due");
    (taken.user.finish(&attempt.lease, &MailEnd::Sent, MailId([9; 16]), now).expect("the lease holds"), attempt)
}

fn confirm(user: User, age: u8, now: Timestamp) -> (Option<User>, ConfirmOutcome) {
    user.confirm(&Proof::Link(Nonce([age; 16])), now)
}

fn confirmed(age: u8) -> User {
    let (user, _) = mailed(receive(None, age, at(0)), at(1));
    confirm(user, age, at(60)).0.expect("a change")
}

fn is_open(user: &User) -> bool {
    user.mail.as_ref().is_some_and(Mail::is_open)
}

#[test]
fn a_new_address_is_pending_until_its_link_is_followed() {
    let user = receive(None, 36, at(0));
    assert_eq!((user.state, user.confirmed_at, user.keep_until), (State::Pending, None, Some(at(30 * 86_400))));
    assert!(user.wakes);
    let (user, attempt) = mailed(user, at(1));
    assert_eq!((attempt.kind, attempt.to.as_str()), (MailKind::Confirmation, "Ada@example.com"));
    assert_eq!(attempt.link, Some((Nonce([36; 16]), at(86_400))));
    let (user, outcome) = confirm(user, 36, at(60));
    let user = user.expect("a change");
    assert_eq!((outcome, user.state, user.confirmed_at), (ConfirmOutcome::Confirmed, State::Confirmed, Some(at(60))));
    assert_eq!((&user.link, user.keep_until, user.due_at()), (&None, None, None));
    assert_eq!(confirm(user, 36, at(61)), (None, ConfirmOutcome::AlreadyConfirmed));
}

#[test]
fn a_link_dies_in_time() {
    let (user, _) = mailed(receive(None, 36, at(0)), at(1));
    assert_eq!(confirm(user.clone(), 36, at(86_400)), (None, ConfirmOutcome::Expired));
    assert_eq!(confirm(user.clone(), 35, at(60)), (None, ConfirmOutcome::Expired));
    assert_eq!(confirm(user, 36, at(86_399)).1, ConfirmOutcome::Confirmed);
}

#[test]
fn answers_that_nobody_was_mailed_about_are_replaced() {
    let user = receive(Some(receive(None, 36, at(0))), 37, at(10));
    assert_eq!((user.answers.clone(), &user.waiting), (answers(37), &None));
    let (user, attempt) = mailed(user, at(11));
    assert_eq!(attempt.link.map(|(nonce, _)| nonce), Some(Nonce([37; 16])));
    assert_eq!(confirm(user, 36, at(60)).1, ConfirmOutcome::Expired);
}

#[test]
fn answers_that_were_mailed_stay_until_the_next_ones_are_confirmed() {
    let (user, _) = mailed(receive(None, 36, at(0)), at(1));
    let user = receive(Some(user), 37, at(20));
    assert_eq!(user.answers, answers(36));
    assert_eq!(user.waiting.as_ref().map(|waiting| &waiting.answers), Some(&answers(37)));
    // Not at once: the mailbox shall not be flooded.
    assert!(is_open(&user) && !user.wakes);
    assert_eq!(user.clone().take(&Told::nothing(), 7, None, at(RESEND_PAUSE)).and_then(|taken| taken.attempt), None);
    let (user, attempt) = mailed(user, at(1 + RESEND_PAUSE));
    assert_eq!(attempt.link.map(|(nonce, _)| nonce), Some(Nonce([37; 16])));
    // Either link confirms what it was sent for.
    let first = confirm(user.clone(), 36, at(400)).0.expect("a change");
    assert_eq!((first.state, &first.answers), (State::Confirmed, &answers(36)));
    let both = confirm(first, 37, at(500)).0.expect("a change");
    assert_eq!(both.answers, answers(37));
    let second = confirm(user, 37, at(400)).0.expect("a change");
    assert_eq!((&second.answers, &second.waiting), (&answers(37), &None));
    for nonce in [36, 37] {
        assert_eq!(confirm(second.clone(), nonce, at(500)), (None, ConfirmOutcome::AlreadyConfirmed));
    }
}

#[test]
fn a_link_works_until_a_newer_one_has_left() {
    let user = receive(Some(confirmed(36)), 37, at(2 * NOTICE_PAUSE));
    let (user, _) = mailed(user, at(2 * NOTICE_PAUSE + 1));
    // A typing mistake is corrected a minute later, and corrected once more.
    let user = receive(Some(receive(Some(user), 38, at(2 * NOTICE_PAUSE + 60))), 39, at(2 * NOTICE_PAUSE + 90));
    let first = confirm(user.clone(), 37, at(2 * NOTICE_PAUSE + 120)).0.expect("a change");
    assert_eq!((&first.answers, first.waiting.as_ref().map(|it| &it.answers)), (&answers(37), Some(&answers(39))));
    // The newest answers are mailed when they may be, and then the older link is void.
    let (user, attempt) = mailed(user, at(3 * NOTICE_PAUSE + 1));
    assert_eq!(attempt.link.map(|(nonce, _)| nonce), Some(Nonce([39; 16])));
    assert_eq!(confirm(user.clone(), 37, at(3 * NOTICE_PAUSE + 2)), (None, ConfirmOutcome::Expired));
    assert_eq!(confirm(user, 39, at(3 * NOTICE_PAUSE + 2)).0.expect("a change").answers, answers(39));
}

#[test]
fn the_same_answers_again_are_mailed_again_but_not_at_once() {
    let (user, _) = mailed(receive(None, 36, at(0)), at(1));
    let soon = receive(Some(user.clone()), 36, at(100));
    assert!(!is_open(&soon));
    let later = receive(Some(user), 36, at(1 + RESEND_PAUSE));
    assert!(is_open(&later) && later.wakes);
    let (later, attempt) = mailed(later, at(2 + RESEND_PAUSE));
    // The link is the first one's, and works for longer.
    assert_eq!(attempt.link, Some((Nonce([36; 16]), at(1 + RESEND_PAUSE + 86_400))));
    assert_eq!(confirm(later, 36, at(86_500)).1, ConfirmOutcome::Confirmed);
}

#[test]
fn a_confirmed_user_changes_by_a_link_alone_and_is_told_once_a_day() {
    let user = confirmed(36);
    assert!(!is_open(&receive(Some(user.clone()), 36, at(100))), "nothing new");
    let user = receive(Some(user), 37, at(100));
    assert_eq!((user.state, &user.answers), (State::Confirmed, &answers(36)));
    // The confirmation was mailed within the day.
    assert_eq!(user.due_at(), Some(at(1 + NOTICE_PAUSE + STREAM_GRACE)));
    let (user, attempt) = mailed(user, at(1 + NOTICE_PAUSE));
    assert_eq!(attempt.kind, MailKind::Update);
    let again = receive(Some(user.clone()), 38, at(2 + NOTICE_PAUSE));
    assert_eq!(again.mail.as_ref().map(|mail| mail.due_at), Some(at(1 + 2 * NOTICE_PAUSE)));
    // However late it was submitted, a link lives as long as declared once its mail has left.
    let again = receive(Some(again), 39, at(2 * NOTICE_PAUSE));
    let (_, attempt) = mailed(again, at(1 + 2 * NOTICE_PAUSE));
    assert_eq!(attempt.link, Some((Nonce([39; 16]), at(1 + 3 * NOTICE_PAUSE))));
    let user = confirm(user, 37, at(NOTICE_PAUSE + 60)).0.expect("a change");
    assert_eq!((user.answers, user.waiting, user.confirmed_at), (answers(37), None, Some(at(NOTICE_PAUSE + 60))));
}

#[test]
fn what_waits_is_forgotten_in_its_time() {
    let user = receive(Some(confirmed(36)), 37, at(3 * NOTICE_PAUSE));
    let (user, _) = mailed(user, at(3 * NOTICE_PAUSE + 1));
    let until = at(3 * NOTICE_PAUSE + RULES.retention);
    assert_eq!(user.due_at(), Some(until));
    let user = user.take(&Told::nothing(), 7, None, until).expect("something to do").user;
    assert_eq!((user.waiting.as_ref(), user.due_at()), (None, None));
}

#[test]
fn a_forgotten_address_is_new() {
    let old = receive(None, 36, at(0));
    let counted = old.clone().take(&Told::nothing(), 7, None, at(1)).expect("something to do").user;
    let (user, receipt) = User::receive(Some(counted.clone()), request(37), &RULES, at(RULES.retention));
    let user = user.expect("taken");
    assert_eq!((receipt, user.created_at, &user.answers), (Receipt::New, at(RULES.retention), &answers(37)));
    assert!(user.version > counted.version);
    assert_eq!(user.counted, counted.counted, "it is still to be uncounted");
}

#[test]
fn without_confirmation_a_user_is_greeted_and_nobody_else_changes_them() {
    let rules = Rules { mode: ConfirmationMode::None, ..RULES };
    let user = User::receive(None, request(36), &rules, at(0)).0.expect("taken");
    assert_eq!((user.state, user.confirmed_at, user.keep_until), (State::Confirmed, Some(at(0)), None));
    let (user, attempt) = mailed(user, at(1));
    assert_eq!((attempt.kind, attempt.link), (MailKind::Welcome, None));
    let again = User::receive(Some(user), request(37), &rules, at(10)).0.expect("taken");
    assert_eq!(again.answers, answers(36));
    assert!(again.waiting.is_some());
}

#[test]
fn whoever_waits_is_confirmed_when_nothing_is_to_be_confirmed_any_more() {
    let (user, _) = mailed(receive(None, 36, at(0)), at(1));
    let rules = Rules { mode: ConfirmationMode::None, ..RULES };
    let user = User::receive(Some(user), request(37), &rules, at(10)).0.expect("taken");
    assert_eq!((user.state, &user.answers, user.keep_until), (State::Confirmed, &answers(37), None));
    assert_eq!(mailed(user, at(11)).1.kind, MailKind::Welcome);
}

#[test]
fn an_address_has_a_budget_by_the_hour() {
    let mut user = None;
    for _ in 0..5 {
        user = Some(receive(user, 36, at(0)));
    }
    let (after, receipt) = User::receive(user.clone(), request(36), &RULES, at(59 * 60));
    assert_eq!((after, receipt), (None, Receipt::TooMany { retry_after: 60 }));
    assert_eq!(User::receive(user, request(36), &RULES, at(3_600)).1, Receipt::Known);
}

#[test]
fn a_code_confirms_and_five_wrong_ones_end_it() {
    let (mut user, _) = mailed(receive(None, 36, at(0)), at(1));
    let right = |nonce: Nonce| nonce == Nonce([36; 16]);
    let outcome = user.clone().confirm(&Proof::Code(&right), at(60)).1;
    assert_eq!(outcome, ConfirmOutcome::Confirmed);
    assert_eq!(
        receive(None, 36, at(0)).confirm(&Proof::Code(&right), at(60)).1,
        ConfirmOutcome::Unknown,
        "nobody has it"
    );
    for _ in 0..CODE_TRIES {
        let (after, outcome) = user.confirm(&Proof::Code(&|_| false), at(60));
        assert_eq!(outcome, ConfirmOutcome::Unknown);
        user = after.expect("a try is counted");
    }
    assert_eq!(user.clone().confirm(&Proof::Code(&right), at(60)).1, ConfirmOutcome::Unknown);
    // A code that is dead is not mailed again.
    let again = user.clone().resend(MailId([9; 16]), at(1 + RESEND_PAUSE)).0;
    assert!(!mailed(again, at(2 + RESEND_PAUSE)).1.code);
    assert_eq!(confirm(user, 36, at(60)).1, ConfirmOutcome::Confirmed, "the link still works");
}

#[test]
fn a_code_that_did_its_work_is_heard_for_a_minute_more() {
    let (user, _) = mailed(receive(None, 36, at(0)), at(1));
    let right = |nonce: Nonce| nonce == Nonce([36; 16]);
    let user = user.confirm(&Proof::Code(&right), at(60)).0.expect("confirmed");
    let again = |proof: Proof<'_>, now| user.clone().confirm(&proof, at(now));
    assert_eq!(again(Proof::Code(&right), 119), (None, ConfirmOutcome::AlreadyConfirmed));
    assert_eq!(again(Proof::Code(&right), 120).1, ConfirmOutcome::Unknown);
    assert_eq!(again(Proof::Code(&|_| false), 61).1, ConfirmOutcome::Unknown);
    assert_eq!(
        unsubscribe(user, at(61)).expect("heard").confirm(&Proof::Code(&right), at(62)).1,
        ConfirmOutcome::Unknown
    );
}

fn unsubscribe(user: User, now: Timestamp) -> Option<User> {
    User::unsubscribe(Some(user), NAME, now)
}

#[test]
fn whoever_unsubscribes_is_left_alone_and_may_come_back() {
    let user = unsubscribe(confirmed(36), at(100)).expect("a change");
    assert_eq!((user.state, user.ended_at, &user.answers), (State::Unsubscribed, Some(at(100)), &answers(36)));
    assert_eq!(unsubscribe(user.clone(), at(101)), None);
    assert_eq!(confirm(user.clone(), 36, at(102)).1, ConfirmOutcome::Expired, "the old link does not bring them back");
    let asked = receive(Some(user), 36, at(200_000));
    let (user, _) = mailed(asked.clone(), at(200_001));
    let back = confirm(user.clone(), 36, at(200_002)).0.expect("a change");
    assert_eq!((back.state, back.ended_at), (State::Confirmed, None));
    // Whoever refuses what others ask for is not asked again.
    for user in [asked, user] {
        let user = unsubscribe(user, at(200_003)).expect("a change");
        assert_eq!((user.state, &user.waiting, is_open(&user)), (State::Suppressed, &None, false));
    }
}

#[test]
fn a_refusal_suppresses_the_address_and_leaves_nothing_else() {
    let user = unsubscribe(receive(None, 36, at(0)), at(1)).expect("a change");
    assert_eq!((user.state, &user.answers, user.keep_until), (State::Suppressed, &Answers::default(), None));
    assert!(!is_open(&user));
    let user = receive(Some(user), 37, at(100_000));
    assert_eq!((user.state, &user.answers, is_open(&user)), (State::Suppressed, &Answers::default(), false));
    assert!(!user.resend(MailId([1; 16]), at(200_000)).1);
    // Also of an address of which nothing is kept any more.
    let user = User::unsubscribe(None, NAME, at(0)).expect("a refusal");
    assert_eq!((user.state, user.wakes), (State::Suppressed, true));
    assert!(!is_open(&receive(Some(user), 37, at(100))));
}

#[test]
fn a_mail_is_sent_again_on_request_but_not_at_once() {
    let (user, _) = mailed(receive(None, 36, at(0)), at(1));
    assert!(!user.clone().resend(MailId([2; 16]), at(RESEND_PAUSE)).1);
    let (user, again) = user.resend(MailId([2; 16]), at(1 + RESEND_PAUSE));
    assert!(again && user.wakes);
    assert_eq!(mailed(user, at(2 + RESEND_PAUSE)).1.link.map(|(nonce, _)| nonce), Some(Nonce([36; 16])));
}

#[test]
fn a_user_is_counted_without_a_mail() {
    let user = receive(None, 36, at(0));
    let counted = user.clone().counted_as_is(1, None).expect("not counted yet");
    let (tally, ticket) = (counted.counted.clone().expect("a tally"), Ticket { over: user.version, by: 1 });
    assert_eq!(counted, User { counted: Some(tally), ticket: Some(ticket), version: user.version + 1, ..user });
    assert_eq!(counted.counted_as_is(2, None), None);
}

#[test]
fn a_user_reads_back_as_written() {
    let user = receive(Some(confirmed(36)), 37, at(100))
        .take(&Told::nothing(), 7, Some("country"), at(200_000))
        .expect("to do")
        .user;
    let json = serde_json::to_value(&user).expect("JSON");
    let read: User = serde_json::from_value(json).expect("a user");
    assert_eq!(User { id: user.id, ..read }, user);
}

#[test]
fn whole_numbers_have_one_form() {
    assert_eq!(FieldValue::number(3.0), FieldValue::Integer(3));
    assert_eq!(FieldValue::number(-0.5), FieldValue::Number(-0.5));
    assert_eq!(serde_json::to_string(&FieldValue::number(3.0)).expect("json"), "3");
}

#[test]
fn whoever_comes_by_a_later_key_is_known_by_it_until_their_address_goes() {
    let later = Name { id: UserId([2; 16]), keys: 2 };
    let come = |found, at| User::receive(found, Request { name: later, ..request(36) }, &RULES, at).0.expect("taken");
    let user = come(None, at(0));
    assert_eq!((user.name(), user.root, user.root()), (later, Some(NAME.id), NAME.id));
    // Nobody changes their name for coming again, also once they are forgotten.
    let former = receive(None, 36, at(0));
    for again in [come(Some(former.clone()), at(60)), come(Some(former), at(40 * 86_400))] {
        assert_eq!((again.name(), again.root, again.root()), (NAME, None, NAME.id));
    }
    let refused = User::unsubscribe(Some(user), later, at(60)).expect("a change");
    assert_eq!((refused.name(), refused.root), (later, None), "the former key would tell of whom");
}

#[test]
fn a_bare_refusal_alone_is_renamed() {
    let later = Name { id: UserId([2; 16]), keys: 2 };
    let refused = unsubscribe(mailed(receive(None, 36, at(0)), at(1)).0, at(60)).expect("a change");
    let renamed = refused.refusal_as(later, at(70)).expect("a bare refusal");
    assert_eq!((renamed.name(), renamed.state, renamed.ended_at), (later, State::Suppressed, refused.ended_at));
    assert_eq!((renamed.created_at, &renamed.counted, renamed.wakes), (refused.created_at, &None, true));
    assert!(renamed.version > refused.version, "as of somebody who is new");
    let known = unsubscribe(confirmed(36), at(100)).expect("a change");
    let untold = User { untold: Some(crate::event::Untold { due_at: at(80), tells: Vec::new() }), ..refused };
    assert_eq!(untold.refusal_as(later, at(70)), Some(renamed), "a farewell tells it");
    for other in [known, receive(None, 36, at(0))] {
        assert_eq!(other.refusal_as(later, at(70)), None, "{other:?}");
    }
}
