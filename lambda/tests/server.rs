//! The server as its callers meet it, over real connections: slow, oversized, malformed, many, and while it stops.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::{get, post};
use futures_util::stream;
use signup_service::config::ServiceConfig;
use signup_service::dev::{Design, Dev};
use signup_service::journal::{self, Kept};
use signup_service::server::{Ended, Front, Limits, Rates, Readiness, Trusted};
use signup_service::web::{ClientAddress, RequestId, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

const SHORT: Duration = Duration::from_millis(300);

/// Patience that no test uses up.
const LONG: Duration = Duration::from_secs(20);

fn limits() -> Limits {
    Limits {
        head: SHORT,
        request: SHORT,
        connections: 64,
        of_one: 64,
        requests: 16,
        notice: Duration::ZERO,
        drain: LONG,
    }
}

/// A running server and what stops it.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Ended>,
}

impl Running {
    async fn of(app: Router, dev: &Arc<Dev>, trusted: &str, limits: Limits) -> Self {
        Self::with(app, dev, trusted, limits, |front| front).await
    }

    async fn with(
        app: Router,
        dev: &Arc<Dev>,
        trusted: &str,
        limits: Limits,
        and: impl FnOnce(Front<Router>) -> Front<Router>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let trusted: Trusted = trusted.parse().expect("networks");
        let front = and(Front::new(app, Readiness::of(dev.store()), trusted, limits));
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(front.serve(listener, async { _ = stopped.await }));
        Self { address, stop: Some(stop), ended }
    }

    /// The service over memory.
    async fn service(limits: Limits) -> Self {
        let dev = dev();
        Self::of(dev.router(), &dev, "", limits).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// What comes back, to the end of the connection.
    async fn send(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may hang up before it has read everything.
        stream.write_all(request).await.ok();
        rest(stream).await
    }

    async fn get(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await
    }

    fn stop(&mut self) {
        self.stop.take().expect("it was not stopped before").send(()).expect("it runs");
    }
}

fn dev() -> Arc<Dev> {
    let config = serde_json::from_str(include_str!("every_field.json")).expect("a declaration");
    Dev::new(Design { config, logo: None }, "http://localhost", Arc::new(Kept::default())).expect("a form")
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset has said what it had to say.
    tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.expect("it hangs up in time").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

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
    // Both are tokens of an hour.
    let rates = Rates::every(Duration::from_secs(3_600), 2);
    let server = Running::with(dev.router(), &dev, "127.0.0.0/8", limits(), |front| front.rated(rates)).await;
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
}

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
        panic().await;
    };
    let fine = get(async || "fine");
    let app = Router::new().route("/panic", get(panic)).route("/late", get(late)).route("/fine", fine);
    let server = Running::of(app, &dev, "", Limits { requests: 1, ..limits() }).await;
    journal::subscribe(|| Log);
    tracing::info!(target: "aws_config", creds = "AKIA", "loaded base credentials");
    for path in ["/panic", "/late"] {
        assert_eq!(status(&server.get(path).await), "500", "{path}");
        // The one place is free again.
        assert_eq!(status(&server.get("/fine").await), "200", "{path}");
    }
    // What was refused is told within a second.
    tokio::time::sleep(5 * SHORT).await;
    // The log tells where, and nothing of a message that could quote somebody.
    let log = String::from_utf8_lossy(&LOG.lock().expect("no panic while held")).into_owned();
    assert_eq!(log.matches(r#""message":"panicked","at":"lambda/tests/server.rs:"#).count(), 2, "{log}");
    assert!(!log.contains("ada@example.com"), "{log}");
    // It holds what the server refused by itself as well.
    let refused = r#""message":"the server refused requests","status":500,"requests":2,"cause":"a handler panicked"#;
    assert!(log.contains(refused), "{log}");
    // Nor does it hold what the SDK tells of credentials.
    assert!(!log.contains("AKIA"), "{log}");
}

async fn panic() {
    panic!("by way of a test: ada@example.com");
}

/// What this program's threads have logged.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        LOG.lock().expect("no panic while held").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
    let mut config: ServiceConfig = serde_json::from_str(include_str!("every_field.json")).expect("a declaration");
    config.security.hsts_subdomains = true;
    let transport = Transport::of(&config.security);
    let dev = Dev::new(Design { config, logo: None }, "http://localhost", Arc::new(Kept::default())).expect("a form");
    let server = Running::with(dev.router(), &dev, "", limits(), |front| front.over(transport)).await;
    let halting = "POST /sign-up HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n";
    let pages = [server.get("/").await, server.get("/admin/sign-in").await];
    // A browser believes whatever it heard last.
    let own = [server.get("/readyz").await, server.send(halting.as_bytes()).await];
    for answer in pages.into_iter().chain(own) {
        assert!(answer.contains("strict-transport-security: max-age=63072000; includeSubDomains\r\n"), "{answer}");
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
