//! The Lambda Runtime API as a function meets it: it asks for the next invocation and posts its answer.
//!
//! Serves one function at a time and keeps it waiting as long as the bench looks at it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::Failure;
use super::http::{Answer, Request, accept, converse};

/// The longest that a function may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an invocation has, as Lambda tells the function.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a function told the API.
enum Told {
    /// It waits for the next invocation.
    Next(Waiting),
    Answered(Value),
    Failed(String),
}

/// A function that asked for the next invocation and stands still until it has it.
pub struct Waiting(Sender<String>);

pub struct Runtime {
    pub address: SocketAddr,
    told: Receiver<Told>,
}

impl Runtime {
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (tell, told) = channel();
        accept(listener, move |stream| converse(stream, |request| serve(&tell, request)));
        Ok(Self { address, told })
    }

    /// Waits until the function has begun and asks for its first invocation.
    pub fn first(&self) -> Result<Waiting, Failure> {
        match self.hear()? {
            Told::Next(waiting) => Ok(waiting),
            Told::Answered(_) => Err("the function answered before it was asked".into()),
            Told::Failed(cause) => Err(cause.into()),
        }
    }

    /// Gives the function an invocation; its answer, once it asks for the next.
    pub fn invoke(&self, waiting: &Waiting, event: String) -> Result<(Value, Waiting), Failure> {
        waiting.0.send(event).map_err(|_| "the function waits no more")?;
        match self.hear()? {
            Told::Answered(answer) => Ok((answer, self.first()?)),
            Told::Next(_) => Err("the function asked for more before it answered".into()),
            Told::Failed(cause) => Err(cause.into()),
        }
    }

    fn hear(&self) -> Result<Told, Failure> {
        self.told.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => "the function was not heard of in time".into(),
            RecvTimeoutError::Disconnected => "the stub of the runtime API is gone".into(),
        })
    }
}

fn serve(tell: &Sender<Told>, request: Request) -> io::Result<Answer> {
    let gone = |_| io::Error::other("the bench listens no more");
    let accepted = Answer { status: 202, headers: Vec::new(), body: String::new() };
    let called = request.path.trim_start_matches("/2018-06-01/runtime/");
    match (request.method.as_str(), called.rsplit('/').next().unwrap_or_default()) {
        ("GET", "next") => {
            let (give, event) = channel();
            tell.send(Told::Next(Waiting(give))).map_err(gone)?;
            // The bench drops a function that it is done with, and its process with it.
            let body = event.recv().map_err(io::Error::other)?;
            Ok(Answer { status: 200, headers: invocation(), body })
        }
        ("POST", "response") => {
            let answer = serde_json::from_slice(&request.body)?;
            tell.send(Told::Answered(answer)).map_err(gone)?;
            Ok(accepted)
        }
        (method, _) => {
            let body = String::from_utf8_lossy(&request.body);
            tell.send(Told::Failed(format!("the function called {method} {called}: {body}"))).map_err(gone)?;
            Ok(accepted)
        }
    }
}

fn invocation() -> Vec<(&'static str, String)> {
    let until = SystemTime::now() + DEADLINE;
    let until = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    vec![
        ("content-type", "application/json".into()),
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into()),
        ("lambda-runtime-deadline-ms", until.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:123456789012:function:bench".into()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".into(),
        ),
    ]
}
