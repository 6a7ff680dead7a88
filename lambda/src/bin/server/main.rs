//! The web app as a server over the service's table. Built with the feature `try`, which a deploy does not, `server try` runs
//! it over memory instead, to be tried.
//!
//! Its environment is that of the functions (`TABLE_NAME`, `KEY_PREFIX`, `PUBLIC_URL`, `RELEASE`, `OBJECT_STORE`,
//! `AWS_REGION`; `ADDRESS_KEY_VERSION`, `TOKEN_KEY_VERSION` and `ADMIN_KEY_VERSION`, where keys were replaced), and besides
//! `LISTEN` (`[::]:8080`), `TRUSTED_PROXIES`, the networks of whatever passes requests on, and `NOTICE_SECONDS` (5), for which
//! it goes on when it is told to stop: as long as a load balancer takes to see that it does.
//! With `TLS=self-signed` whoever is not on this machine speaks TLS with it.
//! `server health` asks a server on this machine whether it lives.

#[cfg(feature = "try")]
mod try_out;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signup_service::assemble::{self, Failure};
use signup_service::aws;
use signup_service::env::Environment;
use signup_service::journal;
use signup_service::server::{self, Ended, Front, Limits, Rates, Readiness, Tls, Trusted};
use signup_service::store::DynamoStore;
use signup_service::web::{Both, Transport};
use tokio::signal::unix::{SignalKind, signal};

/// What a server on a table is told and one over memory is not.
const OF_THE_REAL: [&str; 4] = ["TABLE_NAME", "KEY_PREFIX", "RELEASE", "OBJECT_STORE"];

/// What it takes besides.
const OF_BOTH: [&str; 2] = ["PUBLIC_URL", "AWS_REGION"];

/// Descriptors that are not for callers: connections to AWS, files, the listener.
const RESERVED: usize = 128;

/// How long a healthy server takes to say so.
const HEALTH: Duration = Duration::from_secs(3);

/// The longest notice that can be asked for, in seconds.
const LONGEST_NOTICE: u64 = 300;

/// What the server keeps people in.
enum Kept {
    InTable,
    /// Memory is never what it falls back to: people would be lost, and their mails be open to everybody.
    #[cfg(feature = "try")]
    InMemory,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kept = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // An image says `auto`: if it can be tried it is for trying, as long as nothing names what only a table needs.
        #[cfg(feature = "try")]
        ["auto"] if !names_the_real() => Kept::InMemory,
        [] | ["auto"] => Kept::InTable,
        #[cfg(feature = "try")]
        ["try"] if names_the_real() => {
            let names = OF_THE_REAL.join(", ");
            _ = writeln!(std::io::stderr(), "`server try` keeps nothing; unset {names}, or run `server`");
            return ExitCode::from(2);
        }
        #[cfg(feature = "try")]
        ["try"] => Kept::InMemory,
        ["health"] => return health(),
        _ => {
            let words = if cfg!(feature = "try") { "try | auto | health" } else { "auto | health" };
            _ = writeln!(std::io::stderr(), "usage: server [{words}]");
            return ExitCode::from(2);
        }
    };
    journal::subscribe(std::io::stdout);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run(kept))) {
        Ok(Ended::Drained) => {
            tracing::info!("stopped, and everything was answered");
            ExitCode::SUCCESS
        }
        Ok(Ended::Cut(connections)) => {
            tracing::warn!(connections, "stopped while connections were open");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(cause = aws::chain(error.as_ref()), "the server could not start");
            ExitCode::FAILURE
        }
    }
}

async fn run(kept: Kept) -> Result<Ended, Failure> {
    let stop = stop()?;
    let address = listen_at()?;
    let trusted: Trusted = std::env::var("TRUSTED_PROXIES").unwrap_or_default().parse()?;
    let limits = limits()?;
    let (root, tls) = (root()?, tls()?);
    let listener = server::listen(address).map_err(|error| format!("it cannot listen at {address}: {error}"))?;
    let address = listener.local_addr()?;
    match kept {
        Kept::InTable => {}
        #[cfg(feature = "try")]
        Kept::InMemory if tls.is_some() => {
            return Err("TLS is for the server on a table: `server try` speaks none".into());
        }
        #[cfg(feature = "try")]
        Kept::InMemory => return try_out::run(root, listener, trusted, limits, stop).await,
    }
    let is_missing = |name: &&&str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    let missing: Vec<String> =
        OF_THE_REAL.iter().chain(&OF_BOTH).filter(is_missing).map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        let without = OF_THE_REAL.join(", ");
        let trial = format!(". Without any of {without} `server try` runs over memory");
        let way = if cfg!(feature = "try") { trial.as_str() } else { "" };
        return Err(format!("not set: {}{way}", missing.join(", ")).into());
    }
    let environment = Environment::of_server(root)?;
    let config = environment.config()?;
    let sdk = aws::sdk_config(&environment, aws::credentials_of_machine(&environment).await?)?;
    let name_field = config.form.name_field().map(str::to_owned);
    let (rates, transport) = (Rates::of(&config.security.budgets), Transport::of(&config.security));
    let store = || DynamoStore::new(aws::web_table_client(&sdk), &environment.table, name_field.as_deref());
    let ((web, client_key), admin) = tokio::try_join!(
        assemble::web(&environment, config.clone(), &sdk, store()),
        assemble::admin(&environment, config.clone(), &sdk, store(), None)
    )?;
    tracing::info!(%address, release = environment.release, "answers");
    let front = Front::new(Both { web, admin }, Readiness::of(Arc::new(store())), trusted, limits);
    let front = match tls {
        Some(tls) => front.encrypted(tls),
        None => front,
    };
    Ok(front.rated(rates, client_key).over(transport).serve(listener, stop).await)
}

/// Whether it is told of what only a server on a table takes.
#[cfg(feature = "try")]
fn names_the_real() -> bool {
    OF_THE_REAL.iter().any(|name| std::env::var_os(name).is_some())
}

/// The folder of `service.json`: that of the program, unless the environment names one.
fn root() -> Result<PathBuf, Failure> {
    if let Some(root) = std::env::var_os("SERVICE_ROOT").filter(|root| !root.is_empty()) {
        return Ok(root.into());
    }
    let program = std::env::current_exe()?;
    Ok(program.parent().ok_or("the program lies in no folder")?.to_owned())
}

fn listen_at() -> Result<SocketAddr, Failure> {
    match std::env::var("LISTEN").ok().filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|_| format!("LISTEN is `{text}`, which is no address with a port").into()),
        None => Ok((Ipv6Addr::UNSPECIFIED, 8080).into()),
    }
}

/// TLS, where the environment asks for it.
fn tls() -> Result<Option<Tls>, Failure> {
    match std::env::var("TLS").unwrap_or_default().as_str() {
        "" => Ok(None),
        "self-signed" => Ok(Some(Tls::self_signed()?)),
        other => Err(format!("TLS is `{other}`, and can be `self-signed` alone").into()),
    }
}

/// As many connections as the system allows, which is asked for all that it gives, and the notice that it is told to give.
fn limits() -> Result<Limits, Failure> {
    let mut limits = Limits::default();
    if let Some(notice) = std::env::var("NOTICE_SECONDS").ok().filter(|text| !text.is_empty()) {
        let seconds = notice.parse().ok().filter(|seconds| *seconds <= LONGEST_NOTICE);
        let seconds = seconds.ok_or_else(|| format!("NOTICE_SECONDS is `{notice}`, and not 0 to {LONGEST_NOTICE}"))?;
        limits.notice = Duration::from_secs(seconds);
    }
    let allowed = getrlimit(Resource::Nofile);
    if let Rlimit { maximum: Some(most), .. } = allowed {
        setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) }).ok();
    }
    let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
    let room = files.map_or(limits.connections, |files| files.saturating_sub(RESERVED).max(1));
    let connections = limits.connections.min(room);
    Ok(Limits { connections, of_one: limits.of_one.min(connections.div_ceil(4)), ..limits })
}

/// Comes with the first `SIGTERM` or `SIGINT`.
fn stop() -> Result<impl Future<Output = ()>, Failure> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// Asks the server on this machine whether it lives, for a container that holds no other program.
fn health() -> ExitCode {
    let ask = || -> Result<bool, Failure> {
        let mut address = listen_at()?;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let mut stream = TcpStream::connect_timeout(&address, HEALTH)?;
        stream.set_read_timeout(Some(HEALTH))?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    match ask() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            _ = writeln!(std::io::stderr(), "no answer at `LISTEN`: {error}");
            ExitCode::FAILURE
        }
    }
}
