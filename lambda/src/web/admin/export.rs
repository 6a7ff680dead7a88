//! Users as files, for an owner who has just shown that it is them: one, or as many as answers have to be to leave.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::call::{Call, Refusal};
use super::door::account;
use super::file::Reading;
use super::look::filter;
use super::search::{name_field, newest};
use super::{Desk, DeskState};
use crate::admin::page::{By, Export, ExportPart};
use crate::admin::{Action, Actor, Denied, Right, Role};
use crate::census::{Pair, Sums};
use crate::clock::day;
use crate::export::Format;
use crate::store::{Among, Prefix};

/// `GET /admin/export?by=&value=`
pub(super) async fn page(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        // Whoever may export is asked for a proof before the files, and not before the page that offers them.
        if signed_in.admin.role != Role::Owner {
            return Err(Denied::Role.into());
        }
        let by = filter(&call, &signed_in)?;
        let sums = desk.ledger.store.counters(None).await?;
        let parts = parts(&sums, &by, desk.file.unwrap_or(u64::MAX));
        let census = sums.census();
        let csrf = desk.admins.csrf(&signed_in);
        let is_proven = signed_in.session.is_proven(desk.clock().now());
        let view = Export { by: &by, census: &census, parts: &parts, is_bounded: desk.file.is_some(), is_proven };
        Ok(call.show(StatusCode::OK, super::page::export(&call.site(), &account(&signed_in, &csrf), &view)))
    };
    call.answer(outcome.await)
}

/// The files that hold everybody of a filter: one, or one a month, or one a day of months that are too full, or one an
/// hour of days that are. A file is offered for at most so many users.
fn parts(sums: &Sums, by: &By, most: u64) -> Vec<ExportPart> {
    let whole = |users| vec![ExportPart { label: String::new(), pairs: Vec::new(), users }];
    let months: BTreeMap<String, u64> = match by {
        By::Search(_) => return whole(None),
        By::Day(day) => {
            let (day, count) = (day.to_string(), sums.received_on(&day.to_string()));
            return if count > most { of_day(&day, Some(count), most) } else { whole(None) };
        }
        By::All => sums.by_month(|census| census.received()),
        By::State(state) => sums.by_month(|census| census.states.get(state).copied().unwrap_or_default()),
        By::Country(code) => sums.by_month(|census| census.countries.get(code).map_or(0, |pair| pair.received)),
    };
    let total: u64 = months.values().sum();
    match total {
        0 => Vec::new(),
        _ if total <= most => whole(Some(total)),
        _ => months.iter().rev().flat_map(|(month, count)| of_month(sums, by, (month, *count), most)).collect(),
    }
}

fn part(on: &str, users: Option<u64>) -> ExportPart {
    ExportPart { label: on.to_owned(), pairs: vec![("on".to_owned(), on.to_owned())], users }
}

/// A day as one part, or as its hours where it is too full. `count` says how many are in it, where that is known.
fn of_day(day: &str, count: Option<u64>, most: u64) -> Vec<ExportPart> {
    if count.is_some_and(|count| count > most) {
        (0..24).rev().map(|hour| part(&format!("{day}T{hour:02}"), None)).collect()
    } else {
        vec![part(day, count)]
    }
}

fn of_month(sums: &Sums, by: &By, (month, count): (&str, u64), most: u64) -> Vec<ExportPart> {
    match count {
        0 => Vec::new(),
        _ if count <= most => vec![part(month, Some(count))],
        _ => {
            let days = sums.census().days;
            let of_month = days.iter().rev().filter(|(day, pair)| day.starts_with(month) && pair.received > 0);
            // Of a state or a country the counters know the month alone: all of the day may be of it.
            let is_all = *by == By::All;
            let day = |(day, pair): (&String, &Pair)| match of_day(day, Some(pair.received), most) {
                parts if parts.len() > 1 || is_all => parts,
                _ => of_day(day, None, most),
            };
            of_month.flat_map(day).collect()
        }
    }
}

/// `GET /admin/export.csv?by=&value=&on=`
pub(super) async fn csv(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = file(&call, &desk, Format::Csv).await;
    call.answer(outcome)
}

/// `GET /admin/export.json?by=&value=&on=`
pub(super) async fn json(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = file(&call, &desk, Format::Json).await;
    call.answer(outcome)
}

async fn file(call: &Call<'_>, desk: &DeskState, format: Format) -> Result<Response, Refusal> {
    let signed_in = call.admitted().await?;
    // It reads much and is logged, so that no other page than ours has it begun.
    call.refuse_foreign()?;
    signed_in.may(Right::Export, desk.clock().now())?;
    let (name, kind) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::Json => ("json", "application/json"),
    };
    let (by, on) = (filter(call, &signed_in)?, call.asked("on"));
    let lists = lists(desk, &by, on)?;
    let action = Action::Exported { format: name.into(), filter: logged(&by, on) };
    desk.admins.record(&Actor::Admin(&signed_in, &call.visit), action, None).await?;
    let body = Reading::of(desk, lists, format)?.body().await?;
    let file = format!("attachment; filename=\"{}-{}.{name}\"", desk.config.service, day(desk.clock().now()));
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((headers, body).into_response())
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
