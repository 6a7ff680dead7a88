//! `users list`: a page of users, newest first.

use jiff::Timestamp;
use serde_json::json;
use signup_service::clock::{Clock, System};
use signup_service::store::{Among, Group, Store};
use signup_service::user::{State, User};

use super::walk::{Walk, cursor, is_cursor};
use super::{Book, Context};
use crate::cli;
use crate::cmd::quoted;
use crate::error::{Exit, Failure, Outcome};
use signup_service::export::{Row, is_shown};

pub async fn run(context: &Context, arguments: cli::ListUsers) -> Outcome<Exit> {
    let cli::ListUsers { limit, after, state } = arguments;
    if let Some(after) = &after
        && !is_cursor(after)
    {
        return Err(Failure::usage("bad_cursor", format!("`{after}` is no place to go on from"))
            .hint("pass what an earlier page printed behind `--after`, or its `next`"));
    }
    let book = Book::open(context).await?;
    let (users, next) = collect(&book.store, limit, after.clone(), state, System.now()).await?;
    let rows: Vec<[String; 4]> = users
        .iter()
        .map(|user| {
            [
                user.created_at.strftime("%Y-%m-%d %H:%M").to_string(),
                user.state.name().to_owned(),
                Some(user.answers.email.clone()).filter(|email| !email.is_empty()).unwrap_or("(forgotten)".into()),
                user.id.to_string(),
            ]
        })
        .collect();
    let mut lines = match (rows.is_empty(), state, &after) {
        (false, ..) => table_of(["SIGNED UP", "STATE", "EMAIL", "ID"], &rows),
        (true, None, None) => "nobody has signed up yet".to_owned(),
        (true, Some(state), None) => format!("nobody is {}", state.name()),
        (true, _, Some(_)) => "that was everybody".to_owned(),
    };
    if let Some(next) = &next {
        let more = context.command("users list");
        let state = state.map(|state| format!(" --state {}", state.name())).unwrap_or_default();
        lines.push_str(&format!("\n\nmore: {more} --limit {limit}{state} --after {}", quoted(next)));
    }
    context.output.text(lines);
    context.output.object(&json!({ "users": users.iter().map(Row::of).collect::<Vec<_>>(), "next": next }));
    Ok(Exit::Done)
}

/// The first `limit` users who are shown, and the cursor behind them when there are more.
async fn collect(
    store: &dyn Store,
    limit: u16,
    after: Option<String>,
    state: Option<State>,
    now: Timestamp,
) -> Outcome<(Vec<User>, Option<String>)> {
    let wanted = usize::from(limit);
    let among = Among::all(state.map_or(Group::All, Group::State));
    // One more tells whether there are more.
    let mut walk = Walk::new(store, among, limit + 1, after);
    let mut users = Vec::new();
    while users.len() <= wanted
        && let Some(page) = walk.page().await?
    {
        users.extend(page.into_iter().filter(|user| is_shown(user, state, now)));
    }
    let more = users.len() > wanted;
    users.truncate(wanted);
    let next = users.last().filter(|_| more).map(cursor);
    Ok((users, next))
}

fn table_of<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([heading[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    [line(heading.to_vec())].into_iter().chain(body).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use signup_service::store::MemoryStore;

    use super::*;
    use crate::engine::sample;

    #[tokio::test]
    async fn a_state_is_looked_for_until_there_are_enough() {
        let store = MemoryStore::default();
        // Somebody confirmed between pending ones: numbers 1, 2 (confirmed), 3, 4.
        let others = [1, 3, 4].map(|number| sample::received(number, "ada@example.com"));
        for user in others.iter().chain([&sample::confirmed()]) {
            sample::keep(&store, user).await;
        }
        let ids = async |limit, after, state, now| {
            let (users, next) = collect(&store, limit, after, state, now).await.expect("the store works");
            (users.iter().map(|user| user.id.0[0]).collect::<Vec<_>>(), next)
        };
        let now = sample::at(100);
        assert_eq!(ids(1, None, Some(State::Confirmed), now).await, (vec![2], None));
        let (first, next) = ids(2, None, Some(State::Pending), now).await;
        assert_eq!((first, next.is_some()), (vec![4, 3], true));
        assert_eq!(ids(2, next, Some(State::Pending), now).await, (vec![1], None));
        assert_eq!(ids(4, None, None, now).await, (vec![4, 3, 2, 1], None));
        // A month later nobody who is pending is left.
        assert_eq!(ids(50, None, None, sample::at(31 * 86_400)).await, (vec![2], None));
    }
}
