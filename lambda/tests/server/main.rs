//! The server as its callers meet it, over real connections.

mod answers;
mod callers;
mod log;
mod requests;
mod stopping;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use signup_service::dev::{Design, Dev};
use signup_service::journal::Kept;
use signup_service::server::{Ended, Front, Limits, Readiness, Trusted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
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
    let config = serde_json::from_str(include_str!("../every_field.json")).expect("a declaration");
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
