//! What an owner does to a user: has the mail sent again, stops it, erases.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;

use super::call::{Call, Named, Refusal};
use super::door::account;
use super::look::{ERASED, one, show_user};
use super::{DeskState, page};
use crate::admin::page::{Erase, Mistake, UserNotice};
use crate::admin::{Action, Actor, Right, SignedIn, Whom};
use crate::ledger::Reading;
use crate::store::Saved;
use crate::tombstone::tombstone;
use crate::user::{Again, Mail, MailId, State as Of, User, UserId};
use crate::web::visit::value;

/// `POST /admin/users/{id}/resend`
pub(super) async fn resend(State(desk): State<DeskState>, Named(id): Named, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let mail = MailId(desk.ledger.entropy.bytes());
    let decide = |user: User, now: Timestamp| {
        let (next, sent) = user.clone().resend(mail, now);
        let notice = match user.again(now) {
            _ if sent => UserNotice::Resent,
            _ if user.mail.as_ref().is_some_and(Mail::is_open) => UserNotice::Waits,
            Again::Later(next) => UserNotice::ResendLater(next),
            Again::Last(end) => UserNotice::LastMail(end),
            Again::Expired(_) => UserNotice::Expired,
            Again::Now | Again::Nothing => UserNotice::NothingToSend,
        };
        (sent.then_some(next), notice)
    };
    let outcome = change(&call, &id, request, Action::Resent, decide).await;
    call.answer(outcome)
}

/// `POST /admin/users/{id}/unsubscribe`
pub(super) async fn unsubscribe(State(desk): State<DeskState>, Named(id): Named, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let decide = |user: User, now: Timestamp| {
        let name = user.name();
        if matches!(user.state, Of::Unsubscribed | Of::Suppressed) {
            return (None, UserNotice::NothingToEnd);
        }
        (User::unsubscribe(Some(user), name, now), UserNotice::Unsubscribed)
    };
    let outcome = change(&call, &id, request, Action::Unsubscribed, decide).await;
    call.answer(outcome)
}

/// Changes a user as an owner wishes, and shows what came of it. What changes nothing is not in the audit log.
async fn change(
    call: &Call<'_>,
    id: &str,
    request: Request,
    action: Action,
    mut decide: impl FnMut(User, Timestamp) -> (Option<User>, UserNotice),
) -> Result<Response, Refusal> {
    let (signed_in, _) = call.form(request).await?;
    let desk = call.desk;
    signed_in.may(Right::Mail, desk.clock().now())?;
    let user = one(call, id).await?;
    let id = user.id;
    if let (None, notice) = decide(user.clone(), desk.clock().now()) {
        return Ok(show_user(call, &signed_in, &user, Some(notice)));
    }
    desk.admins.record(&Actor::Admin(&signed_in, &call.visit), action, Some(Whom::User(id))).await?;
    let decide = |found: Option<User>, now| match found {
        Some(user) => {
            let (next, notice) = decide(user, now);
            (next, Some(notice))
        }
        None => (None, None),
    };
    let notice = desk.ledger.change("change a user for an admin", id, Reading::Now, decide).await?;
    let user = one(call, &id.to_string()).await?;
    Ok(show_user(call, &signed_in, &user, notice))
}

/// `GET /admin/users/{id}/erase`: asks first.
pub(super) async fn erase_page(State(desk): State<DeskState>, Named(id): Named, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let signed_in = call.admitted().await?;
        signed_in.may(Right::Erase, desk.clock().now())?;
        let user = one(&call, &id).await?;
        Ok(show_erase(&call, &signed_in, &user, &[]))
    };
    call.answer(outcome.await)
}

fn show_erase(call: &Call<'_>, me: &SignedIn, user: &User, mistakes: &[Mistake]) -> Response {
    let csrf = call.desk.admins.csrf(me);
    let status = if mistakes.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let view = Erase { user, mistakes };
    call.show(status, page::erase(&call.site(), &account(me, &csrf), &call.desk.config, &view))
}

/// `POST /admin/users/{id}/erase`
pub(super) async fn erase(State(desk): State<DeskState>, Named(id): Named, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    let outcome = async {
        let (signed_in, form) = call.form(request).await?;
        signed_in.may(Right::Erase, desk.clock().now())?;
        let user = one(&call, &id).await?;
        let view = Erase { user: &user, mistakes: &[] };
        if !view.is_confirmed_by(value(&form, "confirm")) {
            return Ok(show_erase(&call, &signed_in, &user, &[Mistake::ErasureNotConfirmed]));
        }
        let by = Actor::Admin(&signed_in, &call.visit);
        desk.admins.record(&by, Action::Erased, Some(Whom::User(user.id))).await?;
        forget(&call, user).await?;
        Ok(call.see_other(&format!("users?{ERASED}=1")))
    };
    call.answer(outcome.await)
}

/// How often somebody is erased who changes meanwhile.
const TRIES: u32 = 8;

async fn forget(call: &Call<'_>, mut user: User) -> Result<(), Refusal> {
    let store = &call.desk.ledger.store;
    let id: UserId = user.id;
    for _ in 0..TRIES {
        call.desk.tombstones.put(&tombstone(&user)).await?;
        let farewell = call.desk.ledger.wanted.farewell(&user, call.desk.clock().now());
        if store.erase(&user, farewell.as_ref()).await? == Saved::Done {
            return Ok(());
        }
        match store.load(id).await? {
            Some(changed) => user = changed,
            None => return Ok(()),
        }
    }
    Err(crate::store::StoreError::busy("erase a user", "the user kept changing").into())
}
