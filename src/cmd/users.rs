//! `users`: the people who signed up, read by the same store that the service writes with.

use serde::Serialize;
use signup_service::sign_up::UserId;
use signup_service::store::{DynamoStore, ListUsers, Store, StoreError};

use super::{Context, data_outputs, quoted};
use crate::cli::Users;
use crate::engine::stack;
use crate::error::{Exit, Failure, Outcome};

pub async fn run(context: &Context, command: Users) -> Outcome<Exit> {
    let Users::List { limit, after } = command;
    if let Some(after) = &after
        && !is_cursor(after)
    {
        return Err(Failure::usage("bad_cursor", format!("`{after}` is no place to go on from"))
            .hint("pass what an earlier page printed behind `--after`, or its `next`"));
    }
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let stacks = stack::read_all(&aws, &spec.service).await?;
    let table = data_outputs(context, &aws, &stacks, &spec)?.get("TableName").cloned().unwrap_or_default();
    let store = DynamoStore::new(aws.dynamodb(), table);
    let query = ListUsers { limit, cursor: after };
    let page = store.list_users(&query).await.map_err(|error| store_failure(&error))?;
    let rows: Vec<[String; 4]> = page
        .users
        .iter()
        .map(|user| {
            [
                user.created_at.strftime("%Y-%m-%d %H:%M").to_string(),
                word(&user.state),
                user.email.clone(),
                user.id.to_string(),
            ]
        })
        .collect();
    let mut lines = table_of(["SIGNED UP", "STATE", "EMAIL", "ID"], &rows);
    if rows.is_empty() {
        lines = "nobody has signed up yet".to_owned();
    }
    if let Some(next) = &page.next {
        let more = context.command("users list");
        lines.push_str(&format!("\n\nmore: {more} --limit {limit} --after {}", quoted(next)));
    }
    context.output.text(lines);
    context.output.object(&page);
    Ok(Exit::Done)
}

/// A time and an ID, as a page's `next` tells them.
fn is_cursor(text: &str) -> bool {
    let parts = text.split_once('#').map(|(time, id)| (time.parse::<jiff::Timestamp>(), UserId::parse(id)));
    matches!(parts, Some((Ok(_), Some(_))))
}

/// A failed read of the table in the house's words.
pub fn store_failure(error: &StoreError) -> Box<Failure> {
    let innermost = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source()).last();
    Failure::new("table_unreadable", error.to_string()).cause(innermost.map(ToString::to_string).unwrap_or_default())
}

/// A value's name as it stands in JSON.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
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
