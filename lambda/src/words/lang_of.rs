//! What says that a part of a page or of a mail is in another language than the rest (WCAG 3.1.2).

use std::fmt;

use askama::filters::HtmlSafe;

use super::{Direction, Language};

/// The attributes `lang` and `dir` of an element whose text is in another language than what is around it,
/// each led by a space; nothing of any other element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LangOf<'a>(Option<(&'a str, Option<Direction>)>);

impl<'a> LangOf<'a> {
    /// Those of a text in the language `text`, in the midst of the language `around`.
    pub fn new(text: &'a Language, around: &Language) -> Self {
        let turns = (text.dir != around.dir).then_some(text.dir);
        Self((text.code != around.code).then_some((text.code.as_str(), turns)))
    }
}

impl fmt::Display for LangOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((code, turns)) = self.0 else { return Ok(()) };
        f.write_str(" lang=\"")?;
        // A code holds nothing else; what did could end the attribute.
        for letter in code.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-') {
            write!(f, "{letter}")?;
        }
        f.write_str("\"")?;
        turns.map_or(Ok(()), |dir| write!(f, " dir=\"{}\"", dir.name()))
    }
}

impl HtmlSafe for LangOf<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::english;

    #[test]
    fn only_what_differs_is_said() {
        let of = |code: &str, dir| Language { code: code.to_owned(), dir, ..english().clone() };
        let (dutch, hebrew) = (of("nl", Direction::Ltr), of("he", Direction::Rtl));
        let said = |text, around| LangOf::new(text, around).to_string();
        assert_eq!(said(&dutch, &dutch), "");
        assert_eq!(said(&dutch, english()), " lang=\"nl\"");
        assert_eq!(said(&hebrew, english()), " lang=\"he\" dir=\"rtl\"");
        assert_eq!(said(english(), &hebrew), " lang=\"en\" dir=\"ltr\"");
        assert_eq!(LangOf::default().to_string(), "");
        assert_eq!(said(&of("x\"><b>", Direction::Ltr), english()), " lang=\"xb\"");
    }
}
