//! What a process knows of notes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use crate::counting::Note;
use crate::store::recent::Name;
use crate::store::shard;

/// The notes of which this process knows that they hold, by shard: to be dropped with the next change.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeMap<u8, BTreeSet<Name>>>);

impl Held {
    fn shards(&self) -> MutexGuard<'_, BTreeMap<u8, BTreeSet<Name>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn add(&self, names: &[Name]) {
        let mut shards = self.shards();
        for name in names {
            shards.entry(shard(name.0)).or_default().insert(*name);
        }
    }

    pub(super) fn of(&self, shard: u8) -> Vec<Name> {
        self.shards().get(&shard).into_iter().flatten().copied().collect()
    }

    pub(super) fn dropped(&self, shard: u8, names: &[Name]) {
        self.shards().entry(shard).or_default().retain(|name| !names.contains(name));
    }

    /// Those of all notes of which it is not known that they hold. What is not there any more is forgotten.
    pub(super) fn others(&self, noted: Vec<Note>) -> Vec<Note> {
        let mut shards = self.shards();
        let there: BTreeSet<Name> = noted.iter().map(Note::name).collect();
        shards.values_mut().for_each(|held| held.retain(|name| there.contains(name)));
        let is_held = |note: &Note| shards.get(&shard(note.user)).is_some_and(|held| held.contains(&note.name()));
        noted.into_iter().filter(|note| note.is_void || !is_held(note)).collect()
    }
}
