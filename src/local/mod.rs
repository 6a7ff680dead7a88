//! The local AWS: an emulator on loopback that signupctl installs, starts, finds again and stops.
//!
//! What is worked around for the emulator, and where:
//! - its buckets share one host name: path-style requests (`aws`);
//! - API endpoints end in a name that needs a resolver: the address is put together here
//!   ([`public_endpoint`]) and, for links in mail, in the service's `env` module;
//! - it runs functions on this machine: they are built for it, lightly (`bundle`);
//! - its instances are records: a server process stands in for them (`servers`);
//! - it is slow to answer, has no TLS, keeps all code on the disk, shows a parameter of Parameter Store by its value and,
//!   enforcing policies, asks for too wide a right, and asks no subscriber's URL to confirm: `sitecustomize.py`.

mod emulator;
pub mod inbox;
mod install;
mod process;
pub mod servers;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;

use crate::error::{Failure, Outcome};
pub use emulator::{Running, down, status, up};

/// The emulator's release that everything here was measured against.
pub const VERSION: &str = "1.5.33";

/// Where signupctl keeps what it can make again, and what it must remember.
#[derive(Clone, Debug)]
pub struct Folders {
    /// `~/.cache/signupctl` on Linux.
    pub cache: PathBuf,
    /// `~/.local/state/signupctl` on Linux.
    pub state: PathBuf,
}

impl Folders {
    pub fn find() -> Outcome<Self> {
        let base = etcetera::choose_base_strategy().map_err(|_| {
            Failure::new("no_home", "there is no home directory to keep the cache in").hint("set `HOME`")
        })?;
        let state = base.state_dir().unwrap_or_else(|| base.cache_dir());
        Ok(Self { cache: base.cache_dir().join("signupctl"), state: state.join("signupctl") })
    }

    /// Lets only one process start or stop the emulator at a time. Released when dropped.
    async fn lock_state(&self) -> Outcome<File> {
        lock(&self.state).await
    }

    /// Lets only one process install into the cache at a time. Released when dropped.
    async fn lock_cache(&self) -> Outcome<File> {
        lock(&self.cache).await
    }
}

/// Waits without blocking, so that Ctrl-C is heard while another process installs.
async fn lock(folder: &Path) -> Outcome<File> {
    let path = folder.join("lock");
    let failed = |error: std::io::Error| {
        Failure::new("cache_unusable", format!("`{}` cannot be used", path.display()))
            .cause(error.to_string())
            .hint("mend the permissions; `XDG_CACHE_HOME` and `XDG_STATE_HOME` move the folders")
    };
    let file = fs::create_dir_all(folder).and_then(|()| File::create(&path)).map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// Removes a folder. What a process that is just ending writes meanwhile goes with the next start.
fn remove_whole(folder: &Path) {
    _ = fs::remove_dir_all(folder);
}

/// The address under which the emulator serves an API, needing no name resolution. `%24` is a dollar sign that no
/// shell takes for a variable's.
pub fn public_endpoint(emulator: &str, api_id: &str) -> String {
    format!("{emulator}/_aws/execute-api/{api_id}/%24default")
}
