//! As much of HTTP/1.1 as the two stubs need: a request with a length, an answer, the next request.
//!
//! Takes nothing for granted about the other side but that it is one of the functions measured.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The longest that a connection may rest. No measurement takes as long.
const REST: Duration = Duration::from_secs(60);

/// The largest body that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

pub struct Request {
    pub method: String,
    pub path: String,
    /// `X-Amz-Target`, by which AWS's JSON services are told what to do.
    pub target: String,
    pub body: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// Serves every connection on a thread of its own, for as long as the process lives.
pub fn accept(listener: TcpListener, serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) {
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || {
                // A function that is ended drops its connections: that is how every one of them ends.
                let _ended = prepare(&stream).and_then(|()| serve(stream));
            });
        }
    });
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REST))
}

/// Answers request after request, until the other side has no more.
pub fn converse(stream: impl Read + Write, answer: impl Fn(Request) -> io::Result<Answer>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        let Answer { status, headers, body } = answer(request)?;
        let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        text += &body;
        stream.get_mut().write_all(text.as_bytes())?;
        stream.get_mut().flush()?;
    }
    Ok(())
}

/// The next request; `None` at the end of the connection.
fn read(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut target, mut length) = (String::new(), 0);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => return Err(io::Error::other("a body without a length")),
            "x-amz-target" => value.trim().clone_into(&mut target),
            _ => {}
        }
    }
    if length > LIMIT {
        return Err(io::Error::other("a body too large"));
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body)?;
    Ok(Some(Request { method, path, target, body }))
}
