//! The daily digest: a few lines for an operator's mailbox, from the counters alone.
//!
//! Pure. It names nobody, and says nothing that the counters do not.

use std::fmt::Write;

use jiff::Timestamp;

use crate::census::Census;
use crate::clock::{before, day};
use crate::notice::Notice;
use crate::pace::MailHealth;
use crate::user::State;

/// The day that is to be told of at a time, `2026-11-22`; `None` while it is too early. `from` is the hour in UTC from
/// which on the day before is told of.
pub fn told_at(now: Timestamp, from: u8) -> Option<String> {
    let hour = now.as_second().rem_euclid(86_400) / 3_600;
    (hour >= i64::from(from)).then(|| day(before(now, 86_400)))
}

/// Hours of a part of the day, in each of which one attempt may be left without an answer.
const PART: i64 = 4;

/// The part of the day in UTC, 0 to 5.
pub fn part(now: Timestamp) -> i64 {
    now.as_second().rem_euclid(86_400) / 3_600 / PART
}

/// What happened to a service on a day, and how it stands.
pub fn digest(service: &str, day: &str, census: &Census, mail: Option<&MailHealth>) -> Notice {
    let pair = census.days.get(day).copied().unwrap_or_default();
    let subject = format!("{service} {day}: {}, {} confirmed", counted(pair.received, "sign-up"), pair.confirmed);
    let failed = census.failures.get(day).copied().unwrap_or_default();
    let mut text = format!(
        "{day} (UTC)\n  sign-ups       {}\n  confirmations  {}\n  undeliverable  {failed}{}\n\n",
        pair.received,
        pair.confirmed,
        if failed == 0 { "" } else { "  (bounced for good, or reported as spam)" },
    );
    let _ = writeln!(text, "In all {}", counted(census.received(), "user"));
    for state in State::ALL {
        let _ = writeln!(text, "  {:13}  {}", state.name(), census.states.get(&state).copied().unwrap_or_default());
    }
    let _ = writeln!(text, "  {:13}  {}", "bounced", census.bounced);
    let _ = writeln!(text, "  {:13}  {}", "complained", census.complained);
    if let Some(mail) = mail {
        let _ = writeln!(text, "\nMail\n  {:13}  {}", "waiting", mail.waiting);
        if let Some(quota) = &mail.quota {
            let _ = writeln!(text, "  {:13}  {} of {} that SES takes in 24 hours", "sent", quota.sent, quota.per_day);
        }
    }
    Notice::new(subject, text)
}

/// `1 user`, `2 users`.
fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::Pair;
    use crate::pace::Quota;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_day_is_told_of_from_the_next_morning_on() {
        assert_eq!(told_at(at("2026-11-22T05:59:59Z"), 6), None);
        assert_eq!(told_at(at("2026-11-22T06:00:00Z"), 6).as_deref(), Some("2026-11-21"));
        assert_eq!(told_at(at("2026-11-22T23:59:59Z"), 6).as_deref(), Some("2026-11-21"));
        assert_eq!(told_at(at("2026-11-22T00:00:00Z"), 0).as_deref(), Some("2026-11-21"));
    }

    #[test]
    fn a_digest_tells_of_the_day_of_all_and_of_the_mail() {
        let census = Census {
            states: [(State::Pending, 3), (State::Confirmed, 39)].into(),
            days: [("2026-11-21".to_owned(), Pair { received: 12, confirmed: 1 })].into(),
            failures: [("2026-11-21".to_owned(), 2)].into(),
            bounced: 4,
            ..Census::default()
        };
        let quota = Some(Quota { per_second: 14.0, per_day: 50_000.0, sent: 13.0 });
        let mail = MailHealth { at: at("2026-11-22T06:00:00Z"), waiting: 1, quota, wakes: true };
        let busy = digest("waitlist", "2026-11-21", &census, Some(&mail));
        assert_eq!(busy.subject, "waitlist 2026-11-21: 12 sign-ups, 1 confirmed");
        insta::assert_snapshot!(busy.text, @r"
        2026-11-21 (UTC)
          sign-ups       12
          confirmations  1
          undeliverable  2  (bounced for good, or reported as spam)

        In all 42 users
          pending        3
          confirmed      39
          unsubscribed   0
          suppressed     0
          bounced        4
          complained     0

        Mail
          waiting        1
          sent           13 of 50000 that SES takes in 24 hours
        ");
        // Of a day on which nobody came there is one too: silence would say nothing.
        let quiet = digest("waitlist", "2026-11-20", &Census::default(), None);
        assert!(quiet.subject.ends_with("0 sign-ups, 0 confirmed") && !quiet.text.contains("Mail"));
    }
}
