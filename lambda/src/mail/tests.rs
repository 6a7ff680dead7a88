//! Claims about the mails of every kind, in our words and in the operator's.

use proptest::prelude::*;

use super::*;
use crate::clock::after;
use crate::config::{MailTemplate, TextTemplate};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn config() -> ServiceConfig {
    let mut config: ServiceConfig =
        serde_json::from_str(include_str!("../../tests/every_field.json")).expect("a configuration");
    let arabic = serde_json::from_str(include_str!("../../languages/ar.json")).expect("a whole language");
    config.languages.push(arabic);
    config
}

fn letter(kind: MailKind) -> Letter<'static> {
    Letter {
        id: MailId([1; 16]),
        kind,
        to: "ada@example.com",
        base_url: "https://join.example.com",
        language: None,
        token: "TOKEN",
        code: Some("123456"),
        unsubscribe: Some("STOP"),
        expires_at: Some(after(NOW, 86_400)),
    }
}

fn mail(kind: MailKind) -> Mail {
    compose(&config(), &letter(kind), NOW)
}

#[test]
fn the_mails_read_as_before() {
    insta::assert_snapshot!("confirmation_text", mail(MailKind::Confirmation).text);
    insta::assert_snapshot!("confirmation_html", mail(MailKind::Confirmation).html);
    insta::assert_snapshot!("update_text", mail(MailKind::Update).text);
    insta::assert_snapshot!("welcome_text", mail(MailKind::Welcome).text);
    let arabic = Letter { language: Some("ar"), ..letter(MailKind::Confirmation) };
    insta::assert_snapshot!("confirmation_text_in_arabic", compose(&config(), &arabic, NOW).text);
}

#[test]
fn both_parts_hold_link_code_and_the_way_out_and_the_headers_are_whole() {
    let mail = mail(MailKind::Confirmation);
    for part in [&mail.text, &mail.html] {
        for wanted in
            ["https://join.example.com/confirm?t=TOKEN", "123 456", "https://join.example.com/unsubscribe?t=STOP"]
        {
            assert!(part.contains(wanted), "{wanted}");
        }
    }
    let mime = String::from_utf8(mail.mime()).expect("ASCII");
    for header in [
        "From: \"Example\" <hello@example.com>\r\n",
        "To: <ada@example.com>\r\n",
        "List-Unsubscribe: <https://join.example.com/unsubscribe?t=STOP>\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "multipart/alternative",
    ] {
        assert!(mime.contains(header), "{header} in {mime}");
    }
}

#[test]
fn what_a_letter_does_not_hold_leaves_its_sentence_out() {
    let letter = Letter { code: None, unsubscribe: None, ..letter(MailKind::Confirmation) };
    let mail = compose(&config(), &letter, NOW);
    for part in [&mail.text, &mail.html, &String::from_utf8(mail.mime()).expect("ASCII")] {
        assert!(!part.contains("this code") && !part.to_lowercase().contains("unsubscribe"), "{part}");
    }
}

#[test]
fn a_welcome_links_to_nothing_but_the_way_out() {
    let text = mail(MailKind::Welcome).text;
    assert_eq!((text.matches("http").count(), text.contains("unsubscribe?t=STOP")), (1, true));
    assert!(!text.contains("123 456"));
}

#[test]
fn a_mail_speaks_the_language_of_whoever_signed_up() {
    let in_language = |code| compose(&config(), &Letter { language: Some(code), ..letter(MailKind::Welcome) }, NOW);
    let arabic = in_language("ar-EG");
    assert!(arabic.html.starts_with("<!DOCTYPE html>\n<html lang=\"ar\" dir=\"rtl\">"), "{}", arabic.html);
    assert!(arabic.subject.starts_with("أهلًا بك"));
    let mime = String::from_utf8(arabic.mime()).expect("ASCII, whatever the subject");
    assert!(mime.contains("Subject: =?utf-8?"), "{mime}");
    assert!(in_language("xx").html.contains("<html lang=\"en\" dir=\"ltr\">"), "no longer offered");
}

#[test]
fn what_is_left_is_in_whole_units() {
    let english = crate::words::english();
    let words: Vec<String> = [86_400, 86_391, 86_341, 86_340, 604_795, 172_800, 3_600, 5_400, 11_000, 61]
        .map(|seconds| remaining(seconds, english))
        .into();
    let expected =
        ["24 hours", "24 hours", "24 hours", "23 hours", "7 days", "48 hours", "60 min", "90 min", "3 hours", "2 min"];
    assert_eq!(words, expected);
}

#[test]
fn a_late_mail_says_what_is_left_of_its_link() {
    let mail = compose(&config(), &letter(MailKind::Confirmation), after(NOW, 86_400 - 1_800));
    assert!(mail.text.contains("The link works for 30 min."), "{}", mail.text);
}

fn worded(text: Option<(&str, &str)>, html: Option<&str>) -> Mail {
    let mut config = config();
    config.branding.name = Some("Tom & {{link}}".into());
    let text = text.map(|(subject, body)| TextTemplate { subject: subject.into(), body: body.into() });
    config.email.templates =
        vec![MailTemplate { kind: MailKind::Confirmation, language: "en".into(), text, html: html.map(str::to_owned) }];
    compose(&config, &letter(MailKind::Confirmation), NOW)
}

#[test]
fn the_operators_wording_is_taken_and_its_values_are_escaped_in_html() {
    let mail = worded(
        Some((
            "Hello from {{brand}}",
            "\nGo to {{ link }} or type {{code}}.\n\nGood for {{expires}}.\nOr {{unsubscribe}}",
        )),
        Some("<p title=\"{{brand}}\">{{link}} {{service}}</p>"),
    );
    assert_eq!(mail.subject, "Hello from Tom & {{link}}");
    assert_eq!(
        mail.text,
        "Go to https://join.example.com/confirm?t=TOKEN or type 123 456.\n\nGood for 24 hours.\n\
         Or https://join.example.com/unsubscribe?t=STOP\n"
    );
    let html = "<p title=\"Tom &amp; {{link}}\">https://join.example.com/confirm?t=TOKEN every-field</p>";
    assert_eq!(mail.html, html);
}

#[test]
fn a_line_that_offers_a_code_goes_when_there_is_none() {
    let mut config = config();
    let text = TextTemplate { subject: "Hi".into(), body: "Press {{link}}.\nOr type {{ code }}.\nUntil then.".into() };
    let html = Some("<p>{{link}}</p>\n<p>{{code}}</p>\n<p>Bye</p>".into());
    config.email.templates =
        vec![MailTemplate { kind: MailKind::Confirmation, language: "en".into(), text: Some(text), html }];
    let mail = compose(&config, &Letter { code: None, ..letter(MailKind::Confirmation) }, NOW);
    assert!(mail.text.starts_with("Press https://join.example.com/confirm?t=TOKEN.\nUntil then.\n"), "{}", mail.text);
    assert_eq!(mail.html, "<p>https://join.example.com/confirm?t=TOKEN</p>\n<p>Bye</p>");
}

#[test]
fn a_text_alone_becomes_a_page_with_links_and_the_way_out() {
    let mail = worded(Some(("Hi", "Press {{link}}.\nnow <b>")), None);
    assert!(mail.html.contains("<a href=\"https://join.example.com/confirm?t=TOKEN\" "), "{}", mail.html);
    assert!(mail.html.contains("<br>now &#60;b&#62;") && mail.html.contains("unsubscribe?t=STOP"), "{}", mail.html);
    assert!(mail.text.ends_with("unsubscribe?t=STOP\n"), "{}", mail.text);
}

#[test]
fn a_link_in_brackets_is_a_link_too() {
    let link = "<a href=\"https://join.example.com/confirm?t=TOKEN\" ";
    for (body, before, after) in [
        ("Go to <{{link}}>.", "Go to &#60;<a", "</a>&#62;."),
        ("Confirm ({{link}}) now", "Confirm (<a", "</a>) now"),
        ("[{{link}}]", ">[<a", "</a>]</p>"),
        ("{{link}}?!", "\"><a", "</a>?!"),
    ] {
        let html = worded(Some(("Hi", body)), None).html;
        assert!(html.contains(link) && html.contains(before) && html.contains(after), "{body}: {html}");
    }
}

#[test]
fn a_welcome_that_nobody_translated_says_its_language() {
    let in_language = |code| compose(&config(), &Letter { language: Some(code), ..letter(MailKind::Welcome) }, NOW);
    assert!(in_language("ar").html.contains("<p lang=\"en\" dir=\"ltr\" class=\"text\""), "{}", in_language("ar").html);
    assert!(!in_language("en").html.contains("<p lang="));
    let mut config = config();
    config.form.success = crate::config::Success::default();
    let arabic = Letter { language: Some("ar"), ..letter(MailKind::Welcome) };
    assert!(!compose(&config, &arabic, NOW).html.contains("<p lang="), "our own words");
}

#[test]
fn html_alone_keeps_our_subject_and_text() {
    let mail = worded(None, Some("<p>{{link}}</p>"));
    assert!(mail.subject.starts_with("Confirm your address") && mail.text.contains("123 456"));
    assert_eq!(mail.html, "<p>https://join.example.com/confirm?t=TOKEN</p>");
}

#[test]
fn a_wording_is_for_its_language_alone() {
    let mut config = config();
    let text = Some(TextTemplate { subject: "Hi".into(), body: "{{link}}".into() });
    config.email.templates =
        vec![MailTemplate { kind: MailKind::Confirmation, language: "en".into(), text, html: None }];
    let subject = |language, kind| compose(&config, &Letter { language, ..letter(kind) }, NOW).subject;
    assert_eq!(subject(None, MailKind::Confirmation), "Hi");
    assert!(subject(Some("ar"), MailKind::Confirmation).starts_with("تأكيد"));
    assert!(subject(None, MailKind::Update).starts_with("Confirm your new answers"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_wording_breaks_a_mail(body in "([{}<>& é\n]|\\{\\{|\\}\\}|link|https://){0,16}", html in "[{}<a é]{0,16}") {
        let mail = worded(Some(("x", &body)), None);
        prop_assert!(!mail.mime().is_empty() && mail.html.ends_with("</html>"));
        prop_assert!(placeholders(&html).iter().all(|(_, span)| html[span.clone()].starts_with("{{")));
        if placeholders(&html).is_empty() {
            prop_assert_eq!(worded(None, Some(&html)).html, html);
        }
    }
}
