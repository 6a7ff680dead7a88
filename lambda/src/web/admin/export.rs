//! Users as files, for an owner who has just shown that it is them: in parts that fit into one answer.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::call::{Call, Refusal};
use super::door::account;
use super::look::filter;
use super::search::{name_field, newest};
use super::{Desk, DeskState};
use crate::admin::page::{By, Export, ExportPart};
use crate::admin::{Action, Actor, Denied, Right, Role};
use crate::census::{Pair, Sums};
use crate::clock::day;
use crate::export::{Encoder, Format, is_shown};
use crate::store::{Among, From, ListUsers, Prefix};

/// Users that one file is offered for: Lambda answers with six megabytes, and a registration takes some 500 bytes. A file
/// that turns out to hold more than twice as many is refused, and never cut.
const MOST: u64 = 5_000;

/// Users that are read at once: fewer wait for each other more often than a function may run.
const READ: u16 = 500;

/// `GET /admin/export?by=&value=`
pub(super) async fn page(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        // Whoever may export is asked for a proof by the files, and not by the page that offers them.
        if signed_in.admin.role != Role::Owner {
            return Err(Denied::Role.into());
        }
        let by = filter(&call, &signed_in)?;
        let sums = desk.ledger.store.counters(None).await?;
        let parts = parts(&sums, &by);
        let census = sums.census();
        let csrf = desk.admins.csrf(&signed_in);
        let view = Export { by: &by, census: &census, parts: &parts };
        Ok(call.show(StatusCode::OK, super::page::export(&call.site(), &account(&signed_in, &csrf), &view)))
    };
    call.answer(outcome.await)
}

/// The files that hold everybody of a filter: one, or one a month, or one a day of months that are too full, or one an
/// hour of days that are.
fn parts(sums: &Sums, by: &By) -> Vec<ExportPart> {
    let whole = |users| vec![ExportPart { label: String::new(), pairs: Vec::new(), users }];
    let months: BTreeMap<String, u64> = match by {
        By::Search(_) => return whole(None),
        By::Day(day) => {
            let (day, count) = (day.to_string(), sums.received_on(&day.to_string()));
            return if count > MOST { of_day(&day, Some(count)) } else { whole(None) };
        }
        By::All => sums.by_month(|census| census.received()),
        By::State(state) => sums.by_month(|census| census.states.get(state).copied().unwrap_or_default()),
        By::Country(code) => sums.by_month(|census| census.countries.get(code).map_or(0, |pair| pair.received)),
    };
    let total: u64 = months.values().sum();
    match total {
        0 => Vec::new(),
        1..=MOST => whole(Some(total)),
        _ => months.iter().rev().flat_map(|(month, count)| of_month(sums, by, month, *count)).collect(),
    }
}

fn part(on: &str, users: Option<u64>) -> ExportPart {
    ExportPart { label: on.to_owned(), pairs: vec![("on".to_owned(), on.to_owned())], users }
}

/// A day as one part, or as its hours where it is too full. `count` says how many are in it, where that is known.
fn of_day(day: &str, count: Option<u64>) -> Vec<ExportPart> {
    if count.is_some_and(|count| count > MOST) {
        (0..24).rev().map(|hour| part(&format!("{day}T{hour:02}"), None)).collect()
    } else {
        vec![part(day, count)]
    }
}

fn of_month(sums: &Sums, by: &By, month: &str, count: u64) -> Vec<ExportPart> {
    match count {
        0 => Vec::new(),
        1..=MOST => vec![part(month, Some(count))],
        _ => {
            let days = sums.census().days;
            let of_month = days.iter().rev().filter(|(day, pair)| day.starts_with(month) && pair.received > 0);
            // Of a state or a country the counters know the month alone: all of the day may be of it.
            let is_all = *by == By::All;
            let day = |(day, pair): (&String, &Pair)| match of_day(day, Some(pair.received)) {
                parts if parts.len() > 1 || is_all => parts,
                _ => of_day(day, None),
            };
            of_month.flat_map(day).collect()
        }
    }
}

/// `GET /admin/export.csv?by=&value=&on=`
pub(super) async fn csv(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = file(&call, Format::Csv).await;
    call.answer(outcome)
}

/// `GET /admin/export.json?by=&value=&on=`
pub(super) async fn json(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = file(&call, Format::Json).await;
    call.answer(outcome)
}

async fn file(call: &Call<'_>, format: Format) -> Result<Response, Refusal> {
    let desk = call.desk;
    let signed_in = call.admitted().await?;
    signed_in.may(Right::Export, desk.clock().now())?;
    let (name, kind) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::Json => ("json", "application/json"),
    };
    let (by, on) = (filter(call, &signed_in)?, call.asked("on"));
    let lists = lists(desk, &by, on)?;
    let action = Action::Exported { format: name.into(), filter: logged(&by, on) };
    desk.admins.record(&Actor::Admin(&signed_in, &call.visit), action, None).await?;
    let body = read(desk, lists, format).await?;
    let file = format!("attachment; filename=\"{}-{}.{name}\"", desk.config.service, day(desk.clock().now()));
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((headers, Body::from(body)).into_response())
}

/// A filter as the audit log keeps it. What is searched for can be an address, which would outlive its user there.
fn logged(by: &By, on: &str) -> String {
    let is_kept = |name: &str| name == "by" || !matches!(by, By::Search(_));
    let pairs = by.pairs().into_iter().filter(|(name, _)| is_kept(name));
    let on = [("on", on.to_owned())].into_iter().filter(|(_, on)| !on.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs.chain(on)).finish()
}

/// The lists that together hold a filter's users, of the time that is asked for.
fn lists(desk: &Desk, by: &By, on: &str) -> Result<Vec<Among>, Refusal> {
    if !is_time(on) {
        return Err(Refusal::NotFound);
    }
    if let (By::Day(day), false) = (by, on.is_empty())
        && !on.starts_with(&day.to_string())
    {
        return Err(Refusal::NotFound);
    }
    if let Some(among) = newest(by, Some(on.to_owned()).filter(|on| !on.is_empty())) {
        return Ok(vec![among]);
    }
    let Some(prefix) = Prefix::new(by.search()) else { return Ok(Vec::new()) };
    let names = name_field(desk, by.search()).map(|_| Among::Name(prefix.clone()));
    Ok(names.into_iter().chain([Among::Address(prefix)]).collect())
}

/// Whether a text is how a time begins: a month, a day or an hour of one, or nothing at all.
fn is_time(on: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00";
    let is_alike = |(byte, shape): (u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == *shape };
    [0, 7, 10, 13].contains(&on.len()) && on.bytes().zip(SHAPE).all(is_alike)
}

/// Everybody of the lists once, as a file.
async fn read(desk: &Desk, lists: Vec<Among>, format: Format) -> Result<Vec<u8>, Refusal> {
    let unwritten = |error: std::io::Error| crate::store::StoreError::new("write an export", error);
    let mut encoder = Encoder::begin(format, &desk.config.form, Vec::new()).map_err(unwritten)?;
    let now = desk.clock().now();
    let mut written = BTreeSet::new();
    for among in lists {
        let mut from = From::Start;
        loop {
            let query = ListUsers { among: among.clone(), from, limit: READ };
            let found = desk.ledger.store.list_users(&query).await?;
            for user in found.users.iter().filter(|user| is_shown(user, None, now)) {
                if written.insert(user.id) {
                    encoder.user(user).map_err(unwritten)?;
                }
            }
            if written.len() as u64 > 2 * MOST {
                return Err(Refusal::TooMany);
            }
            match found.next {
                Some(next) => from = From::After(next),
                None => break,
            }
        }
    }
    Ok(encoder.end().map_err(unwritten)?)
}
