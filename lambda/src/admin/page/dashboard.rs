//! The dashboard: how many, how fast, from where, and whether their mail arrives.

use askama::Template;
use jiff::Timestamp;

use super::chart::{Chart, Range, Span, chart, spans, sum};
use super::filter::label;
use super::frame::{Account, Frame, Section};
use super::number::{counted, grouped, percent};
use super::render;
use super::time::{When, date};
use super::value;
use crate::census::{Census, country_field};
use crate::config::ServiceConfig;
use crate::page::Site;
use crate::user::{State, User};

/// `GET admin/?days=`.
#[derive(Clone, Debug)]
pub struct Dashboard<'a> {
    pub now: Timestamp,
    /// Of all months.
    pub census: &'a Census,
    pub range: Range,
    pub mail: MailHealth,
    /// The newest users, newest first: some eight of them.
    pub newest: &'a [User],
}

/// How the mail does; `None` of what is not known. Who bounced, complained and is suppressed the census tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct MailHealth {
    /// Mails that the account sent within 24 hours, whoever asked for them.
    pub sent: Option<u64>,
    /// Mails that are to be sent.
    pub waiting: Option<u64>,
    pub quota: Option<Quota>,
}

/// What SES lets the account send within 24 hours.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub used: u64,
    pub limit: u64,
}

/// From these shares on, in thousandths, SES puts an account under review.
const BOUNCES: u64 = 50;
const COMPLAINTS: u64 = 1;

/// From this share of the quota on, in hundredths, there is reason to ask for more.
const QUOTA: u64 = 80;

/// Countries that are listed by name.
const COUNTRIES: usize = 10;

/// A number at the top.
struct Figure {
    label: &'static str,
    value: String,
    note: String,
}

struct Country {
    name: String,
    link: String,
    received: String,
    confirmed: String,
    /// Widths of the bars, in percent.
    width: String,
    confirmed_width: String,
}

/// A line about the mail.
struct Health {
    label: String,
    /// `None` of what is not known.
    value: Option<String>,
    note: String,
    /// What there is to be done about it.
    warning: Option<&'static str>,
}

struct Newest {
    link: String,
    name: Option<String>,
    email: String,
    at: When,
    state: &'static str,
    label: &'static str,
}

/// A row of the table that says what the chart draws.
struct Row {
    label: String,
    received: String,
    confirmed: String,
}

#[derive(Template)]
#[template(path = "admin/dashboard.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    figures: Vec<Figure>,
    chart: Chart,
    rows: Vec<Row>,
    total: Row,
    year: bool,
    has_countries: bool,
    countries: Vec<Country>,
    more_countries: Option<String>,
    health: Vec<Health>,
    newest: Vec<Newest>,
    nobody: bool,
}

/// The dashboard at `admin/`.
pub fn dashboard(site: &Site<'_>, me: &Account<'_>, config: &ServiceConfig, view: &Dashboard<'_>) -> String {
    let frame = Frame::new(site, me, Section::Dashboard);
    let census = view.census;
    let spans = spans(census, view.range, date(view.now));
    let all = sum(&spans);
    let row =
        |label: String, received, confirmed| Row { label, received: grouped(received), confirmed: grouped(confirmed) };
    let has_countries = country_field(config).is_some();
    let (countries, more) = countries(&frame, census);
    render(&Page {
        figures: figures(census, view.now, has_countries),
        chart: chart(&spans, view.range),
        rows: spans.iter().rev().map(|span| row(span.label.clone(), span.pair.received, span.pair.confirmed)).collect(),
        total: row("Together".into(), all.received, all.confirmed),
        year: view.range == Range::Year,
        has_countries,
        countries,
        more_countries: (more > 0).then(|| counted(more, "more country", "more countries")),
        health: health(&view.mail, census),
        newest: view.newest.iter().map(|user| newest(&frame, config, user)).collect(),
        nobody: census.received() == 0 && view.newest.is_empty(),
        frame,
    })
}

fn figures(census: &Census, now: Timestamp, has_countries: bool) -> Vec<Figure> {
    let (received, confirmed) = (census.received(), census.confirmed());
    let of = |state| census.states.get(&state).copied().unwrap_or_default();
    let today = date(now);
    let month = self::spans(census, Range::Month, today);
    let last =
        |days: usize| month.iter().rev().take(days).map(|span: &Span| span.pair.received).fold(0, u64::saturating_add);
    let mut figures = vec![
        Figure {
            label: "Users",
            value: grouped(received),
            note: format!("{} not confirmed yet", grouped(of(State::Pending))),
        },
        Figure {
            label: "Confirmed",
            value: percent(confirmed, received).unwrap_or_else(|| "–".into()),
            note: counted(confirmed, "user", "users"),
        },
    ];
    if has_countries {
        let present = || census.countries.iter().filter(|(_, pair)| pair.received > 0);
        let count = u64::try_from(present().count()).unwrap_or(u64::MAX);
        // Of equal ones the first by code, as in the list below; the last of the greatest is taken.
        let first = present().rev().max_by_key(|(_, pair)| pair.received).map(|(code, _)| value::country(code));
        let note = first.map_or_else(String::new, |name| format!("Most from {name}"));
        figures.push(Figure { label: "Countries", value: grouped(count), note });
    }
    figures.push(Figure {
        label: "Today",
        value: grouped(last(1)),
        note: format!("{} in the last 7 days", grouped(last(7))),
    });
    figures
}

/// The countries that most are from, and how many more there are.
fn countries(frame: &Frame<'_>, census: &Census) -> (Vec<Country>, u64) {
    let mut all: Vec<_> = census.countries.iter().filter(|(_, pair)| pair.received > 0).collect();
    // Of equal ones the first by code, so that the list does not jump about.
    all.sort_by(|(a, one), (b, other)| other.received.cmp(&one.received).then(a.cmp(b)));
    let most = all.first().map_or(0, |(_, pair)| pair.received);
    let width = |count: u64| {
        let hundredths = u128::from(count) * 10_000 / u128::from(most.max(1));
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let top = all.iter().take(COUNTRIES).map(|(code, pair)| Country {
        name: value::country(code),
        link: frame.to_with("users", &[("by", "country"), ("value", code)]),
        received: grouped(pair.received),
        confirmed: grouped(pair.confirmed),
        width: width(pair.received),
        confirmed_width: width(pair.confirmed.min(pair.received)),
    });
    (top.collect(), u64::try_from(all.len().saturating_sub(COUNTRIES)).unwrap_or(u64::MAX))
}

fn health(mail: &MailHealth, census: &Census) -> Vec<Health> {
    let line = |label: &str, value: Option<u64>| Health {
        label: label.to_owned(),
        value: value.map(grouped),
        note: String::new(),
        warning: None,
    };
    let everybody = census.received();
    let share = |count: u64, limit: u64, warning: &'static str| {
        let above = everybody > 0 && u128::from(count) * 1_000 >= u128::from(everybody) * u128::from(limit);
        let note = percent(count, everybody).map_or_else(String::new, |share| format!("{share} of all users"));
        (note, Some(warning).filter(|_| above))
    };
    let sent = Health { note: "by the account in 24 hours".into(), ..line("Sent", mail.sent) };
    let (note, warning) = share(census.bounced, BOUNCES, "From 5% on, SES reviews the account.");
    let bounced = Health { note, warning, ..line("Bounced", Some(census.bounced)) };
    let (note, warning) = share(census.complained, COMPLAINTS, "From 0.1% on, SES reviews the account.");
    let complained = Health { note, warning, ..line("Reported as spam", Some(census.complained)) };
    let suppressed = census.states.get(&State::Suppressed).copied().unwrap_or_default();
    let suppressed = Health { note: "get no mail any more".into(), ..line(label(State::Suppressed), Some(suppressed)) };
    let waiting = line("Waiting to be sent", mail.waiting);
    let quota = Health {
        value: mail.quota.map(|quota| format!("{} of {}", grouped(quota.used), grouped(quota.limit))),
        note: "in 24 hours".into(),
        warning: mail
            .quota
            .filter(|quota| u128::from(quota.used) * 100 >= u128::from(quota.limit) * u128::from(QUOTA))
            .map(|_| "Nearly used up: ask SES for a higher quota."),
        ..line("Daily quota", None)
    };
    vec![sent, bounced, complained, suppressed, waiting, quota]
}

fn newest(frame: &Frame<'_>, config: &ServiceConfig, user: &User) -> Newest {
    Newest {
        link: frame.to(&format!("users/{}", user.id)),
        name: value::name(&config.form, &user.answers.fields),
        email: user.answers.email.clone(),
        at: When(user.created_at),
        state: user.state.name(),
        label: label(user.state),
    }
}
