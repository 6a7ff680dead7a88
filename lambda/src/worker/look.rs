//! Looking after first mails: while all goes well they are in no index, and so the sweeper goes through everybody who
//! signed up, once.

use jiff::Timestamp;

use super::tell::Subject;
use super::{SWEEP, Worker};
use crate::clock::before;
use crate::pace::MailHealth;
use crate::store::{StoreError, at};
use crate::user::{LIFETIME, LOOK_AFTER, User, UserId};

/// Before every place of the list, which begin with a year.
const BEGINNING: &str = "0";

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Where the next one begins, if that is known.
    pub(super) looked: Option<String>,
    /// Whose mail was still to be sent.
    pub(super) waiting: usize,
    /// For how many there was something to do.
    pub(super) count: usize,
    /// What failed first.
    pub(super) failure: Option<StoreError>,
    /// Who cannot be read.
    pub(super) unread: Option<StoreError>,
}

impl Worker {
    /// Looks after everybody who signed up since the last look, up to [`LOOK_AFTER`] seconds ago, oldest first. The next
    /// begins where this one ended, or where something failed first or somebody cannot be read, which does not keep the
    /// others. The first of all begins with whoever signed up first; the first after one of an earlier version, which kept
    /// every mail in the index, goes back as far as mails live.
    pub(super) async fn look(&self, last: Option<MailHealth>, until: Timestamp) -> Look {
        let now = self.ledger.clock.now();
        let oldest = at(before(now, LIFETIME), UserId::default());
        let mut place = match last {
            None => BEGINNING.to_owned(),
            Some(last) => last.looked.unwrap_or_else(|| oldest.clone()),
        };
        let mut look = Look { looked: Some(place.clone()), ..Look::default() };
        let newest = before(now, LOOK_AFTER);
        // By who cannot be read, until all that was read with them is older than a mail lives: they may be mended.
        let mut is_held_up = false;
        while self.ledger.clock.now() < until {
            let page = match self.ledger.store.signed_up(&place, newest, SWEEP).await {
                Ok(page) => page,
                Err(error) => {
                    look.failure.get_or_insert(error);
                    break;
                }
            };
            let is_over = page.last.as_ref().is_some_and(|last| *last < oldest);
            is_held_up |= page.failure.is_some() && !is_over;
            look.unread = page.failure.or(look.unread);
            let holding = page.users.iter().filter_map(|user| Some((user.id, user.ticket?)));
            self.ledger.store.drop_later(&holding.collect::<Vec<_>>());
            let fresh = |user: &User| user.mail.as_ref().is_some_and(|mail| mail.is_open() && mail.fresh);
            let fresh: Vec<User> = page.users.into_iter().filter(fresh).collect();
            look.waiting += fresh.len();
            if !self.look_after(fresh, &mut look, until).await {
                break;
            }
            let Some(last) = page.last else { break };
            place = last;
            if look.failure.is_none() && !is_held_up {
                look.looked = Some(place.clone());
            }
            if !page.more {
                break;
            }
        }
        look
    }

    /// Sends mails that nobody took. Whether there was time for all.
    async fn look_after(&self, mut users: Vec<User>, look: &mut Look, until: Timestamp) -> bool {
        while !users.is_empty() {
            if self.ledger.clock.now() >= until {
                return false;
            }
            let part: Vec<User> = users.drain(..self.at_once().min(users.len())).collect();
            let told = self.tell(part.iter().map(Subject::User)).await;
            match self.work(part, &told, until).await {
                Ok(worked) => look.count += worked,
                Err(error) => drop(look.failure.get_or_insert(error)),
            }
        }
        true
    }
}
