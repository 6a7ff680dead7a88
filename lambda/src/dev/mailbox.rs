//! The mails that were not sent, at `/_mail`: a list, and each as a mail program shows it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Dev;
use crate::clock::rfc3339;
use crate::mail::Mail;

/// A mail may hold whatever its template does: it is shown and runs nothing.
const POLICY: &str = "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; sandbox \
                      allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation";

const LIST_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'";

#[derive(Template)]
#[template(path = "dev/mailbox.html")]
struct Page<'a> {
    /// Newest first, each with its number.
    mails: Vec<(usize, &'a Mail)>,
}

/// `GET /_mail`
pub(super) async fn list(State(dev): State<Arc<Dev>>) -> Response {
    let sent = dev.memory.mailer.sent();
    let page = Page { mails: sent.iter().enumerate().rev().collect() };
    let page = page.render().expect("a template renders into memory without fail");
    html(LIST_POLICY, page)
}

/// `GET /_mail.json`: for programs, newest first.
pub(super) async fn json(State(dev): State<Arc<Dev>>) -> Response {
    let mail = |mail: &Mail| {
        json!({
            "time": rfc3339(mail.at), "from": mail.from, "to": [mail.to], "subject": mail.subject,
            "text": mail.text, "html": mail.html,
        })
    };
    let mails: Vec<_> = dev.memory.mailer.sent().iter().rev().map(mail).collect();
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], json!({ "mails": mails }).to_string())
        .into_response()
}

/// `GET /_mail/{number}`: its HTML part; its text where the address ends so.
pub(super) async fn mail(State(dev): State<Arc<Dev>>, Path(number): Path<String>, _: Request) -> Response {
    let sent = dev.memory.mailer.sent();
    let found = |number: &str| number.parse().ok().and_then(|number: usize| sent.get(number));
    if let Some(mail) = number.strip_suffix(".txt").and_then(found) {
        return ([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")], mail.text.clone())
            .into_response();
    }
    match found(&number) {
        Some(mail) => html(POLICY, mail.html.clone()),
        None => (StatusCode::NOT_FOUND, "There is no such mail.\n").into_response(),
    }
}

fn html(policy: &'static str, page: String) -> Response {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, policy)];
    (headers, page).into_response()
}
