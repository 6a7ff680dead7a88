//! The logo: a small picture, told by its content and not by its name.

use std::path::Path as FilePath;

use super::{Logo, Wrong};
use crate::spec::Spec;
use crate::spec::tree::Path;

/// The page shows it at a height of 40 pixels: what is larger is made for something else.
const MAX_BYTES: u64 = 64 * 1024;

pub(super) fn read(spec: &Spec, folder: &FilePath, wrong: &mut Wrong) -> Option<Logo> {
    let name = spec.branding.logo.as_deref()?;
    let path = Path::default().key("branding").key("logo");
    let bytes = super::bytes(folder, name, MAX_BYTES, &path, wrong)?;
    let Some(media_type) = media_type(&bytes) else {
        wrong.add(&path, format!("`{name}` is no picture that every browser shows"), "use SVG, PNG, JPEG or WebP");
        return None;
    };
    Some(Logo { media_type, bytes })
}

fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => std::str::from_utf8(bytes).ok().filter(|text| is_svg(text)).map(|_| "image/svg+xml"),
    }
}

/// Whether the first element is `svg`, behind whatever XML lets stand in front of it.
fn is_svg(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            rest if rest.starts_with("<?") => rest.find("?>").map(|at| at + 2),
            rest if rest.starts_with("<!--") => rest.find("-->").map(|at| at + 3),
            rest if rest.starts_with("<!DOCTYPE") => doctype(rest),
            _ => break,
        };
        let Some(end) = end else { return false };
        rest = rest[end..].trim_start();
    }
    rest.strip_prefix("<svg").is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n', '>']))
}

/// Where a document type declaration ends. What it declares itself, in `[ … ]>`, may hold any mark: drawing programs
/// put the names of their own elements there.
fn doctype(text: &str) -> Option<usize> {
    let end = text.find('>')? + 1;
    let Some(open) = text[..end].find('[') else { return Some(end) };
    let closed = |(at, _): (usize, &str)| {
        let rest = &text[open + at + 1..];
        let white = rest.len() - rest.trim_start().len();
        rest[white..].starts_with('>').then_some(open + at + 1 + white + 1)
    };
    text[open..].match_indices(']').find_map(closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_told_by_its_content() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n\0"), Some("image/png"));
        assert_eq!(media_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(media_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        let svg =
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- drawn by hand -->\n<!DOCTYPE svg>\n<!-- > -->\n<svg xmlns=\"x\"/>";
        assert_eq!(media_type(svg.as_bytes()), Some("image/svg+xml"));
        let drawn = "<?xml version=\"1.0\"?><!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"svg11.dtd\" [\n\
            <!-- [ ] -->\n<!ENTITY a \"x>[]\">\n] >\n<!-- - --><svg>&a;</svg>";
        assert_eq!(media_type(drawn.as_bytes()), Some("image/svg+xml"));
        for open in ["<!DOCTYPE svg [ <!ENTITY a \"x\"> <svg>", "<!DOCTYPE html [ ]><html>"] {
            assert_eq!(media_type(open.as_bytes()), None, "{open}");
        }
        for other in [&b""[..], b"GIF89a", b"<html><svg></svg></html>", b"<svgx>", b"<?xml", b"\xff\xfe"] {
            assert_eq!(media_type(other), None, "{other:?}");
        }
    }
}
