//! The server as a process of its own, on the table of a service that is deployed on the emulator.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::deployed::Deployed;
use super::{Sandbox, binary, http};

/// A running server; it ends with the value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub port: u16,
    pub endpoint: String,
    log: PathBuf,
}

/// What a server is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Where the service is said to be, as behind a load balancer; where the server is, when `None`.
    pub public: Option<&'a str>,
    /// Whose word is taken for where a request comes from.
    pub trusted: &'a str,
    /// Where its calls of AWS go; the emulator's own address, when `None`.
    pub aws: Option<&'a str>,
    /// With the word that an image has.
    pub as_image: bool,
}

/// The folder of a sandbox in which its service is declared.
const DECLARATION: &str = "declaration";

/// Writes what a server reads; gives the service's name.
fn declare(sandbox: &Sandbox) -> String {
    let written = sandbox.json(&["declaration", DECLARATION]);
    written["service"].as_str().expect("a name").to_owned()
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A port that nobody listens at, this very moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

impl Server {
    /// Starts one and waits until it answers.
    pub fn start(deployed: &Deployed, settings: &Settings<'_>) -> Self {
        Self::start_at(deployed, settings, free_port())
    }

    pub fn start_at(deployed: &Deployed, settings: &Settings<'_>, port: u16) -> Self {
        let (sandbox, account) = (&deployed.sandbox, &deployed.account);
        let service = declare(sandbox);
        let table = sandbox.json(&["outputs", "--local"])["TableName"].as_str().expect("an output").to_owned();
        let aws = settings.aws.unwrap_or(&account.endpoint);
        let public = settings.public.map_or_else(|| address(port), str::to_owned);
        let told = [
            ("TRUSTED_PROXIES", settings.trusted),
            ("TLS", "self-signed"),
            ("PUBLIC_URL", &public),
            ("TABLE_NAME", &table),
            ("KEY_PREFIX", &format!("/signupctl/{service}")),
            ("RELEASE", "0123456789ab"),
            ("OBJECT_STORE", aws),
            ("AWS_ENDPOINT_URL", aws),
            ("AWS_REGION", &account.region),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        Self::run(sandbox, if settings.as_image { &["auto"] } else { &[] }, &told, port)
    }

    /// Starts one over memory, to be tried.
    pub fn alone(sandbox: &Sandbox) -> Self {
        declare(sandbox);
        // As from a proxy, of which there may be many connections.
        Self::run(sandbox, &["try"], &[("TRUSTED_PROXIES", "127.0.0.1")], free_port())
    }

    /// Starts one with this environment, and waits until it answers.
    fn run(sandbox: &Sandbox, words: &[&str], told: &[(&str, &str)], port: u16) -> Self {
        let log = sandbox.path().join(format!("server-{port}.log"));
        let output = File::create(&log).expect("a file");
        let child = Command::new(program())
            .args(words)
            .env_clear()
            .env("SERVICE_ROOT", sandbox.path().join(DECLARATION))
            .env("LISTEN", format!("127.0.0.1:{port}"))
            .envs(told.iter().copied())
            .stdin(Stdio::null())
            .stderr(output.try_clone().expect("a second handle"))
            .stdout(output)
            .spawn()
            .expect("the server starts");
        let mut server = Self { child, port, endpoint: address(port), log };
        let began = Instant::now();
        while !server.answers("/healthz") {
            let ended = server.child.try_wait().expect("it can be asked");
            assert!(ended.is_none() && began.elapsed() < Duration::from_secs(20), "{ended:?}: {}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Whether `server health`, as a container asks it, finds it well.
    pub fn is_healthy(&self) -> bool {
        let mut command = Command::new(program());
        command.env_clear().env("LISTEN", format!("127.0.0.1:{}", self.port)).arg("health");
        command.status().expect("it starts").success()
    }

    /// Whether it answers there with 200 now.
    pub fn answers(&self, path: &str) -> bool {
        let listens = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        listens && http::get(&format!("{}{path}", self.endpoint)).status == 200
    }

    /// Everything that it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Bytes of memory that it holds (Linux alone tells).
    pub fn memory(&self) -> u64 {
        self.told("VmRSS:")
    }

    /// The most that it ever held.
    pub fn peak(&self) -> u64 {
        self.told("VmHWM:")
    }

    fn told(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("its memory");
        line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number") * 1_024
    }

    /// Sends it a signal, by `kill`'s name of it.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.expect("it starts").success());
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The server that `cargo build` put beside `signupctl`; a test builds the latter alone.
pub fn program() -> PathBuf {
    let program = binary().with_file_name("server");
    assert!(program.is_file(), "{} is not there: `cargo build` makes it", program.display());
    program
}
