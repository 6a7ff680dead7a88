//! Where a request comes from, where it ends, and what the log calls it.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::{get, post};
use futures_util::stream;
use signup_service::web::{ClientAddress, RequestId};

use crate::{Running, dev, limits, status};

#[tokio::test]
async fn a_request_is_from_where_the_trusted_proxy_says() {
    let dev = dev();
    let tell = |request: Request| async move {
        request.extensions().get::<ClientAddress>().map(|client| client.0.to_string()).unwrap_or_default()
    };
    let ask = b"GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: 203.0.113.9, 192.0.2.7\r\n\r\n";
    for (trusted, expected) in [("", "127.0.0.1"), ("127.0.0.0/8", "192.0.2.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let server = Running::of(Router::new().route("/who", get(tell)), &dev, trusted, limits()).await;
        let answer = server.send(ask).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{trusted}: {answer}");
    }
}

#[tokio::test]
async fn the_log_calls_a_request_as_the_load_balancer_does_and_never_as_a_caller_does() {
    let dev = dev();
    let tell = |request: Request| async move {
        request.extensions().get::<RequestId>().map_or_else(|| "none".to_owned(), |id| id.0.clone())
    };
    let behind = Running::of(Router::new().route("/who", get(tell)), &dev, "127.0.0.0/8", limits()).await;
    let alone = Running::of(Router::new().route("/who", get(tell)), &dev, "", limits()).await;
    let ask = |trace: &str| {
        format!(
            "GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: 192.0.2.7\r\n\
             x-amzn-trace-id: {trace}\r\n\r\n"
        )
    };
    for (trace, expected) in [
        ("Root=1-67891233-abcdef012345678912345678", "1-67891233-abcdef012345678912345678"),
        ("Self=1-67891234-12456789abcdef012345678; Root=ada@example.com", "1-67891234-12456789abcdef012345678"),
        ("Root=ada@example.com", "none"),
        ("CalledFrom=ada@example.com", "none"),
        ("ada@example.com", "none"),
    ] {
        let answer = behind.send(ask(trace).as_bytes()).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{trace}: {answer}");
    }
    let answer = alone.send(ask("Root=1-67891233-abcdef012345678912345678").as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\nnone"), "nobody is believed who is no proxy: {answer}");
}

#[tokio::test]
async fn where_a_request_ends_is_never_in_doubt() {
    let dev = dev();
    let echo = |body: String| async move { format!("[{body}]") };
    let server = Running::of(Router::new().route("/echo", post(echo)), &dev, "", limits()).await;
    let hidden = "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n";
    for head in [
        format!("content-length: {}\r\ntransfer-encoding: chunked", 5 + hidden.len()),
        format!("content-length: 5\r\ncontent-length: {}", 5 + hidden.len()),
        "transfer-encoding: gzip".to_owned(),
        "content-length: +5".to_owned(),
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n0\r\n\r\n{hidden}");
        let answer = server.send(request.as_bytes()).await;
        // Either it is refused, or read to the end of its chunks; nothing behind that is a body, or another request.
        assert!(status(&answer) == "400" || answer.contains("[]"), "{head}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_whose_end_an_old_client_could_not_tell_is_refused() {
    let dev = dev();
    let parts = get(async || Body::from_stream(stream::iter(["a", "b"].map(Ok::<_, Infallible>))));
    let server = Running::of(Router::new().route("/file", parts), &dev, "", limits()).await;
    assert_eq!(status(&server.send(b"GET /file HTTP/1.0\r\n\r\n").await), "426");
    assert!(server.get("/file").await.ends_with("1\r\nb\r\n0\r\n\r\n"));
}
