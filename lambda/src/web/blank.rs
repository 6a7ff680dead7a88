//! The form that nobody has filled in yet, rendered once for each way in which it is shown.
//!
//! With its languages and a list of all countries it takes longer to render than everything else that answers a request.
//! Nothing of it is another for the next visitor but its stamp, and that only when some time has passed.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use axum::body::Bytes;
use jiff::Timestamp;

/// All that a blank form depends on besides the declaration: the language's code, whether the address asked for it, and
/// whether it is for a frame. As many as the service has languages, four times.
type Way = (String, bool, bool);

/// How long a page is the same for everybody, in milliseconds: little beside the two seconds that a person needs at least,
/// which a stamp is there to tell.
const SAME: i64 = 250;

/// A page as it was shown last, and where in it the stamp is.
#[derive(Clone, Debug)]
struct Shown {
    moment: i64,
    page: Bytes,
    at: usize,
    length: usize,
}

/// Those that were shown before.
#[derive(Debug, Default)]
pub(super) struct Blanks(RwLock<BTreeMap<Way, Shown>>);

impl Blanks {
    /// The page of now; rendered when it is shown in this way for the first time.
    pub(super) fn page(
        &self,
        way: Way,
        now: Timestamp,
        stamp: impl FnOnce() -> String,
        render: impl FnOnce(&str) -> String,
    ) -> Bytes {
        let moment = now.as_millisecond().div_euclid(SAME);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&way).cloned();
        if let Some(shown) = known.as_ref().filter(|shown| shown.moment == moment) {
            return shown.page.clone();
        }
        let stamp = stamp();
        let (page, at) = match known {
            Some(Shown { page, at, length, .. }) => {
                (Bytes::from([&page[..at], stamp.as_bytes(), &page[at + length..]].concat()), Some(at))
            }
            None => {
                let page = render(&stamp);
                // A page that did not hold its stamp, or held it twice, would be rendered each time.
                let at = page.find(&stamp).filter(|at| !page[at + stamp.len()..].contains(&stamp));
                (Bytes::from(page), at)
            }
        };
        if let Some(at) = at {
            let shown = Shown { moment, page: page.clone(), at, length: stamp.len() };
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(way, shown);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a time")
    }

    fn way(language: &str, embedded: bool) -> Way {
        (language.to_owned(), false, embedded)
    }

    #[test]
    fn a_page_is_rendered_once_for_each_way_and_has_its_own_stamp() {
        let blanks = Blanks::default();
        let known = |_: &str| unreachable!("it is known");
        let first = blanks.page(way("en", false), at(0), || "AAAA".into(), |stamp| format!("<i>{stamp}</i>"));
        let again = blanks.page(way("en", false), at(250), || "BBB".into(), known);
        let later = blanks.page(way("en", false), at(500), || "CCCCC".into(), known);
        let other = blanks.page(way("fr", false), at(500), || "DDDD".into(), |stamp| format!("<b>{stamp}</b>"));
        let frame = blanks.page(way("en", true), at(500), || "EEEE".into(), |stamp| format!("<u>{stamp}</u>"));
        let pages = [first, again, later, other, frame];
        assert_eq!(pages, ["<i>AAAA</i>", "<i>BBB</i>", "<i>CCCCC</i>", "<b>DDDD</b>", "<u>EEEE</u>"]);
    }

    #[test]
    fn for_a_moment_a_page_is_the_same_for_everybody() {
        let blanks = Blanks::default();
        let first = blanks.page(way("en", false), at(1_000), || "AAAA".into(), str::to_owned);
        let same = blanks.page(way("en", false), at(1_249), || unreachable!("it is known"), str::to_owned);
        let next = blanks.page(way("en", false), at(1_250), || "BBBB".into(), str::to_owned);
        let earlier = blanks.page(way("en", false), at(1_249), || "CCCC".into(), str::to_owned);
        assert_eq!([first, same, next, earlier], ["AAAA", "AAAA", "BBBB", "CCCC"]);
    }

    #[test]
    fn a_page_whose_stamp_cannot_be_told_is_rendered_each_time() {
        let blanks = Blanks::default();
        let twice = |stamp: &str| format!("{stamp} {stamp}");
        assert_eq!(blanks.page(way("en", false), at(0), || "AAAA".into(), twice), "AAAA AAAA");
        assert_eq!(blanks.page(way("en", false), at(0), || "BBBB".into(), twice), "BBBB BBBB");
        assert_eq!(blanks.page(way("en", false), at(0), || "CCCC".into(), |_| "nothing".into()), "nothing");
    }
}
