//! Users as CSV and as JSON, written one after the other. Pure but for what is written to.

mod cells;
mod row;

use std::io::{self, Write};

use crate::config::Form;
use crate::user::User;
pub use cells::Columns;
pub use row::{Row, is_shown};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 behind a byte-order mark; what a spreadsheet would take for a formula is led by an apostrophe.
    Csv,
    /// One array, an object for each user.
    Json,
}

/// Leads CSV, so that spreadsheets read it as UTF-8: without it Excel takes it for the machine's old encoding.
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Writes users one after the other.
#[derive(Debug)]
pub struct Encoder<W: Write>(Inner<W>);

#[derive(Debug)]
enum Inner<W: Write> {
    Csv { to: Box<csv::Writer<W>>, columns: Columns },
    Json { to: W, any: bool },
}

impl<W: Write> Encoder<W> {
    /// Begins what is written, with a row of names where the format has one.
    pub fn begin(format: Format, form: &Form, mut to: W) -> io::Result<Self> {
        match format {
            Format::Csv => {
                let columns = Columns::of(form);
                to.write_all(BYTE_ORDER_MARK)?;
                let mut to = csv(to);
                to.write_record(columns.heading()).map_err(unwrapped)?;
                Ok(Self(Inner::Csv { to, columns }))
            }
            Format::Json => {
                to.write_all(b"[")?;
                Ok(Self(Inner::Json { to, any: false }))
            }
        }
    }

    pub fn user(&mut self, user: &User) -> io::Result<()> {
        match &mut self.0 {
            Inner::Csv { to, columns } => to.write_record(columns.row(user)).map_err(unwrapped),
            Inner::Json { to, any } => {
                to.write_all(if *any { b",\n  " } else { b"\n  " })?;
                *any = true;
                Ok(serde_json::to_writer(to, &Row::of(user))?)
            }
        }
    }

    /// Ends it; what is left out makes JSON that does not parse.
    pub fn end(self) -> io::Result<W> {
        match self.0 {
            Inner::Csv { to, .. } => to.into_inner().map_err(|error| error.into_error()),
            Inner::Json { mut to, any } => {
                to.write_all(if any { b"\n]\n" } else { b"]\n" })?;
                Ok(to)
            }
        }
    }
}

impl Encoder<Vec<u8>> {
    /// What was written since the last time.
    pub fn take(&mut self) -> io::Result<Vec<u8>> {
        match &mut self.0 {
            Inner::Csv { to, .. } => {
                std::mem::replace(to, csv(Vec::new())).into_inner().map_err(|error| error.into_error())
            }
            Inner::Json { to, .. } => Ok(std::mem::take(to)),
        }
    }
}

fn csv<W: Write>(to: W) -> Box<csv::Writer<W>> {
    Box::new(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(to))
}

/// The error behind that of the CSV writer, whose kind tells a reader that has gone.
fn unwrapped(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
