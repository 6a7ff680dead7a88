//! What the server says in the place of the service.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use futures_util::stream;
use signup_service::config::ServiceConfig;
use signup_service::dev::{Design, Dev};
use signup_service::journal::Kept;
use signup_service::server::Limits;
use signup_service::web::Transport;

use crate::{Running, SHORT, dev, limits, log, status};

#[tokio::test]
async fn the_api_is_refused_in_its_own_form() {
    let dev = dev();
    let never = post(async || pending::<&str>().await);
    let app = Router::new().route("/api/never", never).route("/api/panic", get(panic));
    let server = Running::of(app, &dev, "", Limits { requests: 1, ..limits() }).await;
    let ask = |length: u8| format!("POST /api/never HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let panicked = server.get("/api/panic").await;
    let halting = server.send(ask(9).as_bytes()).await;
    let slow = server.send(ask(0).as_bytes()).await;
    let busy = server.send(ask(0).as_bytes()).await;
    for (expected, answer) in [("500", panicked), ("408", halting), ("503", slow), ("503", busy)] {
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        assert!(answer.contains(&format!(r#""status":{expected},"detail":"#)), "{answer}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_takes_its_own_request_with_it_and_no_other() {
    let dev = dev();
    let late = async || {
        tokio::task::yield_now().await;
        panic_apart().await;
    };
    let fine = get(async || "fine");
    let app = Router::new().route("/panic", get(panic_apart)).route("/late", get(late)).route("/fine", fine);
    let server = Running::of(app, &dev, "", Limits { requests: 1, ..limits() }).await;
    log::keep();
    tracing::info!(target: "aws_config", creds = "AKIA", "loaded base credentials");
    for path in ["/panic", "/late"] {
        assert_eq!(status(&server.get(path).await), "500", "{path}");
        // The one place is free again.
        assert_eq!(status(&server.get("/fine").await), "200", "{path}");
    }
    // What was refused is told within a second.
    tokio::time::sleep(5 * SHORT).await;
    // The log tells where, and nothing of a message that could quote somebody.
    let log = log::kept();
    let told = format!(r#""message":"panicked","at":"lambda/tests/server/answers.rs:{APART}:"#);
    assert_eq!(log.matches(&told).count(), 2, "{log}");
    assert!(!log.contains("ada@example.com"), "{log}");
    // It holds what the server refused by itself as well.
    let refused = r#""message":"the server refused requests","status":500,"requests":2,"cause":"a handler panicked"#;
    assert!(log.contains(refused), "{log}");
    // Nor does it hold what the SDK tells of credentials.
    assert!(!log.contains("AKIA"), "{log}");
}

/// Where this one panics: other tests do meanwhile, and the log is that of all.
const APART: u32 = line!() + 2;
async fn panic_apart() {
    panic!("by way of a test: ada@example.com");
}

async fn panic() {
    panic!("by way of a test: ada@example.com");
}

#[tokio::test]
async fn what_the_server_says_itself_is_as_guarded_as_a_page() {
    let dev = dev();
    let parts = get(async || Body::from_stream(stream::iter(["a", "b"].map(Ok::<_, Infallible>))));
    let never = post(async || pending::<&str>().await);
    let app = Router::new().route("/never", never).route("/panic", get(panic)).route("/file", parts);
    let server = Running::of(app, &dev, "", Limits { requests: 1, ..limits() }).await;
    let ask = b"POST /never HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let ready = server.get("/readyz").await;
    let panicked = server.get("/panic").await;
    let old = server.send(b"GET /file HTTP/1.0\r\n\r\n").await;
    let halting = server.send(b"POST /never HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n").await;
    let slow = server.send(ask).await;
    // What it began still has the one place.
    let busy = server.send(ask).await;
    let answers = [("200", ready), ("500", panicked), ("426", old), ("408", halting), ("503", slow), ("503", busy)];
    for (expected, answer) in answers {
        assert_eq!(status(&answer), expected, "{answer}");
        for header in [
            "strict-transport-security: max-age=63072000\r\n",
            "x-content-type-options: nosniff\r\n",
            "cache-control: no-store\r\n",
            "content-security-policy: default-src 'none'; ",
        ] {
            assert!(answer.contains(header), "{header} in {answer}");
        }
    }
}

#[tokio::test]
async fn it_speaks_for_the_names_below_its_own_where_it_is_told_to() {
    let mut config: ServiceConfig = serde_json::from_str(include_str!("../every_field.json")).expect("a declaration");
    config.security.hsts_subdomains = Some(true);
    let transport = Transport::of(&config.security);
    let dev = Dev::new(Design { config, logo: None }, "http://localhost", Arc::new(Kept::default())).expect("a form");
    let server = Running::with(dev.router(), &dev, "", limits(), |front| front.over(transport)).await;
    let halting = "POST /sign-up HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n";
    let pages = [server.get("/").await, server.get("/admin/sign-in").await];
    // A browser believes whatever it heard last.
    let own = [server.get("/readyz").await, server.send(halting.as_bytes()).await];
    for answer in pages.into_iter().chain(own) {
        assert!(answer.contains("strict-transport-security: max-age=63072000;includeSubDomains\r\n"), "{answer}");
    }
}
