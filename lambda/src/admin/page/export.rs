//! The page that offers users as a file.

use askama::Template;

use super::filter::{By, Choice, country_choices, label};
use super::frame::{Account, Frame, Section};
use super::number::{counted, grouped};
use super::render;
use crate::census::Census;
use crate::page::Site;
use crate::user::State;

/// `GET admin/export?by=&value=`.
#[derive(Clone, Debug)]
pub struct Export<'a> {
    pub by: &'a By,
    /// Of all months.
    pub census: &'a Census,
    /// The files that together hold everybody, in the order in which they are to be read. One where all fits into one.
    pub parts: &'a [ExportPart],
    /// Whether a file has to fit into one answer; otherwise it is one whatever its size.
    pub is_bounded: bool,
    /// Whether the admin has just shown who they are, without which there is no file.
    pub is_proven: bool,
}

/// From this many users on a file that is not bounded is worth a warning.
const LARGE: u64 = 5_000;

/// What a registration takes in a file, in bytes.
const EACH: u64 = 500;

/// One file.
#[derive(Clone, Debug)]
pub struct ExportPart {
    /// What tells it from the others, such as `November 2026`; not shown where it is the only one.
    pub label: String,
    /// What its links hold beside the filter.
    pub pairs: Vec<(String, String)>,
    /// How many are in it, where that is known.
    pub users: Option<u64>,
}

struct Part {
    label: String,
    users: Option<String>,
    csv: String,
    json: String,
}

#[derive(Template)]
#[template(path = "admin/export.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    by: &'a By,
    count: Option<String>,
    parts: Vec<Part>,
    large: Option<String>,
    /// Where a proof is asked for that leads back here, if there has to be one.
    proof: Option<String>,
    countries: Vec<Choice>,
    states: Vec<Choice>,
}

/// The choice of what to export, at `admin/export`. The files are at `admin/export.csv` and `admin/export.json`.
pub fn export(site: &Site<'_>, me: &Account<'_>, view: &Export<'_>) -> String {
    let Export { by, census, parts, is_bounded, is_proven } = view;
    let large = by.total(census).filter(|total| !is_bounded && *total > LARGE);
    let frame = Frame::new(site, me, Section::Export);
    let filter = by.pairs();
    let proof = (!is_proven).then(|| {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&filter).finish();
        frame.to_with("prove", &[("next", &format!("export?{query}"))])
    });
    let part = |part: &ExportPart| {
        let filter = filter.iter().map(|(key, value)| (*key, value.as_str()));
        let pairs: Vec<(&str, &str)> =
            filter.chain(part.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))).collect();
        Part {
            label: part.label.clone(),
            users: part.users.map(grouped),
            csv: frame.to_with("export.csv", &pairs),
            json: frame.to_with("export.json", &pairs),
        }
    };
    let state = |state: State| Choice {
        value: state.name().into(),
        label: label(state).into(),
        chosen: **by == By::State(state),
    };
    render(&Page {
        frame,
        by,
        count: by.total(census).map(|total| counted(total, "user", "users")),
        parts: parts.iter().map(part).collect(),
        proof,
        large: large.map(|total| grouped((total * EACH).div_ceil(1_000_000))),
        countries: country_choices(census, by),
        states: State::ALL.map(state).into(),
    })
}
