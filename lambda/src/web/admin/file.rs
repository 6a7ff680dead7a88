//! Users as one file: read from the store a page at a time, and written while it is read.
//!
//! What is held of it is one page, and of a search who is in it already. Who reads it decides how fast that goes: a page
//! is asked for when the one before it was taken.

use std::collections::BTreeSet;
use std::future::ready;
use std::vec::IntoIter;

use axum::body::Body;
use futures_util::stream::{StreamExt, once, try_unfold};
use jiff::Timestamp;

use super::DeskState;
use super::call::Refusal;
use crate::export::{Encoder, Format, is_shown};
use crate::store::{Among, From, ListUsers, StoreError};
use crate::user::UserId;

/// Users that are read at once: fewer wait for each other more often than a function may run.
const READ: u16 = 500;

/// A file as far as it was read.
#[derive(Debug)]
pub(super) struct Reading {
    desk: DeskState,
    lists: IntoIter<Among>,
    /// The page that is read next; none where only the end is to be written.
    query: Option<ListUsers>,
    encoder: Encoder<Vec<u8>>,
    /// Who was written of lists by the alphabet: somebody may be in two of them, and may move within one.
    seen: BTreeSet<UserId>,
    now: Timestamp,
    users: u64,
}

/// A part of a file, and what is left of it.
type Part = (Vec<u8>, Option<Reading>);

impl Reading {
    /// Everybody of the lists once.
    pub(super) fn of(desk: &DeskState, lists: Vec<Among>, format: Format) -> Result<Self, StoreError> {
        let mut lists = lists.into_iter();
        Ok(Self {
            query: lists.next().map(beginning),
            lists,
            encoder: Encoder::begin(format, &desk.config.form, Vec::new()).map_err(unwritten)?,
            seen: BTreeSet::new(),
            now: desk.clock().now(),
            users: 0,
            desk: desk.clone(),
        })
    }

    /// What comes next: a page, or what ends the file.
    async fn next(mut self) -> Result<Part, StoreError> {
        let Some(query) = self.query.take() else {
            return Ok((self.encoder.end().map_err(unwritten)?, None));
        };
        let found = self.desk.ledger.store.list_users(&query).await?;
        // A place in time is for good, and is passed once.
        let is_passed_once = matches!(query.among, Among::Newest { .. });
        for user in found.users.iter().filter(|user| is_shown(user, None, self.now)) {
            if is_passed_once || self.seen.insert(user.id) {
                self.encoder.user(user).map_err(unwritten)?;
                self.users += 1;
            }
        }
        self.query = match found.next {
            Some(next) => Some(ListUsers { from: From::After(next), ..query }),
            None => self.lists.next().map(beginning),
        };
        Ok((self.encoder.take().map_err(unwritten)?, Some(self)))
    }

    /// The file as the body of an answer: whole, and refused where it holds more than twice as many users as one file is
    /// offered for; or, where the front does not bound it, sent while it is read. What breaks off ends with an error,
    /// by which a browser knows that the file is not whole.
    pub(super) async fn body(self) -> Result<Body, Refusal> {
        let most = self.desk.file.map(|users| 2 * users);
        // Whatever is wrong from the beginning is answered as such, and not by a file that breaks off.
        let (mut file, mut left) = self.next().await?;
        let Some(most) = most else {
            let rest = try_unfold(left, async |left: Option<Self>| match left {
                Some(reading) => reading.next().await.map(Some).inspect_err(StoreError::log),
                None => Ok(None),
            });
            return Ok(Body::from_stream(once(ready(Ok(file))).chain(rest)));
        };
        while let Some(reading) = left {
            if reading.users > most {
                return Err(Refusal::TooMany);
            }
            let (part, rest) = reading.next().await?;
            file.extend(part);
            left = rest;
        }
        Ok(file.into())
    }
}

fn beginning(among: Among) -> ListUsers {
    ListUsers { among, from: From::Start, limit: READ }
}

fn unwritten(error: std::io::Error) -> StoreError {
    StoreError::new("write an export", error)
}
