//! The admins' dashboard and the form in a real browser, without script: `browser/walk.mjs` walks through a service that
//! is deployed on the local AWS.
//!
//! Needs node with npm, and Chromium. Where one of them is missing it says so and passes, unless the environment has
//! `SIGNUPCTL_BROWSER=required`. What npm installs, and a picture of every page, is below cargo's `target/tmp`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use support::deployed::Deployed;
use support::{Sandbox, root, text};

/// What Chromium is called.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

#[test]
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn an_admin_does_all_there_is_to_do_in_a_browser_without_script() {
    let needed = (program(&["node"]), program(&["npm"]), program(&BROWSERS));
    let (Some(node), Some(npm), Some(browser)) = needed else {
        let message = "not run: it takes `node`, `npm` and `chromium`";
        assert!(std::env::var_os("SIGNUPCTL_BROWSER").is_none_or(|it| it != "required"), "{message}");
        return eprintln!("{message}");
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    install(&npm, &folder);

    let sandbox = Sandbox::new().with_example("registration.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    // More sign up here from one address than may without a proof of work.
    sandbox.write("signup.yaml", format!("{spec}security:\n  budgets: {{unproven_per_hour: 1000}}\n"));
    let service = Deployed::of(sandbox);
    let invited = service.sandbox.json(&["admin", "add", "owner@example.com", "--local"]);

    let inbox = service.sandbox.command(&["local", "inbox", "--json"]);
    let words: Vec<_> = std::iter::once(inbox.get_program()).chain(inbox.get_args()).collect();
    let given = json!({
        "endpoint": service.endpoint.trim_end_matches('/'),
        "setUp": invited["set_up"],
        "program": browser,
        "pictures": folder.join("pictures"),
        "inbox": words.iter().map(|word| word.to_str().expect("a path in UTF-8")).collect::<Vec<_>>(),
    });
    let mut walk = Command::new(node);
    walk.arg(folder.join("walk.mjs")).arg(given.to_string()).current_dir(service.sandbox.path());
    for (name, value) in inbox.get_envs() {
        match value {
            Some(value) => walk.env(name, value),
            None => walk.env_remove(name),
        };
    }
    let output = walk.output().expect("node runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// The first of these programs that is in the `PATH`.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|it| it.is_file())
}

/// Puts the scripts and what they import into a folder; what is there of the right version is left alone.
fn install(npm: &Path, folder: &Path) {
    let scripts = root().join("tests/browser");
    std::fs::create_dir_all(folder).expect("a folder");
    let wanted = std::fs::read(scripts.join("package.json")).expect("a list of packages");
    let there = folder.join("installed.json");
    for entry in std::fs::read_dir(&scripts).expect("a folder").flatten() {
        std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("room for it");
    }
    if std::fs::read(&there).is_ok_and(|there| there == wanted) {
        return;
    }
    let output = Command::new(npm)
        .args(["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder)
        .output()
        .expect("npm runs");
    assert!(output.status.success(), "npm failed:\n{}", text(&output.stderr));
    std::fs::write(there, wanted).expect("room for it");
}
