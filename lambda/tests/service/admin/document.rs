//! `docs/security.md` says what proves each of its claims, and leaves out none: that is so.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_test_that_the_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let document = std::fs::read_to_string(root.join("docs/security.md")).expect("the document");
    let named: Vec<(&str, &str)> = document.split('`').filter_map(|text| text.split_once("::")).collect();
    let named: Vec<_> = named.into_iter().filter(|(file, _)| file.ends_with(".rs")).collect();
    assert!(named.len() > 60);
    for (file, test) in named {
        let place = match file.split_once('/') {
            Some(("service", _)) => "lambda/tests",
            Some(("templates", _)) => "tests",
            Some(("tests" | "lambda" | "src", _)) => "",
            _ => "lambda/src",
        };
        let source = std::fs::read_to_string(root.join(place).join(file)).expect(file);
        assert!(source.contains(&format!("fn {test}(")), "{file}::{test}");
    }
}

/// Every requirement of levels 1 and 2 of OWASP's ASVS 5.0.0, by its number: it holds, or does not, or does not apply.
#[test]
fn no_requirement_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let document = std::fs::read_to_string(root.join("docs/security.md")).expect("the document");
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut before: Option<(&str, u32)> = None;
    let words = document.split(|letter: char| !letter.is_alphanumeric() && letter != '.');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    for (at, word) in words.iter().enumerate() {
        let number = word.trim_end_matches('.').rsplit_once('.');
        let Some((chapter, Ok(last))) = number.map(|(chapter, last)| (chapter, last.parse::<u32>())) else { continue };
        // Some are named from one to another.
        let first = match before {
            Some((same, first)) if same == chapter && words[at - 1] == "to" => first,
            _ => last,
        };
        named.extend((first..=last).map(|last| format!("{chapter}.{last}")));
        before = Some((chapter, last));
    }
    let missing: Vec<&str> = include_str!("asvs-5.0.0.txt").lines().filter(|id| !named.contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
