//! Stands between signupctl and the emulator: passes requests on, or does to them what a test says.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::{Sandbox, http};

/// A request as signupctl sent it.
#[derive(Debug)]
pub struct Request {
    /// `CreateChangeSet`, `PutParameter`, and `GET /bucket/key` of the protocols that name no operation.
    pub operation: String,
    /// The request line and the headers but for those of the connection, which is closed after it.
    pub head: String,
    pub body: Vec<u8>,
}

/// How a service is spoken to, and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Query,
    Json,
    /// Of CloudWatch. What is answered here is written as JSON, and sent as CBOR.
    Cbor,
    /// Of S3, which names its operations by method and path and answers in XML.
    RestXml,
}

impl Request {
    pub fn protocol(&self) -> Protocol {
        match () {
            () if self.head.contains("/s3/aws4_request") => Protocol::RestXml,
            () if self.head.contains("rpc-v2-cbor") => Protocol::Cbor,
            () if self.body.starts_with(b"Action=") => Protocol::Query,
            () => Protocol::Json,
        }
    }

    /// The same request once more has the same name.
    pub fn name(&self) -> String {
        format!("{} {}", self.operation, String::from_utf8_lossy(&self.body))
    }

    /// A parameter of the query protocol.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let body = String::from_utf8_lossy(&self.body);
        let pair = body.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?;
        Some(http::decode(&pair.1.replace('+', " ")))
    }

    /// The same without a parameter of the query protocol.
    pub fn without(&self, name: &str) -> Vec<u8> {
        let body = String::from_utf8_lossy(&self.body);
        let pairs = body.split('&').filter(|pair| pair.split('=').next() != Some(name));
        pairs.collect::<Vec<_>>().join("&").into_bytes()
    }
}

/// Makes another answer of one.
type Change = Box<dyn FnOnce(String) -> String + Send>;

/// What becomes of a request.
pub enum Fate {
    Pass,
    /// It is passed on with another body.
    PassAs(Vec<u8>),
    /// It is passed on, and its answer changed.
    Change(Change),
    /// It is answered here: status and body.
    Answer(u16, String),
    /// It is passed on, and answered here.
    Replace(u16, String),
    /// The connection ends before it is passed on.
    Lose,
    /// It is passed on, and the connection ends before the answer.
    Forget,
}

/// The name alone: how an answer is changed cannot be shown.
impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "Pass",
            Self::PassAs(_) => "PassAs",
            Self::Change(_) => "Change",
            Self::Answer(..) => "Answer",
            Self::Replace(..) => "Replace",
            Self::Lose => "Lose",
            Self::Forget => "Forget",
        })
    }
}

/// Puts a proxy between a sandbox and its emulator, which must run, until the test ends. Health checks always pass.
pub fn before(sandbox: &Sandbox, decide: impl Fn(&Request) -> Fate + Send + Sync + 'static) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let upstream = sandbox.emulator().trim_start_matches("http://").to_owned();
    let decide = Arc::new(decide);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (upstream, decide) = (upstream.clone(), Arc::clone(&decide));
            // A client that went away is no concern of the test's.
            std::thread::spawn(move || _ = serve(client, &upstream, &*decide));
        }
    });
    sandbox.go_through(&endpoint);
}

/// Answers the one request of a connection.
fn serve(mut client: TcpStream, upstream: &str, decide: &dyn Fn(&Request) -> Fate) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(60)))?;
    let Some(request) = read(&mut client)? else { return Ok(()) };
    let fate = if request.operation.contains("/_ministack/") { Fate::Pass } else { decide(&request) };
    let answer = match fate {
        Fate::Pass => pass(&request, &request.body, upstream)?,
        Fate::PassAs(body) => pass(&request, &body, upstream)?,
        Fate::Change(change) => changed(&pass(&request, &request.body, upstream)?, change),
        Fate::Answer(status, body) => in_words_of(&request, status, &body),
        Fate::Replace(status, body) => {
            pass(&request, &request.body, upstream)?;
            in_words_of(&request, status, &body)
        }
        Fate::Lose => return Ok(()),
        Fate::Forget => return pass(&request, &request.body, upstream).map(drop),
    };
    client.write_all(&answer)
}

/// A whole request, which asks that the connection be closed after it; none when the client sent nothing.
pub fn read(client: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |name: &str| {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    if header("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    let body = bytes.split_off(end + 4);
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let target = header("x-amz-target").and_then(|target| target.rsplit('.').next().map(str::to_owned));
    let text = String::from_utf8_lossy(&body);
    let action = text.split('&').find_map(|pair| pair.strip_prefix("Action=").map(str::to_owned));
    let lines = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !["connection", "content-length", "expect"].contains(&name.as_str())
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    Ok(Some(Request { operation: target.or(action).unwrap_or(line), head, body }))
}

/// Sends a request to the emulator with this body, and gives the bytes of the answer.
pub fn pass(request: &Request, body: &[u8], upstream: &str) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    server.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!("{}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", request.head, body.len());
    server.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn changed(original: &[u8], change: Change) -> Vec<u8> {
    let original = http::parse(original);
    answer(original.status, &change(original.body))
}

/// An answer in the request's own protocol; a gateway's page stays what it is.
fn in_words_of(request: &Request, status: u16, body: &str) -> Vec<u8> {
    let fields: Option<BTreeMap<String, String>> =
        (request.protocol() == Protocol::Cbor).then(|| serde_json::from_str(body).ok()).flatten();
    match fields {
        Some(fields) => typed(status, "application/cbor\r\nsmithy-protocol: rpc-v2-cbor", &cbor(&fields)),
        None => answer(status, body),
    }
}

/// A map of a few short texts (RFC 8949).
fn cbor(fields: &BTreeMap<String, String>) -> Vec<u8> {
    let short = |length: usize| u8::try_from(length).expect("short");
    let mut bytes = vec![0xa0 | short(fields.len())];
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        match short(text.len()) {
            length @ 0..24 => bytes.push(0x60 | length),
            length => bytes.extend([0x78, length]),
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    typed(status, "text/xml", body.as_bytes())
}

fn typed(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Made\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
