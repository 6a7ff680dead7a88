//! The bundles on this machine, each in a folder of its own. The newest stay, and every one that a process holds.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// Bundles kept: a few services, and the way back of each.
const KEPT: usize = 16;

/// The file in an entry whose lock all share that use the entry. The system lets go of it when a process ends.
const LOCK: &str = "lock";

/// Opens or makes an entry. While the file is open, no process removes it, unless the file system has no locks: there none
/// is ever removed.
pub fn hold(entry: &Path) -> io::Result<File> {
    let path = entry.join(LOCK);
    loop {
        fs::create_dir_all(entry)?;
        let lock = match File::create(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            lock => lock?,
        };
        match lock.lock_shared() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
        // The entry may have been removed between the two, and even made anew.
        let held = lock.metadata()?.ino();
        if fs::metadata(&path).is_ok_and(|there| there.ino() == held) {
            // Used just now, so not the first to go.
            _ = File::open(entry).and_then(|folder| folder.set_modified(SystemTime::now()));
            return Ok(lock);
        }
    }
}

/// Removes the oldest of too many, but for those that are held. One that cannot be removed only takes room.
pub fn prune(entries: &Path) {
    let found = fs::read_dir(entries).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        found.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    found.sort();
    let surplus = found.len().saturating_sub(KEPT);
    for (_, entry) in found.into_iter().take(surplus) {
        let lock = File::open(entry.join(LOCK)).ok();
        if lock.as_ref().is_none_or(|lock| lock.try_lock().is_ok()) {
            _ = fs::remove_dir_all(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_newest_stay_and_what_is_held() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = |n: u64| folder.path().join(n.to_string());
        let aged = |n: u64| {
            let lock = hold(&entry(n)).expect("an entry");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(n);
            File::open(entry(n)).and_then(|folder| folder.set_modified(time)).expect("its time is set");
            lock
        };
        let held = [aged(0), aged(2)];
        for n in [1].into_iter().chain(3..20) {
            drop(aged(n));
        }
        prune(folder.path());
        let left = |held: &[u64]| {
            let newest = 4..20;
            let left: Vec<u64> = (0..20).filter(|n| entry(*n).exists()).collect();
            assert_eq!(left, held.iter().copied().chain(newest).collect::<Vec<_>>());
        };
        left(&[0, 2]);

        drop(held);
        prune(folder.path());
        left(&[]);
    }

    #[test]
    fn what_is_used_again_is_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = folder.path().join("old");
        drop(hold(&entry).expect("an entry"));
        File::open(&entry).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).expect("its time is set");
        drop(hold(&entry).expect("the same entry"));
        let modified = entry.metadata().and_then(|entry| entry.modified()).expect("its time");
        assert!(modified.elapsed().is_ok_and(|age| age < Duration::from_secs(3_600)));
    }
}
