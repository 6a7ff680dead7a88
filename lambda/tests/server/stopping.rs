//! A server that is told to stop.

use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use signup_service::server::{Ended, Limits};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::{LONG, Running, SHORT, dev, limits, rest, status};

#[tokio::test]
async fn a_server_that_is_told_to_stop_says_so_and_answers_what_it_has_begun() {
    let slow = post(async || {
        tokio::time::sleep(14 * SHORT).await;
        "done"
    });
    let dev = dev();
    let app = Router::new().route("/slow", slow).fallback_service(dev.router());
    let limits = Limits { head: LONG, request: LONG, notice: 10 * SHORT, ..limits() };
    let mut server = Running::of(app, &dev, "", limits).await;
    assert_eq!(status(&server.get("/readyz").await), "200");
    let mut begun = server.connect().await;
    begun.write_all(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.expect("it listens");
    let idle = server.connect().await;
    tokio::time::sleep(SHORT / 3).await;
    server.stop();
    tokio::time::sleep(SHORT / 3).await;
    // It still answers, tells the balancer, and keeps no connection.
    let answer = server.get("/readyz").await;
    assert!(status(&answer) == "503" && answer.contains("stopping"), "{answer}");
    let answer = server.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(status(&answer) == "200" && answer.contains("connection: close"), "{answer}");
    let answer = rest(begun).await;
    assert!(status(&answer) == "200" && answer.ends_with("done"), "{answer}");
    assert_eq!(rest(idle).await, "");
    assert_eq!(server.ended.await.expect("no panic"), Ended::Drained);
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_takes_longer_than_the_time_to_stop_is_cut() {
    let dev = dev();
    let app = Router::new().route("/never", post(async || pending::<&str>().await));
    let limits = Limits { head: LONG, request: LONG, drain: SHORT, ..limits() };
    let mut server = Running::of(app, &dev, "", limits).await;
    let mut begun = server.connect().await;
    begun.write_all(b"POST /never HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.expect("it listens");
    tokio::time::sleep(SHORT / 3).await;
    server.stop();
    assert_eq!(server.ended.await.expect("no panic"), Ended::Cut(1));
}

#[tokio::test]
async fn what_was_begun_is_ended_though_whoever_asked_has_gone() {
    let dev = dev();
    let ended = Arc::new(Notify::new());
    let end = Arc::clone(&ended);
    let change = post(async move || {
        tokio::time::sleep(SHORT / 2).await;
        end.notify_one();
    });
    let app = Router::new().route("/change", change);
    let server = Running::of(app, &dev, "", Limits { head: LONG, request: LONG, ..limits() }).await;
    let mut gone = server.connect().await;
    gone.write_all(b"POST /change HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.expect("it listens");
    tokio::time::sleep(SHORT / 6).await;
    drop(gone);
    tokio::time::timeout(LONG, ended.notified()).await.expect("it goes on to its end");
}
