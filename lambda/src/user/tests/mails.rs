//! The outbox of one user: when a mail leaves, who holds it, and what it carries.

use super::*;

#[test]
fn a_mail_has_one_holder_at_a_time() {
    let taken = receive(None, 36, at(0)).take(&Told::nothing(), 1, None, at(0)).expect("something to do");
    let first = taken.attempt.expect("a mail").lease;
    assert_eq!(taken.user.clone().take(&Told::nothing(), 2, None, at(LEASE - 1)), None);
    // Its holder was lost: another takes over after a while, and the first one's word counts no more.
    let released = taken.user.take(&Told::nothing(), 2, None, at(LEASE)).expect("something to do");
    assert!(released.attempt.is_none() && released.given_up.is_none());
    assert_eq!(released.user.due_at(), Some(at(152)));
    let taken = released.user.take(&Told::nothing(), 2, None, at(152)).expect("something to do");
    let second = taken.attempt.expect("the mail again");
    assert_eq!(second.attempts, 2);
    let user = taken.user;
    assert_eq!(user.clone().finish(&first, &MailEnd::Sent, MailId([9; 16]), at(160)), None);
    assert!(user.link.as_ref().is_some_and(|link| link.out), "the first may have been delivered");
    // Put off: not before its time.
    let user = user.finish(&second.lease, &MailEnd::Later(at(200)), MailId([9; 16]), at(160)).expect("the lease holds");
    assert_eq!(user.clone().take(&Told::nothing(), 3, None, at(199)), None);
    let third = user.take(&Told::nothing(), 3, None, at(200)).expect("due again");
    assert_eq!(third.attempt.map(|attempt| attempt.attempts), Some(3));
}

#[test]
fn a_mail_whose_holders_are_lost_is_tried_ever_later_until_its_link_dies() {
    let (mut user, mut now, mut holders) = (receive(None, 36, at(0)), 0, 0);
    let mut pauses = Vec::new();
    loop {
        let taken = user.take(&Told::nothing(), holders, None, at(now)).expect("something to do");
        if taken.given_up.is_some() {
            assert_eq!(taken.user.due_at(), None);
            break;
        }
        assert!(taken.attempt.is_some());
        holders += 1;
        now += LEASE;
        user = taken.user.take(&Told::nothing(), holders, None, at(now)).expect("the holder is lost").user;
        let due = user.due_at().expect("still to be sent");
        pauses.push(due.as_second() - at(now).as_second());
        now = u32::try_from(due.as_second() - at(0).as_second()).expect("a time to come");
    }
    assert_eq!(pauses[..5], [61, 122, 243, 484, 965]);
    assert!(pauses.iter().all(|pause| *pause <= 4 * 3_600) && (10..20).contains(&holders), "{holders}: {pauses:?}");
}

#[test]
fn mails_that_were_lost_together_are_taken_apart() {
    let due = |by| {
        let taken = receive(None, 36, at(0)).take(&Told::nothing(), 1, None, at(0)).expect("something to do");
        taken.user.take(&Told::nothing(), by, None, at(LEASE)).expect("the holder is lost").user.due_at()
    };
    assert_ne!(due(7), due(8));
}

#[test]
fn a_link_that_is_about_to_die_is_not_mailed() {
    let user = receive(None, 36, at(0));
    let fine =
        user.clone().take(&Told::nothing(), 7, None, at(86_400 - outbox::LEAST_LEFT - 1)).expect("something to do");
    assert!(fine.attempt.is_some());
    let late = user.take(&Told::nothing(), 7, None, at(86_400 - outbox::LEAST_LEFT)).expect("something to do");
    assert!(late.attempt.is_none() && late.given_up.is_some());
    assert_eq!(late.user.due_at(), None);
    let short = Rules { expires: 600, ..RULES };
    let user = User::receive(None, request(36), &short, at(0)).0.expect("taken");
    assert!(user.clone().take(&Told::nothing(), 7, None, at(299)).expect("something to do").attempt.is_some());
    assert!(user.take(&Told::nothing(), 7, None, at(300)).expect("something to do").attempt.is_none());
}

#[test]
fn a_first_mail_is_in_no_index_while_it_is_taken_in_time_and_goes_out() {
    let user = receive(None, 36, at(0));
    let fresh = |user: &User| user.mail.as_ref().is_some_and(|mail| mail.fresh);
    assert!(fresh(&user) && user.due().is_none());
    for (seconds, stays) in [(59, true), (60, false)] {
        let taken = user.clone().take(&Told::nothing(), 7, None, at(seconds)).expect("something to do");
        let aside = user.clone().set_aside(&Told::nothing(), 7, None, at(seconds));
        for user in [&taken.user, &aside] {
            assert_eq!((fresh(user), user.due().is_none()), (stays, stays), "{seconds}");
        }
        let lease = taken.attempt.expect("a mail").lease;
        let later = taken.user.clone().finish(&lease, &MailEnd::Later(at(900)), MailId([9; 16]), at(seconds));
        assert_eq!(later.expect("the lease holds").due_at(), Some(at(900)));
        let lost = taken.user.take(&Told::nothing(), 8, None, at(seconds + LEASE)).expect("the holder is lost").user;
        assert!(!fresh(&lost) && lost.due().is_some());
    }
    // Whoever took it in time is done or lost.
    const { assert!(LOOK_AFTER > 60 + LEASE) };
    // Only the first of a life.
    let again = receive(Some(User { mail: None, ..user }), 37, at(1));
    assert!(!fresh(&again) && again.due().is_some());
}

#[test]
fn a_mailbox_is_not_flooded_however_often_it_is_asked_for() {
    let (mut user, _) = mailed(receive(None, 36, at(0)), at(1));
    let mut mails = 1;
    for minute in 1..24 * 60 {
        let (after, _) = user.resend(MailId([9; 16]), at(minute * 60));
        user = after;
        if is_open(&user) {
            user = mailed(user, at(minute * 60)).0;
            mails += 1;
        }
    }
    // After five minutes, after an hour, and then no more that day.
    assert_eq!(mails, 3);
}

#[test]
fn a_link_does_not_grow_old_while_its_mail_cannot_leave() {
    let mut user = receive(None, 36, at(0));
    for hour in 0..30 {
        let taken = user.take(&Told::nothing(), 7, None, at(hour * 3_600)).expect("something to do");
        let lease = taken.attempt.expect("still worth sending").lease;
        let later = MailEnd::Later(at((hour + 1) * 3_600));
        user = taken.user.finish(&lease, &later, MailId([9; 16]), at(hour * 3_600)).expect("the lease holds");
    }
    let (_, attempt) = mailed(user, at(30 * 3_600));
    assert_eq!(attempt.link, Some((Nonce([36; 16]), at(30 * 3_600 + 86_400))));
}

#[test]
fn answers_that_come_while_the_mail_leaves_get_a_mail_of_their_own() {
    let taken = receive(None, 36, at(0)).take(&Told::nothing(), 7, None, at(1)).expect("something to do");
    let lease = taken.attempt.expect("a mail").lease;
    let user = receive(Some(taken.user), 37, at(2));
    assert_eq!(user.answers, answers(36));
    let user = user.finish(&lease, &MailEnd::Sent, MailId([9; 16]), at(3)).expect("the lease holds");
    let mail = user.mail.as_ref().expect("another mail");
    assert_eq!((mail.id, mail.is_open(), mail.due_at), (MailId([9; 16]), true, at(1 + RESEND_PAUSE)));
    assert_eq!(mailed(user, at(1 + RESEND_PAUSE)).1.link.map(|(nonce, _)| nonce), Some(Nonce([37; 16])));
}
