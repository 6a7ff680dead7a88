//! Texts that a person reads: how long each may be, wherever it is declared.

use super::tree::Path;

/// The greatest lengths, in characters.
pub const NAME: usize = 64;
pub const TITLE: usize = 120;
pub const PARAGRAPH: usize = 1_000;
pub const BUTTON: usize = 40;
pub const LABEL: usize = 120;
pub const HELP: usize = 300;
pub const OPTION: usize = 200;

/// What is wrong with a text and how to mend it: it is empty, or has more than `max` characters.
pub fn complaint(path: &Path, text: &str, max: usize) -> Option<(String, &'static str)> {
    if text.trim().is_empty() {
        Some((format!("`{path}` is empty"), "write what a person shall read, or leave the key out"))
    } else if text.chars().count() > max {
        Some((format!("`{path}` has more than {max} characters"), "shorten it"))
    } else {
        None
    }
}
