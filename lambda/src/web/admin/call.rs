//! A request of an admin's browser: who sends it, from which page, and what is answered when it may not be.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::OnceLock;

use axum::extract::{FromRequestParts, Path, Request};
use axum::http::header::{COOKIE, HeaderName, LOCATION, REFRESH, RETRY_AFTER, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::door::account;
use super::refused::Refused;
use super::{Desk, page};
use crate::admin::{AdminError, COOKIE as SESSION, Cause, DEVICE_COOKIE, Denied, Session, SignedIn, Visit};
use crate::page::Site;
use crate::store::StoreError;
use crate::web::BUSY;
use crate::web::answer::{html, later};
use crate::web::body::{self, BodyError, FORM};
use crate::web::edge;
use crate::web::visit::value;

/// The cookie that a form shows before anybody is signed in: what a page of another site sends does not come with it.
const DOOR: &str = "__Host-admin-door";

/// The field of every form by which it is known to be ours.
const CSRF: &str = "csrf";

/// Where an answer may lead after a sign-in, from `admin/`.
const PLACES: [&str; 6] = ["dashboard", "users", "audit", "export", "search", "security"];

/// The one place below `security/` that is a page, and not only where a form goes.
const PASSWORD: &str = "security/password";

/// What the page of security is asked with by whoever has shown who they are, and whose form was not acted upon.
pub(super) const AGAIN: &str = "again";

/// How long such a place may be.
const LONGEST_PLACE: usize = 2_000;

/// A request, as far as it is read before its body is.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) desk: &'a Desk,
    path: String,
    query: Vec<(String, String)>,
    /// What the browser keeps of the session.
    pub(super) session: Option<String>,
    door: Option<String>,
    pub(super) visit: Visit,
    /// Whether a page of another site sends it.
    is_foreign: bool,
    /// Who sends it, once that is known.
    me: OnceLock<SignedIn>,
}

/// The name in a path; empty where it is not even text.
#[derive(Debug)]
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Path::from_request_parts(parts, state).await.map_or_else(|_| String::new(), |Path(name)| name)))
    }
}

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(super) enum Refusal {
    SignIn,
    Denied(Denied),
    NotFound,
    /// Its form was made for another session, or not by us.
    TooOld,
    WrongMethod,
    /// More users than one file holds.
    TooMany,
    Body(BodyError),
    Ours(AdminError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Ours(error.into())
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        Self::Ours(error)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// What a form holds.
pub(super) type Form = Vec<(String, String)>;

impl<'a> Call<'a> {
    pub(super) fn of(desk: &'a Desk, request: &Request) -> Self {
        let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        let cookie = |name: &str| {
            let all = request.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
            let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let query = request.uri().query().unwrap_or_default();
        let device = cookie(DEVICE_COOKIE);
        Self {
            desk,
            path: request.uri().path().to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            session: cookie(SESSION),
            door: cookie(DOOR),
            visit: desk.admins.visit(edge::client(request), header(USER_AGENT), device.as_deref()),
            is_foreign: edge::is_foreign(request.headers(), &desk.base_url),
            me: OnceLock::new(),
        }
    }

    pub(super) fn site(&self) -> Site<'a> {
        Site::new(&self.desk.config, &self.desk.release).at(&self.path)
    }

    /// The first value of a name in the query; empty when there is none.
    pub(super) fn asked(&self, name: &str) -> &str {
        value(&self.query, name)
    }

    /// Every value of a name in the query.
    pub(super) fn all_asked<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Who sends it.
    pub(super) async fn admitted(&self) -> Result<SignedIn, Refusal> {
        let Some(session) = &self.session else { return Err(Refusal::SignIn) };
        let signed_in = self.desk.admins.authenticate(session).await?.ok_or(Refusal::SignIn)?;
        Ok(self.me.get_or_init(|| signed_in).clone())
    }

    /// Refuses what a page of another site, or of another host, asks for.
    pub(super) fn refuse_foreign(&self) -> Result<(), Refusal> {
        if self.is_foreign { Err(Refusal::TooOld) } else { Ok(()) }
    }

    /// Who sends a form, and what it holds; a form that is not this session's is refused.
    pub(super) async fn form(&self, request: Request) -> Result<(SignedIn, Form), Refusal> {
        let signed_in = self.admitted().await?;
        let form = body::pairs(&body::read(request, FORM).await?);
        if self.is_foreign || !self.desk.admins.check_csrf(&signed_in, value(&form, CSRF)) {
            return Err(Refusal::TooOld);
        }
        Ok((signed_in, form))
    }

    /// What a form holds that is sent before anybody is signed in.
    pub(super) async fn form_at_door(&self, request: Request) -> Result<Form, Refusal> {
        let form = body::pairs(&body::read(request, FORM).await?);
        let is_ours = self.door.as_deref().is_some_and(|door| !door.is_empty() && door == value(&form, CSRF));
        if self.is_foreign || !is_ours { Err(Refusal::TooOld) } else { Ok(form) }
    }

    /// What such a form has to hold: what the browser keeps already, or something new, which [`Call::at_door`] gives it.
    pub(super) fn door(&self) -> Cow<'_, str> {
        match self.door.as_deref().filter(|door| door.len() == 32 && door.bytes().all(|it| it.is_ascii_hexdigit())) {
            Some(door) => door.into(),
            None => {
                let bytes: [u8; 16] = self.desk.ledger.entropy.bytes();
                bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
            }
        }
    }

    /// A page with a form for somebody who is not signed in.
    pub(super) fn at_door(&self, status: StatusCode, door: &str, page: String) -> Response {
        with_cookie(self.show(status, page), DOOR, door, "")
    }

    /// A page, which leaves with the session of whoever sees it.
    pub(super) fn show(&self, status: StatusCode, page: String) -> Response {
        match self.me.get() {
            Some(me) => self.leaving(html(status, page), &me.session),
            None => html(status, page),
        }
    }

    /// The same page, which the browser gives up when this session would have ended unused, also where no script runs.
    pub(super) fn leaving(&self, mut page: Response, session: &Session) -> Response {
        let left = session.left(self.desk.clock().now());
        let refresh =
            format!("{left}; url={}admin/{}", self.site().root, self.with_next("sign-in", Some("left"), false));
        // A number and an address that is encoded: nothing that a header cannot hold.
        if let Ok(refresh) = HeaderValue::try_from(refresh) {
            page.headers_mut().insert(REFRESH, refresh);
        }
        page
    }

    /// To a place below `admin/`.
    pub(super) fn see_other(&self, place: &str) -> Response {
        let target = format!("{}admin/{place}", self.site().root);
        (StatusCode::SEE_OTHER, [(LOCATION, target)]).into_response()
    }

    /// The page, or why it is not to be seen.
    pub(super) fn answer(&self, outcome: Result<Response, Refusal>) -> Response {
        outcome.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    /// The answer to what no route takes: for whoever is signed in a page among the others.
    pub(super) async fn astray(&self, refusal: Refusal) -> Response {
        // Whoever is not, or cannot be told to be, gets the same answer without the navigation.
        self.admitted().await.ok();
        self.refuse(refusal)
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        use crate::page::Refusal as Form;
        let site = self.site();
        let csrf = self.me.get().map(|me| self.desk.admins.csrf(me)).unwrap_or_default();
        let me = self.me.get().map(|me| account(me, &csrf));
        let me = me.as_ref();
        match refusal {
            Refusal::SignIn => self.see_other(&self.with_next("sign-in", self.session.as_ref().map(|_| "ended"), true)),
            Refusal::Denied(Denied::ProveAgain) => self.see_other(&self.with_next("prove", None, true)),
            Refusal::Denied(Denied::Role) => self.forbid(Cause::Role, page::not_allowed(&site, me)),
            Refusal::NotFound => self.show(StatusCode::NOT_FOUND, page::not_found(&site, me)),
            Refusal::TooOld => self.forbid(Cause::Form, page::too_old(&site, me)),
            Refusal::WrongMethod => {
                self.show(StatusCode::METHOD_NOT_ALLOWED, page::refused(&site, me, Form::WrongMethod))
            }
            Refusal::TooMany => self.show(StatusCode::UNPROCESSABLE_ENTITY, page::too_many(&site, me)),
            Refusal::Body(BodyError::Type) => {
                self.show(StatusCode::UNSUPPORTED_MEDIA_TYPE, page::refused(&site, me, Form::Unreadable))
            }
            Refusal::Body(BodyError::TooLarge) => {
                self.show(StatusCode::PAYLOAD_TOO_LARGE, page::refused(&site, me, Form::TooLarge))
            }
            Refusal::Ours(AdminError::Store(error)) if error.is_passing() => {
                error.log();
                later(BUSY, self.show(StatusCode::SERVICE_UNAVAILABLE, page::busy(&site, me)))
            }
            Refusal::Ours(error) => {
                tracing::error!(cause = crate::aws::chain(&error), "an admin's request failed");
                self.show(StatusCode::INTERNAL_SERVER_ERROR, page::failed(&site, me))
            }
        }
    }

    /// What is forbidden to whoever is signed in is to be in the audit log.
    fn forbid(&self, cause: Cause, page: String) -> Response {
        let mut response = self.show(StatusCode::FORBIDDEN, page);
        if let Some(me) = self.me.get() {
            let refused = Refused { signed_in: me.clone(), visit: self.visit.clone(), cause };
            response.extensions_mut().insert(refused);
        }
        response
    }

    /// A place, and that it leads back to the page asked for; where a form goes whose request is `refused`, its page says so.
    fn with_next(&self, place: &str, why: Option<&str>, refused: bool) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(why.map(|why| (why, "1")));
        let mut next = self.path.trim_start_matches("/admin/").to_owned();
        let kept = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        if !kept.is_empty() {
            next = format!("{next}?{kept}");
        }
        if let Some(next) = next_place(&next).filter(|next| *next != "dashboard") {
            let is_form = next == "security" && self.path.starts_with("/admin/security/");
            let again = if refused && is_form { format!("?{AGAIN}=1") } else { String::new() };
            query.append_pair("next", &format!("{next}{again}"));
        }
        let query = query.finish();
        if query.is_empty() { place.to_owned() } else { format!("{place}?{query}") }
    }
}

/// A place below `admin/` that an answer may lead to; `None` for what no page of ours asks for.
pub(super) fn next_place(text: &str) -> Option<Cow<'_, str>> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%/?".contains(letter);
    let first = path.split('/').next().unwrap_or_default().trim_end_matches(".csv").trim_end_matches(".json");
    let known = PLACES.contains(&first) && text.len() <= LONGEST_PLACE;
    // A browser takes `%2e%2e` for the folder above as well, and no place of ours has a `%` before its query.
    let leads_elsewhere = ["..", "//", "%"].iter().any(|part| path.contains(part));
    let is_ours = known && text.chars().all(is_plain) && !leads_elsewhere;
    is_ours.then(|| page_of(path, query).unwrap_or(text.into()))
}

/// The page that leads to a place, where that is no page itself: one whose form is sent there, or which offers it as a file.
fn page_of<'a>(path: &'a str, query: &str) -> Option<Cow<'a, str>> {
    match path {
        "search" => Some("users".into()),
        "export.csv" | "export.json" => Some(format!("export?{query}").into()),
        PASSWORD => None,
        _ if path.starts_with("security/") => Some("security".into()),
        _ => ["/resend", "/unsubscribe"].iter().find_map(|end| path.strip_suffix(end)).map(Cow::Borrowed),
    }
}

/// Has the browser keep something for this service alone. `life` adds how long; without it, until it is closed.
pub(super) fn with_cookie(mut response: Response, name: &str, value: &str, life: &str) -> Response {
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{life}");
    // Names and values are ours, and hold nothing that a header cannot.
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// The answer to whoever has tried too often.
pub(super) fn too_many(mut response: Response, seconds: u64) -> Response {
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_leads_to_our_own_pages_alone() {
        for place in ["dashboard?days=365", "users?by=search&value=a%2Fb", "users/0123/erase", "export?by=state"] {
            assert_eq!(next_place(place).as_deref(), Some(place));
        }
        for (form, page) in [
            ("search", "users"),
            ("users/0123/resend", "users/0123"),
            ("users/0123/unsubscribe", "users/0123"),
            ("security/admins/add", "security"),
            ("security/password", "security/password"),
            ("export.csv?by=state&value=pending", "export?by=state&value=pending"),
        ] {
            assert_eq!(next_place(form).as_deref(), Some(page), "where a form goes, or a file is, is no page");
        }
        for place in [
            "",
            "sign-out",
            "set-up",
            "//evil.example",
            "/dashboard",
            "https://evil.example",
            "dashboard\\evil",
            "users/../../x",
            "users/%2e%2e/%2e%2e/confirm?t=x",
            "users/.%2E/x",
            "users//evil.example",
            "dashboard\r\nx: y",
            "javascript:alert(1)",
        ] {
            assert_eq!(next_place(place), None, "{place:?}");
        }
        assert_eq!(next_place(&format!("users?value={}", "x".repeat(LONGEST_PLACE))), None);
    }
}
