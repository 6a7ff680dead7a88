//! What every page says that is only tried.

use axum::body::{Body, to_bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("../../templates/dev/dev.css");

/// `GET /_dev.css`
pub(super) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-store")], STYLE).into_response()
}

/// Puts the banner on a page; whatever else is answered stays as it is. `root` is the way to the service's root.
pub(super) async fn on(response: Response, root: &str) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/html")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let page = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(with_banner(&String::from_utf8_lossy(&page), root)))
}

fn with_banner(page: &str, root: &str) -> String {
    let head = format!("<link rel=\"stylesheet\" href=\"{root}_dev.css\"></head>");
    let banner = format!(
        "<aside class=\"trial\" lang=\"en\" dir=\"ltr\" aria-label=\"Trial\"><p>A trial: kept in memory, and gone \
         when it stops. <a href=\"{root}_mail\">The mails</a></p></aside>"
    );
    let page = page.replacen("</head>", &head, 1);
    // The last thing on a page: what is first stays first for keyboards and screen readers.
    page.replacen("</body>", &format!("{banner}</body>"), 1)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    async fn shown(kind: &'static str, body: &'static str) -> String {
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let body = on(response, "../").await.into_body();
        String::from_utf8(to_bytes(body, usize::MAX).await.expect("a body").into()).expect("text")
    }

    #[tokio::test]
    async fn a_page_says_that_it_is_only_tried_and_nothing_else_does() {
        let page = "<html><head><title>x</title></head><body><p>x</p></body></html>";
        let shown_page = shown("text/html; charset=utf-8", page).await;
        assert!(shown_page.contains("href=\"../_dev.css\"></head>"), "{shown_page}");
        assert!(shown_page.contains("<a href=\"../_mail\">The mails</a></p></aside></body>"), "{shown_page}");
        assert_eq!(shown("application/json", "{\"a\":\"</body>\"}").await, "{\"a\":\"</body>\"}");
    }
}
