//! `users rekey`: refusals get the name that the key of addresses gives them by now.

use serde_json::json;
use signup_service::clock::System;
use signup_service::refusals::{self, Renamed};

use super::{Book, Context, count, store_failure};
use crate::engine::keys;
use crate::error::{Exit, Outcome};

/// After so many it is said how many there were.
const NOTED: u64 = 1_000;

pub async fn run(context: &Context) -> Outcome<Exit> {
    let output = &context.output;
    let book = Book::open(context).await?;
    let key = keys::address_key(&book.aws, &book.spec.key_prefix(), book.address_key).await?;
    let note = |refusals: u64| {
        if refusals > 0 && refusals.is_multiple_of(NOTED) {
            output.note(format!("  {refusals} refusals so far"));
        }
    };
    let renamed = refusals::rename(&book.store, &key, &System, note).await.map_err(|error| store_failure(&error))?;
    output.text(render(context, renamed));
    output.object(&json!({ "renamed": renamed.refusals, "left": renamed.left }));
    Ok(Exit::Done)
}

fn render(context: &Context, Renamed { refusals, left }: Renamed) -> String {
    let done = format!("{} named by the key in force", count(refusals, "refusal"));
    if left == 0 {
        return done;
    }
    format!(
        "{done}; {} kept the name of before, busy or still to be told to subscribers: `{}` takes them up later",
        count(left, "refusal"),
        context.command("users rekey")
    )
}
