//! The table of users.

use askama::Template;

use super::columns::{Cell, Columns, Offer};
use super::filter::{By, Choice, country_choices, label};
use super::frame::{Account, Frame, Section};
use super::number::{counted, grouped};
use super::render;
use crate::census::{Census, country_field};
use crate::config::ServiceConfig;
use crate::page::Site;
use crate::user::{State, User};

/// `GET admin/users?by=&value=&col=&older=&newer=`: a page of users, newest first.
#[derive(Clone, Debug)]
pub struct Users<'a> {
    pub by: &'a By,
    pub columns: &'a Columns<'a>,
    pub users: &'a [User],
    /// Of all months.
    pub census: &'a Census,
    /// Whether somebody has just been erased.
    pub erased: bool,
    /// The cursor of the page with newer users, sent as `newer`; absent on the first.
    pub newer: Option<&'a str>,
    /// The cursor of the page with older ones, sent as `older`; absent on the last.
    pub older: Option<&'a str>,
}

struct Row {
    link: String,
    /// Empty of an address that was forgotten.
    email: String,
    cells: Vec<(String, Cell)>,
}

/// A link of the row of states.
struct Tab {
    label: &'static str,
    count: String,
    link: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "admin/users.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    by: &'a By,
    title: String,
    count: String,
    tabs: Vec<Tab>,
    countries: Vec<Choice>,
    has_countries: bool,
    /// What every form sends along: the columns.
    kept: Vec<(&'static str, String)>,
    /// What the form of the columns sends along: the filter.
    filter: Vec<(&'static str, String)>,
    offers: Vec<Offer>,
    labels: Vec<String>,
    rows: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    export: Option<String>,
    everybody: String,
    /// Nobody ever signed up.
    nobody: bool,
    erased: bool,
}

/// The users of a filter, at `admin/users`.
pub fn users(site: &Site<'_>, me: &Account<'_>, config: &ServiceConfig, view: &Users<'_>) -> String {
    let Users { by, columns, users, census, .. } = view;
    let frame = Frame::new(site, me, Section::Users);
    let (filter, kept) = (by.pairs(), columns.pairs());
    let link = |place: &str, parts: &[&[(&'static str, String)]]| {
        let pairs: Vec<(&str, &str)> =
            parts.iter().flat_map(|part| part.iter()).map(|(key, value)| (*key, value.as_str())).collect();
        frame.to_with(place, &pairs)
    };
    let page = |key: &'static str, cursor: Option<&str>| {
        cursor.map(|cursor| link("users", &[&filter, &kept, &[(key, cursor.to_owned())]]))
    };
    let tab = |of: By, label: &'static str| Tab {
        label,
        count: grouped(of.total(census).unwrap_or_default()),
        link: link("users", &[&of.pairs(), &kept]),
        current: of == **by,
    };
    let states = State::ALL.map(|state| tab(By::State(state), label(state)));
    let row = |user: &User| Row {
        link: frame.to(&format!("users/{}", user.id)),
        email: user.answers.email.clone(),
        cells: columns.cells(user),
    };
    let shown = u64::try_from(users.len()).unwrap_or(u64::MAX);
    let only = view.newer.is_none() && view.older.is_none();
    // What was counted a moment ago and what is listed now may differ by whoever came between.
    let count = match by.total(census).filter(|total| !only && *total > shown) {
        Some(total) => format!("{} of {}", grouped(shown), counted(total, "user", "users")),
        None if only => counted(shown, "user", "users"),
        None => format!("{} on this page", counted(shown, "user", "users")),
    };
    render(&Page {
        by,
        title: by.title(),
        count,
        tabs: [tab(By::All, "All")].into_iter().chain(states).collect(),
        countries: country_choices(census, by),
        has_countries: country_field(config).is_some(),
        offers: columns.offers(),
        labels: columns.labels(),
        rows: users.iter().map(row).collect(),
        newer: page("newer", view.newer),
        older: page("older", view.older),
        export: (me.is_owner() && !users.is_empty()).then(|| link("export", &[&filter])),
        everybody: link("users", &[&kept]),
        nobody: census.received() == 0 && users.is_empty() && by.is_all(),
        erased: view.erased,
        kept,
        filter,
        frame,
    })
}
