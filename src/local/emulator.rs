//! Starts the emulator detached, remembers it, finds it again, stops it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::process::{self, free_port};
use super::{Folders, VERSION, install, remove_whole, servers};
use crate::bundle::write_whole;
use crate::engine::progress::Progress;
use crate::error::{Failure, Outcome};

/// It starts within two seconds; a loaded machine may take longer.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// The emulator that was started last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    pub endpoint: String,
    pub pid: i32,
    pub version: String,
}

/// What `local status` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub running: bool,
    pub endpoint: Option<String>,
    pub pid: Option<i32>,
    pub version: Option<String>,
}

/// The emulator as it is; never starts one.
pub async fn status(folders: &Folders) -> Status {
    match alive(folders).await {
        Some(Running { endpoint, pid, version, .. }) => {
            Status { running: true, endpoint: Some(endpoint), pid: Some(pid), version: Some(version) }
        }
        None => Status { running: false, endpoint: None, pid: None, version: None },
    }
}

/// Finds the running emulator, or installs and starts one. `trust` is a certificate by which one that starts trusts the
/// URLs that it calls.
pub async fn up(folders: &Folders, trust: Option<&Path>, progress: &Progress) -> Outcome<Running> {
    let _lock = folders.lock_state().await?;
    let trust = trust.map(certificate).transpose()?;
    if let Some(running) = alive(folders).await {
        return match trust {
            None => Ok(running),
            Some(_) => {
                Err(Failure::usage("already_running", "the local AWS runs already, and learns of nobody to trust")
                    .hint("`signupctl local down` ends it, and all that it holds; then start it so"))
            }
        };
    }
    // What worked with one that is gone works with nothing.
    servers::end_all(folders).await;
    let installed = install::ensure(folders, progress).await?;
    let port = free_port()?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let log = folders.state.join("emulator.log");
    let failed = |cause: String| {
        Failure::new("emulator_failed", "the local AWS emulator does not start")
            .cause(cause)
            .hint(format!("its log is `{}`", log.display()))
    };
    // It unpacks every version of a function, and would leave them behind.
    let scratch = scratch(folders);
    remove_whole(&scratch);
    fs::create_dir_all(&scratch).map_err(|error| failed(error.to_string()))?;
    let output = fs::File::create(&log).map_err(|error| failed(error.to_string()))?;
    let errors = output.try_clone().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(&installed.program);
    // The functions inherit this environment: nothing of the user's own, least of all credentials.
    command.env_clear();
    for name in ["PATH", "HOME", "LANG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let command = command
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("PYTHONPATH", &installed.site)
        .env("TMPDIR", &scratch)
        // As in AWS, a function may do what its role allows and nothing else.
        .env("AUTH", "true")
        .envs(trust.map(|file| ("SSL_CERT_FILE", file)))
        .stdout(output)
        .stderr(errors);
    let running = |pid| Running { endpoint: endpoint.clone(), pid, version: VERSION.to_owned() };
    let remember = |pid| {
        let text = serde_json::to_vec(&running(pid)).map_err(|error| failed(error.to_string()))?;
        write_whole(&remembered(folders), &text)
    };
    process::start(command, &health(&endpoint), START_DEADLINE, remember).await.map(running).map_err(failed)
}

/// The whole path of a file with a certificate.
fn certificate(file: &Path) -> Outcome<PathBuf> {
    let failed = |cause: String| {
        Failure::usage("no_certificate", format!("`{}` holds no certificate", file.display())).cause(cause)
    };
    let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(failed("it is not PEM".to_owned()));
    }
    fs::canonicalize(file).map_err(|error| failed(error.to_string()))
}

/// Stops the emulator; returns what was running.
pub async fn down(folders: &Folders) -> Outcome<Option<Running>> {
    let _lock = folders.lock_state().await?;
    let running = alive(folders).await;
    servers::end_all(folders).await;
    if let Some(running) = &running {
        process::stop(running.pid).await;
    }
    _ = fs::remove_file(remembered(folders));
    remove_whole(&scratch(folders));
    Ok(running)
}

/// The remembered emulator, if that very process still runs and answers. A process that only has
/// inherited its number is never taken for it; one that is merely slow is given time, since it holds state.
async fn alive(folders: &Folders) -> Option<Running> {
    let running: Running = serde_json::from_slice(&fs::read(remembered(folders)).ok()?).ok()?;
    let started = Instant::now();
    while process::runs(running.pid, "ministack") && started.elapsed() < START_DEADLINE {
        if process::answers(&health(&running.endpoint)).await {
            return Some(running);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// Where it tells of its health.
fn health(endpoint: &str) -> String {
    format!("{endpoint}/_ministack/health")
}

fn remembered(folders: &Folders) -> PathBuf {
    folders.state.join("local.json")
}

/// Where the emulator keeps what goes with it.
fn scratch(folders: &Folders) -> PathBuf {
    folders.state.join("emulator")
}
