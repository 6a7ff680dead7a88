//! HTTP: the SDK's client, counted, and plain requests to the service's own endpoint.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::date_time::{DateTime, Format};

use crate::error::{Failure, Outcome};

const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// What went over the wire so far.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Requests sent, retries included.
    calls: AtomicU64,
    /// Whether any was ever answered.
    answered: AtomicBool,
    /// Requests that reached nobody.
    lost: AtomicU32,
    /// Seconds by which AWS's clock was ahead of ours at the last answer, if it told.
    ahead: Mutex<Option<i64>>,
}

impl Traffic {
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How far this machine's clock is off AWS's, to the second and the time that an answer takes.
    pub fn skew(&self) -> Option<Duration> {
        let ahead = self.ahead.lock().ok()?;
        ahead.map(|seconds| Duration::from_secs(seconds.unsigned_abs()))
    }

    fn note_time(&self, answer: &HttpResponse) {
        let told = answer.headers().get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let ours =
            SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|time| i64::try_from(time.as_secs()).ok());
        if let (Some(told), Some(ours), Ok(mut ahead)) = (told, ours, self.ahead.lock()) {
            *ahead = Some(told.secs() - ours);
        }
    }

    /// A network that fails is waited for; one that never led anywhere is a matter for the operator, at once.
    fn is_hopeless(&self, error: &ConnectorError) -> bool {
        const TRIES: u32 = 3;
        let unreachable = !self.answered.load(Ordering::Relaxed) && reached_nobody(error);
        unreachable && self.lost.fetch_add(1, Ordering::Relaxed) + 1 >= TRIES
    }
}

/// An HTTP client for the SDK that adds every request to `traffic`. Without TLS for a local endpoint,
/// which saves loading the system's roots.
pub fn counting_client(traffic: Arc<Traffic>, plain: bool) -> SharedHttpClient {
    let inner = if plain { Builder::new().build_http() } else { Builder::new().tls_provider(TLS).build_https() };
    SharedHttpClient::new(CountingClient { inner, traffic })
}

#[derive(Debug)]
struct CountingClient {
    inner: SharedHttpClient,
    traffic: Arc<Traffic>,
}

impl HttpClient for CountingClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(CountingConnector { inner, traffic: Arc::clone(&self.traffic) })
    }
}

#[derive(Debug)]
struct CountingConnector {
    inner: SharedHttpConnector,
    traffic: Arc<Traffic>,
}

impl HttpConnector for CountingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.traffic.calls.fetch_add(1, Ordering::Relaxed);
        let (answer, traffic) = (self.inner.call(request), Arc::clone(&self.traffic));
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(answer) => {
                    traffic.answered.store(true, Ordering::Relaxed);
                    traffic.note_time(&answer);
                    Ok(answer)
                }
                // Of another kind, it is not tried again.
                Err(error) if traffic.is_hopeless(&error) => Err(ConnectorError::other(error.into(), None)),
                Err(error) => Err(error),
            }
        })
    }
}

/// Whether there was no connection at all: no such name, no way there, nobody listening.
fn reached_nobody(error: &ConnectorError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let sources = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut io = sources.filter_map(|error| error.downcast_ref::<std::io::Error>());
    io.any(|error| ![BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind()))
}

/// An answer to a plain request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Every name is said to be where this one is.
#[derive(Clone, Debug)]
struct Through(String);

impl ResolveDns for Through {
    fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async {
            let found = tokio::net::lookup_host((self.0.as_str(), 0)).await;
            Ok(found.map_err(ResolveDnsError::new)?.map(|address| address.ip()).collect())
        })
    }
}

/// Sends plain requests, with a deadline of ten seconds each.
#[derive(Clone, Debug)]
pub struct Fetcher {
    connector: SharedHttpConnector,
}

impl Fetcher {
    /// `plain` leaves TLS out, for addresses on this machine.
    pub fn new(plain: bool) -> Self {
        let connector =
            if plain { Connector::builder().build_http() } else { Connector::builder().tls_provider(TLS).build() };
        Self { connector: SharedHttpConnector::new(connector) }
    }

    /// Connects to where this name leads, whatever host is asked for; TLS is for the host.
    pub fn through(target: &str) -> Self {
        let connector = Connector::builder().tls_provider(TLS).build_with_resolver(Through(target.to_owned()));
        Self { connector: SharedHttpConnector::new(connector) }
    }

    /// GETs `url`. Fails when there is no answer at all; any status is an answer.
    pub async fn get(&self, url: &str) -> Outcome<Answer> {
        self.send("GET", url, &[], "").await
    }

    /// POSTs `body` to `url`. Fails when there is no answer at all; any status is an answer.
    pub async fn post(&self, url: &str, headers: &[(&'static str, &str)], body: &str) -> Outcome<Answer> {
        self.send("POST", url, headers, body).await
    }

    async fn send(&self, method: &str, url: &str, headers: &[(&'static str, &str)], body: &str) -> Outcome<Answer> {
        let failed =
            |cause: String| Failure::new("endpoint_unreachable", format!("`{url}` does not answer")).cause(cause);
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).map_err(|error| failed(error.to_string()))?;
        request.set_uri(url).map_err(|error| failed(error.to_string()))?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, (*value).to_owned());
        }
        let exchange = async {
            let response = self.connector.call(request).await.map_err(|error| failed(innermost(&error)))?;
            let status = response.status().as_u16();
            let body = ByteStream::new(response.into_body()).collect().await;
            let body = body.map_err(|error| failed(error.to_string()))?.to_vec();
            Ok(Answer { status, body })
        };
        tokio::time::timeout(Duration::from_secs(10), exchange)
            .await
            .unwrap_or_else(|_| Err(failed("no answer within 10 seconds".into())))
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
