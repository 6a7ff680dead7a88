//! A function's process: started with nothing but Lambda's environment, looked at while it waits, ended with its value.
//!
//! Linux only, as Lambda is: what a process used is read from `/proc`.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Failure;

/// Between two looks at a process that is still busy.
const LOOK: Duration = Duration::from_millis(1);

/// The longest that a function which waits for an invocation may go on computing.
const SETTLE: Duration = Duration::from_secs(5);

pub struct Function {
    child: Child,
}

impl Function {
    /// Its log goes to the file.
    pub fn start(binary: &Path, environment: &[(&str, String)], log: &Path) -> Result<Self, Failure> {
        let log = File::create(log)?;
        let child = Command::new(binary)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .spawn()
            .map_err(|error| format!("`{}` does not start: {error}", binary.display()))?;
        Ok(Self { child })
    }

    /// The processor time of all its threads so far, once all of them sleep.
    ///
    /// The kernel's scheduler counts it in nanoseconds, and brings it up to date when a thread goes to sleep.
    /// A thread that has ended is no longer counted; the function's live as long as it does.
    pub fn cpu(&self) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let mut before = None;
        while begun.elapsed() < SETTLE {
            let now = self.asleep()?;
            if now.is_some() && now == before {
                return Ok(now.unwrap_or_default());
            }
            before = now;
            sleep(LOOK);
        }
        Err("the function does not come to rest".into())
    }

    /// The processor time when every thread sleeps; `None` when one does not.
    fn asleep(&self) -> Result<Option<Duration>, Failure> {
        let mut used = 0;
        for thread in fs::read_dir(self.proc("task"))? {
            let thread = thread?.path();
            let stat = fs::read_to_string(thread.join("stat"))?;
            // The state follows the name, which stands in brackets and can hold anything.
            if !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')) {
                return Ok(None);
            }
            let counted = fs::read_to_string(thread.join("schedstat"))?;
            used += counted.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Some(Duration::from_nanos(used)))
    }

    /// The most memory that it held at once, in KiB.
    pub fn peak(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the kernel tells no peak")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
