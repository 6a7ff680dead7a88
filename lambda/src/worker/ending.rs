//! What becomes of a mail after an attempt.
//!
//! Pure: the result, the time and the spread come in, the end goes out.

use jiff::Timestamp;

use crate::clock::after;
use crate::mailer::SendError;
use crate::user::{Attempt, MailEnd};

/// The first pause before a mail is tried again, in seconds; it doubles with each attempt.
const FIRST_PAUSE: u32 = 30;

/// The longest pause, in seconds: an hour is soon enough for an account that has to be set right.
const LONGEST_PAUSE: u32 = 3_600;

/// The longest pause of a throttled mail, in seconds: rates recover within seconds, a quota within the day.
const LONGEST_THROTTLED: u32 = 600;

/// How often a mail may be sent without an answer: once more than once is a mail that came twice.
const UNANSWERED: u32 = 2;

/// The least pause after an attempt without an answer, in seconds: whatever became of it is over by then.
const UNANSWERED_PAUSE: u32 = 600;

/// How an attempt ends. `fraction` spreads the next one over the second half of the pause.
pub(super) fn end(result: &Result<(), SendError>, attempt: &Attempt, now: Timestamp, fraction: f64) -> MailEnd {
    let error = match result {
        Ok(()) => return MailEnd::Sent,
        Err(SendError::Never(reason)) => return MailEnd::Dead { reason: reason.clone(), unanswered: false },
        Err(error) => error,
    };
    let unanswered = matches!(error, SendError::Unknown(_));
    let dead = || MailEnd::Dead { reason: error.to_string(), unanswered };
    if unanswered && attempt.unanswered + 1 >= UNANSWERED {
        return dead();
    }
    let throttled = matches!(error, SendError::Throttled(_) | SendError::QuotaUsedUp);
    let longest = if throttled { LONGEST_THROTTLED } else { LONGEST_PAUSE };
    let doublings = attempt.attempts.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(longest);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most an hour, never negative")]
    let spread = (f64::from(pause / 2) * fraction) as u32;
    let least = if unanswered { UNANSWERED_PAUSE } else { 0 };
    let due = after(now, (pause - pause / 2 + spread).max(least));
    match unanswered {
        _ if due >= attempt.deadline => dead(),
        true => MailEnd::Unanswered(due),
        false => MailEnd::Later(due),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::{Lease, MailId, MailKind};

    fn at(seconds: u32) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, seconds)
    }

    /// A mail that may be sent for a day, at its first attempt.
    fn attempt() -> Attempt {
        Attempt {
            id: MailId([1; 16]),
            kind: MailKind::Confirmation,
            to: "ada@example.com".into(),
            language: None,
            base_url: "https://join.example.com".into(),
            attempts: 1,
            unanswered: 0,
            deadline: at(86_400),
            link: None,
            code: false,
            lease: Lease { until: at(90), by: 1, carries: None },
        }
    }

    fn later(attempts: u32, error: SendError, fraction: f64) -> u32 {
        match end(&Err(error), &Attempt { attempts, ..attempt() }, at(0), fraction) {
            MailEnd::Later(due) => u32::try_from(due.as_second()).expect("after the beginning"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_spread() {
        let not_now = || SendError::Later("no answer".into());
        assert_eq!([1, 2, 3, 20].map(|attempts| later(attempts, not_now(), 0.0)), [15, 30, 60, 1_800]);
        assert_eq!([1, 2, 3, 20].map(|attempts| later(attempts, not_now(), 0.999)), [29, 59, 119, 3_598]);
        for throttled in [SendError::Throttled("rate".into()), SendError::QuotaUsedUp] {
            assert!(later(30, throttled, 0.999) <= LONGEST_THROTTLED);
        }
    }

    #[test]
    fn a_mail_ends_sent_or_dead() {
        let dead = |reason: &str| MailEnd::Dead { reason: reason.into(), unanswered: false };
        assert_eq!(end(&Ok(()), &attempt(), at(0), 0.5), MailEnd::Sent);
        let refused = Err(SendError::Never("SES answered `MessageRejected`".into()));
        assert_eq!(end(&refused, &attempt(), at(0), 0.5), dead("SES answered `MessageRejected`"));
        let late = Err(SendError::Later("no answer".into()));
        assert!(matches!(end(&late, &attempt(), at(86_400 - 16), 0.0), MailEnd::Later(_)));
        assert_eq!(end(&late, &attempt(), at(86_400 - 15), 0.0), dead("not now: no answer"));
    }

    #[test]
    fn a_mail_without_an_answer_is_sent_once_more_and_not_soon() {
        let lost = Err(SendError::Unknown("timed out".into()));
        assert_eq!(end(&lost, &attempt(), at(0), 0.0), MailEnd::Unanswered(at(UNANSWERED_PAUSE)));
        let again = Attempt { attempts: 2, unanswered: 1, ..attempt() };
        let dead = MailEnd::Dead { reason: "no answer: timed out".into(), unanswered: true };
        assert_eq!(end(&lost, &again, at(700), 0.0), dead);
        // What certainly was not sent does not count.
        assert!(matches!(end(&Err(SendError::Later("x".into())), &again, at(700), 0.0), MailEnd::Later(_)));
    }
}
