//! What a server runs at its first boot: a script that ShellCheck has nothing to say of, and a unit that systemd finds
//! right and little exposed.
//!
//! Needs `shellcheck` and `systemd-analyze`. Where one is missing this says so and passes, unless the environment has
//! `SIGNUPCTL_INSTANCE=required`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::template::{Template, placeholders, servers, text};

/// Longest user data that EC2 takes, in bytes before Base64.
const LIMIT: usize = 16 * 1024;

/// The most that systemd may find exposed, in tenths of its scale of ten; a unit without any of it has 96. What is left
/// is mostly that it talks to the network and lies in no root of its own.
const EXPOSURE: u32 = 11;

/// The script as CloudFormation would write it, with values that the parameters take.
pub(crate) fn script(template: &Template) -> String {
    let parts = &template.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"];
    let pattern = text(&parts[0]);
    let mut script = pattern.to_owned();
    for name in placeholders(pattern) {
        let value = match name {
            "ArtifactKey" => format!("artifacts/{}.zip", "a".repeat(64)),
            "DomainName" => "join.example.com".to_owned(),
            "VpcCidr" => "10.0.0.0/22".to_owned(),
            "AWS::Region" => "eu-central-1".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => name.replace("::", "-").to_lowercase(),
        };
        script = script.replace(&format!("${{{name}}}"), &value);
    }
    script
}

/// The unit that the script installs.
pub(crate) fn unit(template: &Template) -> String {
    let script = script(template);
    let (_, rest) = script.split_once("/etc/systemd/system/signup-server.service <<'END'\n").expect("a unit");
    let (unit, _) = rest.split_once("\nEND\n").expect("the end of it");
    format!("{unit}\n")
}

/// What a program says; `None` where it is not installed.
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).output();
    let needed = std::env::var_os("SIGNUPCTL_INSTANCE").is_some_and(|it| it == "required");
    if output.is_err() {
        assert!(!needed, "`{program}` is not installed");
        eprintln!("not run: it takes `{program}`");
    }
    output.ok()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

#[test]
fn the_longest_script_fits_and_nothing_in_it_is_left_to_fill_in() {
    let script = script(&servers());
    assert!(script.len() + 1_024 < LIMIT, "{} bytes, and values may be longer", script.len());
    assert!(script.starts_with("#!/bin/bash\n"), "cloud-init runs it by its first line");
    assert!(!script.contains("${"), "a variable of the shell would be taken for a parameter");
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("user-data");
    write(&path, &script(&servers()));
    let Some(output) = run("shellcheck", &["--severity=style", path.to_str().expect("UTF-8")]) else { return };
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_finds_little_exposed() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = unit(&servers());
    let path = folder.path().join("etc/systemd/system/signup-server.service");
    write(&path, &unit);
    let program = folder.path().join("opt/signup-server/server");
    write(&program, "#!/bin/sh\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    let root = format!("--root={}", folder.path().display());
    let verify =
        || run("systemd-analyze", &["verify", "--man=no", "--recursive-errors=no", &root, "signup-server.service"]);
    let Some(output) = verify() else { return };
    assert!(output.status.success() && told(&output).is_empty(), "{}", told(&output));
    let threshold = format!("--threshold={EXPOSURE}");
    let unit_file = path.to_str().expect("UTF-8");
    let judge = ["security", "--offline=true", "--no-pager", &threshold, unit_file];
    let output = run("systemd-analyze", &judge).expect("it ran just now");
    assert!(output.status.success(), "{}", told(&output));

    // Both would have seen it.
    write(&path, &unit.replace("NoNewPrivileges=yes", "NoNewPrivilege=yes").replace("DynamicUser=yes\n", ""));
    let output = verify().expect("it ran just now");
    assert!(told(&output).contains("NoNewPrivilege"), "{}", told(&output));
    assert!(!run("systemd-analyze", &judge).expect("it ran just now").status.success());
}
