//! Coming in and going out: signing in, setting up an account, showing anew that it is the same person.

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::call::{Call, Form, Refusal, next_place, too_many, with_cookie};
use super::{DeskState, page};
use crate::admin::page::{Account, Authenticator, Mistake, Prove, SetUp as SetUpView, SignInNotice};
use crate::admin::{
    COOKIE, DEVICE_COOKIE, Proved, SetUp, SetUpCode, SetUpPassword, SignIn, SignInForm, SignedIn, WeakPassword, Welcome,
};
use crate::web::visit::value;

/// How long a browser is known, in seconds: a year.
const DEVICE: &str = "; Max-Age=31536000";

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// What makes a browser forget a cookie.
const GONE: &str = "; Max-Age=0";

/// `GET /admin` and `GET /admin/`
pub(super) async fn to_dashboard(State(desk): State<DeskState>, request: Request) -> Response {
    Call::of(&desk, &request).see_other("dashboard")
}

/// `GET /admin/sign-in`
pub(super) async fn sign_in_page(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let notices = [("ended", SignInNotice::Ended), ("left", SignInNotice::Left), ("out", SignInNotice::SignedOut)];
    let notice = notices.into_iter().find(|(why, _)| call.asked(why) == "1").map(|(_, notice)| notice);
    show_sign_in(&call, StatusCode::OK, "", notice, call.asked("next"))
}

fn show_sign_in(
    call: &Call<'_>,
    status: StatusCode,
    email: &str,
    notice: Option<SignInNotice>,
    next: &str,
) -> Response {
    let door = call.door();
    let next = next_place(next);
    let view = page::SignIn { email, notice, csrf: &door, next: next.as_deref() };
    call.at_door(status, &door, page::sign_in(&call.site(), &view))
}

/// `POST /admin/sign-in`
pub(super) async fn sign_in(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = try_sign_in(&call, request).await;
    call.answer(outcome)
}

async fn try_sign_in(call: &Call<'_>, request: Request) -> Result<Response, Refusal> {
    let form = call.form_at_door(request).await?;
    let (email, next) = (value(&form, "email"), value(&form, "next"));
    let typed = SignInForm { email, password: value(&form, "password"), code: value(&form, "code") };
    let outcome = call.desk.admins.sign_in(&typed, &call.visit, call.session.as_deref()).await?;
    Ok(match outcome {
        SignIn::Welcome(welcome) => welcomed(call.see_other(&next_or_dashboard(next)), &welcome),
        SignIn::Refused => {
            call.desk.measure("AdminSignInsRefused");
            show_sign_in(call, StatusCode::FORBIDDEN, email, Some(SignInNotice::Refused), next)
        }
        SignIn::TooMany { retry_after } => {
            let answer = show_sign_in(call, StatusCode::OK, email, Some(too_many_tries(retry_after)), next);
            too_many(answer, retry_after.as_secs())
        }
    })
}

pub(super) fn too_many_tries(retry_after: Duration) -> SignInNotice {
    SignInNotice::TooMany { minutes: u32::try_from(retry_after.as_secs().div_ceil(60)).unwrap_or(u32::MAX) }
}

pub(super) fn welcomed(answer: Response, welcome: &Welcome) -> Response {
    let answer = with_cookie(answer, COOKIE, &welcome.cookie, "");
    with_cookie(answer, DEVICE_COOKIE, &welcome.device, DEVICE)
}

/// `POST /admin/sign-out`
pub(super) async fn sign_out(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, _) = call.form(request).await?;
        desk.admins.sign_out(&signed_in, &call.visit).await?;
        let mut response = with_cookie(call.see_other("sign-in?out=1"), COOKIE, "", GONE);
        // What was shown is gone from the way back as well.
        response.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\", \"storage\""));
        Ok(response)
    };
    call.answer(outcome.await)
}

/// `GET /admin/session`: whether it is open, which a page asks that is left open. No use of it.
pub(super) async fn session(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let session = call.session.as_deref().ok_or(Refusal::SignIn)?;
        desk.admins.open_session_of(session).await?.ok_or(Refusal::SignIn)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    call.answer(outcome.await)
}

/// `GET /admin/set-up`: asks for the code of the link, which is in its fragment and so is never sent here.
pub(super) async fn set_up_page(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let door = call.door();
    call.at_door(StatusCode::OK, &door, page::set_up(&call.site(), &door))
}

fn expired(call: &Call<'_>) -> Response {
    call.show(StatusCode::GONE, page::set_up_expired(&call.site()))
}

/// The status of a page whose form was filled in wrongly, or not yet.
pub(super) fn status(mistakes: &[Mistake]) -> StatusCode {
    if mistakes.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

fn show_password(call: &Call<'_>, set_up: &SetUp, token: &str, mistakes: &[Mistake]) -> Response {
    let door = call.door();
    let view = SetUpView { email: &set_up.email, token, csrf: &door, mistakes };
    call.at_door(status(mistakes), &door, page::set_up_password(&call.site(), &view))
}

fn show_app(call: &Call<'_>, set_up: &SetUp, token: &str, mistakes: &[Mistake]) -> Response {
    let Some(enrol) = &set_up.enrol else { return show_password(call, set_up, token, mistakes) };
    let door = call.door();
    let view = SetUpView { email: &set_up.email, token, csrf: &door, mistakes };
    let secret = enrol.secret.replace(' ', "");
    let app = Authenticator { qr: enrol.qr.as_deref().unwrap_or_default(), uri: &enrol.uri, secret: &secret };
    call.at_door(status(mistakes), &door, page::set_up_app(&call.site(), &view, &app))
}

/// `POST /admin/set-up`: the code of the link alone, which changes nothing; the password; or a code of the app.
pub(super) async fn set_up(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let form = call.form_at_door(request).await?;
        let sent = |field: &str| form.iter().any(|(name, _)| name == field);
        match (sent("code"), sent("password")) {
            (true, _) => finish_set_up(&call, &form).await,
            (false, true) => choose_password(&call, &form).await,
            (false, false) => follow_link(&call, &form).await,
        }
    };
    call.answer(outcome.await)
}

async fn follow_link(call: &Call<'_>, form: &Form) -> Result<Response, Refusal> {
    // Whoever has no scripts may paste the whole link.
    let token = value(form, "token").rsplit('#').next().unwrap_or_default().trim();
    let found = call.desk.admins.set_up(token).await?;
    Ok(found.map_or_else(|| expired(call), |set_up| show_password(call, &set_up, token, &[])))
}

async fn choose_password(call: &Call<'_>, form: &Form) -> Result<Response, Refusal> {
    let (token, password) = (value(form, "token"), value(form, "password"));
    let Some(set_up) = call.desk.admins.set_up(token).await? else { return Ok(expired(call)) };
    if password != value(form, "again") {
        return Ok(show_password(call, &set_up, token, &[Mistake::PasswordsDiffer]));
    }
    Ok(match call.desk.admins.set_up_password(token, password).await? {
        SetUpPassword::Chosen(set_up) => show_app(call, &set_up, token, &[]),
        SetUpPassword::Weak(weak) => show_password(call, &set_up, token, &[weakness(weak)]),
        SetUpPassword::Invalid => expired(call),
    })
}

pub(super) fn weakness(weak: WeakPassword) -> Mistake {
    match weak {
        WeakPassword::TooShort => Mistake::PasswordTooShort,
        WeakPassword::TooLong => Mistake::PasswordTooLong,
        WeakPassword::Common => Mistake::PasswordCommon,
    }
}

async fn finish_set_up(call: &Call<'_>, form: &Form) -> Result<Response, Refusal> {
    let token = value(form, "token");
    Ok(match call.desk.admins.set_up_code(token, value(form, "code"), &call.visit, call.session.as_deref()).await? {
        SetUpCode::Welcome { welcome, recovery_codes } => {
            let csrf = call.desk.admins.csrf(&welcome.signed_in);
            let page =
                page::recovery_codes(&call.site(), Some(&account(&welcome.signed_in, &csrf)), &recovery_codes, true);
            let page = call.leaving(call.show(StatusCode::OK, page), &welcome.signed_in.session);
            welcomed(page, &welcome)
        }
        SetUpCode::WrongCode(set_up) => show_app(call, &set_up, token, &[Mistake::CodeWrong]),
        SetUpCode::Invalid => expired(call),
    })
}

/// Where somebody goes on who has shown who they are.
fn next_or_dashboard(next: &str) -> Cow<'_, str> {
    next_place(next).unwrap_or("dashboard".into())
}

/// Who is signed in, as the pages show it.
pub(super) fn account<'a>(signed_in: &'a SignedIn, csrf: &'a str) -> Account<'a> {
    Account { email: &signed_in.admin.email, role: signed_in.admin.role, csrf }
}

/// `GET /admin/prove?next=`
pub(super) async fn prove_page(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        Ok(show_prove(&call, &signed_in, StatusCode::OK, call.asked("next"), None))
    };
    call.answer(outcome.await)
}

fn show_prove(
    call: &Call<'_>,
    signed_in: &SignedIn,
    status: StatusCode,
    next: &str,
    notice: Option<SignInNotice>,
) -> Response {
    let csrf = call.desk.admins.csrf(signed_in);
    let view = Prove { next: &next_or_dashboard(next), notice };
    call.show(status, page::prove(&call.site(), &account(signed_in, &csrf), &view))
}

/// `POST /admin/prove`
pub(super) async fn prove(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = try_prove(&call, request).await;
    call.answer(outcome)
}

async fn try_prove(call: &Call<'_>, request: Request) -> Result<Response, Refusal> {
    let (signed_in, form) = call.form(request).await?;
    let (password, code, next) = (value(&form, "password"), value(&form, "code"), value(&form, "next"));
    Ok(match call.desk.admins.prove_again(&signed_in, password, code, &call.visit).await? {
        Proved::Done { cookie, .. } => with_cookie(call.see_other(&next_or_dashboard(next)), COOKIE, &cookie, ""),
        Proved::Refused => show_prove(call, &signed_in, StatusCode::FORBIDDEN, next, Some(SignInNotice::Refused)),
        Proved::TooMany { retry_after } => {
            let answer = show_prove(call, &signed_in, StatusCode::OK, next, Some(too_many_tries(retry_after)));
            too_many(answer, retry_after.as_secs())
        }
    })
}
