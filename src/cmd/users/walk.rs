//! Users of one list, page by page: never more than a page is held.

use signup_service::clock::rfc3339;
use signup_service::store::{Among, From, ListUsers, Store};
use signup_service::user::{User, UserId};

use super::store_failure;
use crate::error::Outcome;

/// A walk through a store's users.
#[derive(Debug)]
pub struct Walk<'a> {
    store: &'a dyn Store,
    among: Among,
    size: u16,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Page(Option<String>),
    End,
}

impl<'a> Walk<'a> {
    /// From the first of them, or behind a cursor, in pages of `size`.
    pub fn new(store: &'a dyn Store, among: Among, size: u16, cursor: Option<String>) -> Self {
        Self { store, among, size, next: Next::Page(cursor) }
    }

    /// The next page, which may be empty; `None` after the last.
    pub async fn page(&mut self) -> Outcome<Option<Vec<User>>> {
        let cursor = match &mut self.next {
            Next::Page(cursor) => cursor.take(),
            Next::End => return Ok(None),
        };
        let query = ListUsers { among: self.among.clone(), from: From::after(cursor), limit: self.size };
        let page = self.store.list_users(&query).await;
        let page = page.map_err(|error| store_failure(&error))?;
        self.next = page.next.map_or(Next::End, |next| Next::Page(Some(next)));
        Ok(Some(page.users))
    }
}

/// The cursor behind a user.
pub fn cursor(user: &User) -> String {
    format!("{}#{}", rfc3339(user.created_at), user.id)
}

/// Whether it may be a cursor: a time and an ID.
pub fn is_cursor(text: &str) -> bool {
    let parts = text.split_once('#').map(|(time, id)| (time.parse::<jiff::Timestamp>(), UserId::parse(id)));
    matches!(parts, Some((Ok(_), Some(_))))
}

#[cfg(test)]
mod tests {
    use signup_service::store::MemoryStore;

    use super::*;
    use crate::engine::sample;

    #[tokio::test]
    async fn a_walk_meets_everybody_once() {
        let store = MemoryStore::default();
        for number in 1..=5 {
            sample::keep(&store, &sample::received(number, "ada@example.com")).await;
        }
        let mut walk = Walk::new(&store, Among::ALL, 2, None);
        let mut found = Vec::new();
        while let Some(page) = walk.page().await.expect("the store works") {
            assert!(page.len() <= 2);
            found.extend(page.into_iter().map(|user| user.id.0[0]));
        }
        assert_eq!(found, [5, 4, 3, 2, 1]);
        let behind = cursor(&sample::received(3, "ada@example.com"));
        assert!(is_cursor(&behind) && !is_cursor("nowhere"));
        let rest =
            Walk::new(&store, Among::ALL, 9, Some(behind)).page().await.expect("the store works").expect("a page");
        assert_eq!(rest.iter().map(|user| user.id.0[0]).collect::<Vec<_>>(), [2, 1]);
    }
}
