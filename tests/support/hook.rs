//! An operator's URL on this machine: HTTPS by a certificate of its own, and all that was posted to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::Sandbox;

/// A URL that takes whatever is posted to it, for as long as the test runs.
#[derive(Debug)]
pub struct Hook {
    pub url: String,
    /// The file by which others trust it.
    pub certificate: &'static str,
    posts: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    pub fn new(sandbox: &Sandbox) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let certificate = "hook.pem";
        sandbox.write(certificate, made.cert.pem());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(made.cert.der().to_vec())], key)
            .expect("they belong together");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("https://localhost:{}/sign-ups", listener.local_addr().expect("it is bound").port());
        let (config, posts) = (Arc::new(config), Arc::<Mutex<Vec<Value>>>::default());
        let heard = Arc::clone(&posts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever does not trust it goes away in the middle of its greeting.
                heard.lock().expect("no panic while held").extend(answer(stream, &config));
            }
        });
        Self { url, certificate, posts }
    }

    /// Takes what was posted of a type, as SNS calls it.
    pub fn take(&self, kind: &str) -> Vec<Value> {
        let mut posts = self.posts.lock().expect("no panic while held");
        let (taken, left) = posts.drain(..).partition(|post| post["Type"] == kind);
        *posts = left;
        taken
    }
}

/// The JSON of one request, which is told that all is well.
fn answer(stream: TcpStream, config: &Arc<ServerConfig>) -> Option<Value> {
    let connection = ServerConnection::new(Arc::clone(config)).ok()?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let stream = reader.get_mut();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()?;
    serde_json::from_slice(&body).ok()
}
