//! The regular expressions of the spec, under limits that keep them cheap.
//!
//! The engine matches in time linear in the input, so a pattern can be wrong but never slow. The same
//! function judges the spec before a deployment and compiles for the service.

use regex::{Regex, RegexBuilder};

/// Bytes a compiled pattern may take. A generous pattern for a postal address takes about 20 KB.
const SIZE_LIMIT: usize = 1 << 18;

/// How deep groups may nest.
const NEST_LIMIT: u32 = 32;

/// Bytes of memory the matcher may keep between calls.
const CACHE_LIMIT: usize = 1 << 20;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is no pattern the service can use: {reason}")]
pub struct PatternError {
    pub pattern: String,
    /// The last line of the engine's explanation, without its drawing.
    pub reason: String,
}

/// Compiles a pattern so that it must match the whole value.
pub fn compile_pattern(pattern: &str) -> Result<Regex, PatternError> {
    // Alone first: `a)|(b` would become valid between the brackets that anchor it.
    build(pattern).map_err(|error| explain(pattern, &error))?;
    // The line break ends a comment in a pattern that switched on `x`; elsewhere it must not be there.
    build(&format!(r"\A(?:{pattern})\z"))
        .or_else(|_| build(&format!("\\A(?:{pattern}\n)\\z")))
        .map_err(|error| explain(pattern, &error))
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).dfa_size_limit(CACHE_LIMIT).nest_limit(NEST_LIMIT).build()
}

fn explain(pattern: &str, error: &regex::Error) -> PatternError {
    let reason = match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    PatternError { pattern: pattern.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_value() {
        let regex = compile_pattern("[a-z]+|[0-9]+").expect("a pattern");
        assert!(regex.is_match("abc") && regex.is_match("123"));
        assert!(!regex.is_match("abc1") && !regex.is_match("abc\n") && !regex.is_match("x\nabc"));
        assert!(compile_pattern("a|ab").expect("a pattern").is_match("ab"));
        assert!(compile_pattern("(?x) a # first").expect("a pattern").is_match("a"));
    }

    #[test]
    fn a_bad_pattern_says_why() {
        assert_eq!(compile_pattern("a(b").expect_err("no pattern").reason, "unclosed group");
        assert!(compile_pattern("a)|(b").is_err());
        assert_eq!(compile_pattern("(?:a{1000}){1000}").expect_err("no pattern").reason, "it is too large");
        assert!(compile_pattern(&"(".repeat(100)).is_err());
    }
}
