//! The admins' dashboard and the form in a real browser, without script: `browser/walk.mjs` walks through the service at
//! every front, and at the function as it is deployed looks at each page too.
//!
//! Needs node with npm, and Chromium. Where one of them is missing it says so and passes, unless the environment has
//! `SIGNUPCTL_BROWSER=required`. What npm installs, and a picture of every page, is below cargo's `target/tmp`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use support::balancer::{self, Balancer};
use support::deployed::Deployed;
use support::dev::Dev;
use support::server::{Server, Settings, free_port};
use support::{Sandbox, root, text};

/// What Chromium is called.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What a walk needs of this machine.
struct Tools {
    node: PathBuf,
    browser: PathBuf,
    folder: PathBuf,
}

/// One test puts everything in its place for all.
static INSTALLING: Mutex<()> = Mutex::new(());

impl Tools {
    #[expect(clippy::print_stderr, reason = "a test that could not run says so")]
    fn find() -> Option<Self> {
        let needed = (program(&["node"]), program(&["npm"]), program(&BROWSERS));
        let (Some(node), Some(npm), Some(browser)) = needed else {
            let message = "not run: it takes `node`, `npm` and `chromium`";
            assert!(std::env::var_os("SIGNUPCTL_BROWSER").is_none_or(|it| it != "required"), "{message}");
            eprintln!("{message}");
            return None;
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
        let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        install(&npm, &folder);
        Some(Self { node, browser, folder })
    }

    /// The whole walk through the service at an address. The mails are at another, or what `local inbox` prints.
    fn walk(&self, sandbox: &Sandbox, endpoint: &str, set_up: &Value, inbox: Option<&str>, looks: bool) {
        let command = sandbox.command(&["local", "inbox", "--json"]);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_str().expect("a path in UTF-8")).collect();
        let given = json!({
            "endpoint": endpoint.trim_end_matches('/'),
            "setUp": set_up,
            "program": self.browser,
            "pictures": looks.then(|| self.folder.join("pictures")),
            "inbox": inbox.map_or_else(|| json!(words), |inbox| json!(inbox)),
        });
        let mut walk = Command::new(&self.node);
        walk.arg(self.folder.join("walk.mjs")).arg(given.to_string()).current_dir(sandbox.path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => walk.env(name, value),
                None => walk.env_remove(name),
            };
        }
        let output = walk.output().expect("node runs");
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    }
}

/// The example to walk through.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new().with_example("registration.yaml");
    let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
    // More sign up here from one address than may without a proof of work.
    sandbox.write("signup.yaml", format!("{spec}security:\n  budgets: {{unproven_per_hour: 1000}}\n"));
    sandbox
}

/// The owner's set-up link, as it leads through another front than API Gateway.
fn invited(service: &Deployed, front: Option<&str>) -> Value {
    let link = service.sandbox.json(&["admin", "add", "owner@example.com", "--local"])["set_up"].clone();
    match front {
        Some(front) => link.as_str().expect("a link").replace(service.endpoint.trim_end_matches('/'), front).into(),
        None => link,
    }
}

#[test]
fn an_admin_does_all_there_is_to_do_in_a_browser_without_script() {
    let Some(tools) = Tools::find() else { return };
    let service = Deployed::of(sandbox());
    tools.walk(&service.sandbox, &service.endpoint, &invited(&service, None), None, true);
}

#[test]
fn so_does_one_where_it_all_runs_in_one_process_over_memory() {
    let Some(tools) = Tools::find() else { return };
    let sandbox = sandbox();
    let dev = Dev::start(&sandbox);
    let (endpoint, mail) = (dev.at(""), dev.at("_mail.json"));
    tools.walk(&sandbox, &endpoint, &dev.told["admin"], Some(&mail), false);
}

#[test]
fn so_does_one_at_a_server() {
    let Some(tools) = Tools::find() else { return };
    let service = Deployed::of(sandbox());
    let server = Server::start(&service, &Settings::default());
    tools.walk(&service.sandbox, &server.endpoint, &invited(&service, Some(&server.endpoint)), None, false);
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn so_does_one_at_three_servers_behind_a_load_balancer() {
    let Some(haproxy) = balancer::program() else { return eprintln!("not run: it takes `haproxy`") };
    let Some(tools) = Tools::find() else { return };
    let service = Deployed::of(sandbox());
    let port = free_port();
    let public = format!("http://127.0.0.1:{port}");
    let told = Settings { public: Some(&public), trusted: "127.0.0.1", ..Settings::default() };
    let servers = [(); 3].map(|()| Server::start(&service, &told));
    let balancer = Balancer::start(haproxy, &service.sandbox, port, &servers.each_ref().map(|server| server.port));
    tools.walk(&service.sandbox, &balancer.endpoint, &invited(&service, Some(&public)), None, false);
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
