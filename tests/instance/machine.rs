//! A clean root that is booted: systemd with processes, mounts and control groups of its own, on this machine's network.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::deployed::{Deployed, wait_for};
use support::server::free_port;
use support::{root as repository, text};
use tempfile::TempDir;

use super::stack::INSTANCE;

/// Writes down what it is called with.
const STUB: &str = "#!/bin/sh\necho \"$(basename \"$0\") $*\" >>/var/log/calls\n";

/// The log agent's program in its package.
const AGENT: &str = "/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl";

/// The clean root, made if it is not there; `None` where this cannot be done.
pub(crate) fn root() -> Option<PathBuf> {
    let works = |program: &Path, argument: &str| {
        let status = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let scripts = repository().join("tests/instance");
    let can = works(Path::new("debootstrap"), "--version") && works(&scripts.join("can"), env!("CARGO_TARGET_TMPDIR"));
    let needed = std::env::var_os("SIGNUPCTL_INSTANCE").is_some_and(|it| it == "required");
    assert!(can || !needed, "this takes root, `debootstrap` and `unshare`");
    if !can {
        return None;
    }
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instance/root");
    let made = Command::new(scripts.join("make-root")).arg(&root).output().expect("it starts");
    let can = made.status.success();
    assert!(can || !needed, "{}{}", text(&made.stdout), text(&made.stderr));
    can.then_some(root)
}

/// Where the services of the local AWS are, for the AWS CLI and the server; an instance has credentials of its own.
pub(crate) fn environment(service: &Deployed) -> [(&'static str, String); 4] {
    [
        ("AWS_ENDPOINT_URL", service.account.endpoint.clone()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_DEFAULT_REGION", service.account.region.to_owned()),
    ]
}

/// A machine that runs; it ends with the value.
#[derive(Debug)]
pub(crate) struct Machine {
    child: Child,
    folder: TempDir,
    pub(crate) endpoint: String,
}

impl Machine {
    /// Begins the first boot of a machine.
    pub(crate) fn boot(root: &Path, service: &Deployed, script: &str) -> Self {
        let package = format!("install -D -m 0755 /opt/aws/bin/cfn-signal {AGENT}\n");
        Self::start(root, service, script, &package)
    }

    /// Begins one where no package can be installed.
    pub(crate) fn without_packages(root: &Path, service: &Deployed, script: &str) -> Self {
        Self::start(root, service, script, "exit 1\n")
    }

    fn start(root: &Path, service: &Deployed, script: &str, package: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let write = |path: &str, mode: u32, content: &str| {
            let path = folder.path().join("changes").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, content).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        };
        // On loopback, and at a port that is free.
        let address = format!("127.0.0.1:{}", free_port());
        let script = script.replace("0.0.0.0:8080", &address).replace("127.0.0.1:8080", &address);
        let environment: Vec<_> =
            environment(service).iter().map(|(name, value)| format!("\"{name}={value}\"")).collect();
        let manager = format!("[Manager]\nDefaultEnvironment={}\n", environment.join(" "));
        write("etc/systemd/system.conf.d/local-aws.conf", 0o644, &manager);
        write("etc/systemd/system/first-boot.target", 0o644, "[Unit]\nWants=first-boot.service\nAllowIsolate=yes\n");
        write(
            "etc/systemd/system/first-boot.service",
            0o644,
            "[Service]\nType=oneshot\nExecStart=/var/lib/cloud/user-data\nStandardOutput=append:/var/log/\
             cloud-init-output.log\nStandardError=inherit\n",
        );
        write("var/lib/cloud/user-data", 0o700, &script);
        write("var/lib/cloud/data/instance-id", 0o644, &format!("{INSTANCE}\n"));
        write("opt/aws/bin/cfn-signal", 0o755, STUB);
        write("usr/bin/dnf", 0o755, &format!("{STUB}{package}"));
        let child = Command::new(repository().join("tests/instance/boot"))
            .arg(root)
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        Self { child, folder, endpoint: format!("http://{address}") }
    }

    /// A file that the machine has written.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("changes").join(path)
    }

    pub(crate) fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).expect("a file").permissions().mode() & 0o777
    }

    /// What the first boot printed.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.path("var/log/cloud-init-output.log")).unwrap_or_default()
    }

    /// What the stubs were told, as soon as that one was called.
    pub(crate) fn calls_until(&self, stub: &str) -> String {
        wait_for(120, "the end of the first boot", || {
            let calls = fs::read_to_string(self.path("var/log/calls")).unwrap_or_default();
            calls.contains(stub).then_some(calls)
        })
    }

    /// What Linux tells of the process of this program.
    pub(crate) fn status_of(&self, program: &str) -> String {
        let entries = fs::read_dir("/proc").expect("Linux").flatten();
        let is_it = |path: &PathBuf| fs::read(path.join("cmdline")).is_ok_and(|it| it.starts_with(program.as_bytes()));
        let process = entries.map(|entry| entry.path()).find(is_it).expect("it runs");
        fs::read_to_string(process.join("status")).expect("it still runs")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The machine's first process is a child's child, and takes everything of it along.
        let children = |of: u32| fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
        let first = |of: u32| children(of).split_whitespace().next().and_then(|id| id.parse::<u32>().ok());
        if let Some(system) = first(self.child.id()).and_then(first) {
            Command::new("kill").args(["-9", &system.to_string()]).status().ok();
        }
        self.child.wait().ok();
    }
}
