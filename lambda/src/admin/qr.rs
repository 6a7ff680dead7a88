//! A QR code as SVG, drawn by the server so that the secret in it goes nowhere else.
//!
//! Pure. Nothing in it needs a style or a script; it is white around whatever the page's colours, since not every
//! scanner reads light on dark.

use qrcodegen::{QrCode, QrCodeEcc};

/// Modules left white on each side, as ISO/IEC 18004 asks.
const QUIET: i32 = 4;

/// A text is longer than a QR code holds, which is more than 2,000 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub struct TooLongForQr;

/// The picture of a text. What it shows is for the page to say: it is hidden from screen readers.
pub fn svg(text: &str) -> Result<String, TooLongForQr> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium);
    let code = code.map_err(|_| TooLongForQr)?;
    let side = code.size() + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            // Dark modules beside each other are drawn as one, which is shorter and leaves no hairlines.
            let length = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            let length = i32::try_from(length).unwrap_or(0);
            if length > 0 {
                path.push_str(&format!("M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET));
            }
            x += length + 1;
        }
    }
    Ok(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" aria-hidden=\"true\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dark modules of a picture, drawn anew from its path.
    fn modules(svg: &str) -> Vec<(i32, i32)> {
        let path = svg.split("d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
        let mut modules = Vec::new();
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').expect("x");
            let (y, rest) = rest.split_once('h').expect("y");
            let (length, _) = rest.split_once('v').expect("a length");
            let (x, y, length): (i32, i32, i32) =
                (x.parse().expect("x"), y.parse().expect("y"), length.parse().expect("a length"));
            modules.extend((x..x + length).map(|x| (x, y)));
        }
        modules
    }

    #[test]
    fn the_picture_is_the_code_with_white_around_it() {
        let text = "otpauth://totp/Club:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Club";
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).expect("a code");
        let mut drawn = modules(&svg(text).expect("a picture"));
        drawn.sort_unstable();
        let all = (0..code.size()).flat_map(|x| (0..code.size()).map(move |y| (x, y)));
        let dark: Vec<(i32, i32)> =
            all.filter(|(x, y)| code.get_module(*x, *y)).map(|(x, y)| (x + QUIET, y + QUIET)).collect();
        assert_eq!(drawn, dark);
    }

    #[test]
    fn the_picture_fits_a_strict_policy() {
        let picture = svg("x").expect("a picture");
        assert!(!picture.contains("style") && !picture.contains("script"), "{picture}");
        assert!(picture.starts_with("<svg class=\"qr\" viewBox=\"0 0 29 29\""), "{picture}");
        assert_eq!(svg(&"x".repeat(3_000)), Err(TooLongForQr));
    }
}
