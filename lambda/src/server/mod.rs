//! The web app as an HTTP server of its own: behind a load balancer, in a container, and for `signupctl dev`.
//!
//! ```text
//! listener -> connection (limits) -> readiness | Router -> answer
//! stop -> /readyz says 503, answers close their connections -> no more are taken -> what is under way ends
//! ```
//!
//! HTTP/1.1, with TLS of its own where a load balancer ends its callers'. Nothing of the service is decided here.

mod bodies;
mod connections;
mod forwarded;
mod peers;
mod rates;
mod readiness;
mod refusals;
mod tls;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, HeaderName};
use axum::http::{HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::Body as _;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

use bodies::{beginning, is_read};
pub use forwarded::{NoNetwork, Trusted};
pub use rates::Rates;
use rates::Turn;
pub use readiness::{Readiness, Ready};
use refusals::{Refusal, Refusals};
pub use tls::{Tls, TlsError};

use crate::keys::AddressKey;
use crate::web::{BODY, ClientAddress, RequestId, Transport, is_api_path, secure};

/// What an Application Load Balancer calls a request.
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Connections that wait to be taken; one more would be asked to come again, a second later. The system may allow fewer.
const BACKLOG: u32 = 4_096;

/// How long the body of a request that is refused is read.
const UNREAD: Duration = Duration::from_secs(1);

/// How often the log tells what was refused.
const TELL: Duration = Duration::from_secs(1);

/// Listens at an address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // One that has ended may have left connections that are closing there.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What is not waited for, and how much there may be of it at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the head of a request may take, and how long a connection may rest between two: longer than a load
    /// balancer keeps one (an Application Load Balancer a minute), or it would send a request into a closed one.
    pub head: Duration,
    /// How long a request may take from its head to its answer, a body that comes slowly included.
    pub request: Duration,
    /// Open connections, each of which may hold half of a head; who comes then waits.
    pub connections: usize,
    /// How many of them one address may hold that is no trusted proxy; what is more is hung up on.
    pub of_one: usize,
    /// Requests at work, each of which may hold a body of 256 KiB; who comes then is told to come again. With all
    /// connections that is less than a gigabyte.
    pub requests: u32,
    /// How long the server goes on taking requests when it is told to stop, until everybody has heard that it does.
    pub notice: Duration,
    /// How long what is under way may take after that.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(75),
            request: Duration::from_secs(20),
            connections: 12_000,
            of_one: 3_000,
            requests: 1_000,
            notice: Duration::from_secs(5),
            drain: Duration::from_secs(20),
        }
    }
}

/// What answers.
#[derive(Debug)]
pub struct Front<A> {
    app: A,
    readiness: Readiness,
    trusted: Trusted,
    limits: Limits,
    tls: Option<Tls>,
    /// Whether what is under way is all that is answered still.
    draining: watch::Sender<bool>,
    rates: Option<Rates>,
    client_key: Option<AddressKey>,
    transport: Transport,
    refusals: Refusals,
}

impl<A> Front<A> {
    /// `app` has the form and the admins' pages.
    pub fn new(app: A, readiness: Readiness, trusted: Trusted, limits: Limits) -> Self {
        Self {
            app,
            readiness,
            trusted,
            limits,
            tls: None,
            draining: watch::Sender::new(false),
            rates: None,
            client_key: None,
            transport: Transport::default(),
            refusals: Refusals::default(),
        }
    }

    /// With TLS for whoever is not on this machine.
    pub fn encrypted(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// With a bound to how often one client may ask, and the key by which the log names whoever asks more often.
    pub fn rated(self, rates: Rates, client_key: AddressKey) -> Self {
        Self { rates: Some(rates), client_key: Some(client_key), ..self }
    }

    /// With what the app says to browsers of HTTPS.
    pub fn over(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }
}

/// What a request at work has for as long as it is.
#[derive(Debug)]
struct Place {
    _room: OwnedSemaphorePermit,
    _turn: Option<Turn>,
}

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything under way was answered.
    Drained,
    /// This many connections were still open when the time was over.
    Cut(usize),
}

/// Whatever turns requests into answers and never fails, such as a Router.
pub trait Answers:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<A> Answers for A where
    A: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<A: Answers> Front<A> {
    /// Answers until `stop` comes, and then until what is under way is answered.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Ended {
        let (front, open) = (Arc::new(self), GracefulShutdown::new());
        let (connections, requests) = (front.limits.connections, front.limits.requests);
        let room = Arc::new(Semaphore::new(connections));
        let work = Arc::new(Semaphore::new(requests as usize));
        let notice = async {
            stop.await;
            front.readiness.stop();
            tracing::info!("told to stop");
            tokio::time::sleep(front.limits.notice).await;
        };
        tokio::select! {
            () = notice => {}
            () = front.accept(&listener, &room, &work, &open) => {}
            () = front.tell() => {}
        }
        drop(listener);
        front.draining.send_replace(true);
        let drained = async {
            open.shutdown().await;
            // Whoever hung up left work behind, which ends as well.
            work.acquire_many(requests).await.ok();
        };
        let ended = tokio::time::timeout(front.limits.drain, drained).await;
        front.refusals.tell(front.client_key.as_ref());
        match ended {
            Ok(()) => Ended::Drained,
            Err(_) => Ended::Cut(connections - room.available_permits()),
        }
    }

    /// Tells for ever what is refused.
    async fn tell(&self) {
        loop {
            tokio::time::sleep(TELL).await;
            self.refusals.tell(self.client_key.as_ref());
        }
    }

    async fn answer(&self, request: Request, peer: SocketAddr, work: Arc<Semaphore>) -> Response {
        let (is_old, is_api) = (request.version() < Version::HTTP_11, is_api_path(request.uri().path()));
        let client = self.trusted.client(peer.ip(), request.headers());
        let is_passed_on = client != peer.ip().to_canonical();
        let mut is_unread = false;
        let said = match request.uri().path() {
            // For whoever stands before it; whether the table answers is nobody else's business.
            "/readyz" if !is_passed_on => Ok(self.guarded(self.ready(request.method()).await)),
            // Here too: a server that has its hands full lives.
            "/healthz" if !is_passed_on && request.body().is_end_stream() => {
                self.work(request, client, is_passed_on, None).await
            }
            _ => match self.admit(client, work) {
                Ok(place) => self.work(request, client, is_passed_on, Some(place)).await,
                Err(refusal) => {
                    let read =
                        tokio::time::timeout(UNREAD, is_read(request.into_body().into_data_stream(), BODY)).await;
                    is_unread = !read.unwrap_or(false);
                    Err(refusal)
                }
            },
        };
        let said = match said {
            // Its end would be that of the connection, and one that breaks off could not be told from a whole one.
            Ok(response) if is_old && response.body().size_hint().exact().is_none() => Err(Refusal::OldHttp),
            said => said,
        };
        let mut response = said.unwrap_or_else(|refusal| {
            self.refusals.note(refusal, client);
            self.guarded(refusal.answer(is_api))
        });
        // Whoever still sends would not hear of a refusal otherwise.
        if is_unread || self.readiness.is_stopping() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// A place for a request, unless it comes too often or to a server that has its hands full.
    fn admit(&self, client: IpAddr, work: Arc<Semaphore>) -> Result<Place, Refusal> {
        let turn = self.rates.as_ref().map(|rates| rates.take(client, Instant::now())).transpose();
        let turn = turn.map_err(Refusal::TooOften)?;
        let room = work.try_acquire_owned().map_err(|_| Refusal::Busy)?;
        Ok(Place { _room: room, _turn: turn })
    }

    /// Has a request answered by the Router. What the Router began goes on to its end also when nobody waits for it any
    /// more: whoever hangs up in the middle must not keep a change from being logged.
    async fn work(
        &self,
        request: Request,
        client: IpAddr,
        is_passed_on: bool,
        place: Option<Place>,
    ) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let mut request = Request::from_parts(parts, self.body(body).await?);
        let trace = request.headers().get(TRACE_ID).filter(|_| is_passed_on);
        let id = trace.and_then(|id| id.to_str().ok()).and_then(request_id).map(str::to_owned);
        if let Some(id) = id {
            request.extensions_mut().insert(RequestId(id));
        }
        request.extensions_mut().insert(ClientAddress(client));
        let answer = answered(self.app.clone().oneshot(request), place);
        match tokio::time::timeout(self.limits.request, answer).await {
            Ok(Some(response)) => Ok(response),
            // A handler panicked, which the log tells already.
            Ok(None) => Err(Refusal::Panicked),
            Err(_) => Err(Refusal::SlowAnswer),
        }
    }

    /// A request's body, unless it breaks off or is too slow.
    async fn body(&self, body: Body) -> Result<Body, Refusal> {
        if body.is_end_stream() {
            return Ok(body);
        }
        match tokio::time::timeout(self.limits.request, beginning(body)).await {
            Ok(Some(body)) => Ok(body),
            // Whoever broke off gets no answer, and has begun nothing.
            Ok(None) => Err(Refusal::Broken),
            Err(_) => Err(Refusal::SlowBody),
        }
    }

    /// With what every answer of the Router's carries.
    fn guarded(&self, mut own: Response) -> Response {
        secure(own.headers_mut(), self.transport);
        own
    }

    async fn ready(&self, method: &Method) -> Response {
        match *method {
            Method::GET | Method::HEAD => self.readiness.ask().await.into_response(),
            _ => (StatusCode::METHOD_NOT_ALLOWED, [(axum::http::header::ALLOW, "GET, HEAD")]).into_response(),
        }
    }
}

/// The load balancer's own part of a trace: `Self`, or `Root` where that is all. Whatever else is in it a caller may have
/// written, and it goes into a log.
fn request_id(trace: &str) -> Option<&str> {
    let field = |name| trace.split(';').find_map(|field| field.trim().strip_prefix(name));
    let is_plain = |id: &&str| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    field("Self=").or_else(|| field("Root=")).filter(is_plain)
}

/// What the Router says, unless a handler panics. Much is answered at once; what has to wait for something gets a task of
/// its own, which nobody ends by hanging up.
async fn answered<A: Answers>(answer: Oneshot<A, Request>, place: Option<Place>) -> Option<Response> {
    let mut answer = Box::pin(AssertUnwindSafe(answer).catch_unwind());
    let first = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
    let answer = match first {
        Poll::Ready(answer) => answer,
        Poll::Pending => {
            let rest = tokio::spawn(async move {
                let answer = answer.await;
                drop(place);
                answer
            });
            rest.await.ok()?
        }
    };
    answer.ok()?.ok()
}
