//! The own sessions and recovery codes, and for an owner who else is an admin.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;

use super::call::{AGAIN, Call, Refusal};
use super::door::{account, status};
use super::{DeskState, page};
use crate::address::Address;
use crate::admin::page::{AdminRow, Mistake, Security, SecurityNotice, SessionRow, SetUpLink as LinkView};
use crate::admin::{
    Actor, Admin, AdminId, Invited, Managed, RecoveryCodes, Right, Role, SetUpLink, SignedIn, TokenHash,
};
use crate::web::visit::value;

/// What the page shows besides what there is.
#[derive(Default)]
struct Shown<'a> {
    notice: Option<SecurityNotice<'a>>,
    email: &'a str,
    mistakes: &'a [Mistake],
}

/// `GET /admin/security`
pub(super) async fn page(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        let notice = (call.asked(AGAIN) == "1").then_some(SecurityNotice::Again);
        show(&call, &signed_in, &Shown { notice, ..Shown::default() }).await
    };
    call.answer(outcome.await)
}

async fn show(call: &Call<'_>, me: &SignedIn, shown: &Shown<'_>) -> Result<Response, Refusal> {
    let desk = call.desk;
    let sessions = desk.admins.sessions(me).await?;
    let admins = if me.admin.role == Role::Owner { Some(desk.admins.list().await?) } else { None };
    let now = desk.clock().now();
    let ids: Vec<String> = sessions.iter().map(|session| session.hash.to_string()).collect();
    let sessions: Vec<SessionRow<'_>> = sessions
        .iter()
        .zip(&ids)
        .map(|(session, id)| SessionRow {
            id,
            agent: &session.agent,
            place: session.network.get(..8).unwrap_or(&session.network),
            since: session.created_at,
            last_used: session.seen_at,
            current: session.hash == me.session.hash,
        })
        .collect();
    let names: Vec<String> = admins.iter().flatten().map(|admin| admin.id.to_string()).collect();
    let rows: Option<Vec<AdminRow<'_>>> =
        admins.as_ref().map(|admins| admins.iter().zip(&names).map(|(admin, id)| row(admin, id, me, now)).collect());
    let left = me.admin.credentials.as_ref().map_or(0, |credentials| credentials.recovery.len());
    let view = Security {
        sessions: &sessions,
        recovery_left: u32::try_from(left).unwrap_or(u32::MAX),
        is_proven: me.session.is_proven(now),
        admins: rows.as_deref(),
        notice: shown.notice,
        email: shown.email,
        mistakes: shown.mistakes,
    };
    let csrf = desk.admins.csrf(me);
    Ok(call.show(status(shown.mistakes), page::security(&call.site(), &account(me, &csrf), &view)))
}

/// The page, with what came of a form.
pub(super) async fn show_notice(
    call: &Call<'_>,
    me: &SignedIn,
    notice: SecurityNotice<'_>,
) -> Result<Response, Refusal> {
    show(call, me, &Shown { notice: Some(notice), ..Shown::default() }).await
}

/// Another admin, or the one who looks.
fn row<'a>(admin: &'a Admin, id: &'a str, me: &SignedIn, now: Timestamp) -> AdminRow<'a> {
    AdminRow {
        id,
        email: &admin.email,
        role: admin.role,
        since: admin.created_at,
        invited_until: admin.setup.as_ref().map(|setup| setup.expires_at).filter(|until| *until > now),
        active: admin.credentials.is_some(),
        me: admin.id == me.admin.id,
    }
}

/// `POST /admin/security/sessions/revoke`
pub(super) async fn revoke(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, form) = call.form(request).await?;
        let notice = match value(&form, "session") {
            "others" => {
                desk.admins.revoke_others(&signed_in, &call.visit).await??;
                SecurityNotice::OthersRevoked
            }
            id => {
                let hash = TokenHash::parse(id).ok_or(Refusal::NotFound)?;
                desk.admins.revoke(&signed_in, hash, &call.visit).await??;
                SecurityNotice::SessionRevoked
            }
        };
        show_notice(&call, &signed_in, notice).await
    };
    call.answer(outcome.await)
}

/// `POST /admin/security/recovery-codes`
pub(super) async fn recovery_codes(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, _) = call.form(request).await?;
        match desk.admins.new_recovery_codes(&signed_in, &call.visit).await? {
            RecoveryCodes::Made(codes) => {
                let csrf = desk.admins.csrf(&signed_in);
                let me = account(&signed_in, &csrf);
                Ok(call.show(StatusCode::OK, page::recovery_codes(&call.site(), Some(&me), &codes, false)))
            }
            RecoveryCodes::Denied(denied) => Err(denied.into()),
        }
    };
    call.answer(outcome.await)
}

/// `POST /admin/security/admins/add`
pub(super) async fn add(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, form) = call.form(request).await?;
        signed_in.may(Right::Administer, desk.clock().now())?;
        let email = value(&form, "email").trim();
        let role = Role::parse(value(&form, "role")).ok_or(Refusal::NotFound)?;
        let wrong = |mistakes| Shown { email, mistakes, notice: None };
        let Ok(address) = Address::parse(email) else {
            return show(&call, &signed_in, &wrong(&[Mistake::AddressInvalid])).await;
        };
        match desk.admins.invite(&Actor::Admin(&signed_in, &call.visit), &address, role).await? {
            Invited::Link(link) => show_link(&call, &signed_in, email, &link).await,
            Invited::Known => show(&call, &signed_in, &wrong(&[Mistake::AddressTaken])).await,
            Invited::Denied(denied) => Err(denied.into()),
        }
    };
    call.answer(outcome.await)
}

async fn show_link(call: &Call<'_>, me: &SignedIn, email: &str, link: &SetUpLink) -> Result<Response, Refusal> {
    let url = link.url(&format!("{}/admin", call.desk.base_url));
    let notice = SecurityNotice::Link(LinkView { email, url: &url, until: link.expires_at });
    show_notice(call, me, notice).await
}

/// `POST /admin/security/admins/role`
pub(super) async fn role(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, form) = call.form(request).await?;
        signed_in.may(Right::Administer, desk.clock().now())?;
        let role = Role::parse(value(&form, "role")).ok_or(Refusal::NotFound)?;
        let by = Actor::Admin(&signed_in, &call.visit);
        let managed = desk.admins.change_role(&by, subject(&form)?, role).await?;
        managed_to(&call, &signed_in, managed, SecurityNotice::RoleChanged).await
    };
    call.answer(outcome.await)
}

/// `POST /admin/security/admins/remove`
pub(super) async fn remove(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, form) = call.form(request).await?;
        signed_in.may(Right::Administer, desk.clock().now())?;
        let by = Actor::Admin(&signed_in, &call.visit);
        let managed = desk.admins.remove(&by, subject(&form)?).await?;
        managed_to(&call, &signed_in, managed, SecurityNotice::AdminRemoved).await
    };
    call.answer(outcome.await)
}

/// `POST /admin/security/admins/reset`
pub(super) async fn reset(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, form) = call.form(request).await?;
        signed_in.may(Right::Administer, desk.clock().now())?;
        let id = subject(&form)?;
        let admins = desk.admins.list().await?;
        let email = admins.iter().find(|admin| admin.id == id).map(|admin| admin.email.clone());
        match desk.admins.reset(&Actor::Admin(&signed_in, &call.visit), id).await? {
            Managed::Done(link) => show_link(&call, &signed_in, &email.unwrap_or_default(), &link).await,
            Managed::Unknown => managed_to(&call, &signed_in, Managed::Unknown, SecurityNotice::Changed).await,
            Managed::LastOwner => managed_to(&call, &signed_in, Managed::LastOwner, SecurityNotice::Changed).await,
            Managed::Denied(denied) => Err(denied.into()),
        }
    };
    call.answer(outcome.await)
}

/// Whom a form is about.
fn subject(form: &[(String, String)]) -> Result<AdminId, Refusal> {
    AdminId::parse(value(form, "admin")).ok_or(Refusal::NotFound)
}

async fn managed_to(
    call: &Call<'_>,
    me: &SignedIn,
    managed: Managed,
    done: SecurityNotice<'_>,
) -> Result<Response, Refusal> {
    let notice = match managed {
        Managed::Done(()) => done,
        Managed::Unknown => SecurityNotice::Changed,
        Managed::LastOwner => SecurityNotice::LastOwner,
        Managed::Denied(denied) => return Err(denied.into()),
    };
    show_notice(call, me, notice).await
}
