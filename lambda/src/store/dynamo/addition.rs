//! A change of a shard of counters that need not know what is there, as DynamoDB's expressions say it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{self, n};
use crate::census::{Delta, Sums};
use crate::counting::Note;
use crate::store::recent::{Name, Noted};
use crate::user::User;

/// It holds for as long as its condition does: none of its notes is or was there,
/// and none that it drops was taken back.
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
