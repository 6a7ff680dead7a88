//! The bundle: one zip with the function's binary, the service's configuration and its logo if there is one, the
//! same bytes for the same input, kept in the cache by what went into it.

mod build;
mod elf;
pub mod pack;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::engine::desired::{ArtifactRef, hex};
use crate::engine::progress::Progress;
use crate::error::{Failure, Outcome};
use crate::spec::{Architecture, Spec};

/// Where the function's binary comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Built for this machine, lightly, for the emulator.
    Local,
    /// Built for AWS, or taken from beside this program.
    Aws,
    /// A zip that holds a `bootstrap`, given by the operator.
    Handler(PathBuf),
}

/// A bundle in the cache.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub artifact: ArtifactRef,
    path: PathBuf,
}

impl Bundle {
    /// The zip's bytes.
    pub fn read(&self) -> Outcome<Vec<u8>> {
        fs::read(&self.path).map_err(|error| unwritable(&self.path, &error))
    }

    /// CRC-32 of the function's binary.
    pub fn code_checksum(&self) -> Outcome<u32> {
        pack::checksum(&self.read()?, pack::BINARY)
            .ok_or_else(|| Failure::new("cache_unusable", format!("`{}` is no bundle", self.path.display())))
    }
}

/// The architecture of this machine; the function runs on it under the emulator.
pub fn host_architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 }
}

/// Builds or finds the binary, and zips it with the spec's configuration unless the cache has it.
pub async fn make(spec: &Spec, source: &Source, cache: &Path, progress: &Progress) -> Outcome<Bundle> {
    let architecture = match source {
        Source::Local => host_architecture(),
        Source::Aws | Source::Handler(_) => spec.capacity.architecture,
    };
    let binary = match source {
        Source::Local => build::local(progress).await?,
        Source::Handler(zip) => pack::extract(zip, pack::BINARY)?,
        Source::Aws => match beside_this_program(architecture) {
            Some(zip) => pack::extract(&zip, pack::BINARY)?,
            None => build::for_lambda(architecture, progress).await?,
        },
    };
    elf::check(&binary, architecture, !matches!(source, Source::Local))?;
    let config = serde_json::to_vec_pretty(&spec.service_config()).map_err(|error| {
        Failure::new("spec_invalid", "the configuration cannot be written").cause(error.to_string())
    })?;

    let logo = spec.files.logo.as_ref().map(|logo| logo.bytes.as_slice());

    // Local bundles are compressed fast, those for AWS small; the level is part of what was put in.
    let level = if matches!(source, Source::Local) { 1 } else { 9 };
    let mut inputs = Sha256::new();
    inputs.update(pack::FORMAT);
    inputs.update([level]);
    inputs.update((binary.len() as u64).to_be_bytes());
    inputs.update(&binary);
    inputs.update((config.len() as u64).to_be_bytes());
    inputs.update(&config);
    inputs.update(logo.unwrap_or_default());
    let entry = cache.join("bundles").join(hex(&inputs.finalize()));
    let (path, sum) = (entry.join("bundle.zip"), entry.join("sha256"));
    let known = fs::read_to_string(&sum).ok().filter(|text| text.len() == 64 && path.is_file());
    let sha256 = match known {
        Some(sha256) => {
            // Used just now, so not the first to go.
            _ = fs::File::open(&entry).and_then(|folder| folder.set_modified(SystemTime::now()));
            sha256
        }
        None => {
            let mut files: Vec<(&str, u32, &[u8])> =
                vec![(pack::BINARY, 0o755, &binary), (pack::CONFIG, 0o644, &config)];
            files.extend(logo.map(|logo| ("logo", 0o644, logo)));
            let zip = pack::zip(&files, level)?;
            let sha256 = hex(&Sha256::digest(&zip));
            fs::create_dir_all(&entry).map_err(|error| unwritable(&entry, &error))?;
            // The sum is written last and so tells that the zip is whole.
            write_whole(&path, &zip)?;
            write_whole(&sum, sha256.as_bytes())?;
            prune(&cache.join("bundles"));
            sha256
        }
    };
    let bytes: Vec<u8> =
        (0..sha256.len() / 2).filter_map(|at| u8::from_str_radix(&sha256[2 * at..2 * at + 2], 16).ok()).collect();
    let artifact = ArtifactRef { code_sha256: BASE64_STANDARD.encode(bytes), sha256 };
    Ok(Bundle { artifact, path })
}

/// Bundles kept in the cache: a few services, and the way back of each.
const KEPT_BUNDLES: usize = 16;

/// A bundle this young may be on its way to AWS in another process.
const TOO_YOUNG: Duration = Duration::from_secs(3_600);

/// Removes all but the newest bundles. One that cannot be removed only takes room.
fn prune(bundles: &Path) {
    let entries = fs::read_dir(bundles).into_iter().flatten().flatten();
    let mut entries: Vec<_> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    entries.sort();
    let surplus = entries.len().saturating_sub(KEPT_BUNDLES);
    for (modified, path) in entries.into_iter().take(surplus) {
        if modified.elapsed().is_ok_and(|age| age > TOO_YOUNG) {
            _ = fs::remove_dir_all(path);
        }
    }
}

/// A release ships the function as `signup-service-<architecture>.zip` beside the program.
fn beside_this_program(architecture: Architecture) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let zip = program.with_file_name(format!("signup-service-{}.zip", architecture.name()));
    zip.is_file().then_some(zip)
}

/// Writes beside the target and renames, so that an interrupted write leaves nothing half done.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Box<Failure> {
    Failure::new("cache_unusable", format!("`{}` cannot be read or written", path.display()))
        .cause(error.to_string())
        .hint("make room or mend the permissions; `XDG_CACHE_HOME` moves the cache")
}
