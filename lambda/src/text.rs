//! Characters that cannot be seen, and what they are good for in a text.
//!
//! Pure. Joiners belong to the spelling of several scripts and of many emoji, and stay; what turns the
//! reading direction round or hides inside a word serves nobody who fills a form.

/// Whether nothing of a text can be seen.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || is_ignorable(letter))
}

/// Unicode's property `Default_Ignorable_Code_Point`, of version 17. It holds all bidi controls.
pub(crate) fn is_ignorable(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Bidi embeddings, overrides and isolates, the soft hyphen, and spaces and joins without width, except the
/// two joiners: a name with one of them looks like another name.
pub(crate) fn deceives(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' | '\u{200B}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_blank() {
        for text in ["", " \t\n", "\u{200B}", "\u{202E} \u{AD}", "\u{200D}\u{FEFF}", "\u{3164}", "\u{E0020}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", " é ", "\u{200B}x", "\u{1F469}\u{200D}\u{1F467}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn whatever_deceives_cannot_be_seen_and_joiners_do_not() {
        assert!(('\0'..=char::MAX).filter(|letter| deceives(*letter)).all(is_ignorable));
        assert!(!deceives('\u{200C}') && !deceives('\u{200D}'));
    }
}
