//! Which users a filter means, page by page: the store's lists, and for a search two of them, one after the other.

use axum::extract::{Request, State};
use axum::response::Response;

use super::call::{Call, Refusal};
use super::look::{PAGE, cursor};
use super::{Desk, DeskState};
use crate::admin::SignedIn;
use crate::admin::page::By;
use crate::export::is_shown;
use crate::store::{Among, From, Group, ListUsers, Prefix};
use crate::user::User;
use crate::web::visit::value;

/// What a page's address holds sealed: what is searched for, and a place in the list of what was found.
pub(super) const SEARCH: &str = "search";
const PLACE: &str = "place";

/// What a cursor of a search begins with: of the list of names, and of that of addresses, which comes after it.
const NAMES: &str = "n:";
const ADDRESSES: &str = "a:";

/// Addresses that are looked at to see whether any is of somebody whose name was not found: whoever is found by both is
/// shown once, and most are.
const AHEAD: u16 = 4;

/// The cursor behind every place of a list: from here back is its last page.
const END: &str = "\u{10FFFF}";

/// A page of users.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) users: Vec<User>,
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

/// `POST /admin/search`: seals what was typed, and leads to the list that it means or to its export.
pub(super) async fn begin(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, form) = call.form(request).await?;
        let place = if value(&form, "to") == "export" { "export" } else { "users" };
        let text = By::typed(value(&form, "value")).ok_or(Refusal::NotFound)?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !text.is_empty() {
            query.append_pair("by", "search").append_pair("value", &desk.admins.seal(&signed_in, SEARCH, text));
        }
        query.extend_pairs(form.iter().filter(|(name, _)| name == "col"));
        Ok(call.see_other(&format!("{place}?{}", query.finish())))
    };
    call.answer(outcome.await)
}

/// Users of a filter in its order, a page of them. Costs two queries, or one of each list for a search.
pub(super) async fn find(desk: &Desk, me: &SignedIn, by: &By, older: &str, newer: &str) -> Result<Found, Refusal> {
    let among = newest(by, None);
    // A place in the list of a search is somebody's name or address.
    let cursor = |text| match among {
        Some(_) => cursor(text),
        None => desk.admins.unseal(me, PLACE, text).ok_or(Refusal::NotFound),
    };
    let from = match (older, newer) {
        ("", "") => From::Start,
        (older, "") => From::After(cursor(older)?),
        (_, newer) => From::Before(cursor(newer)?),
    };
    let Some(among) = among else {
        let mut found = search(desk, by.search(), from, PAGE).await?;
        for cursor in [&mut found.newer, &mut found.older].into_iter().flatten() {
            *cursor = desk.admins.seal(me, PLACE, cursor);
        }
        return Ok(found);
    };
    page(desk, among, from, PAGE).await
}

/// The one list that holds a filter's users, of a time where one is given; none holds those of a search.
pub(super) fn newest(by: &By, on: Option<String>) -> Option<Among> {
    let (of, on) = match by {
        By::All => (Group::All, on),
        By::Day(day) => (Group::All, on.or_else(|| Some(day.to_string()))),
        By::Country(code) => (Group::Country(code.clone()), on),
        By::State(state) => (Group::State(*state), on),
        By::Search(_) => return None,
    };
    Some(Among::Newest { of, on })
}

/// The field by whose beginning a text is looked for besides the address: an address that is typed as far as its `@` is
/// no name.
pub(super) fn name_field<'a>(desk: &'a Desk, text: &str) -> Option<&'a str> {
    desk.config.form.name_field().filter(|_| !text.contains('@'))
}

async fn page(desk: &Desk, among: Among, from: From, limit: u16) -> Result<Found, Refusal> {
    let found = desk.ledger.store.list_users(&ListUsers { among, from, limit }).await?;
    let now = desk.clock().now();
    let users = found.users.into_iter().filter(|user| is_shown(user, None, now)).collect();
    Ok(Found { users, newer: found.previous, older: found.next })
}

/// Whose name begins so, and then whose address alone does.
async fn search(desk: &Desk, text: &str, from: From, limit: u16) -> Result<Found, Refusal> {
    let Some(prefix) = Prefix::new(text) else { return Ok(Found::default()) };
    let name_field = name_field(desk, text);
    let named = Among::Name(prefix.clone());
    let addressed = Among::Address(prefix);
    let (in_names, mut from) = split(from, name_field.is_some())?;
    let mut any_names = name_field.is_some();
    if in_names {
        if from == From::Before(END.to_owned()) {
            from = named.end();
        }
        let mut found = page(desk, named.clone(), from.clone(), limit).await?;
        if from != From::Start || !found.users.is_empty() {
            found.mark(NAMES);
            if found.older.is_none() {
                let next = page(desk, addressed, From::Start, AHEAD).await?;
                let is_new = |user: &User| !named.holds(user, name_field);
                if next.older.is_some() || next.users.iter().any(is_new) {
                    found.older = Some(ADDRESSES.to_owned());
                }
            }
            return Ok(found);
        }
        (any_names, from) = (false, From::Start);
    }
    let mut found = page(desk, addressed, from, limit).await?;
    found.users.retain(|user| !(any_names && named.holds(user, name_field)));
    found.mark(ADDRESSES);
    if any_names && found.newer.is_none() {
        found.newer = Some(format!("{NAMES}{END}"));
    }
    Ok(found)
}

impl Found {
    /// Says in the cursors of which list they are.
    fn mark(&mut self, list: &str) {
        for cursor in [&mut self.newer, &mut self.older].into_iter().flatten() {
            cursor.insert_str(0, list);
        }
    }
}

/// In which of the two lists a page begins, and where.
fn split(from: From, has_names: bool) -> Result<(bool, From), Refusal> {
    let list_of = |cursor: &str| {
        let names = cursor.strip_prefix(NAMES).map(|rest| (true, rest.to_owned()));
        names.or_else(|| cursor.strip_prefix(ADDRESSES).map(|rest| (false, rest.to_owned()))).ok_or(Refusal::NotFound)
    };
    Ok(match from {
        From::Start => (has_names, From::Start),
        From::After(cursor) => match list_of(&cursor)? {
            (names, rest) if rest.is_empty() => (names, From::Start),
            (names, rest) => (names, From::After(rest)),
        },
        From::Before(cursor) => {
            let (names, rest) = list_of(&cursor)?;
            (names, From::Before(rest))
        }
    })
}
