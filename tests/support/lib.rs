//! Runs the real `signupctl` in a sandbox of its own: its own state, its own emulator, no credentials.

pub mod account;
pub mod balancer;
pub mod cable;
pub mod deployed;
pub mod dev;
pub mod hook;
pub mod http;
pub mod proxy;
pub mod queue;
pub mod server;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A folder for specs and state. The installed emulator is shared by all sandboxes, in the target
/// folder, so that it is downloaded once.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the sandbox, where commands run.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// Copies an example to `signup.yaml`.
    pub fn with_example(self, name: &str) -> Self {
        let text = std::fs::read(root().join("examples").join(name)).expect("an example");
        self.write("signup.yaml", text);
        self
    }

    /// Writes a bundle whose function ends as soon as it starts, and gives its name.
    pub fn idle_bundle(&self) -> &'static str {
        let mut zip = ZipWriter::new(File::create(self.path().join("idle.zip")).expect("a file"));
        zip.start_file("bootstrap", SimpleFileOptions::default()).expect("an empty archive");
        zip.write_all(&std::fs::read("/bin/false").expect("a program")).expect("room for it");
        zip.finish().expect("room for its list");
        "idle.zip"
    }

    /// How many codes of functions the emulator has on the disk.
    pub fn unpacked_codes(&self) -> usize {
        let caches = std::fs::read_dir(self.path().join("state/signupctl/emulator")).expect("the emulator's folder");
        let codes = caches.flatten().filter(|cache| cache.file_name().to_string_lossy().contains("provided-code"));
        codes.map(|cache| std::fs::read_dir(cache.path()).expect("a folder").count()).sum()
    }

    /// `signupctl` with these words, in this sandbox, and nothing of the developer's AWS settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars_os() {
            // Nor does it look as if cargo had started it.
            if name.to_string_lossy().starts_with("AWS_") || name == "CARGO_MANIFEST_DIR" {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .env("XDG_CACHE_HOME", cache())
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("AWS_CONFIG_FILE", self.path().join("no-config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.path().join("no-credentials"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end, whatever that is.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    /// Runs it; panics with what it said unless it succeeds.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "signupctl {arguments:?} failed: {}\n{stdout}\n{stderr}", output.status);
        stdout
    }

    /// Runs it with `--json`; panics unless it succeeds and prints one object.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let stdout = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {stdout}"))
    }

    /// Exit code and stderr, with what differs from run to run replaced, for a snapshot.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let code = output.status.code().unwrap_or(-1);
        assert_eq!(text(&output.stdout), "", "a failure prints nothing on stdout");
        let stderr = text(&output.stderr).replace(&self.path().display().to_string(), "[SANDBOX]");
        format!("exit {code}\n{}", stderr.trim_end())
    }

    /// Ends every running instance of a function, so that the next call starts one that reads its keys anew.
    pub fn end_functions(&self) {
        let emulator = self.json(&["local", "status"])["pid"].as_i64().expect("the emulator runs");
        for entry in std::fs::read_dir("/proc").expect("Linux").flatten() {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // `pid (name) state parent …`
            let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<i64>().ok());
            if parent == Some(emulator) && stat.contains("(bootstrap)") {
                let pid = entry.file_name().to_string_lossy().into_owned();
                Command::new("kill").args(["-9", &pid]).status().expect("it starts");
            }
        }
    }

    /// Has signupctl take another address for the emulator's, which must run.
    pub fn go_through(&self, endpoint: &str) {
        let remembered = self.path().join("state/signupctl/local.json");
        let text = std::fs::read(&remembered).expect("the emulator was started");
        let mut running: Value = serde_json::from_slice(&text).expect("JSON");
        running["endpoint"] = endpoint.into();
        std::fs::write(remembered, running.to_string()).expect("it can be written");
    }

    /// The address of this sandbox's emulator, which must run.
    pub fn emulator(&self) -> String {
        self.json(&["local", "status"])["endpoint"].as_str().expect("the emulator runs").to_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        _ = self.run(&["local", "down"]);
    }
}

/// The program that cargo built for the tests that ask for it.
fn binary() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_signupctl").expect("cargo runs the tests").into()
}

fn cache() -> PathBuf {
    let profile = binary().parent().expect("a folder").to_owned();
    profile.parent().expect("the target folder").join("tmp/cache")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
