//! TLS on the way from a load balancer, by a certificate that the server makes for itself whenever it starts.
//!
//! A load balancer asks for no certificate in particular: nobody on the way can read, and nothing is proven of who
//! answers. Whoever is on this machine itself may ask without, since there is no way.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of every TLS connection: a record of a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// The name in the certificate, which nobody asks for.
const NAME: &str = "signup-server";

/// Takes connections by TLS 1.2 or 1.3.
pub struct Tls(TlsAcceptor);

/// Without the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the server could make no certificate for itself")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS could not be set up")]
    Setup(#[from] rustls::Error),
}

/// A connection as it came.
#[derive(Debug)]
pub(super) enum Carried {
    Encrypted(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

impl Tls {
    /// With a new key, and a certificate that nobody else has signed.
    pub fn self_signed() -> Result<Self, TlsError> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Greets a caller whose first byte is there to be read, and who may take as long as it likes. An error is a caller who
    /// does not speak TLS, and has to.
    pub(super) async fn accept(&self, first: [u8; 1], stream: TcpStream, peer: IpAddr) -> io::Result<Carried> {
        match first {
            [HANDSHAKE] => self.0.accept(stream).await.map(|stream| Carried::Encrypted(Box::new(stream))),
            _ if may_be_plain(peer, stream.local_addr()?.ip()) => Ok(Carried::Plain(stream)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "no TLS")),
        }
    }
}

/// Whoever is on this machine comes from an address of its own.
fn may_be_plain(peer: IpAddr, own: IpAddr) -> bool {
    peer.to_canonical().is_loopback() || peer.to_canonical() == own.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_itself_may_ask_without() {
        for (peer, may) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.8", true),
            ("10.0.0.7", false),
            ("::ffff:10.0.0.7", false),
            ("fd00::7", false),
        ] {
            let own = "10.0.0.8".parse().expect("an address");
            assert_eq!(may_be_plain(peer.parse().expect("an address"), own), may, "{peer}");
        }
    }
}
