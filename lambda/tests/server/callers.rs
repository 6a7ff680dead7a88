//! Slow, oversized, malformed and too many callers: each is told so or hung up on, and keeps nobody else.

use std::future::pending;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use serde_json::Value;
use signup_service::clock::{Clock, System, day};
use signup_service::keys::{AddressKey, Key};
use signup_service::server::{Limits, Rates};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use crate::{LONG, Running, SHORT, dev, limits, log, rest, status};

#[tokio::test]
async fn a_head_that_comes_slowly_is_hung_up_on_and_keeps_nobody() {
    let server = Running::service(limits()).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.expect("it listens");
        slow.push(stream);
    }
    assert_eq!(status(&server.get("/healthz").await), "200");
    for stream in slow {
        assert!(!rest(stream).await.contains("200"));
    }
}

#[tokio::test]
async fn a_body_that_comes_slowly_is_told_that_it_took_too_long() {
    let server = Running::service(limits()).await;
    let mut stream = server.connect().await;
    let head =
        "POST /sign-up HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n";
    stream.write_all(format!("{head}\r\nemail=").as_bytes()).await.expect("it listens");
    assert_eq!(status(&server.get("/healthz").await), "200");
    let answer = rest(stream).await;
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn what_is_too_large_or_no_http_is_refused_and_others_are_answered() {
    let server = Running::service(Limits { request: LONG, ..limits() }).await;
    let line = |bytes: usize| format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(bytes));
    assert_eq!(status(&server.send(line(40_000).as_bytes()).await), "431");
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(status(&server.send(many.as_bytes()).await), "431");
    for broken in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nx y: z\r\n\r\n"]
    {
        assert_eq!(status(&server.send(broken).await), "400", "{broken:?}");
    }
    let head =
        "POST /sign-up HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let large = format!("{head}content-length: 400000\r\n\r\n{}", "x".repeat(400_000));
    assert_eq!(status(&server.send(large.as_bytes()).await), "413");
    let chunk = format!("186a0\r\n{}\r\n", "x".repeat(100_000)).repeat(4);
    let endless = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    assert_eq!(status(&server.send(endless.as_bytes()).await), "413");
    assert_eq!(status(&server.get("/").await), "200");
}

#[tokio::test]
async fn no_address_holds_all_connections_unless_it_is_a_proxy() {
    let dev = dev();
    let limits = Limits { of_one: 2, head: LONG, ..limits() };
    let server = Running::of(dev.router(), &dev, "", limits).await;
    let idle = [server.connect().await, server.connect().await];
    assert_eq!(rest(server.connect().await).await, "", "the third is hung up on");
    drop(idle);
    let began = Instant::now();
    while status(&server.get("/healthz").await) != "200" {
        assert!(began.elapsed() < LONG, "they have gone, and hold their places");
        tokio::time::sleep(SHORT / 10).await;
    }
    let server = Running::of(dev.router(), &dev, "127.0.0.1", limits).await;
    let _idle = [server.connect().await, server.connect().await, server.connect().await];
    assert_eq!(status(&server.get("/healthz").await), "200");
}

#[tokio::test]
async fn a_body_that_is_far_too_long_is_read_so_that_its_sender_hears_the_answer() {
    let server = Running::service(Limits { request: LONG, ..limits() }).await;
    let mut stream = server.connect().await;
    let head = "POST /api/v1/sign-ups HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n";
    stream.write_all(format!("{head}content-length: 8000000\r\n\r\n").as_bytes()).await.expect("it listens");
    for _ in 0..8 {
        stream.write_all(&vec![b' '; 1_000_000]).await.expect("it goes on reading");
    }
    let answer = rest(stream).await;
    assert!(status(&answer) == "413" && answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn whoever_comes_when_all_places_are_taken_waits_and_is_answered() {
    let server = Running::service(Limits { connections: 2, ..limits() }).await;
    let idle = [server.connect().await, server.connect().await];
    // The two are hung up on when their time is over.
    assert_eq!(status(&server.get("/healthz").await), "200");
    for stream in idle {
        rest(stream).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn whoever_asks_and_never_reads_the_answers_keeps_no_place() {
    let server = Running::service(Limits { connections: 1, request: LONG, ..limits() }).await;
    let deaf = TcpSocket::new_v4().expect("a socket");
    deaf.set_recv_buffer_size(4_096).expect("little room");
    let mut deaf = deaf.connect(server.address).await.expect("a connection");
    // 26 MB of answers, which find no room.
    let requests = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000);
    tokio::time::timeout(LONG, deaf.write_all(requests.as_bytes())).await.expect("room for questions").ok();
    assert_eq!(status(&server.get("/healthz").await), "200", "the one place is free again");
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_again_and_others_are_answered() {
    let dev = dev();
    log::keep();
    let (key, began) = (AddressKey::new(Key::new([7; 32])), System.now());
    // Both are tokens of an hour.
    let rates = Rates::every(Duration::from_secs(3_600), 2);
    let server =
        Running::with(dev.router(), &dev, "127.0.0.0/8", limits(), |front| front.rated(rates, key.clone())).await;
    let asks = async |client: &str| {
        let head = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for:";
        server.send(format!("{head} {client}\r\n\r\n").as_bytes()).await
    };
    for _ in 0..2 {
        assert_eq!(status(&asks("192.0.2.7").await), "200");
    }
    let refused = asks("203.0.113.9, 192.0.2.7").await;
    assert_eq!(status(&refused), "429", "whatever it says of itself: {refused}");
    let seconds = refused.split("retry-after: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    assert!(seconds.is_some_and(|seconds: u64| (3_000..=3_601).contains(&seconds)), "{refused}");
    assert!(refused.contains("content-security-policy: default-src 'none'"), "{refused}");
    assert_eq!(status(&asks("192.0.2.8").await), "200");
    for path in ["/readyz", "/healthz"] {
        for _ in 0..3 {
            assert_eq!(status(&server.get(path).await), "200", "whoever watches it asks as often as it likes: {path}");
        }
    }
    let passed_on = "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: 192.0.2.9\r\n\r\n";
    assert_eq!(status(&server.send(passed_on.as_bytes()).await), "404", "and nobody else does");
    let passed_on = passed_on.replace("readyz", "healthz").replace("192.0.2.9", "192.0.2.7");
    assert_eq!(status(&server.send(passed_on.as_bytes()).await), "429", "a visitor's is as any other");
    // What comes with a request that is refused is read, and it goes on; what does not come ends the connection.
    let post = "POST /sign-up HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.7\r\n";
    let two = format!("{post}content-length: 5\r\n\r\nhello{post}connection: close\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(server.send(two.as_bytes()).await.matches("HTTP/1.1 429").count(), 2);
    let head = "POST /sign-up HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.7\r\ncontent-length: 100000\r\n\r\n";
    let refused = server.send(head.as_bytes()).await;
    assert!(status(&refused) == "429" && refused.contains("connection: close"), "{refused}");
    let of_the_api = server.send(head.replace("/sign-up", "/api/v1/sign-ups").as_bytes()).await;
    assert!(of_the_api.contains("application/problem+json") && of_the_api.contains(r#""status":429"#), "{of_the_api}");
    // The log has who it was, under the day's name, and how often.
    // It may be midnight.
    let names = [began, System.now()].map(|at| key.client_on("192.0.2.7".parse().expect("an address"), &day(at)));
    let told = || -> u64 {
        let log = log::kept();
        assert!(!log.contains("192.0.2."), "{log}");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let named = lines.filter(|line| {
            line["message"] == "a client asks for too much" && names.iter().any(|name| line["client"] == **name)
        });
        named.filter_map(|line| line["requests"].as_u64()).sum()
    };
    let everything = async {
        while told() < 6 {
            tokio::time::sleep(SHORT).await;
        }
    };
    tokio::time::timeout(LONG, everything).await.expect("it is told");
    assert_eq!(told(), 6);
}

#[tokio::test]
async fn when_too_many_requests_are_at_work_others_are_told_to_come_again() {
    let dev = dev();
    let app =
        Router::new().route("/never", post(async || pending::<&str>().await)).route("/healthz", get(async || "lives"));
    let limits = Limits { head: LONG, request: LONG, requests: 1, drain: SHORT, ..limits() };
    let server = Running::of(app, &dev, "", limits).await;
    let mut begun = server.connect().await;
    begun.write_all(b"POST /never HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.expect("it listens");
    tokio::time::sleep(SHORT / 3).await;
    let answer = server.get("/never").await;
    assert!(status(&answer) == "503" && answer.contains("retry-after: 1"), "{answer}");
    // Whether it lives and whether it is ready is asked beside all work.
    for path in ["/healthz", "/readyz"] {
        assert_eq!(status(&server.get(path).await), "200", "{path}");
    }
}
