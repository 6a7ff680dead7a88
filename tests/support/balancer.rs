//! A real load balancer before several servers: HAProxy, which asks them for their health and takes out who is not well.

use std::fs::File;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Sandbox;

/// HAProxy, while the value lives.
#[derive(Debug)]
pub struct Balancer {
    child: Child,
    pub endpoint: String,
    log: PathBuf,
}

/// A request as the balancer's own log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its `Idempotency-Key`.
    pub key: String,
    /// The port of the server that had it last.
    pub port: Option<u16>,
    pub status: String,
}

/// Where HAProxy is, if it is installed. Whoever sets `SIGNUPCTL_BALANCER=required` wants no test left out for want of it.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = places.map(|folder| folder.join("haproxy")).find(|program| program.is_file());
    let needed = std::env::var_os("SIGNUPCTL_BALANCER").is_some_and(|it| it == "required");
    assert!(found.is_some() || !needed, "`haproxy` is not installed");
    found
}

impl Balancer {
    /// Begins to pass requests at `port` on to servers at these ports, in turn and by TLS, whatever their certificates are.
    pub fn start(program: PathBuf, sandbox: &Sandbox, port: u16, servers: &[u16]) -> Self {
        Self::pass_on(program, sandbox, port, servers, "ssl verify none")
    }

    /// The same without TLS: a connection is there once the system has taken it, and a request is in a server's hands before
    /// that has greeted anybody.
    pub fn plain(program: PathBuf, sandbox: &Sandbox, port: u16, servers: &[u16]) -> Self {
        Self::pass_on(program, sandbox, port, servers, "")
    }

    fn pass_on(program: PathBuf, sandbox: &Sandbox, port: u16, servers: &[u16], way: &str) -> Self {
        let line = |at: &u16| format!("  server at-{at} 127.0.0.1:{at} check {way}\n");
        let servers: String = servers.iter().map(line).collect();
        let config = sandbox.write(
            "haproxy.cfg",
            format!(
                "global\n  log stdout format raw local0\ndefaults\n  mode http\n  log global\n  log-format \"passed %s %ST \
                 %[capture.req.hdr(0)]\"\n  timeout connect 1s\n  timeout client 60s\n  timeout server 30s\n  timeout \
                 http-request 10s\n  option redispatch\nfrontend all\n  bind 127.0.0.1:{port}\n  capture request header \
                 idempotency-key len 64\n  option forwardfor\n  \
                 default_backend servers\nbackend servers\n  balance roundrobin\n  option httpchk GET /readyz\n  \
                 timeout check 3s\n  default-server inter 250ms fall 2 rise 2\n{servers}"
            ),
        );
        let log = sandbox.path().join("haproxy.log");
        let output = File::create(&log).expect("a file");
        let child = Command::new(program)
            .args(["-db", "-f", config.to_str().expect("UTF-8")])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "HAProxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, endpoint: format!("http://127.0.0.1:{port}"), log }
    }

    /// Every request so far that has ended and has a key.
    pub fn passed(&self) -> Vec<Passed> {
        let log = std::fs::read_to_string(&self.log).expect("its log");
        let read = |line: &str| {
            let mut words = line.strip_prefix("passed ")?.split(' ').map(str::to_owned);
            let port = words.next()?.strip_prefix("at-").and_then(|port| port.parse().ok());
            let (status, key) = (words.next()?, words.next()?);
            (key != "-").then_some(Passed { key, port, status })
        };
        log.lines().filter_map(read).collect()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
