//! HTTP/1.1 to AWS: hyper and rustls, and nothing between them and the SDK.
//!
//! The SDK's own client brings HTTP/2 and proxies, which no function uses, and reads its roots as text twice: a tenth
//! of the function's size, and a fifth of the work of every cold start.

use std::error::Error as StdError;
use std::io;
use std::iter::successors;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use axum::http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tower::Service;

use super::peers::{Peers, Trust};

/// How long the answer to a request of our own may take.
const ANSWER: Duration = Duration::from_secs(4);

/// Name resolution, TCP and TLS together: some milliseconds within AWS's network.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a connection may rest and still be used. Lambda freezes a function between its calls, and the other side may
/// hang up meanwhile; a mail that meets a dead connection has no answer, and waits for ten minutes.
const REST: Duration = Duration::from_secs(20);

/// The roots behind every endpoint of AWS in the standard and the GovCloud partition: Amazon's four and
/// Starfield's, as <https://www.amazontrust.com/repository/> publishes them. Reading a system's 140 instead takes
/// 4 ms of every cold start.
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("../../roots/amazon-root-ca-1.der"),
    include_bytes!("../../roots/amazon-root-ca-2.der"),
    include_bytes!("../../roots/amazon-root-ca-3.der"),
    include_bytes!("../../roots/amazon-root-ca-4.der"),
    include_bytes!("../../roots/starfield-services-root-g2.der"),
];

/// No connection came to be, so that nothing of the request left.
#[derive(Debug, thiserror::Error)]
#[error("no connection")]
pub struct NotConnected(#[source] BoxError);

/// One client, and with it one pool of connections, for all services.
pub fn client(peers: Peers) -> Result<SharedHttpClient, BoxError> {
    Transport::new(peers).map(SharedHttpClient::new)
}

fn pool(trust: Trust) -> Result<Client<InTime, SdkBody>, BoxError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Amazon => {
            for root in AMAZON_ROOTS {
                roots.add(CertificateDer::from_slice(root))?;
            }
        }
        Trust::System => {
            // A system's list may hold one that is broken; what the others vouch for is still good.
            let found = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                let causes: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
                return Err(format!("the system trusts nobody: {}", causes.join("; ")).into());
            }
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    // A call is two small writes at most: without this the second waits for the first to be acknowledged.
    tcp.set_nodelay(true);
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    let executor = TokioExecutor::new();
    Ok(Client::builder(executor).pool_timer(TokioTimer::new()).pool_idle_timeout(REST).build(InTime(tls)))
}

/// A pool of connections to peers, and to nobody else.
#[derive(Clone, Debug)]
pub struct Transport {
    pool: Client<InTime, SdkBody>,
    peers: Peers,
}

impl Transport {
    pub fn new(peers: Peers) -> Result<Self, BoxError> {
        Ok(Self { pool: pool(peers.trust)?, peers })
    }

    /// Sends a request that is signed already, and tells how it was answered within [`ANSWER`].
    pub async fn send(&self, request: axum::http::Request<SdkBody>) -> Result<axum::http::StatusCode, BoxError> {
        self.peers.check(request.uri())?;
        let answer = tokio::time::timeout(ANSWER, self.pool.request(request)).await;
        Ok(answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.status())
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = request.try_into_http1x().map_err(BoxError::from);
        let request = request.and_then(|request| Ok(self.peers.check(request.uri()).map(|()| request)?));
        let response = request.map(|request| self.pool.request(request));
        HttpConnectorFuture::new(async move {
            let refused = |error| ConnectorError::user(NotConnected(error).into()).never_connected();
            let response = response.map_err(refused)?.await.map_err(judge)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Whatever befell a connection, another try may have more luck; whether it may be made is said by the SDK's
/// settings for retries.
fn judge(error: Error) -> ConnectorError {
    if error.is_connect() {
        ConnectorError::io(NotConnected(error.into()).into()).never_connected()
    } else {
        ConnectorError::io(error.into())
    }
}

/// Whether a request surely never left: it could not be made, or there was no connection.
pub(crate) fn never_left<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    let mut causes = successors(Some(error as &(dyn StdError + 'static)), |&error| error.source());
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(_) => causes.any(<dyn StdError>::is::<NotConnected>),
        _ => false,
    }
}

/// Connects in [`CONNECT`] or not at all.
#[derive(Clone, Debug)]
struct InTime(HttpsConnector<TcpConnector>);

impl Service<Uri> for InTime {
    type Response = <HttpsConnector<TcpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(CONNECT, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_roots_are_those_that_amazon_publishes() {
        let fingerprints = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        let hex = |root: &&[u8]| Sha256::digest(root).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(AMAZON_ROOTS.iter().map(hex).collect::<Vec<_>>(), fingerprints);
        assert!(pool(Trust::Amazon).is_ok());
    }

    #[tokio::test]
    async fn a_stranger_is_not_even_connected_to() {
        let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        stranger.set_nonblocking(true).expect("a socket");
        let url = format!("http://{}/", stranger.local_addr().expect("its address"));
        let transport = Transport::new(Peers::at("http://127.0.0.1:1")).expect("a client");
        let request = axum::http::Request::get(&url).body(SdkBody::empty()).expect("a request");
        let refused = transport.send(request).await.expect_err("a stranger").to_string();
        assert!(refused.ends_with("is none of the hosts that the service talks to"), "{refused}");
        let refused = transport.call(HttpRequest::get(&url).expect("a request")).await.expect_err("a stranger");
        assert!(refused.is_user() && !refused.is_io(), "it is not tried again");
        assert!(never_left(&SdkError::<io::Error, _>::dispatch_failure(refused)));
        assert_eq!(stranger.accept().expect_err("nobody came").kind(), io::ErrorKind::WouldBlock);
    }
}
