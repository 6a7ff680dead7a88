//! What an admin looks at: the dashboard, the users, one of them, the audit log.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::call::{Call, Named, Refusal};
use super::door::account;
use super::search::{Found, SEARCH, find};
use super::{DeskState, page};
use crate::admin::page::{
    Audit, AuditEntry, By, Columns, Dashboard, MailHealth, Quota, Range, Subject, UserNotice, UserView, Users,
};
use crate::admin::{Action, Actor, Cause, ListEntries, SignedIn, Start, Whom};
use crate::store::ListUsers;
use crate::user::{User, UserId};

/// The newest users on the dashboard.
const NEWEST: u16 = 8;

/// What the users' page is asked with behind an erasure.
pub(super) const ERASED: &str = "erased";

/// Users on a page, and entries of the audit log: with one more of each shard, the users themselves and the counters of
/// ten years and more, fewer than a hundred items are read.
pub(super) const PAGE: u16 = 20;

/// `GET /admin/dashboard`
pub(super) async fn dashboard(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        let store = &desk.ledger.store;
        let newest = ListUsers::newest(NEWEST);
        let (sums, health, newest) =
            tokio::try_join!(store.counters(None), store.mail_health(), store.list_users(&newest))?;
        let census = sums.census();
        let quota = health.as_ref().and_then(|health| health.quota);
        let mail = MailHealth {
            sent: quota.map(|quota| whole(quota.sent)),
            waiting: health.as_ref().map(|health| u64::try_from(health.waiting).unwrap_or(u64::MAX)),
            quota: quota
                .filter(|quota| quota.per_day >= 0.0)
                .map(|quota| Quota { used: whole(quota.sent), limit: whole(quota.per_day) }),
        };
        let view = Dashboard {
            now: desk.clock().now(),
            census: &census,
            range: Range::parse(Some(call.asked("days"))),
            mail,
            newest: &newest.users,
        };
        let csrf = desk.admins.csrf(&signed_in);
        let page = page::dashboard(&call.site(), &account(&signed_in, &csrf), &desk.config, &view);
        Ok(call.show(StatusCode::OK, page))
    };
    call.answer(outcome.await)
}

/// SES counts mails in floating point.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, cut at zero")]
fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}

/// The filter that is asked for; none of ours makes another.
pub(super) fn filter(call: &Call<'_>, me: &SignedIn) -> Result<By, Refusal> {
    let unseal = |sealed: &str| call.desk.admins.unseal(me, SEARCH, sealed);
    By::parse(call.asked("by"), call.asked("value"), unseal).ok_or(Refusal::NotFound)
}

/// `GET /admin/users?by=&value=&col=&older=&newer=`
pub(super) async fn users(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        let by = filter(&call, &signed_in)?;
        let columns = Columns::new(&desk.config, call.all_asked("col"));
        let sums = async { Ok::<_, Refusal>(desk.ledger.store.counters(None).await?) };
        let found = find(&desk, &signed_in, &by, call.asked("older"), call.asked("newer"));
        let (sums, found) = tokio::try_join!(sums, found)?;
        let Found { users, newer, older } = found;
        let census = sums.census();
        let view = Users {
            by: &by,
            columns: &columns,
            users: &users,
            census: &census,
            erased: call.asked(ERASED) == "1",
            newer: newer.as_deref(),
            older: older.as_deref(),
        };
        let csrf = desk.admins.csrf(&signed_in);
        let page = page::users(&call.site(), &account(&signed_in, &csrf), &desk.config, &view);
        Ok(call.show(StatusCode::OK, page))
    };
    call.answer(outcome.await)
}

/// Whom a page is about.
pub(super) async fn one(call: &Call<'_>, id: &str) -> Result<User, Refusal> {
    let id = UserId::parse(id).ok_or(Refusal::NotFound)?;
    let now = call.desk.clock().now();
    let found = call.desk.ledger.store.load(id).await?.filter(|user| !user.is_forgotten(now));
    found.ok_or(Refusal::NotFound)
}

/// `GET /admin/users/{id}`
pub(super) async fn user(State(desk): State<DeskState>, Named(id): Named, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        let user = one(&call, &id).await?;
        let by = Actor::Admin(&signed_in, &call.visit);
        desk.admins.record(&by, Action::UserViewed, Some(Whom::User(user.id))).await?;
        Ok(show_user(&call, &signed_in, &user, None))
    };
    call.answer(outcome.await)
}

pub(super) fn show_user(call: &Call<'_>, me: &SignedIn, user: &User, notice: Option<UserNotice>) -> Response {
    let csrf = call.desk.admins.csrf(me);
    let view = UserView { user, now: call.desk.clock().now(), notice };
    call.show(StatusCode::OK, page::user(&call.site(), &account(me, &csrf), &call.desk.config, &view))
}

/// `GET /admin/audit?older=&newer=`
pub(super) async fn audit(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        let from = match (call.asked("older"), call.asked("newer")) {
            ("", "") => Start::Newest,
            (older, "") => Start::OlderThan(cursor(older)?),
            (_, newer) => Start::NewerThan(cursor(newer)?),
        };
        let found = desk.admins.audit(ListEntries { limit: PAGE, from }).await?;
        let entries: Vec<AuditEntry<'_>> = found
            .entries
            .iter()
            .map(|entry| AuditEntry {
                at: entry.at,
                admin: &entry.admin,
                action: match entry.action {
                    Action::SignedIn { new_place: true } => "signed_in_new_place",
                    Action::Refused { cause: Cause::Form, .. } => "refused_form",
                    ref action => action.name(),
                },
                detail: detail(&entry.action),
                subject: match &entry.action {
                    Action::Refused { route, .. } => Some(Subject::Text(route)),
                    _ => entry.subject.as_deref().map(subject),
                },
                place: entry.network.as_deref().unwrap_or_default(),
            })
            .collect();
        let view = Audit { entries: &entries, newer: found.newer.as_deref(), older: found.older.as_deref() };
        let csrf = desk.admins.csrf(&signed_in);
        Ok(call.show(StatusCode::OK, page::audit(&call.site(), &account(&signed_in, &csrf), &view)))
    };
    call.answer(outcome.await)
}

/// What an entry says beside its action.
fn detail(action: &Action) -> String {
    match action {
        Action::AdminAdded { role } | Action::RoleChanged { role } => role.name().to_owned(),
        Action::Exported { format, filter } => {
            let words = form_urlencoded::parse(filter.as_bytes()).map(|(name, value)| match &*name {
                "by" => format!(", {value}"),
                _ => format!(" {value}"),
            });
            let words: String = words.collect();
            format!("{}{}", format.to_uppercase(), if words.is_empty() { ", everybody" } else { &words })
        }
        _ => String::new(),
    }
}

fn subject(text: &str) -> Subject<'_> {
    UserId::parse(text).map_or(Subject::Text(text), Subject::User)
}

/// A cursor as a key of the table can hold it.
pub(super) fn cursor(text: &str) -> Result<String, Refusal> {
    const LONGEST: usize = 700;
    (!text.is_empty() && text.len() <= LONGEST).then(|| text.to_owned()).ok_or(Refusal::NotFound)
}
