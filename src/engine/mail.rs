//! The mail of a service as an operator asks about it: what waits.
//!
//! Sends nothing.

use jiff::Timestamp;
use signup_service::clock::after;
use signup_service::store::{ListUsers, SHARDS, Store, StoreError};
use signup_service::user::{Mail, Queue};

/// Users of each shard that are looked at, at a read for each: some are due for another reason than a mail, and stand
/// in front of those who wait for one.
const LOOKED_AT: u16 = 100;

/// Mails of each shard, and of those who signed up last, that are counted: enough to tell a handful from a heap.
const COUNTED: u16 = 25;

/// A mail that SES refused is tried again within an hour, in seconds, so what waits is due by then.
const HORIZON: u32 = 3_600;

/// Mails that are still to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub mails: usize,
    /// There are more, which were not looked at.
    pub more: bool,
    /// When the oldest of them was to be sent first.
    pub oldest: Option<Timestamp>,
}

/// The mails that wait, those that are put off included. Of each shard it looks at no more than [`LOOKED_AT`] users,
/// and no longer than until it has found [`COUNTED`] mails.
pub async fn waiting(store: &dyn Store, now: Timestamp) -> Result<Waiting, StoreError> {
    const { assert!(SHARDS == 4, "one look for each shard") };
    let shard = |shard| of_shard(store, shard, now);
    let (a, b, c, d, e) = tokio::try_join!(shard(0), shard(1), shard(2), shard(3), of_the_newest(store, now))?;
    Ok([a, b, c, d, e].into_iter().fold(Waiting::default(), |all, shard| Waiting {
        mails: all.mails + shard.mails,
        more: all.more || shard.more,
        oldest: all.oldest.into_iter().chain(shard.oldest).min(),
    }))
}

async fn of_shard(store: &dyn Store, shard: u8, now: Timestamp) -> Result<Waiting, StoreError> {
    let due = store.due(Queue::Mail, shard, after(now, HORIZON), LOOKED_AT).await?;
    let mut waiting = Waiting { more: due.len() >= usize::from(LOOKED_AT), ..Waiting::default() };
    for id in due {
        if waiting.mails == usize::from(COUNTED) {
            waiting.more = true;
            break;
        }
        // Some are due for another reason: answers whose time to be confirmed is over.
        let mail = store.load(id).await?.and_then(|user| user.mail).filter(|mail| mail.is_open() && mail.since <= now);
        if let Some(mail) = mail {
            waiting.mails += 1;
            waiting.oldest = waiting.oldest.into_iter().chain([mail.since]).min();
        }
    }
    Ok(waiting)
}

/// First mails, which are not in the index of what is due before they had to wait.
async fn of_the_newest(store: &dyn Store, now: Timestamp) -> Result<Waiting, StoreError> {
    let newest = store.list_users(&ListUsers::newest(COUNTED)).await?.users;
    let fresh = |mail: &Mail| mail.is_open() && mail.fresh && mail.since <= now;
    let since: Vec<Timestamp> =
        newest.into_iter().filter_map(|user| user.mail).filter(fresh).map(|mail| mail.since).collect();
    Ok(Waiting { mails: since.len(), more: since.len() == usize::from(COUNTED), oldest: since.into_iter().min() })
}

#[cfg(test)]
mod tests {
    use signup_service::store::MemoryStore;
    use signup_service::user::User;

    use super::*;
    use crate::engine::sample;

    #[tokio::test]
    async fn only_mail_that_is_to_be_sent_by_now_waits() {
        let store = MemoryStore::default();
        let now = sample::at(3_600);
        assert_eq!(waiting(&store, now).await.expect("the store works"), Waiting::default());
        let (pending, confirmed) = (sample::pending(), sample::confirmed());
        for user in [&pending, &confirmed] {
            sample::keep(&store, user).await;
        }
        let found = waiting(&store, now).await.expect("the store works");
        assert_eq!(found, Waiting { mails: 1, more: false, oldest: Some(pending.created_at) });
    }

    fn had_to_wait(mut user: User) -> User {
        user.mail.as_mut().expect("a mail").fresh = false;
        user
    }

    #[tokio::test]
    async fn many_who_signed_up_just_now_and_are_not_mailed_are_a_heap() {
        let store = MemoryStore::default();
        for number in 1..=30 {
            sample::keep(&store, &sample::received(number, "ada@example.com")).await;
        }
        let found = waiting(&store, sample::at(60)).await.expect("the store works");
        assert_eq!(found, Waiting { mails: COUNTED.into(), more: true, oldest: Some(sample::at(6)) });
    }

    #[tokio::test]
    async fn mail_is_found_behind_users_who_are_due_for_another_reason() {
        let store = MemoryStore::default();
        let late = |number: u8| number.is_multiple_of(SHARDS) && number > 0;
        for number in (0..=u8::MAX).filter(|number| late(*number)) {
            sample::keep(&store, &had_to_wait(sample::received(number, "ada@example.com"))).await;
        }
        // Of one shard, put off, and so behind the others.
        let mut put_off = had_to_wait(sample::received(0, "bob@example.com"));
        put_off.mail.as_mut().expect("a mail").due_at = sample::at(3_000);
        sample::keep(&store, &put_off).await;
        let found = waiting(&store, sample::at(0)).await.expect("the store works");
        assert_eq!(found, Waiting { mails: 1, more: false, oldest: Some(sample::at(0)) });
        let heap = waiting(&store, sample::at(600)).await.expect("the store works");
        assert_eq!(heap, Waiting { mails: COUNTED.into(), more: true, oldest: Some(sample::at(4)) });
    }
}
