//! The daily digest: a few lines for an operator's mailbox, from the counters alone.
//!
//! Pure. It names nobody, and says nothing that the counters do not.

mod mail;

use std::fmt::Write;

use jiff::Timestamp;

pub use mail::{DIGEST_LEASE, DIGEST_PAUSE, DigestMail, Missed};

use crate::census::Census;
use crate::clock::{before, day};
use crate::notice::Notice;
use crate::pace::MailHealth;
use crate::user::State;

/// Seconds of a day by which the last who signed up on the day before are counted.
const COUNTED: i64 = 600;

/// The day that is told of at a time, `2026-11-22`, and since when it is: the one before, from an hour in UTC on until that
/// hour of the next day, though ten minutes after midnight at the earliest.
pub fn told_at(now: Timestamp, hour: u8) -> (String, Timestamp) {
    let from = (i64::from(hour) * 3_600).max(COUNTED);
    let since = now.as_second() - (now.as_second() - from).rem_euclid(86_400);
    let since = Timestamp::from_second(since).unwrap_or(now);
    (day(before(since, 86_400)), since)
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
    fn a_day_is_told_of_from_the_next_morning_on_and_for_a_day() {
        for (now, hour, day, since) in [
            ("2026-11-22T05:59:59Z", 6, "2026-11-20", "2026-11-21T06:00:00Z"),
            ("2026-11-22T06:00:00Z", 6, "2026-11-21", "2026-11-22T06:00:00Z"),
            ("2026-11-22T23:59:59Z", 6, "2026-11-21", "2026-11-22T06:00:00Z"),
            ("2026-11-23T01:00:00Z", 23, "2026-11-21", "2026-11-22T23:00:00Z"),
            ("2026-11-22T00:09:59Z", 0, "2026-11-20", "2026-11-21T00:10:00Z"),
            ("2026-11-22T00:10:00Z", 0, "2026-11-21", "2026-11-22T00:10:00Z"),
        ] {
            assert_eq!(told_at(at(now), hour), (day.to_owned(), at(since)), "{now} {hour}");
        }
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
        let mail = MailHealth { at: at("2026-11-22T06:00:00Z"), waiting: 1, quota, looked: None };
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
