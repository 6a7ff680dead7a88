//! `users rekey`: refusals get the name that the key of addresses gives them by now.

use serde_json::json;
use signup_service::clock::System;
use signup_service::event::Wanted;
use signup_service::refusals::{self, Renamed};

use super::{Book, Context, count, store_failure};
use crate::engine::keys;
use crate::error::{Exit, Outcome};

/// After so many it is said how many there were.
const NOTED: u64 = 1_000;

pub async fn run(context: &Context) -> Outcome<Exit> {
    let output = &context.output;
    let book = Book::open(context).await?;
    let number = book.address_key.map(|(least, _)| least);
    let key = keys::address_key(&book.aws, &book.spec.key_prefix(), number).await?;
    let note = |refusals: u64| {
        if refusals.is_multiple_of(NOTED) {
            output.note(format!("  {refusals} refusals so far"));
        }
    };
    let wanted = Wanted::of(&book.spec.service_config());
    let renamed = refusals::rename(&book.store, &key, &wanted, &System, note).await;
    let renamed = renamed.map_err(|error| store_failure(&error))?;
    output.text(render(&context.command("users rekey"), renamed));
    output.object(&json!({ "renamed": renamed.refusals, "left": renamed.left }));
    Ok(if renamed.left == 0 { Exit::Done } else { Exit::Pending })
}

fn render(again: &str, Renamed { refusals, left }: Renamed) -> String {
    let done = match refusals {
        0 => "no refusal to rename".to_owned(),
        _ => format!("{} renamed", count(refusals, "refusal")),
    };
    if left == 0 {
        return done;
    }
    let left = count(left, "refusal");
    format!("{done}; {left} kept the name of before, busy or still to be told of: run `{again}` again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_with_what_to_do_about_it() {
        let said = |refusals, left| render("signupctl users rekey", Renamed { refusals, left });
        assert_eq!(said(0, 0), "no refusal to rename");
        assert_eq!(said(2, 0), "2 refusals renamed");
        assert_eq!(
            said(2, 1),
            "2 refusals renamed; 1 refusal kept the name of before, busy or still to be told of: run `signupctl users rekey` again"
        );
    }
}
