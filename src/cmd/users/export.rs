//! `users export`: everybody as CSV or JSON, written while it is read.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::json;
use signup_service::clock::{Clock, System};
use signup_service::config::Form;
use signup_service::export::{Encoder, is_shown};
use signup_service::store::{Among, Group, Store};
use signup_service::user::State;

use super::partial::Partial;
use super::walk::Walk;
use super::{Book, Context, count};
use crate::cli::{self, ExportFormat};
use crate::error::{Exit, Failure, Outcome};

/// Users that are held at once.
const PAGE: u16 = 500;

/// Users between two notes of progress.
const NOTED: u64 = 10_000;

pub async fn run(context: &Context, arguments: cli::Export) -> Outcome<Exit> {
    let cli::Export { format, output: file, state } = arguments;
    let output = &context.output;
    if output.json && file.is_none() {
        return Err(Failure::usage("two_results", "the export and the object of `--json` would both be on stdout")
            .hint("pass `--format json` for the users as JSON, or name a file with `--output`"));
    }
    let book = Book::open(context).await?;
    let form = &book.spec.form;
    let note = |users: u64| output.note(format!("  {users} users so far"));
    let Some(file) = file else {
        let written = write(&book.store, form, format, output.stream(), state, System.now(), note).await;
        let Some((users, mut stdout)) = gone_is_done(written)? else { return Ok(Exit::Done) };
        gone_is_done(stdout.flush().map_err(Broken::Sink))?;
        output.note(count(users, "user"));
        return Ok(Exit::Done);
    };
    let unwritable = |error: io::Error| {
        Failure::new("unwritable", format!("`{}` cannot be written", file.display())).cause(error.to_string())
    };
    let partial = io::BufWriter::with_capacity(64 * 1024, Partial::create(&file)?);
    let (users, partial) = match write(&book.store, form, format, partial, state, System.now(), note).await {
        Ok(written) => written,
        Err(Broken::Source(failure)) => return Err(failure),
        Err(Broken::Sink(error)) => return Err(unwritable(error)),
    };
    let partial = partial.into_inner().map_err(|error| unwritable(error.into_error()))?;
    partial.keep().map_err(unwritable)?;
    output.text(format!("{} in `{}`", count(users, "user"), file.display()));
    output.object(&json!({ "users": users, "file": file.display().to_string(), "format": format.name() }));
    Ok(Exit::Done)
}

/// Why an export ended early.
#[derive(Debug)]
enum Broken {
    /// The table could not be read.
    Source(Box<Failure>),
    /// What is written to takes no more.
    Sink(io::Error),
}

/// A reader that has gone (`| head`) has had enough; what else goes wrong is a failure.
fn gone_is_done<T>(written: Result<T, Broken>) -> Outcome<Option<T>> {
    match written {
        Ok(written) => Ok(Some(written)),
        Err(Broken::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        Err(Broken::Sink(error)) => {
            Err(Failure::new("unwritable", "stdout cannot be written").cause(error.to_string()))
        }
        Err(Broken::Source(failure)) => Err(failure),
    }
}

/// Writes everybody who is shown. Returns how many, and what was written to. A part that was written before a failure
/// has no end: JSON that does not parse, and CSV without its last rows.
async fn write<W: Write>(
    store: &dyn Store,
    form: &Form,
    format: ExportFormat,
    to: W,
    state: Option<State>,
    now: Timestamp,
    note: impl Fn(u64),
) -> Result<(u64, W), Broken> {
    let mut encoder = Encoder::begin(format.into(), form, to).map_err(Broken::Sink)?;
    let among = Among::all(state.map_or(Group::All, Group::State));
    let mut walk = Walk::new(store, among, PAGE, None);
    let mut users: u64 = 0;
    while let Some(page) = walk.page().await.map_err(Broken::Source)? {
        for user in page.iter().filter(|user| is_shown(user, state, now)) {
            encoder.user(user).map_err(Broken::Sink)?;
            users += 1;
            if users.is_multiple_of(NOTED) {
                note(users);
            }
        }
    }
    Ok((users, encoder.end().map_err(Broken::Sink)?))
}

#[cfg(test)]
mod tests {
    use signup_service::export::{Columns, Row};
    use signup_service::store::MemoryStore;

    use super::*;
    use crate::engine::sample;

    async fn export(format: ExportFormat, state: Option<State>) -> String {
        let store = MemoryStore::default();
        let mut tricky = sample::received(3, "=cmd@example.com");
        tricky.answers.fields.insert("note".into(), signup_service::user::FieldValue::Text("a \"b\", c\nd".into()));
        for user in [&sample::pending(), &sample::confirmed(), &tricky] {
            sample::keep(&store, user).await;
        }
        let form = json!({ "title": "Small", "fields": [
            { "name": "email", "type": "email" }, { "name": "age", "type": "integer" }, { "name": "note", "type": "textarea" },
            { "name": "tags", "type": "multi_choice", "options": ["web", "data"] },
        ] });
        let form = serde_json::from_value(form).expect("a form");
        let (_, bytes) =
            write(&store, &form, format, Vec::new(), state, sample::at(100), |_| ()).await.expect("written");
        String::from_utf8(bytes).expect("text")
    }

    #[tokio::test]
    async fn csv_is_as_the_rfc_says_and_no_cell_is_a_formula() {
        let csv = export(ExportFormat::Csv, None).await;
        let text = csv.strip_prefix('\u{FEFF}').expect("it says that it is UTF-8");
        insta::assert_snapshot!(text.replace("\r\n", "<CRLF>\n"), @r#"
        id,state,email,age,note,tags,consent_version,language,created_at,confirmed_at,ended_at,ended_by,other_fields<CRLF>
        03030303030303030303030303030303,pending,'=cmd@example.com,36,"a ""b"", c
        d",web; data,2026-06,en,2026-11-22T10:00:03.000Z,,,,"{""nationality"":""GB""}"<CRLF>
        02020202020202020202020202020202,confirmed,bob@example.com,36,,web; data,2026-06,en,2026-11-22T10:00:02.000Z,2026-11-22T10:01:00.000Z,,,"{""nationality"":""GB""}"<CRLF>
        01010101010101010101010101010101,pending,ada@example.com,36,,web; data,2026-06,en,2026-11-22T10:00:01.000Z,,,,"{""nationality"":""GB""}"<CRLF>
        "#);
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(rows.headers().expect("names").get(0), Some("id"), "the mark is no part of the first name");
        assert_eq!(rows.records().map(|row| row.expect("a row").len()).collect::<Vec<_>>(), [13, 13, 13]);
    }

    #[tokio::test]
    async fn json_is_one_array_even_of_nobody() {
        let read = |json: &str| serde_json::from_str::<Vec<serde_json::Value>>(json).expect("an array");
        let all = read(&export(ExportFormat::Json, None).await);
        assert!(all.len() == 3 && export(ExportFormat::Json, None).await.starts_with('['), "JSON takes no mark");
        assert_eq!(all[0]["email"], "=cmd@example.com", "JSON is as kept");
        assert_eq!(read(&export(ExportFormat::Json, Some(State::Confirmed)).await).len(), 1);
        assert_eq!(export(ExportFormat::Json, Some(State::Suppressed)).await, "[]\n");
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_is_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let form = serde_json::from_value(json!({ "title": "x", "fields": [] })).expect("a form");
        for format in [ExportFormat::Csv, ExportFormat::Json] {
            let written = write(&MemoryStore::default(), &form, format, Gone, None, sample::at(0), |_| ()).await;
            assert!(gone_is_done(written.map(drop)).expect("no failure").is_none());
        }
    }

    #[test]
    fn a_row_has_a_cell_for_every_name() {
        let form = serde_json::json!({ "title": "Small", "fields": [
            { "name": "tags", "type": "multi_choice", "options": ["web", "data"] },
            { "name": "mail", "type": "email" },
            { "name": "language", "type": "text" },
            { "name": "age", "type": "integer" },
        ] });
        let columns = Columns::of(&serde_json::from_value(form).expect("a form"));
        let heading = columns.heading();
        insta::assert_snapshot!(heading.join(","), @"id,state,email,tags,form.language,age,consent_version,language,created_at,confirmed_at,ended_at,ended_by,other_fields");
        for user in [sample::pending(), sample::confirmed(), sample::complained()] {
            assert_eq!(columns.row(&user).len(), heading.len());
        }
        insta::assert_snapshot!(columns.row(&sample::confirmed()).join(","), @r#"02020202020202020202020202020202,confirmed,bob@example.com,web; data,,36,2026-06,en,2026-11-22T10:00:02.000Z,2026-11-22T10:01:00.000Z,,,{"nationality":"GB"}"#);
    }

    #[test]
    fn a_row_holds_what_a_script_relies_on() {
        let json = serde_json::to_string(&Row::of(&sample::confirmed())).expect("JSON");
        insta::assert_snapshot!(json, @r#"{"id":"02020202020202020202020202020202","state":"confirmed","email":"bob@example.com","fields":{"age":36,"nationality":"GB","tags":["web","data"]},"consent":{"text":"I agree.","version":"2026-06"},"language":"en","created_at":"2026-11-22T10:00:02.000Z","confirmed_at":"2026-11-22T10:01:00.000Z"}"#);
        let json = serde_json::to_value(Row::of(&sample::pending())).expect("JSON");
        assert_eq!(json["confirmed_at"], serde_json::Value::Null);
        assert_eq!((json.get("ended_at"), json.get("ended_by")), (None, None));
        let json = serde_json::to_value(Row::of(&sample::complained())).expect("JSON");
        assert_eq!((&json["state"], &json["ended_by"]), (&"suppressed".into(), &"complaint".into()));
    }

    #[test]
    fn whoever_is_forgotten_is_not_shown() {
        let user = sample::pending();
        assert!(is_shown(&user, None, sample::at(60)) && is_shown(&user, Some(State::Pending), sample::at(60)));
        assert!(!is_shown(&user, Some(State::Confirmed), sample::at(60)));
        assert!(!is_shown(&user, None, user.keep_until.expect("while pending")));
    }
}
