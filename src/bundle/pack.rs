//! Zips that are the same, byte for byte, whenever and wherever they are made.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::{Failure, Outcome};

/// Names what the bytes of a bundle depend on beside its files; raise it when that changes.
pub const FORMAT: &[u8] = b"signupctl bundle 1";

/// The largest binary taken from a zip: Lambda unpacks at most 250 MB.
const MAX_BYTES: u64 = 250 * 1024 * 1024;

/// The function's binary in a bundle, as Lambda looks for it.
pub const BINARY: &str = "bootstrap";

/// The server's binary in a bundle that instances take.
pub const SERVER: &str = "server";

/// The service's declaration in a bundle.
pub const CONFIG: &str = "service.json";

/// The operator's picture in a bundle.
pub const LOGO: &str = "logo";

/// Bytes of a declaration, which are far fewer.
const SMALL: u64 = 16 * 1024 * 1024;

/// A file of a bundle: name, mode, and what it holds.
pub type Entry<'a> = (&'a str, u32, Box<dyn Read + 'a>);

/// Writes a zip of the files in that order, with the zip format's earliest time.
pub fn zip<W: Write + Seek>(into: W, files: Vec<Entry<'_>>, level: u8) -> Outcome<W> {
    let mut writer = ZipWriter::new(into);
    let failed = |cause: String| Failure::new("bundle_failed", "the function cannot be zipped").cause(cause);
    for (name, mode, mut content) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(i64::from(level)))
            .last_modified_time(DateTime::default())
            .unix_permissions(mode);
        writer.start_file(name, options).map_err(|error| failed(error.to_string()))?;
        io::copy(&mut content, &mut writer).map_err(|error| failed(error.to_string()))?;
    }
    writer.finish().map_err(|error| failed(error.to_string()))
}

/// Takes one small file out of a zip; `None` when it holds none of that name, or is no zip.
pub fn extract_small(zip: impl Read + Seek, name: &str) -> Option<Vec<u8>> {
    let mut archive = ZipArchive::new(zip).ok()?;
    let mut file = Vec::new();
    archive.by_name(name).ok()?.take(SMALL).read_to_end(&mut file).ok()?;
    Some(file)
}

/// CRC-32 of one file of a zip, as the zip tells it; `None` when it holds none of that name.
pub fn checksum(zip: impl Read + Seek, name: &str) -> Option<u32> {
    Some(ZipArchive::new(zip).ok()?.by_name(name).ok()?.crc32())
}

/// Whether a zip lists a file of that name.
pub fn holds(zip: impl Read + Seek, name: &str) -> bool {
    ZipArchive::new(zip).is_ok_and(|archive| archive.index_for_name(name).is_some())
}

/// Takes one file out of a zip.
pub fn extract(path: &Path, name: &str) -> Outcome<Vec<u8>> {
    let failed = |cause: String| {
        Failure::usage("handler_unusable", format!("`{}` is no handler", path.display()))
            .cause(cause)
            .hint(format!("a handler is a zip with a Linux executable named `{name}`"))
    };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut archive = ZipArchive::new(file).map_err(|error| failed(error.to_string()))?;
    let entry = archive.by_name(name).map_err(|_| failed(format!("it holds no `{name}`")))?;
    let mut bytes = Vec::new();
    entry.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(format!("its `{name}` is larger than Lambda takes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_and_come_out_again() {
        let zipped = || {
            let files: [(&str, u32, &[u8]); 2] = [("bootstrap", 0o755, b"code"), ("service.json", 0o644, b"{}")];
            let entries = files.map(|(name, mode, bytes)| (name, mode, Box::new(bytes) as Box<dyn Read>)).into();
            zip(Cursor::new(Vec::new()), entries, 9).expect("a zip").into_inner()
        };
        let first = zipped();
        assert_eq!(first, zipped());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.zip");
        std::fs::write(&path, &first).expect("written");
        assert_eq!(extract(&path, "bootstrap").expect("a file"), b"code");
        assert_eq!(extract_small(Cursor::new(&first), "service.json").as_deref(), Some(&b"{}"[..]));
        assert_eq!(
            (extract_small(Cursor::new(&first), "missing"), extract_small(Cursor::new(b"no zip"), "x")),
            (None, None)
        );
        assert_eq!(extract(&path, "missing").expect_err("no such file").code, "handler_unusable");
        let mode = ZipArchive::new(Cursor::new(first)).expect("a zip").by_index(0).expect("a file").unix_mode();
        assert_eq!(mode.map(|mode| mode & 0o777), Some(0o755));
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.zip");
        std::fs::write(&path, b"no zip").expect("written");
        let failure = extract(&path, "bootstrap").expect_err("no zip");
        assert_eq!((failure.code, failure.exit), ("handler_unusable", crate::error::Exit::Usage));
    }
}
