//! `docs/security.md` says what proves each of its claims: that is there.

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
            _ => "lambda/src",
        };
        let source = std::fs::read_to_string(root.join(place).join(file)).expect(file);
        assert!(source.contains(&format!("fn {test}()")), "{file}::{test}");
    }
}
