//! `users erase`: one user, for good: noted first, so that not even a restored backup brings the user back.

use serde_json::json;
use signup_service::clock::{Clock, System};
use signup_service::event::Wanted;
use signup_service::keys::Names;
use signup_service::ledger;
use signup_service::store::{Saved, Store};
use signup_service::user::{Mail, State, User};

use super::{Book, Context, Who, count, store_failure};
use crate::engine::erasure;
use crate::error::{Exit, Failure, Outcome};

/// How long DynamoDB keeps what a stream has told, in hours. Nothing takes a record out of it earlier.
const STREAM_HOURS: u32 = 24;

/// How often a user is erased who changes meanwhile.
const TRIES: u32 = 8;

pub async fn run(context: &Context, user: &str) -> Outcome<Exit> {
    let output = &context.output;
    let who = Who::parse(user)?;
    let book = Book::open(context).await?;
    let names = book.names(&who).await?;
    let find = async || ledger::find(&book.store, &names).await.map_err(|error| store_failure(&error));
    let Some(user) = find().await? else {
        output.text(format!("{}: nothing to erase", who.nobody()));
        output.object(&json!({ "erased": false }));
        return Ok(Exit::Done);
    };
    output.note(format!("This erases one user of `{}`, for good: {}.", book.spec.service, extent(&user).join(", ")));
    if refuses(&user) {
        output.note("The refusal goes with the user: signed up again, the address is mailed again.");
    }
    if !output.yes {
        let place = book.aws.describe().await?;
        if !output.confirm(&format!("Erase this user from {place}?")).await? {
            return Err(Failure::new("declined", "nothing was erased"));
        }
    }
    let tombstone = erase(&book, user, &names).await?;
    // Renamed meanwhile; or back, in a restored table, under another name.
    while let Some(other) = find().await? {
        erase(&book, other, &names).await?;
    }
    let days = book.spec.data.pitr_days;
    let mut lines = vec![
        "erased: the table holds nothing of this user any more".to_owned(),
        format!("its stream holds the record for {STREAM_HOURS} hours, for the service's functions alone"),
    ];
    if days > 0 {
        lines.push(format!(
            "the table's backups do, for {}; after a restore `{}` erases anew",
            count(days, "day"),
            context.command("users recount --repair")
        ));
    }
    output.text(lines.join("\n"));
    output
        .object(&json!({ "erased": true, "tombstone": tombstone, "stream_hours": STREAM_HOURS, "backup_days": days }));
    Ok(Exit::Done)
}

/// What is kept of a user, in numbers.
fn extent(user: &User) -> Vec<String> {
    let answers = &user.answers;
    let some = |number: usize, of: &str| Some(count(number as u64, of)).filter(|_| number > 0);
    let address = if answers.email.is_empty() { "no address" } else { "1 address" };
    [
        Some(address.to_owned()),
        some(answers.fields.len(), "answer"),
        some(usize::from(answers.consent.is_some()), "consent"),
        user.waiting.as_ref().map(|waiting| {
            format!("{} that wait for confirmation", count(waiting.answers.fields.len() as u64 + 1, "new answer"))
        }),
        user.mail.as_ref().filter(|mail| Mail::is_open(mail)).map(|_| "1 mail that is still to be sent".to_owned()),
        refuses(user).then(|| "1 refusal of mail".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the user is kept so that the address is not mailed.
fn refuses(user: &User) -> bool {
    matches!(user.state, State::Unsubscribed | State::Suppressed)
}

/// Notes the erasure, and erases. Returns the tombstone. Safe to repeat.
async fn erase(book: &Book, mut user: User, names: &Names) -> Outcome<String> {
    let wanted = Wanted::of(&book.spec.service_config());
    for _ in 0..TRIES {
        let tombstone = erasure::tombstone(&user);
        for tombstone in erasure::of_all_names(&user, names) {
            erasure::put(&book.aws, &book.bucket, &tombstone).await?;
        }
        let farewell = wanted.farewell(&user, System.now());
        if book.store.erase(&user, farewell.as_ref()).await.map_err(|error| store_failure(&error))? == Saved::Done {
            return Ok(tombstone);
        }
        // Changed meanwhile: whoever is there now is meant, even if it is by another sign-up.
        match book.store.load(user.id).await.map_err(|error| store_failure(&error))? {
            Some(changed) => user = changed,
            None => return Ok(tombstone),
        }
    }
    Err(Failure::new("throttled", "the user could not be erased").cause("the user kept changing").hint("run it again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sample;

    #[test]
    fn what_is_asked_about_names_no_value() {
        let user = sample::pending();
        assert_eq!(extent(&user), ["1 address", "3 answers", "1 consent", "1 mail that is still to be sent"]);
        assert_eq!(extent(&sample::confirmed()), ["1 address", "3 answers", "1 consent"]);
        let refused = User { state: State::Unsubscribed, ..sample::confirmed() };
        assert_eq!(extent(&refused), ["1 address", "3 answers", "1 consent", "1 refusal of mail"]);
        let answers = signup_service::user::Answers::default();
        let refused = User { state: State::Suppressed, answers, ..sample::confirmed() };
        assert_eq!(extent(&refused), ["no address", "1 refusal of mail"]);
    }
}
