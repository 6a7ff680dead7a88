//! What pages are made with: the style sheet, the scripts, the pictures.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::{AppState, pages};
use crate::page;

/// Of what changes its address with every release.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const FOR_A_DAY: &str = "public, max-age=86400";

const SVG: &str = "image/svg+xml; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// `GET /style.css`
pub(super) async fn style(State(app): State<AppState>) -> Response {
    file("text/css; charset=utf-8", FOR_GOOD, app.style.clone())
}

/// `GET /admin.css`
pub(super) async fn admin_style() -> Response {
    file("text/css; charset=utf-8", FOR_GOOD, crate::admin::page::STYLESHEET)
}

/// `GET /form.js`
pub(super) async fn form_script() -> Response {
    file(SCRIPT, FOR_GOOD, include_str!("../../scripts/form.js"))
}

/// `GET /confirm.js`
pub(super) async fn confirm_script() -> Response {
    file(SCRIPT, FOR_GOOD, include_str!("../../scripts/confirm.js"))
}

/// `GET /set-up.js`
pub(super) async fn set_up_script() -> Response {
    file(SCRIPT, FOR_GOOD, include_str!("../../scripts/set-up.js"))
}

/// `GET /session.js`
pub(super) async fn session_script() -> Response {
    file(SCRIPT, FOR_GOOD, include_str!("../../scripts/session.js"))
}

/// `GET /icon.svg`
pub(super) async fn icon(State(app): State<AppState>) -> Response {
    file(SVG, FOR_A_DAY, page::icon(&app.accent))
}

/// `GET /logo`: the operator's, if there is one.
pub(super) async fn logo(State(app): State<AppState>) -> Response {
    match (&app.config.branding.logo, &app.parts.logo) {
        (Some(logo), Some(picture)) => {
            let media_type = if logo.media_type == "image/svg+xml" { SVG } else { &logo.media_type };
            file(media_type, FOR_GOOD, picture.clone())
        }
        _ => pages::not_found(&app, "/logo"),
    }
}

fn file(media_type: &str, cache: &'static str, body: impl IntoResponse) -> Response {
    let media_type = media_type.to_owned();
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, cache.to_owned())], body).into_response()
}
