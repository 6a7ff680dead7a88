//! TLS between a load balancer and the server.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme, SupportedProtocolVersion, version,
};
use signup_service::server::{Ended, Limits, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{LONG, Running, SHORT, dev, limits, rest, status};

/// Takes any certificate, as a load balancer does of its targets.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

async fn greet(server: &Running, version: &'static SupportedProtocolVersion) -> TlsStream<TcpStream> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .expect("a version that there is")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from("anything.example").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await.expect("it speaks TLS")
}

async fn encrypted() -> Running {
    let dev = dev();
    let tls = Tls::self_signed().expect("a certificate");
    Running::with(dev.router(), &dev, "", limits(), |front| front.encrypted(tls)).await
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_load_balancer_asks_by_tls_and_this_machine_itself_as_it_likes() {
    let server = encrypted().await;
    for (version, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut stream = greet(&server, version).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        stream.write_all(ASK).await.expect("it listens");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("a whole answer");
        let answer = String::from_utf8_lossy(&answer);
        assert!(status(&answer) == "200" && answer.contains("name=\"stamp\""), "{answer}");
    }
    assert_eq!(status(&server.get("/readyz").await), "200");
}

#[tokio::test]
async fn whoever_greets_wrongly_or_never_is_hung_up_on_and_keeps_nobody() {
    let server = encrypted().await;
    // A handshake's first byte, and nothing of a handshake behind it.
    let refused = server.send(&[22, 3, 1, 0, 2, 9, 9]).await;
    assert!(!refused.contains("HTTP"), "{refused}");
    let began = Instant::now();
    let (silent, mut half) = (server.connect().await, server.connect().await);
    half.write_all(&[22, 3, 1]).await.expect("it listens");
    assert_eq!(status(&server.get("/healthz").await), "200");
    assert_eq!((rest(silent).await, rest(half).await), (String::new(), String::new()));
    assert!(began.elapsed() >= SHORT, "they had the time that a head has");
}

#[tokio::test]
async fn what_is_under_way_by_tls_is_answered_when_the_server_is_told_to_stop_and_the_silent_hold_nobody_up() {
    let (dev, begun) = (dev(), Arc::new(Notify::new()));
    let (tls, told) = (Tls::self_signed().expect("a certificate"), Arc::clone(&begun));
    let slow = get(async move || {
        told.notify_one();
        tokio::time::sleep(SHORT / 3).await;
        "late"
    });
    // The silent would have longer than the test has.
    let limits = Limits { head: 2 * LONG, ..limits() };
    let app = Router::new().route("/", slow);
    let mut server = Running::with(app, &dev, "", limits, |front| front.encrypted(tls)).await;
    let silent = server.connect().await;
    let mut stream = greet(&server, &version::TLS13).await;
    stream.write_all(ASK).await.expect("it listens");
    begun.notified().await;
    server.stop();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("a whole answer");
    assert!(String::from_utf8_lossy(&answer).ends_with("late"), "{answer:?}");
    let ended = tokio::time::timeout(LONG, server.ended).await.expect("it ends").expect("without a panic");
    assert_eq!((ended, rest(silent).await), (Ended::Drained, String::new()));
}
