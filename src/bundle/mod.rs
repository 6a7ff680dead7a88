//! The bundle: one zip with the function's binary, the server's where instances run it, the service's configuration and
//! its logo if there is one, the same bytes for the same input, kept in the cache by what went into it.

mod build;
mod cache;
mod elf;
mod ends;
pub mod pack;

pub use ends::Ends;
pub use pack::{CONFIG, LOGO};

use std::fs;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_smithy_types::byte_stream::ByteStream;
use sha2::{Digest, Sha256};

use crate::engine::desired::{ArtifactRef, hex};
use crate::engine::progress::Progress;
use crate::error::{Failure, Outcome};
use crate::spec::{Architecture, Spec, Topology};
use build::Program;

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

/// A bundle in the cache, where it stays for as long as this lives: it may be a while before the operator says yes.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub artifact: ArtifactRef,
    path: PathBuf,
    _held: Arc<fs::File>,
}

impl Bundle {
    /// The zip's bytes, read as they are sent.
    pub async fn stream(&self) -> Outcome<ByteStream> {
        let stream = ByteStream::from_path(&self.path).await;
        stream.map_err(|error| unwritable(&self.path, &error))
    }

    /// CRC-32 of the function's binary.
    pub fn code_checksum(&self) -> Outcome<u32> {
        let zip = fs::File::open(&self.path).map_err(|error| unwritable(&self.path, &error))?;
        pack::checksum(zip, pack::BINARY)
            .ok_or_else(|| Failure::new("cache_unusable", format!("`{}` is no bundle", self.path.display())))
    }
}

/// A binary: as cargo left it, which can be 50 MB for this machine and is never held whole, or unpacked.
enum Binary {
    File(PathBuf),
    Unpacked(Vec<u8>),
}

/// What can be read in any order.
trait Seekable: Read + Seek {}

impl<T: Read + Seek> Seekable for T {}

impl Binary {
    fn open(&self) -> Outcome<Box<dyn Seekable + '_>> {
        match self {
            Self::File(path) => Ok(Box::new(fs::File::open(path).map_err(|error| unwritable(path, &error))?)),
            Self::Unpacked(bytes) => Ok(Box::new(Cursor::new(bytes))),
        }
    }

    fn hash(&self) -> Outcome<[u8; 32]> {
        let (mut reader, mut hash, mut buffer) = (self.open()?, Sha256::new(), vec![0; 64 * 1024]);
        loop {
            let read = reader.read(&mut buffer).map_err(|error| {
                Failure::new("build_failed", "the function's binary cannot be read").cause(error.to_string())
            })?;
            if read == 0 {
                return Ok(hash.finalize().into());
            }
            hash.update(&buffer[..read]);
        }
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
    let mut programs = vec![Program::Function];
    // Instances take the server from the same bundle as the functions their code.
    programs.extend((spec.topology == Topology::HighPerformance).then_some(Program::Server));
    let mut binaries = Vec::new();
    for program in programs {
        let binary = match source {
            Source::Local => Binary::File(build::local(program, progress).await?),
            Source::Handler(zip) => Binary::Unpacked(pack::extract(zip, program.name())?),
            Source::Aws => match beside_this_program(architecture) {
                Some(zip) => Binary::Unpacked(pack::extract(&zip, program.name())?),
                None => Binary::File(build::for_aws(program, architecture, progress).await?),
            },
        };
        elf::check(binary.open()?, architecture, !matches!(source, Source::Local))?;
        binaries.push((program, binary));
    }
    let config = declaration(spec)?;
    let logo = spec.files.logo.as_ref().map(|logo| logo.bytes.as_slice());

    // Local bundles are compressed fast, those for AWS small; the level is part of what was put in.
    let level = if matches!(source, Source::Local) { 1 } else { 9 };
    let mut inputs = Sha256::new();
    inputs.update(pack::FORMAT);
    inputs.update([level]);
    for (_, binary) in &binaries {
        inputs.update(binary.hash()?);
    }
    inputs.update((config.len() as u64).to_be_bytes());
    inputs.update(&config);
    inputs.update(logo.unwrap_or_default());
    let entries = cache.join("bundles");
    let entry = entries.join(hex(&inputs.finalize()));
    let held = cache::hold(&entry).map_err(|error| unwritable(&entry, &error))?;
    let (path, sum) = (entry.join("bundle.zip"), entry.join("sha256"));
    let known = fs::read_to_string(&sum).ok().filter(|text| text.len() == 64 && path.is_file());
    let sha256 = match known {
        Some(sha256) => sha256,
        None => {
            let mut files: Vec<pack::Entry<'_>> = Vec::new();
            for (program, binary) in &binaries {
                files.push((program.name(), 0o755, Box::new(binary.open()?)));
            }
            // What is small stands behind, where it is read from without the rest.
            files.push((pack::CONFIG, 0o644, Box::new(&config[..])));
            files.extend(logo.map(|logo| (pack::LOGO, 0o644, Box::new(logo) as Box<dyn Read>)));
            let partial = partial(&path);
            let zip = fs::File::create(&partial).map_err(|error| unwritable(&partial, &error))?;
            pack::zip(zip, files, level)?;
            let sha256 = hex(&Binary::File(partial.clone()).hash()?);
            fs::rename(&partial, &path).map_err(|error| unwritable(&path, &error))?;
            // The sum is written last and so tells that the zip is whole.
            write_whole(&sum, sha256.as_bytes())?;
            cache::prune(&entries);
            sha256
        }
    };
    let artifact = ArtifactRef::new(&sha256)
        .ok_or_else(|| Failure::new("cache_unusable", format!("`{}` holds no SHA-256", sum.display())))?;
    Ok(Bundle { artifact, path, _held: Arc::new(held) })
}

/// Tells where the function would come from, or why it cannot be had. Builds nothing.
pub async fn readiness(architecture: Architecture, is_local: bool) -> Outcome<String> {
    match beside_this_program(architecture).filter(|_| !is_local) {
        Some(zip) => Ok(format!("comes with this program: `{}`", zip.display())),
        None => build::readiness(architecture, is_local).await,
    }
}

/// A release ships the function as `signup-service-<architecture>.zip` beside the program.
fn beside_this_program(architecture: Architecture) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let zip = program.with_file_name(format!("signup-service-{}.zip", architecture.name()));
    zip.is_file().then_some(zip)
}

/// Where a file is while it is not whole.
fn partial(path: &Path) -> PathBuf {
    path.with_extension(format!("partial-{}", std::process::id()))
}

/// Writes beside the target and renames, so that an interrupted write leaves nothing half done.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let partial = partial(path);
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &dyn std::error::Error) -> Box<Failure> {
    Failure::new("cache_unusable", format!("`{}` cannot be read or written", path.display()))
        .cause(error.to_string())
        .hint("make room or mend the permissions; `XDG_CACHE_HOME` moves the cache")
}

/// The service's declaration, as the function, the server and the container read it.
pub fn declaration(spec: &Spec) -> Outcome<Vec<u8>> {
    serde_json::to_vec_pretty(&spec.service_config())
        .map_err(|error| Failure::new("spec_invalid", "the configuration cannot be written").cause(error.to_string()))
}
