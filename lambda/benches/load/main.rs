//! How many sign-ups one core takes over HTTP, beside a bare route in the same process and run: `make bench`.
//!
//! The store is the one in memory, so that what is measured is the service's own work: reading, checking,
//! planning, answering, logging. `wrk` sends, from another core; each request signs up an address of its own.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures are the result")]

use std::error::Error;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use signup_service::clock::System;
use signup_service::config::ServiceConfig;
use signup_service::journal::{Journal, Line};
use signup_service::keys::{AddressKey, Key};
use signup_service::store::MemoryStore;
use signup_service::token::TokenKey;
use signup_service::web::{App, PATIENCE, Parts, router};
use tokio::sync::oneshot;

type Failure = Box<dyn Error + Send + Sync>;

/// Open at once, each with one request under way.
const CONNECTIONS: u32 = 32;

/// Of one run against one router.
const SECONDS: u32 = 10;

/// Runs against each router, in turns, so that what else the machine does meets both.
const ROUNDS: usize = 3;

/// Told to `wrk`: it makes the requests.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/load/sign_up.lua");

/// One run as `wrk` saw it.
struct Seen {
    per_second: f64,
    requests: u32,
    p50_ms: f64,
    p99_ms: f64,
}

struct Run {
    seen: Seen,
    /// Processor time of the server for one request: what can still be compared when others use the machine too.
    cpu_us: f64,
}

fn main() -> ExitCode {
    // As the function does, but for where the lines go.
    signup_service::journal::subscribe(io::sink);
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: the bench failed\n  cause: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), Failure> {
    println!("{CONNECTIONS} connections, {SECONDS} s each, one core for the server");
    println!(
        "{:<6}{:>12}{:>9}{:>7}{:>12}{:>9}{:>7}{:>9}{:>9}",
        "", "a second", "", "", "CPU us", "", "", "p50 ms", "p99 ms"
    );
    println!(
        "{:<6}{:>12}{:>9}{:>7}{:>12}{:>9}{:>7}{:>9}{:>9}",
        "round", "sign-ups", "bare", "ratio", "sign-up", "bare", "ratio", "sign-up", "sign-up"
    );
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (service, store) = service()?;
        let ours = load(service, &format!("round{round}-"))?;
        // Every sign-up leaves a user. The last requests may have been answered when `wrk` had stopped to count.
        let (kept, answered) = (store.users().len(), ours.seen.requests);
        if !(answered..=answered + CONNECTIONS).contains(&u32::try_from(kept)?) {
            return Err(format!("{answered} requests were answered, but {kept} sign-ups are kept").into());
        }
        drop(store);
        let bare = load(bare(), "")?;
        let rate = ours.seen.per_second / bare.seen.per_second;
        let cost = ours.cpu_us / bare.cpu_us;
        println!(
            "{round:<6}{:>12.0}{:>9.0}{rate:>7.2}{:>12.1}{:>9.1}{cost:>7.2}{:>9.2}{:>9.2}",
            ours.seen.per_second, bare.seen.per_second, ours.cpu_us, bare.cpu_us, ours.seen.p50_ms, ours.seen.p99_ms
        );
        rates.push(rate);
        costs.push(cost);
    }
    println!("Medians: {:.2} of the bare route's requests, at {:.2} times its CPU.", median(rates), median(costs));
    println!("`wrk` and whatever else runs bound the rates, and hardly the CPU.");
    Ok(())
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_unstable_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// The service over an empty store in memory. All that the bench knows of how one is put together.
fn service() -> Result<(Router, Arc<MemoryStore>), Failure> {
    let mut config: ServiceConfig = serde_json::from_str(include_str!("../../tests/every_field.json"))?;
    // All requests come from one client.
    config.security.budgets.ip_per_hour = u32::MAX;
    config.security.budgets.unproven_per_hour = u32::MAX;
    config.security.budgets.service_per_day = u32::MAX;
    let store = Arc::new(MemoryStore::default());
    let parts = Parts {
        store: store.clone(),
        clock: Arc::new(System),
        entropy: Arc::new(System),
        journal: Arc::new(Nowhere),
        address_key: AddressKey::new(Key::new([1; 32])),
        token_key: TokenKey::new(Key::new([2; 32])),
        base_url: "https://join.example.com".into(),
        release: "0123456789ab".into(),
        patience: PATIENCE,
        logo: None,
    };
    Ok((router(App::new(config, parts)?), store))
}

/// A log whose lines are made and written nowhere.
#[derive(Debug)]
struct Nowhere;

impl Journal for Nowhere {
    fn write(&self, line: &Line) {
        std::hint::black_box(line.json("load"));
    }
}

/// What HTTP itself costs: the same body is read, the same answer given, and nothing in between.
fn bare() -> Router {
    Router::new().route(
        "/api/v1/sign-ups",
        post(async |_: Bytes| {
            (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], r#"{"status":"confirmation_sent"}"#)
        }),
    )
}

/// Serves the router from one thread for as long as `wrk` loads it.
fn load(router: Router, prefix: &str) -> Result<Run, Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = thread::spawn(move || -> io::Result<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let server = axum::serve(tokio::net::TcpListener::from_std(listener)?, router).into_future();
            tokio::select! {
                ended = server => ended,
                _ = stopped => Ok(()),
            }
        })?;
        own_cpu()
    });
    let seen = wrk(address, prefix);
    drop(stop);
    let cpu = server.join().map_err(|_| "the server ended by itself")??;
    let seen = seen?;
    Ok(Run { cpu_us: cpu.as_secs_f64() * 1e6 / f64::from(seen.requests), seen })
}

/// How long the calling thread has computed, as the kernel counts it (Linux alone tells).
fn own_cpu() -> io::Result<Duration> {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = counted.split_whitespace().next().unwrap_or_default().parse();
    nanoseconds.map(Duration::from_nanos).map_err(io::Error::other)
}

fn wrk(address: SocketAddr, prefix: &str) -> Result<Seen, Failure> {
    let url = format!("http://{address}/api/v1/sign-ups");
    let arguments = [format!("--connections={CONNECTIONS}"), format!("--duration={SECONDS}s")];
    let output = Command::new("wrk")
        .args(arguments)
        .args(["--threads=1", "--script", SCRIPT, &url, prefix])
        .output()
        .map_err(|error| format!("`wrk` does not start: {error}; install it (Debian's package `wrk`)"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<u32> = text
        .lines()
        .find_map(|line| line.strip_prefix("figures "))
        .map(|line| line.split(' ').filter_map(|figure| figure.parse().ok()).collect())
        .unwrap_or_default();
    let [requests, microseconds, failed, p50, p99] = figures[..] else {
        return Err(format!("`wrk` tells no figures: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    };
    if failed > 0 {
        return Err(format!("{failed} of {requests} requests failed").into());
    }
    Ok(Seen {
        per_second: f64::from(requests) * 1e6 / f64::from(microseconds),
        requests,
        p50_ms: f64::from(p50) / 1e3,
        p99_ms: f64::from(p99) / 1e3,
    })
}
