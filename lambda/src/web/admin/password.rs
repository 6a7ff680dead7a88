//! Choosing another password, for whoever knows the current one and has just shown that it is them.

use axum::extract::{Request, State};
use axum::response::Response;

use super::call::{Call, Refusal, too_many};
use super::door::{account, status, too_many_tries, weakness, welcomed};
use super::security::show_notice;
use super::{DeskState, page};
use crate::admin::page::{ChangePassword, Mistake, SecurityNotice, SignInNotice};
use crate::admin::{PasswordChanged, Right, SignedIn};
use crate::web::visit::value;

/// `GET /admin/security/password`: asks for the proof first, so that nobody types in vain.
pub(super) async fn page(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        signed_in.may(Right::Secure, desk.clock().now())?;
        Ok(show_form(&call, &signed_in, None, &[]))
    };
    call.answer(outcome.await)
}

fn show_form(call: &Call<'_>, me: &SignedIn, notice: Option<SignInNotice>, mistakes: &[Mistake]) -> Response {
    let csrf = call.desk.admins.csrf(me);
    let view = ChangePassword { notice, mistakes };
    call.show(status(mistakes), page::change_password(&call.site(), &account(me, &csrf), &view))
}

/// `POST /admin/security/password`
pub(super) async fn change(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = try_change(&call, request).await;
    call.answer(outcome)
}

async fn try_change(call: &Call<'_>, request: Request) -> Result<Response, Refusal> {
    let (signed_in, form) = call.form(request).await?;
    signed_in.may(Right::Secure, call.desk.clock().now())?;
    let (current, new) = (value(&form, "current"), value(&form, "password"));
    if new != value(&form, "again") {
        return Ok(show_form(call, &signed_in, None, &[Mistake::PasswordsDiffer]));
    }
    match call.desk.admins.change_password(&signed_in, current, new, &call.visit).await? {
        PasswordChanged::Done(welcome) => {
            let page = show_notice(call, &welcome.signed_in, SecurityNotice::PasswordChanged).await?;
            Ok(welcomed(call.leaving(page, &welcome.signed_in.session), &welcome))
        }
        PasswordChanged::Mistaken { is_wrong, weak } => {
            let wrong = is_wrong.then_some(Mistake::PasswordWrong);
            let mistakes: Vec<Mistake> = wrong.into_iter().chain(weak.map(weakness)).collect();
            Ok(show_form(call, &signed_in, None, &mistakes))
        }
        PasswordChanged::TooMany { retry_after } => {
            let answer = show_form(call, &signed_in, Some(too_many_tries(retry_after)), &[]);
            Ok(too_many(answer, retry_after.as_secs()))
        }
        PasswordChanged::Denied(denied) => Err(denied.into()),
    }
}
