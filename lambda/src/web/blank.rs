//! The form that nobody has filled in yet, rendered once for each way in which it is shown.
//!
//! With its languages and a list of all countries it takes longer to render than everything else that answers a request.
//! Nothing of it is another for the next visitor but its stamp.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// All that a blank form depends on besides the declaration: the language's code, whether the address asked for it, and
/// whether it is for a frame. As many as the service has languages, four times.
type Way = (String, bool, bool);

/// The page before and after its stamp.
type Halves = (String, String);

/// Those that were shown before.
#[derive(Debug, Default)]
pub(super) struct Blanks(RwLock<BTreeMap<Way, Arc<Halves>>>);

impl Blanks {
    /// The page with this stamp; rendered when it is shown in this way for the first time.
    pub(super) fn page(&self, way: Way, stamp: &str, render: impl FnOnce() -> String) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&way).cloned();
        if let Some(halves) = known {
            let (before, after) = halves.as_ref();
            return [before, stamp, after].concat();
        }
        let page = render();
        // A page that did not hold its stamp, or held it twice, would be rendered each time.
        if let Some((before, after)) = page.split_once(stamp).filter(|(_, after)| !after.contains(stamp)) {
            let halves = Arc::new((before.to_owned(), after.to_owned()));
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(way, halves);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_rendered_once_for_each_way_and_has_its_own_stamp() {
        let blanks = Blanks::default();
        let way = |language: &str, embedded| (language.to_owned(), false, embedded);
        let first = blanks.page(way("en", false), "AAAA", || "<i>AAAA</i>".into());
        let again = blanks.page(way("en", false), "BBBB", || unreachable!("it is known"));
        let other = blanks.page(way("fr", false), "CCCC", || "<b>CCCC</b>".into());
        let frame = blanks.page(way("en", true), "DDDD", || "<u>DDDD</u>".into());
        assert_eq!([first, again, other, frame], ["<i>AAAA</i>", "<i>BBBB</i>", "<b>CCCC</b>", "<u>DDDD</u>"]);
    }

    #[test]
    fn a_page_whose_stamp_cannot_be_told_is_rendered_each_time() {
        let blanks = Blanks::default();
        let way = || ("en".to_owned(), false, false);
        assert_eq!(blanks.page(way(), "AAAA", || "AAAA AAAA".into()), "AAAA AAAA");
        assert_eq!(blanks.page(way(), "BBBB", || "BBBB BBBB".into()), "BBBB BBBB");
        assert_eq!(blanks.page(way(), "CCCC", || "nothing".into()), "nothing");
    }
}
