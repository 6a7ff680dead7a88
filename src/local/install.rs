//! Installs the emulator into a private virtual environment, once for each release.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::{Folders, VERSION};
use crate::bundle::write_whole;
use crate::engine::progress::Progress;
use crate::error::{Failure, Outcome};

/// Names that a Python 3 goes by.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// What is mended in the emulator, and why, is said in the file.
const SITE_CUSTOMIZE: &str = include_str!("sitecustomize.py");

/// CloudWatch is spoken to in CBOR, which the emulator reads by this package and does not ask for.
const CBOR: &str = "cbor2==6.3.0";

/// An installed emulator.
#[derive(Clone, Debug)]
pub struct Installed {
    pub program: PathBuf,
    /// Folder for `PYTHONPATH`.
    pub site: PathBuf,
}

/// Installs the emulator unless it is there; one process at a time.
///
/// A marker written last tells that an installation is whole; one that was interrupted is made anew.
pub async fn ensure(folders: &Folders, progress: &Progress) -> Outcome<Installed> {
    let _lock = folders.lock_cache().await?;
    let folder = folders.cache.join(format!("ministack-{VERSION}"));
    let (environment, site, marker) = (folder.join("venv"), folder.join("site"), folder.join("complete"));
    let installed = Installed { program: environment.join("bin/ministack"), site: site.clone() };
    let site_file = site.join("sitecustomize.py");
    let packages = [format!("ministack=={VERSION}"), CBOR.to_owned()];
    let is_whole = fs::read_to_string(&marker).is_ok_and(|whole| whole == packages.join(" "));
    if is_whole && installed.program.is_file() {
        if fs::read_to_string(&site_file).is_ok_and(|text| text == SITE_CUSTOMIZE) {
            return Ok(installed);
        }
        return write_whole(&site_file, SITE_CUSTOMIZE.as_bytes()).map(|()| installed);
    }
    let failed = |cause: String| {
        Failure::new("emulator_not_installed", "the local AWS emulator cannot be installed").cause(cause)
    };
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| failed(error.to_string()))?;
    }
    fs::create_dir_all(&site).map_err(|error| failed(error.to_string()))?;
    fs::write(&site_file, SITE_CUSTOMIZE).map_err(|error| failed(error.to_string()))?;

    let step = progress.step("installing the local AWS emulator");
    let python = find_python().await?;
    step.detail("making a virtual environment");
    run(Command::new(python).arg("-m").arg("venv").arg(&environment)).await.map_err(|cause| {
        failed(cause).hint("its `venv` module is needed; on Debian and Ubuntu: `apt install python3-venv`")
    })?;
    step.detail("downloading");
    let pip = environment.join("bin/python");
    run(Command::new(pip).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(&packages))
        .await
        .map_err(|cause| failed(cause).hint("check the network and pip's settings, then run it again"))?;
    fs::write(&marker, packages.join(" ")).map_err(|error| failed(error.to_string()))?;
    step.done("installed the local AWS emulator");
    Ok(installed)
}

async fn find_python() -> Outcome<&'static str> {
    for python in PYTHONS {
        let answer =
            Command::new(python).args(["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]).output().await;
        if answer.is_ok_and(|answer| answer.status.success()) {
            return Ok(python);
        }
    }
    Err(Failure::new("emulator_not_installed", "the local AWS emulator cannot be installed")
        .cause("there is no Python 3.10 or newer on the `PATH`")
        .hint("install Python 3; only `--local` needs it"))
}

/// Runs a command to its end; fails with the last lines it wrote.
async fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    Err(lines[lines.len().saturating_sub(3)..].join("; "))
}
