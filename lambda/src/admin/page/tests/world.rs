//! Every page in every state that it has, of a service that a test can change.

use jiff::{SignedDuration, Timestamp};

use super::sample;
use crate::admin::Role;
use crate::admin::page as admin_page;
use crate::admin::page::*;
use crate::census::{Census, Pair};
use crate::config::ServiceConfig;
use crate::page::{Refusal, Site};
use crate::user::{ConsentGiven, End, FieldValue, State, User, UserId};

/// What a person could have typed to do harm.
pub(super) const HOSTILE: &str = "\"><script>alert(1)</script><b style='x'>{{7*7}}&amp;";

pub(super) fn minutes_ago(minutes: i64) -> Timestamp {
    sample::now().checked_sub(SignedDuration::from_mins(minutes)).expect("a time")
}

/// A picture of the right shape; the real one is drawn elsewhere.
pub(super) fn qr() -> String {
    let dark =
        (0..29_u32).flat_map(|x| (0..29_u32).map(move |y| (x, y))).filter(|(x, y)| (x * 7 + y * 13 + x * y) % 5 < 2);
    let path: String = dark.map(|(x, y)| format!("M{x} {y}h1v1h-1z")).collect();
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-4 -4 37 37\"><path d=\"{path}\"/></svg>")
}

/// What the pages are made from, so that a test can put something else in its place.
pub(super) struct World {
    pub(super) config: ServiceConfig,
    pub(super) census: Census,
    pub(super) users: Vec<User>,
    /// Whatever else somebody typed.
    pub(super) typed: &'static str,
    pub(super) mail: MailHealth,
}

impl World {
    pub(super) fn new() -> Self {
        let quota = Some(Quota { used: 3_112, limit: 50_000 });
        let mail = MailHealth { sent: Some(3_112), waiting: Some(4), quota };
        Self {
            config: sample::config(),
            census: sample::census(),
            users: sample::users(),
            typed: "ada@example.com",
            mail,
        }
    }

    pub(super) fn at(&self, path: &str) -> Site<'_> {
        Site::new(&self.config, "0123456789ab").at(path)
    }

    pub(super) fn dashboard(&self, range: Range) -> String {
        let Self { census, users, mail, .. } = self;
        let view = Dashboard { now: sample::now(), census, range, mail: *mail, newest: users };
        dashboard(&self.at("/admin/"), &sample::owner(), &self.config, &view)
    }

    pub(super) fn users(&self, by: &By, columns: &[&str], me: &Account<'_>) -> String {
        self.users_page(by, columns, me, false)
    }

    pub(super) fn users_page(&self, by: &By, columns: &[&str], me: &Account<'_>, erased: bool) -> String {
        let columns = Columns::new(&self.config, columns.iter().copied());
        let cursor = (!self.users.is_empty()).then_some("2026-11-22T17:00:00.000Z#ad");
        let view = Users {
            by,
            columns: &columns,
            users: &self.users,
            census: &self.census,
            erased,
            newer: cursor,
            older: cursor,
        };
        users(&self.at("/admin/users"), me, &self.config, &view)
    }

    pub(super) fn user(&self, user: &User, notice: Option<UserNotice>, me: &Account<'_>) -> String {
        let view = UserView { user, now: sample::now(), notice };
        admin_page::user(&self.at("/admin/users/x"), me, &self.config, &view)
    }

    /// One file of a front that does not bound it.
    pub(super) fn export_at_once(&self, by: &By, is_proven: bool) -> String {
        let view = Export { by, census: &self.census, parts: &parts(1), is_bounded: false, is_proven };
        export(&self.at("/admin/export"), &sample::owner(), &view)
    }

    pub(super) fn export(&self, by: &By, parts: &[ExportPart]) -> String {
        export(
            &self.at("/admin/export"),
            &sample::owner(),
            &Export { by, census: &self.census, parts, is_bounded: true, is_proven: true },
        )
    }

    pub(super) fn security(
        &self,
        notice: Option<SecurityNotice<'_>>,
        mistakes: &[Mistake],
        me: &Account<'_>,
    ) -> String {
        let session = |id, agent, minutes, current| SessionRow {
            id,
            agent,
            place: "5f2c09ab",
            since: minutes_ago(minutes),
            last_used: minutes_ago(minutes / 3),
            current,
        };
        let sessions = [
            session("s1", "Firefox 140 on Linux", 12, true),
            session(
                "s2",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
                260,
                false,
            ),
            session("s3", self.typed, 500, false),
        ];
        let admin = |id, email, role, me| AdminRow {
            id,
            email,
            role,
            since: minutes_ago(90_000),
            invited_until: None,
            active: true,
            me,
        };
        let invited = minutes_ago(-41);
        let admins = [
            admin("a1", "grace@example.com", Role::Owner, true),
            admin("a2", self.typed, Role::Viewer, false),
            AdminRow {
                invited_until: Some(invited),
                active: false,
                ..admin("a3", "new@example.com", Role::Owner, false)
            },
            AdminRow { active: false, ..admin("a4", "late@example.com", Role::Viewer, false) },
        ];
        let view = Security {
            sessions: &sessions,
            recovery_left: 2,
            is_proven: me.role == Role::Owner,
            admins: (me.role == Role::Owner).then_some(&admins),
            notice,
            email: self.typed,
            mistakes,
        };
        security(&self.at("/admin/security"), me, &view)
    }

    pub(super) fn audit(&self, newer: Option<&str>, older: Option<&str>) -> String {
        let entry = |minutes, action, subject| AuditEntry {
            at: minutes_ago(minutes),
            admin: "grace@example.com",
            action,
            detail: String::new(),
            subject,
            place: "5f2c09ab",
        };
        let entries = [
            entry(3, "viewed_user", Some(Subject::User(UserId([0xad; 16])))),
            AuditEntry { detail: "CSV, state confirmed".into(), ..entry(9, "exported", None) },
            entry(10, "refused", Some(Subject::Text("/admin/users/{id}/erase"))),
            entry(11, "refused_form", Some(Subject::Text("/admin/security/password"))),
            entry(12, "signed_in", None),
            AuditEntry { admin: "", ..entry(14, "sign_in_refused", Some(Subject::Text(self.typed))) },
            entry(1_700, "admin_added", Some(Subject::Text("edsger@example.com"))),
            entry(1_900, "erased", Some(Subject::Text("ffffffffffffffffffffffffffffffff"))),
        ];
        audit(&self.at("/admin/audit"), &sample::owner(), &Audit { entries: &entries, newer, older })
    }

    pub(super) fn sign_in(&self, notice: Option<SignInNotice>) -> String {
        sign_in(&self.at("/admin/sign-in"), &SignIn { email: self.typed, notice, csrf: "CSRF", next: Some(self.typed) })
    }

    pub(super) fn set_up(&self, step: u8, mistakes: &[Mistake]) -> String {
        let site = self.at("/admin/set-up");
        let view = SetUp { email: self.typed, token: self.typed, csrf: "CSRF", mistakes };
        let qr = qr();
        match step {
            0 => set_up(&site, "CSRF"),
            1 => set_up_password(&site, &view),
            _ => set_up_app(
                &site,
                &view,
                &Authenticator {
                    qr: &qr,
                    uri: "otpauth://totp/Example%20Society:ada@example.com?secret=JBSWY3DP",
                    secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                },
            ),
        }
    }

    pub(super) fn erase(&self, user: &User, mistakes: &[Mistake]) -> String {
        erase(&self.at("/admin/users/x/erase"), &sample::owner(), &self.config, &Erase { user, mistakes })
    }

    pub(super) fn change_password(&self, notice: Option<SignInNotice>, mistakes: &[Mistake]) -> String {
        change_password(&self.at("/admin/security/password"), &sample::owner(), &ChangePassword { notice, mistakes })
    }

    pub(super) fn prove(&self, notice: Option<SignInNotice>) -> String {
        prove(&self.at("/admin/prove"), &sample::owner(), &Prove { next: self.typed, notice })
    }
}

pub(super) fn codes() -> Vec<String> {
    (0..10).map(|at| format!("k7q{at}-m2xv-9tr{at}-w4hd")).collect()
}

pub(super) fn parts(count: u64) -> Vec<ExportPart> {
    let part = |at: u64| ExportPart {
        label: format!("Part {at}"),
        pairs: vec![("part".into(), at.to_string())],
        users: (at != 2).then_some(9_000 + at),
    };
    (1..=count).map(part).collect()
}

/// Every page there is, under the path at which it is, with a word for its state.
pub(super) fn pages(world: &World) -> Vec<(String, String)> {
    let (owner, viewer) = (&sample::owner(), &sample::viewer());
    let day = By::Day("2026-11-22".parse().expect("a day"));
    let link = SetUpLink {
        email: world.typed,
        url: "https://example.com/join/admin/set-up#Zm9vYmFyYmF6cXV4",
        until: minutes_ago(-60),
    };
    let search = By::Search(Search { text: world.typed.into(), sealed: "c2VhbGVk".into() });
    let wide = [
        "full_name",
        "age",
        "height",
        "nationality",
        "topics",
        "website",
        "about",
        "state-of-user",
        "confirmed-at",
        "page-language",
    ];
    let mut pages = vec![
        ("dashboard-month", world.dashboard(Range::Month)),
        ("dashboard-year", world.dashboard(Range::Year)),
        ("users-all", world.users(&By::All, &[], owner)),
        ("users-erased", world.users_page(&By::All, &[], owner, true)),
        ("users-wide", world.users(&By::State(State::Confirmed), &wide, viewer)),
        ("users-country", world.users(&By::Country("FR".into()), &[], owner)),
        ("users-day", world.users(&day, &["about"], owner)),
        ("users-search", world.users(&search, &[], owner)),
        ("export-all", world.export(&By::All, &parts(1))),
        ("export-large", world.export_at_once(&By::All, true)),
        ("export-unproven", world.export_at_once(&By::State(State::Confirmed), false)),
        ("export-parts", world.export(&By::State(State::Confirmed), &parts(14))),
        ("export-nobody", world.export(&search, &[])),
        ("audit", world.audit(Some("c"), Some("d"))),
        ("security-owner", world.security(None, &[], owner)),
        ("security-viewer", world.security(Some(SecurityNotice::SessionRevoked), &[], viewer)),
        ("security-link", world.security(Some(SecurityNotice::Link(link)), &[], owner)),
        ("security-again", world.security(Some(SecurityNotice::Again), &[], owner)),
        ("security-last", world.security(Some(SecurityNotice::LastOwner), &[], owner)),
        ("security-mistake", world.security(None, &[Mistake::AddressTaken], owner)),
        ("security/password", world.change_password(None, &[])),
        ("security/password-wrong", world.change_password(None, &[Mistake::PasswordWrong, Mistake::PasswordCommon])),
        ("security/password-many", world.change_password(Some(SignInNotice::TooMany { minutes: 4 }), &[])),
        ("sign-in", world.sign_in(None)),
        ("sign-in-refused", world.sign_in(Some(SignInNotice::Refused))),
        ("sign-in-many", world.sign_in(Some(SignInNotice::TooMany { minutes: 4 }))),
        ("sign-in-out", world.sign_in(Some(SignInNotice::SignedOut))),
        ("sign-in-ended", world.sign_in(Some(SignInNotice::Ended))),
        ("set-up-0", world.set_up(0, &[])),
        ("set-up-1", world.set_up(1, &[])),
        ("set-up-1-wrong", world.set_up(1, &[Mistake::PasswordCommon, Mistake::PasswordsDiffer])),
        ("set-up-2", world.set_up(2, &[])),
        ("set-up-2-wrong", world.set_up(2, &[Mistake::CodeWrong])),
        ("set-up-3", recovery_codes(&world.at("/admin/set-up"), Some(owner), &codes(), true)),
        ("set-up-3-outside", recovery_codes(&world.at("/admin/set-up"), None, &codes(), true)),
        ("set-up-expired", set_up_expired(&world.at("/admin/set-up"))),
        ("recovery-codes", recovery_codes(&world.at("/admin/x"), Some(owner), &codes(), false)),
        ("prove", world.prove(None)),
        ("prove-refused", world.prove(Some(SignInNotice::Refused))),
        ("not-allowed", not_allowed(&world.at("/admin/x"), Some(viewer))),
        ("not-found", not_found(&world.at("/admin/x"), Some(owner))),
        ("not-found-outside", not_found(&world.at("/admin/x"), None)),
        ("too-old", too_old(&world.at("/admin/x"), Some(owner))),
        ("too-many", too_many(&world.at("/admin/x"), Some(owner))),
        ("busy", busy(&world.at("/admin/x"), Some(owner))),
        ("failed", failed(&world.at("/admin/x"), None)),
    ];
    for refusal in [Refusal::Unreadable, Refusal::TooLarge, Refusal::WrongMethod] {
        pages.push(("refused", refused(&world.at("/admin/x"), Some(owner), refusal)));
    }
    for notice in [
        UserNotice::Resent,
        UserNotice::ResendLater(sample::now()),
        UserNotice::LastMail(sample::now()),
        UserNotice::Waits,
        UserNotice::Expired,
        UserNotice::NothingToSend,
        UserNotice::Unsubscribed,
    ] {
        pages.extend(world.users.first().map(|user| ("users/notice", world.user(user, Some(notice), owner))));
    }
    let mut pages: Vec<(String, String)> =
        pages.into_iter().map(|(name, page)| (format!("admin/{name}"), page)).collect();
    for user in &world.users {
        pages.push((format!("admin/users/{}", user.state.name()), world.user(user, None, owner)));
        pages.push((format!("admin/users/x/erase-{}", user.state.name()), world.erase(user, &[])));
    }
    if let Some(user) = world.users.last() {
        pages.push(("admin/users/viewer".into(), world.user(user, None, viewer)));
        pages.push(("admin/users/x/erase-wrong".into(), world.erase(user, &[Mistake::ErasureNotConfirmed])));
    }
    pages
}

/// The same service before anybody came, and of whose mail nothing is known.
pub(super) fn empty() -> World {
    let mut world = World::new();
    world.census = Census::default();
    world.users.clear();
    world.mail = MailHealth::default();
    world
}

/// A service in which every text that a person can type is hostile.
pub(super) fn hostile() -> World {
    let mut world = World::new();
    let text = || HOSTILE.to_owned();
    world.typed = HOSTILE;
    world.config.branding.name = Some(text());
    for field in &mut world.config.form.fields {
        field.label = Some(text());
        field.options.iter_mut().for_each(|choice| choice.label = text());
    }
    for user in &mut world.users {
        let waiting = user.waiting.iter_mut().map(|waiting| &mut waiting.answers);
        for answers in waiting.chain([&mut user.answers]) {
            answers.email = text();
            answers.language = Some(text());
            answers.consent = Some(ConsentGiven { text: text(), version: text() });
            for name in ["full_name", "nationality", "marital_status", "birthday", "about", "phone", HOSTILE] {
                answers.fields.insert(name.into(), FieldValue::Text(text()));
            }
            answers.fields.insert("topics".into(), FieldValue::Choices(vec![text(), text()]));
        }
        if let Some(mail) = &mut user.mail {
            mail.end = Some(End::Dead(text()));
        }
    }
    world.census.countries.insert(text(), Pair { received: u64::from(u32::MAX), confirmed: 1 });
    world
}
