//! Processes that outlive this one: started apart from the terminal, found again, stopped.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::aws::Fetcher;
use crate::error::{Failure, Outcome};

const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Starts it apart from this terminal, has it remembered, and waits until an address of it answers with 200. Returns
/// its number.
///
/// Fails with the cause alone: whose it is, its caller says.
pub async fn start(
    command: &mut Command,
    url: &str,
    deadline: Duration,
    remember: impl FnOnce(i32) -> Outcome<()>,
) -> Result<i32, String> {
    // In a group of its own: Ctrl-C in this terminal must not reach it.
    let mut child = command.stdin(Stdio::null()).process_group(0).spawn().map_err(|error| error.to_string())?;
    let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
    if let Err(failure) = remember(pid) {
        // What nobody could find again must not stay.
        _ = child.kill();
        return Err(failure.to_string());
    }
    let started = Instant::now();
    while !answers(url).await {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended at once: {status}"));
        }
        if started.elapsed() > deadline {
            _ = child.kill();
            return Err(format!("it does not answer within {} s", deadline.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(pid)
}

/// Whether an address on this machine answers with 200.
pub async fn answers(url: &str) -> bool {
    Fetcher::new(true).get(url).await.is_ok_and(|answer| answer.status == 200)
}

/// Whether the process of this number runs and is that program. One that only has inherited the number is never taken
/// for it.
pub fn runs(pid: i32, program: &str) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok() && is(pid, program) && !is_zombie(pid))
}

/// Ends a process, by force if it takes longer than ten seconds.
pub async fn stop(pid: i32) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    let started = Instant::now();
    _ = kill_process(pid, Signal::TERM);
    while test_kill_process(pid).is_ok() && !is_zombie(pid) {
        if started.elapsed() > STOP_DEADLINE {
            _ = kill_process(pid, Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Told by its command line.
fn is(pid: Pid, program: &str) -> bool {
    match fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) {
        Ok(line) => String::from_utf8_lossy(&line).contains(program),
        Err(_) => asked(pid, "command=").contains(program),
    }
}

/// A child that ended but was not waited for still has its number.
fn is_zombie(pid: Pid) -> bool {
    match fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => asked(pid, "stat=").starts_with('Z'),
    }
}

/// What `ps` tells of a process, where the system shows no files of it; nothing of one that is gone.
fn asked(pid: Pid, what: &str) -> String {
    if Path::new("/proc/self").exists() {
        return String::new();
    }
    let told = Command::new("ps").args(["-o", what, "-p", &pid.as_raw_nonzero().to_string()]).output();
    told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned()).unwrap_or_default()
}

/// A port that nobody listens at.
pub fn free_port() -> Outcome<u16> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.port())
        .map_err(|error| Failure::new("no_port", "there is no free port on 127.0.0.1").cause(error.to_string()))
}
