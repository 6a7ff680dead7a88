//! What the function costs where Lambda bills it, beside a function that does nothing: `make bench`.
//!
//! Starts both binaries as Lambda does, plays the Lambda Runtime API and AWS to them on loopback, and reads what
//! they used from the kernel. Nothing of the service is linked here: what is measured is the file that ships.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures are the result")]

mod aws;
mod events;
mod http;
mod process;
mod runtime;

use std::error::Error;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use aws::Aws;
use events::{KINDS, Kind};
use process::Function;
use runtime::{Runtime, Waiting};

type Failure = Box<dyn Error>;

/// Processes started for each figure of a start, in turns with those of the other figures.
const STARTS: u32 = 40;

/// Calls after the first, of each process started for one. Few of many rather than many of few: so the figures of
/// the two functions alternate, and what else the machine does meets both.
const WARM: u32 = 20;

/// How hard `deploy` compresses what goes to AWS.
const LEVEL: i64 = 9;

/// How AWS is reached.
#[derive(Clone, Copy)]
enum World {
    /// Without TLS. The function makes its TLS client all the same.
    Plain,
    /// With TLS, and the stub's root read from a file in place of the five that the function holds.
    Tls,
}

struct Bench {
    runtime: Runtime,
    aws: Aws,
    folder: PathBuf,
}

/// One function's calls of one kind.
struct Calls {
    init: Duration,
    first: f64,
    warm: Vec<f64>,
    peak: u64,
}

/// What was measured of a function: processor time in seconds, memory in KiB.
#[derive(Default)]
struct Figures {
    plain: Vec<f64>,
    tls: Vec<f64>,
    first: [Vec<f64>; KINDS.len()],
    warm: [Vec<f64>; KINDS.len()],
    peak: u64,
    /// Bytes.
    zip: usize,
}

fn main() -> ExitCode {
    let binaries: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [function, empty] = binaries.as_slice() else {
        eprintln!("error: two binaries are needed, the function and the empty one (`make bench` passes them)");
        return ExitCode::FAILURE;
    };
    let folder = env::temp_dir().join(format!("signup-bench-{}", std::process::id()));
    let done = run(function, empty, &folder);
    if let Err(failure) = &done {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        eprintln!("error: the bench failed\n  cause: {failure}\n  log: {}", log.trim());
    }
    // Left behind at worst, in a folder that the system empties.
    let _removed = fs::remove_dir_all(&folder);
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(function: &Path, empty: &Path, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("service.json"), include_str!("../../tests/every_field.json"))?;
    let bench = Bench { runtime: Runtime::start()?, aws: Aws::start()?, folder: folder.to_owned() };
    fs::write(folder.join("roots.pem"), &bench.aws.root)?;

    let mut ours = Figures { zip: zipped(function)?, ..Figures::default() };
    let mut theirs = Figures { zip: zipped(empty)?, ..Figures::default() };
    for _ in 0..STARTS {
        bench.round(function, &mut ours, true)?;
        bench.round(empty, &mut theirs, false)?;
    }
    print(&ours, &theirs);
    Ok(())
}

impl Bench {
    /// Starts the function once for each figure. What the service should answer is known of the function alone.
    fn round(&self, binary: &Path, figures: &mut Figures, checked: bool) -> Result<(), Failure> {
        // The first start pays for what the other function drove out of the processor's caches.
        drop(self.start(binary, World::Plain)?);
        figures.plain.push(self.start(binary, World::Plain)?.2.as_secs_f64());
        for (at, kind) in KINDS.iter().enumerate() {
            let calls = self.calls(binary, kind, checked)?;
            figures.tls.push(calls.init.as_secs_f64());
            figures.first[at].push(calls.first);
            figures.warm[at].extend(calls.warm);
            figures.peak = figures.peak.max(calls.peak);
        }
        Ok(())
    }

    fn calls(&self, binary: &Path, kind: &Kind, checked: bool) -> Result<Calls, Failure> {
        let (function, mut waiting, init) = self.start(binary, World::Tls)?;
        let mut before = init;
        let mut call = |number| -> Result<f64, Failure> {
            let (answer, next) = self.runtime.invoke(&waiting, kind.event(number))?;
            waiting = next;
            if checked && answer["statusCode"].as_u64() != Some(kind.status) {
                return Err(format!("{} was answered with {answer}", kind.name).into());
            }
            let now = function.cpu()?;
            let used = now.checked_sub(before).ok_or("a thread of the function ended")?;
            before = now;
            Ok(used.as_secs_f64())
        };
        let first = call(0)?;
        let warm = (1..=WARM).map(call).collect::<Result<_, _>>()?;
        Ok(Calls { init, first, warm, peak: function.peak()? })
    }

    /// A function that waits for its first invocation, and the processor time that it took to get there.
    fn start(&self, binary: &Path, world: World) -> Result<(Function, Waiting, Duration), Failure> {
        let function = Function::start(binary, &self.environment(world), &self.folder.join("log"))?;
        let waiting = self.runtime.first()?;
        let init = function.cpu()?;
        Ok((function, waiting, init))
    }

    fn environment(&self, world: World) -> Vec<(&'static str, String)> {
        let endpoint = match world {
            World::Plain => self.aws.plain_url(),
            World::Tls => self.aws.tls_url(),
        };
        let path = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        vec![
            ("AWS_LAMBDA_RUNTIME_API", self.runtime.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench".into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".into()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".into()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench".into()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".into()),
            ("AWS_ACCESS_KEY_ID", "bench".into()),
            ("AWS_SECRET_ACCESS_KEY", "bench".into()),
            ("AWS_SESSION_TOKEN", "bench".into()),
            ("AWS_REGION", "eu-west-1".into()),
            ("AWS_ENDPOINT_URL", endpoint),
            ("SSL_CERT_FILE", path("roots.pem")),
            ("LAMBDA_TASK_ROOT", path("")),
            ("_HANDLER", "web".into()),
            ("TABLE_NAME", "bench".into()),
            ("KEY_PREFIX", "/signupctl/bench".into()),
            ("PUBLIC_URL", "https://abc123.execute-api.eu-west-1.amazonaws.com".into()),
            ("RELEASE", "0123456789ab".into()),
        ]
    }
}

/// Bytes of the binary as `deploy` zips it.
fn zipped(binary: &Path) -> Result<usize, Failure> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(&fs::read(binary)?)?;
    Ok(zip.finish()?.into_inner().len())
}

/// The median in milliseconds.
fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).map_or(f64::NAN, |middle| middle * 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
fn print(ours: &Figures, theirs: &Figures) {
    let row = |what: &str, of: &dyn Fn(&Figures) -> f64| {
        let (ours, theirs) = (of(ours), of(theirs));
        println!("{what:<36}{ours:>10.3}{theirs:>10.3}{:>8.1}", ours / theirs);
    };
    println!("{:<36}{:>10}{:>10}{:>8}", "", "function", "empty", "ratio");
    row("zip, MiB", &|figures| figures.zip as f64 / 1_048_576.0);
    row("peak memory, MiB", &|figures| figures.peak as f64 / 1024.0);
    row("init, CPU ms", &|figures| median(&figures.tls));
    row("  without TLS", &|figures| median(&figures.plain));
    for (at, kind) in KINDS.iter().enumerate() {
        row(&format!("{}, first call, CPU ms", kind.name), &|figures| median(&figures.first[at]));
        row(&format!("{}, warm call, CPU ms", kind.name), &|figures| median(&figures.warm[at]));
    }
    println!(
        "Medians: of {STARTS} first calls, of {} warm ones, of {} starts and {STARTS} without TLS.",
        STARTS * WARM,
        ours.tls.len(),
    );
}
