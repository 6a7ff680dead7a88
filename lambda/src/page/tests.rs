//! Claims about the pages, on the form with every type of field, in a language of each direction.

use super::*;
use crate::config::ServiceConfig;
use crate::form::Checker;
use crate::words::Language;

fn config() -> ServiceConfig {
    let mut config: ServiceConfig =
        serde_json::from_str(include_str!("../../tests/every_field.json")).expect("a configuration");
    for text in [include_str!("../../languages/fr.json"), include_str!("../../languages/ar.json")] {
        config.languages.push(serde_json::from_str(text).expect("a whole language"));
    }
    config
}

fn english_alone() -> ServiceConfig {
    let mut config = config();
    config.languages.truncate(1);
    config
}

fn hidden() -> Hidden {
    Hidden { stamp: "STAMP".into(), honeypot: "homepage_url" }
}

fn typed(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn page_of(config: &ServiceConfig, language: &Language, pairs: &[(&str, &str)]) -> String {
    let typed = typed(pairs);
    let checker = Checker::new(&config.form).expect("patterns");
    let errors = match pairs {
        [] => Vec::new(),
        _ => checker.check_html(&typed, language).err().unwrap_or_default(),
    };
    let site = Site::new(config, "0123456789ab").speaking(language, false);
    form(&site, &config.form, &typed, &errors, None, Some(&hidden()))
}

fn page(pairs: &[(&str, &str)]) -> String {
    let config = english_alone();
    page_of(&config, config.default_language(), pairs)
}

/// Every page there is, as the site shows it.
fn pages(site: &Site<'_>, config: &ServiceConfig) -> Vec<String> {
    let problem = |problem| Sent { problem: Some(problem), ..Sent::default() };
    let mut pages = vec![
        form(site, &config.form, &[], &[], None, Some(&hidden())),
        form(site, &config.form, &[], &[], Some(Notice::Busy), None),
        form(site, &config.form, &[], &[], Some(Notice::RateLimited { minutes: 1 }), None),
        form(site, &config.form, &[], &[], Some(Notice::SendAgain), None),
        sent(site, &Sent::default()),
        sent(site, &Sent { again: true, ..Sent::default() }),
        sent(site, &Sent { user: Some("token"), problem: Some(SentProblem::WrongCode), ..Sent::default() }),
        confirm(site, "token"),
        replace(site, "token"),
        unsubscribe(site, "token"),
        unsubscribed(site),
        welcome(site, config),
        expired(site),
        unknown_link(site),
        not_found(site),
        failed(site),
        busy(site),
    ];
    let problems =
        [SentProblem::WrongCode, SentProblem::AddressNeeded, SentProblem::TooMany, SentProblem::TooManyAgain];
    pages.extend(problems.map(|it| sent(site, &problem(it))));
    let refusals = [Refusal::Unreadable, Refusal::TooLarge, Refusal::WrongMethod];
    pages.extend(refusals.map(|refusal| refused(site, refusal)));
    pages
}

/// The values of an attribute, in the order of the page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_input_has_a_label_and_every_description_exists() {
    let config = config();
    let site = Site::new(&config, "r");
    let mut pages = pages(&site, &config);
    pages.push(page(&[("email", "nobody"), ("topics", "unknown")]));
    for page in pages {
        let ids = values(&page, "id");
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "ids are unique");
        for tag in ["<input ", "<select ", "<textarea "] {
            for rest in page.split(tag).skip(1).filter(|rest| !rest.starts_with("type=\"hidden\"")) {
                let id = rest.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
                assert!(page.contains(&format!("<label for=\"{id}\"")), "{id} has a label");
            }
        }
        for described in values(&page, "aria-describedby") {
            assert!(described.split(' ').all(|id| ids.contains(&id)), "{described}");
        }
        for target in values(&page, "href").into_iter().filter_map(|target| target.strip_prefix('#')) {
            assert!(ids.contains(&target), "the summary leads to {target}");
        }
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
    assert!(page.contains("<title>Error: "));
}

#[test]
fn no_page_holds_anything_inline_or_from_elsewhere() {
    let config = config();
    let site = Site::new(&config, "r");
    let deep = site.clone().at("/a/b/c");
    for (page, root) in pages(&site, &config).iter().map(|page| (page, "")).chain([(&not_found(&deep), "../../")]) {
        for inline in [" style=", "<style", "<script>", " onclick", "url("] {
            assert!(!page.contains(inline), "{inline} in {page}");
        }
        for source in values(page, "src") {
            assert!([format!("{root}form.js?v=r"), format!("{root}confirm.js?v=r")].contains(&source.to_owned()));
        }
        let targets = [values(page, "action"), values(page, "formaction"), values(page, "data-challenge")].concat();
        for target in targets {
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
fn a_chosen_language_is_kept_by_every_link_and_form() {
    let config = config();
    let french = &config.languages[1];
    let site = Site::new(&config, "r").speaking(french, true);
    for page in pages(&site, &config) {
        assert!(page.contains("<html lang=\"fr\" dir=\"ltr\">"));
        for target in [values(&page, "action"), values(&page, "formaction")].concat() {
            assert!(target.ends_with("?lang=fr"), "{target}");
        }
        let links = values(&page, "href").into_iter().filter(|it| it.starts_with("./"));
        assert!(links.clone().all(|link| link.contains("?lang=")), "{:?}", links.collect::<Vec<_>>());
        // Itself it does not link to.
        assert!(page.contains("hreflang=\"ar\"") && !page.contains("hreflang=\"fr\""));
    }
    assert!(confirm(&site, "a&b").contains("href=\"confirm?t=a%26b&#38;lang=en\" hreflang=\"en\""));
    let silent = Site::new(&config, "r").speaking(french, false);
    assert_eq!(values(&confirm(&silent, "t"), "action"), ["confirm"]);
}

#[test]
fn one_language_alone_offers_no_choice() {
    let config = english_alone();
    assert!(!pages(&Site::new(&config, "r"), &config).iter().any(|page| page.contains("<footer")));
}

#[test]
fn a_page_read_from_right_to_left_says_so_and_its_addresses_stay() {
    let config = config();
    let arabic = config.languages.last().expect("three languages");
    for page in pages(&Site::new(&config, "r").speaking(arabic, false), &config) {
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"ar\" dir=\"rtl\">"));
    }
    let page = page_of(&config, arabic, &[("email", "nobody")]);
    for kind in ["email", "tel", "url"] {
        let input = page.split(&format!("<input type=\"{kind}\"")).nth(1).and_then(|rest| rest.split('>').next());
        assert!(input.is_some_and(|input| input.contains("dir=\"ltr\"")), "{kind}");
    }
    assert!(page.contains("يُرجى إدخال عنوان مثل") && page.contains(">فرنسا</option>"));
}

#[test]
fn a_choice_that_may_be_left_open_can_be_undone() {
    let mut config = english_alone();
    let field = config.form.fields.iter_mut().find(|field| field.name == "marital_status").expect("declared");
    field.required = false;
    let none = "<input type=\"radio\" id=\"field-marital_status-none\" name=\"marital_status\" value=\"\"";
    let page = page_of(&config, config.default_language(), &[]);
    assert!(page.contains(&format!("{none}><label")) && page.contains(">No answer</label>"), "{page}");
    let back = page_of(&config, config.default_language(), &[("marital_status", "")]);
    assert!(back.contains(&format!("{none} checked>")));
    assert!(!super::tests::page(&[]).contains("No answer"), "a required one cannot");
}

#[test]
fn programs_are_met_by_a_field_that_nobody_sees() {
    let page = page(&[]);
    let field = page.split("<div class=\"unseen\" aria-hidden=\"true\">").nth(1).expect("the field");
    let field = field.split("</div>").next().expect("its end");
    assert!(field.contains("name=\"homepage_url\" value=\"\" tabindex=\"-1\" autocomplete=\"off\""), "{field}");
    assert!(page.contains("<input type=\"hidden\" name=\"stamp\" value=\"STAMP\">"));
    assert!(page.contains("data-challenge=\"api/v1/challenges\""));
    assert!(page.contains("<script src=\"form.js?v=0123456789ab\" defer></script>"));
    // Empty until the script has something to say: what a live region held from the start is not read out.
    assert!(
        page.contains("</button>\n<p class=\"wait\" role=\"status\"></p>")
            && page.contains("data-wait=\"One moment…\"")
    );
    let config = english_alone();
    let bare = form(&Site::new(&config, "r"), &config.form, &[], &[], None, None);
    assert!(!bare.contains("<script") && !bare.contains("stamp") && !bare.contains("data-challenge"));
}

#[test]
fn a_code_that_fails_keeps_the_address_and_never_the_code() {
    let config = english_alone();
    let site = Site::new(&config, "r");
    let wrong = Some(SentProblem::WrongCode);
    let page = sent(&site, &Sent { user: None, email: "ada@example.com", problem: wrong, again: true });
    assert!(
        page.contains("<title>Error: ")
            && page.contains("tabindex=\"-1\" autofocus")
            && page.contains("href=\"#code\"")
    );
    assert!(page.contains("value=\"ada@example.com\"") && page.contains("aria-describedby=\"code-error\""));
    assert!(!page.contains("role=\"status\""), "what went wrong comes first");
    assert!(page.contains("formaction=\"resend\" formnovalidate"));
}

#[test]
fn whoever_has_just_signed_up_is_not_asked_for_the_address_again() {
    let config = config();
    let site = Site::new(&config, "r");
    let known = Sent { user: Some("a\"&b"), email: "ada@example.com", ..Sent::default() };
    let wrong = sent(&site, &Sent { problem: Some(SentProblem::WrongCode), ..known.clone() });
    for page in [&sent(&site, &known), &wrong, &sent(&site, &Sent { again: true, ..known.clone() })] {
        assert!(page.contains("<input type=\"hidden\" name=\"u\" value=\"a&#34;&#38;b\">"), "{page}");
        assert!(!page.contains("type=\"email\"") && !page.contains("ada@"), "neither asked for nor shown");
        assert!(page.contains("href=\"sent?u=a%22%26b&#38;lang=fr\""), "another language keeps it");
    }
    assert!(wrong.contains("aria-describedby=\"code-error\""));
    let impossible = sent(&site, &Sent { problem: Some(SentProblem::AddressNeeded), ..known });
    assert!(!impossible.contains("#email") && !impossible.contains("class=\"summary\""));
    assert!(!sent(&site, &Sent::default()).contains("name=\"u\""));
    assert_eq!(site.link_with("sent", &[("u", "a&b")]), "sent?u=a%26b");
    let chosen = site.speaking(&config.languages[1], true).embedded();
    assert_eq!(chosen.link_with("sent", &[("u", "x")]), "sent?u=x&lang=fr&embed=1");
}

#[test]
fn asking_for_the_message_too_often_is_no_mistake_of_the_code() {
    let config = english_alone();
    let page = sent(
        &Site::new(&config, "r"),
        &Sent { problem: Some(SentProblem::TooManyAgain), again: true, ..Sent::default() },
    );
    assert!(page.contains("<p class=\"notice\" role=\"alert\" tabindex=\"-1\" autofocus>The message was asked for"));
    assert!(!page.contains("aria-invalid") && !page.contains("class=\"summary\"") && !page.contains("wrong"), "{page}");
    assert!(page.contains("<title>Error: ") && !page.contains("role=\"status\""));
}

#[test]
fn only_the_page_that_changes_no_answers_presses_its_button() {
    let config = english_alone();
    let site = Site::new(&config, "r");
    assert!(confirm(&site, "t").contains("<script src=\"confirm.js?v=r\" defer></script>"));
    assert!(!replace(&site, "t").contains("<script") && !unsubscribe(&site, "t").contains("<script"));
}

#[test]
fn what_nobody_translated_says_its_language_and_nothing_else_does() {
    let mut config = config();
    let form = serde_json::json!({ "title": "انضم", "fields": { "age": { "label": "العمر" },
        "marital_status": { "options": { "single": "أعزب" } } } });
    let arabic = config.languages.last_mut().expect("three languages");
    arabic.form = serde_json::from_value(form).expect("the form's words");
    arabic.countries.remove("FR");
    let arabic = config.languages.last().expect("three languages");
    let page = page_of(&config, arabic, &[("email", "nobody"), ("age", "17")]);
    for marked in [
        "<p class=\"intro\" lang=\"en\" dir=\"ltr\">Tell us",
        "<label for=\"field-email\" lang=\"en\" dir=\"ltr\">Email",
        "id=\"field-email-help\" lang=\"en\" dir=\"ltr\">We write",
        "<legend lang=\"en\" dir=\"ltr\">Marital status",
        "<legend><span lang=\"en\" dir=\"ltr\">Topics</span>",
        "<label for=\"field-marital_status-1\" lang=\"en\" dir=\"ltr\">Married",
        "<option value=\"FR\" lang=\"en\" dir=\"ltr\">France",
        "<option value=\"north\" lang=\"en\" dir=\"ltr\">North",
        "<label for=\"field-consent\" lang=\"en\" dir=\"ltr\">I agree",
        "<button type=\"submit\" lang=\"en\" dir=\"ltr\">Join",
        "<strong lang=\"en\" dir=\"ltr\">Email</strong> – يُرجى",
    ] {
        assert!(page.contains(marked), "{marked} in {page}");
    }
    for own in [
        "<h1>انضم</h1>",
        "<label for=\"field-age\">العمر",
        "<label for=\"field-marital_status-0\">أعزب",
        "<option value=\"DE\">ألمانيا",
        "<strong>العمر</strong>",
        "<p class=\"error\" id=\"field-email-error\"><span",
    ] {
        assert!(page.contains(own), "{own} in {page}");
    }
    let site = Site::new(&config, "r").speaking(arabic, false);
    assert!(
        welcome(&site, &config).contains("<h1 lang=\"en\" dir=\"ltr\">You are in</h1>\n<p lang=\"en\" dir=\"ltr\">")
    );
    let french = &config.languages[1];
    let site = Site::new(&config, "r").speaking(french, false);
    assert!(welcome(&site, &config).contains("<h1 lang=\"en\">You are in</h1>"), "of the same direction");
    config.form.success = crate::config::Success::default();
    let site = Site::new(&config, "r").speaking(&config.languages[1], false);
    assert!(welcome(&site, &config).contains("<h1>Bienvenue</h1>"), "the service's own words");
    let page = page_of(&config, config.default_language(), &[]);
    assert!(!page.split("<footer").next().expect("the form").contains(" lang=\"en\" dir=\"ltr\">Join"));
    assert!(page.contains("<h1>Join the society</h1>") && page.contains("<option value=\"FR\">France"));
}

#[test]
fn an_iframe_shows_the_form_without_the_pages_frame() {
    let config = config();
    let site = Site::new(&config, "r").embedded();
    for page in pages(&site, &config) {
        assert!(page.contains("<body class=\"embedded\">") && !page.contains("<header"));
        assert!(values(&page, "action").iter().all(|target| target.ends_with("?embed=1")));
    }
    assert!(expired(&site).contains("href=\"embed\""));
    assert!(sent(&site, &Sent::default()).contains("href=\"sent?lang=fr&#38;embed=1\""));
}

#[test]
fn a_logo_stands_in_place_of_the_dot() {
    let mut config = english_alone();
    config.branding.logo = Some(crate::config::Logo { media_type: "image/png".into() });
    let page = not_found(&Site::new(&config, "r").at("/a/b"));
    assert!(
        page.contains("<img class=\"logo\" src=\"../logo?v=r\" alt=\"\"><bdi>Example Society</bdi>")
            && !page.contains("\"mark\"")
    );
}

#[test]
fn the_form_reads_as_before() {
    insta::assert_snapshot!("form", page(&[]));
    insta::assert_snapshot!(
        "form_with_errors",
        page(&[("age", "200"), ("email", "nobody"), ("full_name", "Ada")]).split("<form").next().expect("the summary")
    );
    let config = english_alone();
    insta::assert_snapshot!("sent", sent(&Site::new(&config, "0123456789ab"), &Sent::default()));
}
