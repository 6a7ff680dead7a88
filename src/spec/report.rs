//! A mistake in the spec as the operator reads it: the line, a caret below it, and the fix.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;

/// One mistake and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, lower case, names in backticks.
    pub message: String,
    /// Bytes of the source to point at.
    pub span: Range<usize>,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A file and what is wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    pub name: String,
    pub source: String,
    pub mistakes: Vec<Mistake>,
}

/// The known word that a typo most likely stands for: at most a third of the letters differ.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| distance * 3 <= candidate.len().max(word.len()))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Renders the mistakes of every file, file by file.
pub fn render_all(sheets: &[Sheet], color: bool) -> String {
    let rendered = sheets.iter().map(|sheet| render(&sheet.name, &sheet.source, &sheet.mistakes, color));
    rendered.collect::<Vec<_>>().join("\n\n")
}

/// Renders mistakes one below the other, in the order of the file.
fn render(file: &str, source: &str, mistakes: &[Mistake], color: bool) -> String {
    let mut mistakes = mistakes.to_vec();
    mistakes.sort_by_key(|mistake| mistake.span.start);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let blocks = mistakes.iter().map(|mistake| {
        let snippet = Snippet::source(source)
            .path(file)
            .fold(true)
            .annotation(AnnotationKind::Primary.span(clamp(&mistake.span, source)));
        let mut groups = vec![Level::ERROR.primary_title(&mistake.message).element(snippet)];
        if let Some(hint) = &mistake.hint {
            groups.push(Group::with_title(Level::HELP.with_name("hint").secondary_title(hint)));
        }
        renderer.render(&groups)
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// Keeps a span inside the source and on its first line, and at least one character wide.
fn clamp(span: &Range<usize>, source: &str) -> Range<usize> {
    let floor = |mut at: usize| {
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start.min(source.len()));
    let line_end = source[start..].find('\n').map_or(source.len(), |length| start + length);
    let end = floor(span.end.clamp(start, line_end));
    let one = source[start..].chars().next().map_or(0, char::len_utf8);
    start..end.max((start + one).min(line_end.max(start)))
}
