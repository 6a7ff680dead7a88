//! A file that is there whole or not at all, and that its owner alone may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Failure, Outcome};

/// A file beside the one it will be. Dropped before it is [`Partial::keep`]t, it goes.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    /// Begins a file; one that is there already stays until the new one is whole.
    pub fn create(target: &Path) -> Outcome<Self> {
        let failed = |cause: String| {
            Failure::new("unwritable", format!("`{}` cannot be written", target.display())).cause(cause)
        };
        // A link goes on leading to its file.
        let resolved = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        if fs::metadata(&resolved).is_ok_and(|found| !found.is_file()) {
            // Not a device or a pipe either: it would be replaced.
            return Err(failed("it is there and no file".into()).hint("leave out `--output` to write to stdout"));
        }
        let mut path = resolved.clone().into_os_string();
        path.push(format!(".partial-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(error.to_string()))?;
        Ok(Self { file, path: path.into(), target: resolved })
    }

    /// Puts the file into its place, for good even if the machine stops now.
    pub fn keep(self) -> io::Result<()> {
        self.file.sync_all()?;
        // Nothing is left to remove after this, and removing what is not there does nothing.
        fs::rename(&self.path, &self.target)
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_whole_or_as_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.csv");
        fs::write(&path, "before").expect("written");
        let mut partial = Partial::create(&path).expect("begun");
        partial.write_all(b"half").expect("written");
        drop(partial);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "before");
        let mut partial = Partial::create(&path).expect("begun");
        partial.write_all(b"whole").expect("written");
        partial.keep().expect("kept");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "whole");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn only_a_file_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path(), Path::new("/dev/null")] {
            assert_eq!(Partial::create(path).expect_err("no file").code, "unwritable");
        }
        assert_eq!(Partial::create(&folder.path().join("no/where.csv")).expect_err("no folder").code, "unwritable");
    }
}
