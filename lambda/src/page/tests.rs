//! Claims about the pages, on the form with every type of field.

use super::*;
use crate::config::ServiceConfig;
use crate::form::Checker;

fn config() -> ServiceConfig {
    serde_json::from_str(include_str!("../../tests/every_field.json")).expect("a configuration")
}

fn typed(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn page(pairs: &[(&str, &str)]) -> String {
    let config = config();
    let typed = typed(pairs);
    let errors = Checker::new(&config.form).expect("patterns").check_html(&typed).err().unwrap_or_default();
    form(&Site::new(&config, "0123456789ab"), &config.form, &typed, &errors, None)
}

#[test]
fn every_input_has_a_label_and_every_description_exists() {
    let page = page(&[("email", "nobody"), ("topics", "unknown")]);
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "ids are unique");
    for tag in ["<input ", "<select ", "<textarea "] {
        for rest in page.split(tag).skip(1) {
            let id = rest.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
            assert!(page.contains(&format!("<label for=\"{id}\"")), "{id} has a label");
        }
    }
    for described in page.split("aria-describedby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(described.split(' ').all(|id| ids.contains(&id)), "{described}");
    }
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&target), "the summary leads to {target}");
    }
}

#[test]
fn what_was_typed_is_kept_and_escaped() {
    let page = page(&[
        ("full_name", "\"><script>alert(1)</script>"),
        ("about", "</textarea><b>"),
        ("email", "ada@example.com"),
    ]);
    assert!(!page.contains("<script>") && !page.contains("</textarea><b>"));
    assert!(page.contains("value=\"&#34;&#62;&#60;script&#62;"), "{page}");
    assert!(page.contains("value=\"ada@example.com\""));
    assert!(page.contains("Error: "));
}

#[test]
fn no_page_holds_anything_inline_or_from_elsewhere() {
    let config = config();
    let site = Site::new(&config, "r");
    let pages = [
        page(&[]),
        sent(&site),
        welcome(&site, &config),
        busy(&site),
        expired(&site),
        unknown_link(&site),
        not_found(&site.clone().at("/a/b/c")),
        failed(&site),
        confirm(&site, "token"),
    ];
    for page in pages {
        for inline in [" style=", "<style", "<script", " onclick", "src=", "url("] {
            assert!(!page.contains(inline), "{inline} in {page}");
        }
        for target in page.split(" action=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(!target.starts_with('/') && !target.contains(':'), "{target} is relative");
        }
    }
}

#[test]
fn links_of_a_deep_page_lead_to_the_root() {
    let config = config();
    let at = |path| Site::new(&config, "r").at(path).root;
    assert_eq!(
        (at("/"), at("/x"), at("/a/b"), at("/a/b/")),
        (String::new(), String::new(), "../".into(), "../../".into())
    );
}

#[test]
fn the_form_reads_as_before() {
    insta::assert_snapshot!("form", page(&[]));
    insta::assert_snapshot!(
        "form_with_errors",
        page(&[("age", "200"), ("email", "nobody"), ("full_name", "Ada")]).split("<form").next().expect("the summary")
    );
}
