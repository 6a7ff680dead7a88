//! A zip of which only the two ends are at hand: its list and its small files stand behind, and what is before is the
//! function's binary, which takes most of it. Pure.

use std::io::{self, Read, Seek, SeekFrom};

/// The beginning and the end of something longer. Reading what is between them fails.
#[derive(Debug)]
pub struct Ends<'a> {
    head: &'a [u8],
    tail: &'a [u8],
    /// Bytes of the whole.
    length: u64,
    place: u64,
}

impl<'a> Ends<'a> {
    pub fn new(head: &'a [u8], tail: &'a [u8], length: u64) -> Self {
        Self { head, tail, length, place: 0 }
    }
}

impl Read for Ends<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let behind = self.length.saturating_sub(self.tail.len() as u64);
        let (part, from) = match self.place {
            place if place >= self.length => return Ok(0),
            place if place >= behind => (self.tail, place - behind),
            place if place < self.head.len() as u64 => (self.head, place),
            _ => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "only the ends are at hand")),
        };
        let from = usize::try_from(from).map_err(io::Error::other)?;
        let read = (&part[from..]).read(buffer)?;
        self.place += read as u64;
        Ok(read)
    }
}

impl Seek for Ends<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.place.checked_add_signed(by),
        };
        self.place = place.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the beginning"))?;
        Ok(self.place)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::bundle::pack;

    #[test]
    fn the_small_files_of_a_bundle_are_read_from_its_end() {
        // Noise, so that it does not get smaller.
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        let binary: Vec<u8> = noise.take(200_000).collect();
        let files: [(&str, u32, &[u8]); 2] = [("bootstrap", 0o755, &binary), ("service.json", 0o644, b"{}")];
        let entries = files.map(|(name, mode, bytes)| (name, mode, Box::new(bytes) as Box<dyn Read>)).into();
        let whole = pack::zip(Cursor::new(Vec::new()), entries, 1).expect("a zip").into_inner();
        let ends =
            |head: usize, tail: usize| Ends::new(&whole[..head], &whole[whole.len() - tail..], whole.len() as u64);
        assert!(whole.len() > 100_000);
        assert_eq!(pack::extract_small(ends(512, 4_096), "service.json").as_deref(), Some(&b"{}"[..]));
        let checksum = pack::checksum(Cursor::new(&whole), "bootstrap");
        assert!(checksum.is_some() && checksum == pack::checksum(ends(512, 4_096), "bootstrap"));
        // What is not at hand is not made up.
        assert_eq!(pack::extract_small(ends(512, 4_096), "bootstrap"), None);
        assert_eq!(pack::checksum(ends(512, 10), "bootstrap"), None);
    }
}
