//! Every status that CloudFormation documents: what it means for a stack, and what may safely be done next. Pure.

use aws_sdk_cloudformation::types::StackStatus;

/// What a stack's status lets one do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made by a change set that was never executed: it holds nothing, and can be created.
    Empty,
    /// Stands as it was last deployed; an update may start.
    Ready,
    /// CloudFormation is at work on it, for whomever: it is followed to its end.
    Busy,
    /// Its creation failed: it never served anybody. It is deleted and made anew.
    Unmade,
    /// Its deletion was begun and failed: what is left of it is deleted too, unless that is the data.
    Broken,
    /// Its update failed, and it is not back where it was: it is rolled back before anything else.
    Stuck,
    /// There is none.
    Gone,
}

impl State {
    /// What is asked before a deploy does what the state calls for; what needs no consent is just done.
    pub fn question(self) -> Option<&'static str> {
        match self {
            Self::Unmade | Self::Broken => Some("It has to be deleted before a deploy. Delete it?"),
            Self::Stuck => Some("Roll it back to where it was?"),
            Self::Empty | Self::Ready | Self::Busy | Self::Gone => None,
        }
    }
}

/// A status as the operator reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub status: &'static str,
    pub state: State,
    /// What happened to the stack, to follow "it".
    pub text: &'static str,
}

/// The one table. The wording is ours, the list AWS's (CloudFormation user guide, "Stack status codes").
const TABLE: [Meaning; 23] = [
    row("CREATE_COMPLETE", State::Ready, "was created"),
    row("CREATE_IN_PROGRESS", State::Busy, "is being created"),
    row("CREATE_FAILED", State::Unmade, "could not be created, and was left as it was then"),
    row("DELETE_COMPLETE", State::Gone, "was deleted"),
    row("DELETE_FAILED", State::Broken, "could not be deleted: some of its resources resisted"),
    row("DELETE_IN_PROGRESS", State::Busy, "is being deleted"),
    row("IMPORT_COMPLETE", State::Ready, "took resources in that were there before"),
    row("IMPORT_IN_PROGRESS", State::Busy, "is taking in resources that were there before"),
    row("IMPORT_ROLLBACK_COMPLETE", State::Ready, "could not take resources in, and is as it was before"),
    row("IMPORT_ROLLBACK_FAILED", State::Broken, "could not take resources in, and the way back failed too"),
    row("IMPORT_ROLLBACK_IN_PROGRESS", State::Busy, "could not take resources in, and is on its way back"),
    row("REVIEW_IN_PROGRESS", State::Empty, "was planned and never created"),
    row("ROLLBACK_COMPLETE", State::Unmade, "could not be created, and what there was of it is removed"),
    row("ROLLBACK_FAILED", State::Unmade, "could not be created, and some of it could not be removed"),
    row("ROLLBACK_IN_PROGRESS", State::Busy, "could not be created, and what there is of it is being removed"),
    row("UPDATE_COMPLETE", State::Ready, "was updated"),
    row("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", State::Busy, "was updated, and what it replaced is being removed"),
    row("UPDATE_FAILED", State::Stuck, "could not be updated, and was left as it was then"),
    row("UPDATE_IN_PROGRESS", State::Busy, "is being updated"),
    row("UPDATE_ROLLBACK_COMPLETE", State::Ready, "could not be updated, and is as it was before"),
    row(
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        State::Busy,
        "could not be updated, and what the update made is being removed",
    ),
    row("UPDATE_ROLLBACK_FAILED", State::Stuck, "could not be updated, and the way back failed too"),
    row("UPDATE_ROLLBACK_IN_PROGRESS", State::Busy, "could not be updated, and is on its way back"),
];

const fn row(status: &'static str, state: State, text: &'static str) -> Meaning {
    Meaning { status, state, text }
}

/// What a status means. One that AWS adds later counts as at work, which is followed and never touched.
pub fn meaning(status: &StackStatus) -> Meaning {
    let known = TABLE.iter().find(|row| row.status == status.as_str()).copied();
    known.unwrap_or(row("", State::Busy, "is in a state that this version of signupctl does not know"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_status_has_one_row() {
        let mut documented = StackStatus::values().to_vec();
        let mut known = TABLE.map(|row| row.status).to_vec();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, documented);
        for row in TABLE {
            assert_eq!(meaning(&row.status.into()), row);
        }
    }

    #[test]
    fn what_is_under_way_is_followed_and_never_touched() {
        for row in TABLE {
            let under_way = row.status.ends_with("_IN_PROGRESS") && row.status != "REVIEW_IN_PROGRESS";
            assert_eq!(row.state == State::Busy, under_way, "{}", row.status);
            assert!(!(under_way && row.state.question().is_some()), "{}", row.status);
        }
        assert_eq!(meaning(&"SOMETHING_NEW".into()).state, State::Busy);
    }

    #[test]
    fn what_takes_anything_away_asks_first() {
        let asks: Vec<&str> = TABLE.iter().filter(|row| row.state.question().is_some()).map(|row| row.status).collect();
        let failed = TABLE.iter().filter(|row| row.status.ends_with("_FAILED") || row.status == "ROLLBACK_COMPLETE");
        let failed: Vec<&str> = failed.map(|row| row.status).collect();
        assert_eq!(asks, failed);
    }
}
