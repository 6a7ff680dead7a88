//! `docs/security.md` says what proves each of its claims, and leaves out none: that is so.

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

/// Every requirement of levels 1 and 2 of OWASP's ASVS 5.0.0: it has a row of the table, does not hold, or does not apply.
#[test]
fn no_requirement_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let document = std::fs::read_to_string(root.join("docs/security.md")).expect("the document");
    let (table, others) = document.split_once("## What does not hold").expect("its parts");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let named: Vec<&str> =
        rows.chain([others]).flat_map(|text| text.split(|letter: char| ",:;* \n".contains(letter))).collect();
    let missing: Vec<&str> = include_str!("asvs-5.0.0.txt").lines().filter(|id| !named.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
