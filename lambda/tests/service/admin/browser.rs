//! A browser: it keeps cookies, sends the forms of the page it shows, follows redirects, and looks at what every answer
//! has to carry.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::support::POLICY;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, request};
use axum::response::Response;
use signup_service::web::ClientAddress;
use tower::ServiceExt;
use url::Url;

use crate::support::BASE_URL;
use crate::support::service::Answer;

pub const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub jar: BTreeMap<String, String>,
    pub client: IpAddr,
    pub agent: String,
    /// Where the page is from that is shown.
    at: Url,
    pub page: String,
}

/// A form of a page.
pub struct Form {
    pub action: String,
    pub is_post: bool,
    /// What is sent along without anybody typing it.
    pub hidden: Vec<(String, String)>,
}

impl Browser {
    pub fn new(router: Router, client: &str) -> Self {
        Self {
            router,
            jar: BTreeMap::new(),
            client: client.parse().expect("an address"),
            agent: "Firefox/150".into(),
            at: Url::parse(BASE_URL).expect("an address"),
            page: String::new(),
        }
    }

    /// The same browser before another Router.
    pub fn before(&self, router: Router) -> Self {
        Self { router, ..self.clone() }
    }

    /// The answer to a request, with a body that nobody has read.
    pub async fn unread(&self, request: request::Builder, body: impl Into<Body>) -> Response {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header("user-agent", &self.agent).extension(ClientAddress(self.client));
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        self.router.clone().oneshot(request.body(body.into()).expect("a request")).await.expect("the router answers")
    }

    pub async fn send(&mut self, request: request::Builder, body: impl Into<Body>) -> Answer {
        let path = request.uri_ref().expect("an address").to_string();
        let is_head = request.method_ref().is_some_and(|method| method == "HEAD");
        let (parts, body) = self.unread(request, body).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let body = String::from_utf8(body.into()).expect("text");
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        is_guarded(&answer, &path, is_head);
        for cookie in answer.headers.get_all("set-cookie") {
            self.keep(cookie.to_str().expect("ASCII"));
        }
        self.at = self.at.join(&path).expect("a path");
        self.page.clone_from(&answer.body);
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    /// Sends a form as a browser does from a page that tells nobody where it is.
    pub async fn post(&mut self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let headers = [("content-type", FORM), ("sec-fetch-site", "same-origin"), ("origin", "null")];
        self.post_with(path, pairs, &headers).await
    }

    pub async fn post_with(&mut self, path: &str, pairs: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, encoded(pairs)).await
    }

    /// Sends a form of the page that is shown, with what is hidden in it and what is typed.
    pub async fn submit(&mut self, action: &str, typed: &[(&str, &str)]) -> Answer {
        let form = forms(&self.page).into_iter().find(|form| form.is_post && form.action.ends_with(action));
        let form = form.unwrap_or_else(|| panic!("a form to {action} in {}", self.page));
        let target = self.at.join(&form.action).expect("an address");
        let hidden = form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs: Vec<(&str, &str)> = hidden.chain(typed.iter().copied()).collect();
        self.post(target.path(), &pairs).await
    }

    /// Follows a set-up link, and does what the page's script does.
    pub async fn open_link(&mut self, link: &str) -> Answer {
        let (path, code) = link.split_once('#').expect("a fragment");
        assert_eq!(self.get(path).await.status, StatusCode::OK);
        self.submit("set-up", &[("token", code)]).await
    }

    /// Goes where an answer leads, which is never anywhere else.
    pub async fn follow(&mut self, answer: Answer) -> Answer {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let target = self.at.join(answer.header("location")).expect("an address");
        assert_eq!(target.origin(), Url::parse(BASE_URL).expect("an address").origin(), "{target}");
        self.get(&self.place(target.as_str())).await
    }

    /// Where the form of a search leads that a page has: the address holds nothing of what was typed.
    pub async fn search(&mut self, page: &str, text: &str) -> String {
        self.get(page).await;
        let answer = self.submit("admin/search", &[("value", text)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        self.place(answer.header("location"))
    }

    /// Where a link of the page leads, with its query.
    pub fn link(&self, mark: &str) -> Option<String> {
        let tag = tags(&self.page, "a").into_iter().find(|tag| tag.contains(mark))?;
        Some(self.place(&attribute(tag, "href")?))
    }

    /// A relative address of the page as a path with its query.
    fn place(&self, address: &str) -> String {
        let target = self.at.join(address).expect("an address");
        let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", target.path())
    }

    /// The token of the page that is shown.
    pub fn csrf(&self) -> String {
        let hidden = forms(&self.page).into_iter().flat_map(|form| form.hidden);
        hidden.into_iter().find(|(name, _)| name == "csrf").expect("a form with a token").1
    }

    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a pair");
        let parts: Vec<&str> = parts.collect();
        assert!(name.starts_with("__Host-"), "{cookie}");
        for wanted in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(parts.contains(&wanted), "{wanted} of {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        if parts.contains(&"Max-Age=0") {
            self.jar.remove(name);
        } else {
            self.jar.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// What every answer carries, whatever it is.
fn is_guarded(answer: &Answer, path: &str, is_head: bool) {
    let policy = answer.header("content-security-policy");
    assert_eq!(policy, POLICY, "{path}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000"),
        ("cross-origin-opener-policy", "same-origin"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {path}");
    }
    let is_file = answer.header("content-disposition").starts_with("attachment; ");
    let kind = answer.header("content-type");
    let is_empty = answer.status.is_redirection() || answer.status == StatusCode::NO_CONTENT;
    assert!(is_file || kind == "text/html; charset=utf-8" || is_empty && kind.is_empty(), "{kind} of {path}");
    assert!(!is_head || answer.body.is_empty(), "{path}");
}

pub fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The opening tags of an element, without their angle brackets.
pub fn tags<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("<{name} ");
    page.split(&begin).skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag).collect()
}

pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = format!(" {tag}");
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescaped(value))
}

pub fn forms(page: &str) -> Vec<Form> {
    let parts = page.split("<form ").skip(1).filter_map(|rest| rest.split_once("</form>"));
    let form = |(form, _): (&str, &str)| {
        let (tag, inner) = form.split_once('>').expect("a tag");
        let hidden = tags(inner, "input").into_iter().filter(|input| input.contains("type=\"hidden\""));
        let pair = |input: &str| Some((attribute(input, "name")?, attribute(input, "value")?));
        Form {
            action: attribute(tag, "action").expect("an action"),
            is_post: tag.contains("method=\"post\""),
            hidden: hidden.filter_map(pair).collect(),
        }
    };
    parts.map(form).collect()
}

pub fn unescaped(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
