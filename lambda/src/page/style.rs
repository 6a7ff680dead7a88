//! The style sheet and the icon, in the operator's colour, with text on it that can be read.

use std::fmt;

/// The colour of a service that declares none: a quiet blue.
const DEFAULT: Rgb = Rgb([0x2f, 0x5b, 0xd0]);

/// Contrast that WCAG 2.2 AA asks of text.
const TEXT_CONTRAST: f64 = 4.5;

/// How far a button changes under the pointer, in parts of 32.
const HOVER: u16 = 5;

/// The worse of the two grounds that links and rings stand on, of each scheme: `--ground`, where the footer is, takes
/// more contrast from dark text than `--card` does, and `--card` more from light text.
const LIGHT_GROUND: Rgb = Rgb([0xf4, 0xf5, 0xf7]);
const DARK_GROUND: Rgb = Rgb([0x1a, 0x1e, 0x26]);

const STYLE: &str = include_str!("../../templates/style.css");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb([u8; 3]);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Rgb {
    /// Reads `#rrggbb`.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(Self([part(0)?, part(2)?, part(4)?]))
    }

    /// WCAG's relative luminance, 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG's contrast ratio, 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// A step of `part` out of 32 towards another colour.
    fn towards(self, other: Self, part: u16) -> Self {
        let mut mixed = self.0;
        for (at, other) in mixed.iter_mut().zip(other.0) {
            *at = u8::try_from((u16::from(*at) * (32 - part) + u16::from(other) * part) / 32).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    /// The nearest shade on the way to `end` that can be read on `ground`.
    fn readable_on(self, ground: Self, end: Self) -> Self {
        (0..=32)
            .map(|part| self.towards(end, part))
            .find(|shade| shade.contrast(ground) >= TEXT_CONTRAST)
            .unwrap_or(end)
    }
}

/// The operator's colour and the shades that follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accent {
    color: Rgb,
    /// Text on the colour.
    on: Rgb,
    /// The colour of a button under the pointer: further from the text on it.
    hover: Rgb,
    /// The colour as text on a light and on a dark ground.
    on_light: Rgb,
    on_dark: Rgb,
}

impl Accent {
    /// From `#rrggbb`; a quiet blue for nothing, or for what is no colour.
    pub fn new(color: Option<&str>) -> Self {
        let color = color.and_then(Rgb::parse).unwrap_or(DEFAULT);
        let (white, black) = (Rgb([255; 3]), Rgb([0; 3]));
        // One of the two always has a contrast of at least 4.58.
        let on = if color.contrast(white) >= TEXT_CONTRAST { white } else { black };
        Self {
            color,
            on,
            hover: color.towards(if on == white { black } else { white }, HOVER),
            on_light: color.readable_on(LIGHT_GROUND, black),
            on_dark: color.readable_on(DARK_GROUND, white),
        }
    }

    /// The colour as declared, for the mail's button.
    pub fn color(&self) -> String {
        self.color.to_string()
    }

    /// The colour of text on it.
    pub fn on(&self) -> String {
        self.on.to_string()
    }
}

/// The whole style sheet. The colour is written here because the pages' policy allows no inline style.
pub fn stylesheet(accent: &Accent) -> String {
    let Accent { color, on, hover, on_light, on_dark } = accent;
    format!(
        ":root {{ --accent: {color}; --on-accent: {on}; --accent-hover: {hover}; --accent-on-light: {on_light}; --accent-on-dark: {on_dark}; }}\n{STYLE}"
    )
}

/// The tab's icon: a tick on the operator's colour.
pub fn icon(accent: &Accent) -> String {
    let Accent { color, on, .. } = accent;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="{color}"/><path d="M9 17l5 5 9-11" fill="none" stroke="{on}" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>"#
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_color_is_six_hex_digits() {
        assert_eq!(Accent::new(Some("#0a7f5b")).color(), "#0a7f5b");
        for wrong in ["red", "#fff", "#12345g", "#+12345", "0a7f5b", "#é1234"] {
            assert_eq!(Accent::new(Some(wrong)), Accent::new(None), "{wrong}");
        }
    }

    #[test]
    fn the_button_under_the_pointer_has_the_color_that_was_judged() {
        let style = stylesheet(&Accent::new(Some("#0a7f5b")));
        assert!(style.contains("--accent-hover: #086b4c;"), "{style}");
        assert!(style.contains("button:hover { background: var(--accent-hover); }"));
        assert_ne!(Accent::new(Some("#ffd500")).hover, Accent::new(Some("#ffd500")).color);
    }

    /// The colour that a property has in the sheet: in the light scheme, and in the dark one.
    fn grounds(property: &str) -> [Rgb; 2] {
        let lines = STYLE.lines().filter_map(|line| line.trim().strip_prefix(property)?.strip_prefix(": "));
        let colors: Vec<Rgb> = lines.filter_map(|color| Rgb::parse(color.trim_end_matches(';'))).collect();
        colors.try_into().expect("one of each scheme")
    }

    proptest! {
        #[test]
        fn a_link_can_be_read_on_the_card_and_in_the_footer(color: [u8; 3]) {
            let accent = Accent::new(Some(&Rgb(color).to_string()));
            for [light, dark] in [grounds("--card"), grounds("--ground")] {
                prop_assert!(accent.on_light.contrast(light) >= TEXT_CONTRAST);
                prop_assert!(accent.on_dark.contrast(dark) >= TEXT_CONTRAST);
            }
        }

        #[test]
        fn text_can_be_read_whatever_the_color(color: [u8; 3]) {
            let accent = Accent::new(Some(&Rgb(color).to_string()));
            prop_assert!(accent.on.contrast(accent.color) >= TEXT_CONTRAST);
            prop_assert!(accent.on.contrast(accent.hover) >= TEXT_CONTRAST);
        }
    }
}
