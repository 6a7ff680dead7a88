//! AWS as the function meets it at init and at a sign-up: SSM gives a key, DynamoDB says yes to everything.
//!
//! The same answers over TLS and without. The certificate is made for this run and lives in memory; its issuer
//! is what the function is told to trust.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::Failure;
use super::http::{Answer, Request, accept, converse};

/// A name, since AWS's endpoints have one: the function resolves it and checks the certificate against it.
const HOST: &str = "localhost";

pub struct Aws {
    tls: SocketAddr,
    plain: SocketAddr,
    /// The issuer of the certificate in PEM.
    pub root: String,
}

impl Aws {
    pub fn start() -> Result<Self, Failure> {
        let (root, config) = identity()?;
        // Of the addresses that the name has, the first is bound: the one that the function tries first.
        let (tls, plain) = (TcpListener::bind((HOST, 0))?, TcpListener::bind((HOST, 0))?);
        let aws = Self { tls: tls.local_addr()?, plain: plain.local_addr()?, root };
        accept(tls, move |stream| {
            let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            converse(StreamOwned::new(connection, stream), |request| Ok(serve(&request)))
        });
        accept(plain, |stream| converse(stream, |request| Ok(serve(&request))));
        Ok(aws)
    }

    pub fn tls_url(&self) -> String {
        format!("https://{HOST}:{}", self.tls.port())
    }

    pub fn plain_url(&self) -> String {
        format!("http://{HOST}:{}", self.plain.port())
    }
}

/// A certificate for the host, and the root that vouches for it.
fn identity() -> Result<(String, Arc<ServerConfig>), Failure> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "bench root");
    let key = KeyPair::generate()?;
    let root = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([HOST.to_owned()])?.signed_by(&key, &issuer)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok((root, Arc::new(config)))
}

fn serve(request: &Request) -> Answer {
    let (status, body) = match request.target.split_once('.') {
        Some(("AmazonSSM", "GetParameters")) => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let names = asked["Names"].as_array().into_iter().flatten();
            let value = STANDARD.encode([7; 32]);
            let found = names.map(|name| json!({ "Name": name, "Type": "SecureString", "Value": value }));
            (200, json!({ "Parameters": found.collect::<Vec<_>>() }))
        }
        Some(("DynamoDB_20120810", _)) => (200, json!({})),
        _ => (400, json!({ "__type": "UnknownOperationException", "message": request.target })),
    };
    Answer { status, headers: vec![("content-type", "application/x-amz-json-1.0".into())], body: body.to_string() }
}
