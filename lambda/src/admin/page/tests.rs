//! Claims about the admin's pages, each of which is in [`pages`] in every state that it has.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::census::Pair;
use crate::page::{Accent, stylesheet};
use crate::user::State;

pub(crate) mod sample;
mod world;

use world::{HOSTILE, World, codes, empty, hostile, minutes_ago, pages, parts, qr};

/// The values of an attribute, in the order of the page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The opening tags of an element, and what is in each up to its end.
fn elements<'a>(page: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let (open, close) = (format!("<{name} "), format!("</{name}>"));
    let found = page.split(open.as_str()).skip(1).filter_map(|rest| rest.split(close.as_str()).next());
    found.filter_map(|rest| rest.split_once('>')).collect()
}

/// Writes every page below the folder that `ADMIN_PAGES` names, to be looked at in a browser.
#[test]
fn pages_can_be_looked_at() {
    let Some(folder) = std::env::var_os("ADMIN_PAGES").map(PathBuf::from) else { return };
    let mut all = pages(&World::new());
    let nobody = pages(&empty()).into_iter().map(|(name, page)| (format!("{name}-empty"), page));
    all.extend(nobody.filter(|(name, _)| ["dashboard-month", "users-all"].iter().any(|of| name.contains(of))));
    let color = std::env::var("ADMIN_COLOR").ok();
    for (name, page) in all {
        let path = folder.join(format!("{name}.html"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, page).expect("a file");
    }
    let accent = Accent::new(color.as_deref().or(World::new().config.branding.color.as_deref()));
    fs::write(folder.join("style.css"), stylesheet(&accent)).expect("a file");
    fs::write(folder.join("admin.css"), STYLESHEET).expect("a file");
}

#[test]
fn every_input_has_a_label_and_every_description_exists() {
    for (name, page) in pages(&World::new()).into_iter().chain(pages(&empty())) {
        let ids = values(&page, "id");
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "ids are unique in {name}: {ids:?}");
        for tag in ["<input ", "<select ", "<textarea "] {
            for rest in page.split(tag).skip(1).filter(|rest| !rest.starts_with("type=\"hidden\"")) {
                let id = rest.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
                assert!(page.contains(&format!("<label for=\"{id}\"")), "{id} has a label in {name}");
            }
        }
        for attribute in ["aria-describedby", "aria-labelledby"] {
            for described in values(&page, attribute) {
                assert!(described.split(' ').all(|id| ids.contains(&id)), "{described} in {name}");
            }
        }
        for target in values(&page, "href").into_iter().filter_map(|target| target.strip_prefix('#')) {
            assert!(ids.contains(&target), "a link leads to {target} in {name}");
        }
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
        assert!(!page.contains("&#60;"), "{name}: nobody typed markup here, so that it is ours");
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">"), "{name}");
    }
}

/// The scripts of the admin's pages, without their roots.
const OURS: [&str; 2] = ["set-up.js?v=0123456789ab\" defer></script>", "session.js?v=0123456789ab\" defer></script>"];

/// A page without its scripts, and which of them it had.
fn without_scripts(name: &str, page: &str) -> (String, [bool; 2]) {
    let root = "../".repeat(name.matches('/').count());
    let ours = OURS.map(|script| format!("<script src=\"{root}{script}"));
    let had = [0, 1].map(|number| page.contains(&ours[number]));
    (ours.iter().fold(page.to_owned(), |page, script| page.replace(script, "")), had)
}

#[test]
fn what_somebody_typed_is_escaped_wherever_it_stands() {
    let escaped = "&#60;script&#62;alert(1)&#60;/script&#62;";
    for (name, page) in pages(&hostile()) {
        let (typed, _) = without_scripts(&name, &page);
        for raw in [HOSTILE, "<script", "<b ", "style='x'>"] {
            assert!(!typed.contains(raw), "{raw} in {name}");
        }
        assert!(page.contains(escaped), "{name} shows the brand at least");
    }
    let world = hostile();
    let typed = |page: &str| page.matches(escaped).count();
    assert!(typed(&world.user(&world.users[0], None, &sample::owner())) > 12, "every answer is shown");
    assert!(typed(&world.users(&By::All, &[], &sample::owner())) > 12);
}

#[test]
fn no_page_holds_anything_inline_or_from_elsewhere() {
    for (name, page) in pages(&World::new()).into_iter().chain(pages(&empty())) {
        let (plain, scripts) = without_scripts(&name, &page);
        for inline in [" style=", "<style", "<script", " onclick", "url(", "javascript:", "<iframe", " src="] {
            assert!(!plain.contains(inline), "{inline} in {name}");
        }
        let shows_more_than_a_door = page.contains("Sign out") || name.starts_with("admin/sign-in");
        assert_eq!(scripts, [name == "admin/set-up-0", shows_more_than_a_door], "{name}");
        let root = "../".repeat(name.matches('/').count());
        assert!(page.contains(&format!("<link rel=\"stylesheet\" href=\"{root}admin.css?v=0123456789ab\">")), "{name}");
        for target in ["href", "action", "formaction"].iter().flat_map(|attribute| values(&page, attribute)) {
            let inside = target.starts_with('#')
                || target.strip_prefix(&root).is_some_and(|rest| !rest.starts_with(['.', '/']) || rest == "./");
            // But for the address that opens the authenticator app.
            let app = name.contains("set-up-2") && target.starts_with("otpauth://totp/");
            assert!(app || inside && !target.contains("//"), "{target} is relative in {name}");
        }
    }
}

#[test]
fn every_form_that_changes_something_holds_a_token_and_no_other_does() {
    for (name, page) in pages(&World::new()) {
        for (tag, form) in elements(&page, "form") {
            let token = form.contains("<input type=\"hidden\" name=\"csrf\" value=\"CSRF\">");
            assert_eq!(token, tag.contains("method=\"post\""), "{tag} in {name}");
        }
        assert!(!values(&page, "href").iter().any(|link| link.contains("CSRF")), "{name}");
    }
}

#[test]
fn the_style_sheet_has_every_colour_from_that_of_all_pages() {
    let all = stylesheet(&Accent::new(None));
    let used = STYLESHEET.split("var(").skip(1).filter_map(|rest| rest.split(')').next());
    used.for_each(|name| assert!(all.contains(&format!("{name}: ")), "{name} is defined"));
    let own: Vec<&str> = STYLESHEET.lines().filter(|line| line.contains(": #")).collect();
    assert!(own.len() == 1 && own[0].starts_with("div.qr {"), "only what cameras read has its own: {own:?}");
    assert!(!STYLESHEET.contains("url(") && !STYLESHEET.contains("@import"));
}

#[test]
fn a_password_or_a_code_is_never_sent_back() {
    for (name, page) in pages(&World::new()) {
        for input in page.split("<input ").skip(1).filter_map(|rest| rest.split('>').next()) {
            if input.contains("type=\"password\"") || input.contains("name=\"code\"") {
                assert!(input.contains(" value=\"\""), "{input} in {name}");
            }
        }
    }
    let page = World::new().sign_in(Some(SignInNotice::Refused));
    for token in ["username", "current-password", "one-time-code"] {
        assert!(page.contains(&format!("autocomplete=\"{token}\"")), "{token}");
    }
    assert!(page.contains("<title>Error: Sign in"));
}

#[test]
fn a_viewer_is_offered_nothing_that_is_for_owners() {
    let world = World::new();
    let viewer = sample::viewer();
    let page = world.user(&sample::pending(), None, &viewer);
    assert!(!page.contains("/resend\"") && !page.contains("/unsubscribe\"") && !page.contains("/erase\""));
    assert!(!world.users(&By::All, &[], &viewer).contains("admin/export"));
    assert!(!world.security(None, &[], &viewer).contains("security/admins"));
    let owner = sample::owner();
    assert!(
        world
            .user(&sample::pending(), None, &owner)
            .contains("../../admin/users/bebebebebebebebebebebebebebebebe/resend\"")
    );
    assert!(world.users(&By::All, &[], &owner).contains("href=\"../admin/export\""));
}

#[test]
fn no_owner_can_remove_or_demote_themselves_here() {
    let page = World::new().security(None, &[], &sample::owner());
    assert!(page.contains("grace@example.com") && !page.contains("value=\"a1\""));
    assert!(page.contains("value=\"a2\""));
}

#[test]
fn links_of_a_list_keep_the_filter_and_the_columns() {
    let world = World::new();
    let page = world.users(&By::Country("FR".into()), &["age"], &sample::owner());
    let links = values(&page, "href");
    for link in [
        "../admin/users?by=country&#38;value=FR&#38;col=age&#38;older=2026-11-22T17%3A00%3A00.000Z%23ad",
        "../admin/users?by=state&#38;value=pending&#38;col=age",
        "../admin/users?col=age",
        "../admin/export?by=country&#38;value=FR",
    ] {
        assert!(links.contains(&link), "{link} in {links:?}");
    }
    assert!(page.contains("<option value=\"FR\" selected>France ("));
    let columns = page.split("Columns beside").next().and_then(|page| page.rsplit("<form").next()).expect("a form");
    assert!(columns.contains("name=\"by\" value=\"country\"") && columns.contains("name=\"value\" value=\"FR\""));
}

#[test]
fn a_service_without_users_says_so_and_what_comes() {
    let world = empty();
    for page in [world.dashboard(Range::Month), world.users(&By::All, &[], &sample::owner())] {
        assert!(page.contains("Nobody has signed up yet") && page.contains("href=\".././\""), "{page}");
        assert!(!page.contains("<table") && !page.contains("NaN"));
    }
    let filtered = world.users(&By::State(State::Pending), &[], &sample::owner());
    assert!(filtered.contains("No user fits."));
}

#[test]
fn one_user_is_counted_in_the_singular_and_what_is_unknown_is_not_zero() {
    let mut world = empty();
    world.users = vec![sample::ada()];
    world.census.states.insert(State::Confirmed, 1);
    world.census.days.insert("2026-11-22".into(), Pair { received: 1, confirmed: 1 });
    let page = world.dashboard(Range::Month);
    assert!(page.contains("<dd class=\"value\">100%</dd><dd class=\"note\">1 user</dd>"), "{page}");
    assert!(page.contains("22 Nov 2026: 1 signed up, 1 confirmed"));
    assert!(page.contains("Nobody has told a country yet."));
    assert_eq!(page.matches("not known").count(), 3, "all of the mail but what the census tells");
}

#[test]
fn a_warning_is_given_from_the_shares_on_that_ses_names() {
    let mut world = World::new();
    let warned = |world: &World| world.dashboard(Range::Month).matches("class=\"warned\"").count();
    let quota = Some(Quota { used: 79, limit: 100 });
    world.mail = MailHealth { quota, ..MailHealth::default() };
    world.census.states = [(State::Confirmed, 10_000)].into();
    (world.census.bounced, world.census.complained) = (499, 9);
    assert_eq!(warned(&world), 0);
    world.mail.quota = Some(Quota { used: 80, limit: 100 });
    (world.census.bounced, world.census.complained) = (500, 10);
    assert_eq!(warned(&world), 3);
    world.mail = MailHealth::default();
    world.census.states.clear();
    (world.census.bounced, world.census.complained) = (0, 0);
    assert_eq!(warned(&world), 0);
}

#[test]
fn a_form_without_a_country_has_no_countries() {
    let mut world = World::new();
    world.config.form.fields.retain(|field| field.name != "nationality");
    let page = world.dashboard(Range::Month) + &world.users(&By::All, &[], &sample::owner());
    assert!(!page.contains("Countries") && !page.contains("id=\"country\""));
}

/// The numbers of the rows between two marks: what a heading says, and the two counts beside it.
fn table(page: &str) -> Vec<(String, String, String)> {
    let body = page.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next()).expect("a table");
    let cell = |text: Option<&str>| text.and_then(|it| it.split('<').next()).expect("a cell").to_owned();
    let row = |row: &str| {
        let mut cells = row.split("<td class=\"number\">");
        (cell(cells.next()), cell(cells.next()), cell(cells.next()))
    };
    body.split("<th scope=\"row\">").skip(1).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_chart_and_its_table_tell_the_same_numbers(
        counts in prop::collection::vec((0..2_000_000_000_u64, 0..2_000_000_000_u64), 1..380), year: bool,
    ) {
        let mut world = World::new();
        world.census.days.clear();
        for ((received, confirmed), back) in counts.iter().zip(0_i64..) {
            let day = crate::clock::day(minutes_ago(back * 24 * 60));
            world.census.days.insert(day, Pair { received: *received, confirmed: *confirmed });
        }
        let range = if year { Range::Year } else { Range::Month };
        let page = world.dashboard(range);
        let mut drawn: Vec<_> = page.split("<g><title>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        drawn.reverse();
        let rows = table(&page);
        let told: Vec<String> =
            rows.iter().map(|(day, received, confirmed)| format!("{day}: {received} signed up, {confirmed} confirmed")).collect();
        prop_assert_eq!(drawn, told);
        let number = |text: &str| text.replace(',', "").parse::<u64>().expect("a number");
        let sum: u64 = rows.iter().map(|(_, received, _)| number(received)).sum();
        let total: u64 = counts.iter().map(|(received, _)| received).sum();
        // A year's first week begins up to six days before the 365.
        let days = if year { 365 } else { 30 };
        prop_assert!(sum <= total && (sum == total || counts.len() > days));
        prop_assert!(page.contains(&format!("<td class=\"number\">{}</td>", number::grouped(sum))), "and their sum");
    }
}

#[test]
fn the_pages_read_as_before() {
    let world = World::new();
    let main = |page: String| {
        page.split_once("<main").and_then(|(_, rest)| rest.split_once("</main>")).map(|(main, _)| main.to_owned())
    };
    let main = |page| main(page).expect("a main part");
    insta::assert_snapshot!("sign_in", world.sign_in(Some(SignInNotice::Refused)));
    insta::assert_snapshot!("dashboard_head", world.dashboard(Range::Month).split("<main").next().expect("a head"));
    insta::assert_snapshot!("dashboard", main(world.dashboard(Range::Month)));
    insta::assert_snapshot!("users", main(world.users(&By::All, &[], &sample::owner())));
    insta::assert_snapshot!("user", main(world.user(&sample::waiting(), None, &sample::owner())));
    insta::assert_snapshot!(
        "user_pending",
        main(world.user(&sample::pending(), Some(UserNotice::Resent), &sample::owner()))
    );
    insta::assert_snapshot!("erase", main(world.erase(&sample::ada(), &[Mistake::ErasureNotConfirmed])));
    insta::assert_snapshot!("export", main(world.export(&By::State(State::Confirmed), &parts(3))));
    insta::assert_snapshot!("audit", main(world.audit(None, Some("cursor"))));
    insta::assert_snapshot!("security", main(world.security(None, &[], &sample::owner())));
    let mistakes = [Mistake::PasswordWrong, Mistake::PasswordTooShort];
    insta::assert_snapshot!("change_password", main(world.change_password(None, &mistakes)));
    insta::assert_snapshot!("prove", main(world.prove(None)));
    insta::assert_snapshot!("set_up_password", main(world.set_up(1, &[Mistake::PasswordTooShort])));
    let app = main(world.set_up(2, &[])).replace(&qr(), "QR");
    insta::assert_snapshot!("set_up_app", app);
    insta::assert_snapshot!(
        "recovery_codes",
        main(recovery_codes(&world.at("/admin/set-up"), Some(&sample::owner()), &codes(), true))
    );
    insta::assert_snapshot!("not_allowed", main(not_allowed(&world.at("/admin/x"), Some(&sample::viewer()))));
}
