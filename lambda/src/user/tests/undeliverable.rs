//! What SES reports of an address, and what is left of its user.

use super::*;

/// A bounce of a mail that left then, told some seconds later.
fn bounce(seconds: u32) -> Undeliverable {
    Undeliverable { by: EndedBy::Bounce, at: at(seconds + 5), since: at(seconds) }
}

fn complaint(seconds: u32) -> Undeliverable {
    Undeliverable { by: EndedBy::Complaint, at: at(seconds), since: at(seconds) }
}

fn is_silent(user: &User) -> bool {
    let nothing = (&None, &None, &None, None);
    (&user.link, &user.waiting, &user.later, user.keep_until) == nothing && !is_open(user) && user.due_at().is_none()
}

#[test]
fn an_address_that_bounces_before_it_was_confirmed_leaves_nothing_but_the_fact() {
    let (user, _) = mailed(receive(None, 36, at(0)), at(1));
    let user = user.undeliverable(&bounce(1), at(10)).expect("a change");
    assert_eq!((user.state, user.ended_at, user.ended_by), (State::Suppressed, Some(at(6)), Some(EndedBy::Bounce)));
    assert!(user.answers == Answers::default() && is_silent(&user) && user.wakes);
    // Whoever asks for more gets the answers that everybody gets, and no mail.
    let again = receive(Some(user.clone()), 37, at(100_000));
    assert_eq!((again.state, &again.answers, is_open(&again)), (State::Suppressed, &Answers::default(), false));
    assert!(!user.clone().resend(MailId([1; 16]), at(100_000)).1);
    assert_eq!(confirm(user, 36, at(20)), (None, ConfirmOutcome::Expired));
}

#[test]
fn whoever_was_confirmed_once_keeps_the_answers() {
    let update = receive(Some(confirmed(36)), 37, at(100_000));
    let unsubscribed = unsubscribe(confirmed(36), at(70)).expect("a change");
    for (user, report) in [(update, complaint(100_010)), (confirmed(36), bounce(61)), (unsubscribed, bounce(65))] {
        let user = user.undeliverable(&report, at(100_020)).expect("a change");
        assert_eq!((user.state, user.ended_by), (State::Suppressed, Some(report.by)));
        assert_eq!((&user.answers, user.confirmed_at), (&answers(36), Some(at(60))));
        assert!(is_silent(&user));
        assert!(is_silent(&receive(Some(user.clone()), 38, at(900_000))), "another sign-up brings no mail");
        assert_eq!(unsubscribe(user, at(900_000)), None);
    }
}

#[test]
fn a_report_changes_nothing_twice_and_the_first_of_several_stays() {
    let user = confirmed(36).undeliverable(&complaint(100), at(101)).expect("a change");
    for report in [complaint(100), bounce(90), bounce(200)] {
        assert_eq!(user.clone().undeliverable(&report, at(300)), None);
    }
    let refused = unsubscribe(receive(None, 36, at(0)), at(1)).expect("a change");
    assert_eq!(refused.undeliverable(&complaint(2), at(3)), None);
}

#[test]
fn whatever_the_person_did_later_outweighs_a_report() {
    // Confirmed by a mail that left after the one that bounced, or by that very mail.
    assert_eq!(confirmed(36).undeliverable(&bounce(1), at(1_000)), None);
    // A complaint is later than the mail that it is about.
    assert_eq!(confirmed(36).undeliverable(&complaint(59), at(1_000)), None);
    assert!(confirmed(36).undeliverable(&complaint(61), at(1_000)).is_some());
    // Of a mail to somebody who was erased, and has signed up again.
    assert_eq!(receive(None, 36, at(500)).undeliverable(&bounce(400), at(1_000)), None);
    // And whoever is forgotten stays so.
    assert_eq!(receive(None, 36, at(0)).undeliverable(&bounce(1), at(RULES.retention)), None);
}

#[test]
fn a_mail_that_is_being_sent_cannot_be_called_back_and_is_the_last() {
    let taken = receive(Some(confirmed(36)), 37, at(200_000))
        .take(&Told::nothing(), 7, None, at(200_001))
        .expect("something to do");
    let lease = taken.attempt.expect("a mail is due").lease;
    let user = taken.user.undeliverable(&complaint(200_001), at(200_002)).expect("a change");
    assert!(is_silent(&user));
    assert_eq!(user.finish(&lease, &MailEnd::Sent, MailId([9; 16]), at(200_003)), None);
}

#[test]
fn a_suppressed_user_reads_back_as_written() {
    let user = confirmed(36).undeliverable(&complaint(100), at(101)).expect("a change");
    let json = serde_json::to_value(&user).expect("JSON");
    assert_eq!((&json["ended_by"], &json["ended_at"]), (&"complaint".into(), &"2026-11-22T10:01:40Z".into()));
    assert_eq!(User { id: user.id, ..serde_json::from_value(json).expect("a user") }, user);
}
