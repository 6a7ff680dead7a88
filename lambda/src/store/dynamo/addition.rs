//! A change of a shard of counters that need not know what is there, as DynamoDB's expressions say it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{self, n};
use crate::census::{Delta, Sums};
use crate::counting::Note;
use crate::store::recent::{Name, Noted};
use crate::user::User;

/// Its condition: none of its notes is or was there, and none of the former that it drops was taken back.
#[derive(Debug)]
pub(super) struct Addition {
    pub(super) update: String,
    pub(super) condition: Option<String>,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Addition {
    /// Counts what is noted, and drops the notes of before and those that are known to hold. `doubtful` is that a try before
    /// was not answered.
    pub(super) fn of_notes(notes: &[Note], doubtful: bool, held: &[Name]) -> Self {
        let former: Vec<Name> = notes.iter().filter_map(|note| Some((note.user, note.former?))).collect();
        let mut sums = Sums::default();
        notes.iter().for_each(|note| sums.apply(&note.delta));
        Self::new(&sums, notes, doubtful, &former, held)
    }

    /// Takes a user out of the counters, with the note of how it came to be in them.
    pub(super) fn of_end(user: &User) -> Self {
        let mut delta = Delta::default();
        delta.replace(user.counted.as_ref(), None);
        let mut sums = Sums::default();
        sums.apply(&delta);
        let former: Vec<Name> = user.ticket.map(|ticket| (user.id, ticket)).into_iter().collect();
        Self::new(&sums, &[], false, &former, &[])
    }

    fn new(sums: &Sums, notes: &[Note], doubtful: bool, former: &[Name], held: &[Name]) -> Self {
        let mut this = Self { update: String::new(), condition: None, names: HashMap::new(), values: HashMap::new() };
        let mut added = vec![format!("{} {}", this.name("version".into()), this.value(n(1)))];
        for (month, name, by) in sums.named() {
            added.push(format!("{} {}", this.name(item::name_in_recent(month, name)), this.value(n(by))));
        }
        let mut absent = Vec::new();
        let mut set = Vec::new();
        for note in notes {
            let noted = Noted { at: note.at, delta: note.delta.clone(), is_void: false };
            let open = this.name(item::note_name(&note.name(), false));
            set.push(format!("{open} = {}", this.value(item::of_note(&noted))));
            let doubt = this.name(item::doubt_name(&note.name()));
            if doubtful {
                set.push(format!("{doubt} = {}", this.value(item::of_doubt(note.at))));
            }
            absent.extend([open, this.name(item::note_name(&note.name(), true)), doubt]);
        }
        absent.extend(former.iter().map(|name| this.name(item::note_name(name, true))));
        let dropped: BTreeSet<&Name> = former.iter().chain(held).collect();
        let removed: Vec<String> = dropped.into_iter().map(|name| this.name(item::note_name(name, false))).collect();
        for (verb, parts) in [("ADD", added), ("SET", set), ("REMOVE", removed)] {
            if !parts.is_empty() {
                let _ = write!(this.update, "{verb} {} ", parts.join(", "));
            }
        }
        let absent: Vec<String> = absent.iter().map(|name| format!("attribute_not_exists({name})")).collect();
        this.condition = (!absent.is_empty()).then(|| absent.join(" AND "));
        this
    }

    /// A name for an attribute, that an expression may hold.
    fn name(&mut self, attribute: String) -> String {
        let name = format!("#{}", self.names.len());
        self.names.insert(name.clone(), attribute);
        name
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":{}", self.values.len());
        self.values.insert(name.clone(), value);
        name
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::recent::DROPPED_AT_ONCE;
    use super::*;
    use crate::counting::{SETTLED_AT_ONCE, Ticket};
    use crate::user::UserId;

    /// DynamoDB's limits: 4 KB for an expression, 300 operators or functions in it.
    #[test]
    fn the_largest_of_all_fits_into_an_expression() {
        let ticket = |by| Ticket { over: u64::MAX, by };
        let note = |number: u8| {
            let lines: String = (0..7).map(|it| format!("2026-{number:02}.\ncountry {it}+1\n")).collect();
            Note {
                user: UserId([number; 16]),
                ticket: ticket(1),
                former: Some(ticket(2)),
                at: Timestamp::UNIX_EPOCH,
                delta: Delta::parse(&lines).expect("a delta"),
                is_void: false,
            }
        };
        let notes: Vec<Note> = (0..u8::try_from(SETTLED_AT_ONCE).expect("few")).map(note).collect();
        let held: Vec<Name> =
            (0..u8::try_from(DROPPED_AT_ONCE).expect("few")).map(|it| (UserId([100 + it; 16]), ticket(3))).collect();
        let addition = Addition::of_notes(&notes, true, &held);
        let condition = addition.condition.expect("a condition");
        assert!(addition.update.len() <= 4_096 && condition.len() <= 4_096, "{}", addition.update);
        let operators = condition.matches(['(']).count() + condition.matches(" AND ").count();
        assert!(operators <= 300, "{operators} in {condition}");
        assert!(addition.update.matches('=').count() <= 300, "{}", addition.update);
    }
}
