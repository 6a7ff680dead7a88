//! The image, built of `Dockerfile` and run as README says: by nobody, without a right, on a root that nothing can write to.
//!
//! Its first stage needs an image with Rust, which comes from a registry: its lines are run here, with a profile that takes a
//! minute, and without the list of what is in it where `cargo cyclonedx` is not installed. All that follows is built as it
//! stands. Needs podman, runc and root; where a container cannot be run this says so and passes, unless the
//! environment has `SIGNUPCTL_IMAGE=required`.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::deployed::{Deployed, wait_for};
use support::dev::mailed;
use support::server::free_port;
use support::{Sandbox, http, root};

const NAME: &str = "sign-up";

/// Podman, with what it keeps in a sandbox.
struct Podman<'a>(&'a Sandbox);

impl Podman<'_> {
    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(root().join("tests/image/podman"));
        command.arg(self.0.path().join("podman")).args(words).output().expect("it starts")
    }

    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "podman {words:?}: {told}\n{errors}");
        told.trim().to_owned()
    }

    /// Runs the image with this environment, and no place to write at all; gives its address once it is ready.
    fn start(&self, told: &[(&str, &str)]) -> String {
        let listen = format!("127.0.0.1:{}", free_port());
        let own = [("LISTEN", listen.as_str())];
        let told: Vec<String> = told.iter().chain(&own).map(|(name, value)| format!("--env={name}={value}")).collect();
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
        let least =
            ["--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
        let ways = ["--detach", "--no-healthcheck", "--network", "host"];
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        self.run(&["rm", "--force", "--time", "0", NAME]);
        self.ok(&[&["run", "--name", NAME][..], &limits, &least, &ways, &told, &[NAME]].concat());
        wait_for(20, "its first answer", || {
            let answers = || http::get(&format!("http://{listen}/readyz")).status == 200;
            (TcpStream::connect(&listen).is_ok() && answers()).then_some(())
        });
        listen
    }

    /// Stops it, and gives what it said.
    fn stop(&self) -> String {
        self.ok(&["stop", "--time", "30", NAME]);
        assert_eq!(self.inspect("container", ".State.ExitCode"), 0);
        let log = self.run(&["logs", NAME]);
        String::from_utf8_lossy(&[log.stdout, log.stderr].concat()).into_owned()
    }

    fn inspect(&self, kind: &str, path: &str) -> Value {
        serde_json::from_str(&self.ok(&[kind, "inspect", NAME, "--format", &format!("{{{{json {path}}}}}")]))
            .expect("JSON")
    }
}

impl Drop for Podman<'_> {
    fn drop(&mut self) {
        self.run(&["rm", "--force", "--time", "0", NAME]);
    }
}

/// Whether a container can be run here.
fn can(sandbox: &Sandbox) -> bool {
    let probe = Command::new(root().join("tests/image/can")).arg(sandbox.path().join("can")).output();
    let can = probe.is_ok_and(|output| output.status.success());
    let needed = std::env::var_os("SIGNUPCTL_IMAGE").is_some_and(|it| it == "required");
    assert!(can || !needed, "no container runs here (podman, runc, cc, and root)");
    can
}

/// What the first stage leaves, in a folder. The authorities that it takes from its image are none here.
fn first_stage(sandbox: &Sandbox, folder: &Path) {
    let authorities = folder.join("etc/ssl/certs/ca-certificates.crt");
    fs::create_dir_all(authorities.parent().expect("a folder")).expect("room for a folder");
    fs::write(authorities, "").expect("room for none");
    let out = folder.join("out");
    let mut command = Command::new(root().join("tests/image/first-stage"));
    let made = command.arg(&out).arg(sandbox.path().join("signup.yaml")).output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let list = fs::read(out.join("sbom.cdx.json"));
    let needed = std::env::var_os("SIGNUPCTL_SBOM").is_some_and(|it| it == "required");
    assert!(list.is_ok() || !needed, "no list of what is in it (`cargo install cargo-cyclonedx`)");
    if let Ok(list) = list {
        let list: Value = serde_json::from_slice(&list).expect("JSON");
        let names = list["components"].as_array().expect("components").iter().map(|it| it["name"].as_str());
        assert!(list["bomFormat"] == "CycloneDX" && names.into_iter().any(|it| it == Some("axum")), "{list}");
    }
    // Linked against nothing: no other program is asked for to load it.
    let headers = Command::new("readelf").args(["--program-headers", "--wide"]).arg(out.join("server")).output();
    let headers = String::from_utf8_lossy(&headers.expect("it starts").stdout).into_owned();
    assert!(headers.contains("LOAD") && !headers.contains("INTERP"), "{headers}");
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn the_image_is_a_service_that_runs_as_nobody_and_writes_nothing() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    if !can(&sandbox) {
        eprintln!("left out: no container runs here");
        return;
    }
    let (build, context) = (sandbox.path().join("build"), sandbox.path().join("context"));
    first_stage(&sandbox, &build);
    fs::create_dir(&context).expect("a folder");
    let podman = Podman(&sandbox);
    let dockerfile = root().join("Dockerfile");
    let stage = format!("build={}", build.display());
    podman.ok(&[
        "build",
        "--format",
        "docker",
        "--build-context",
        &stage,
        "--tag",
        NAME,
        "--file",
        &dockerfile.to_string_lossy(),
        &context.to_string_lossy(),
    ]);

    let config = podman.inspect("image", ".Config");
    assert_eq!(config["User"], "65532:65532");
    assert_eq!((&config["Entrypoint"], &config["Cmd"]), (&json!(["/server"]), &json!(["auto"])));
    let label = |name: &str| config["Labels"][name].clone();
    assert_eq!(label("org.cyclonedx.bom"), "/sbom.cdx.json");
    assert_eq!(label("org.opencontainers.image.version"), env!("CARGO_PKG_VERSION"), "the Dockerfile names another");
    assert_eq!(label("org.opencontainers.image.licenses"), env!("CARGO_PKG_LICENSE"));
    let health = podman.inspect("image", ".HealthCheck");
    assert_eq!(health["Test"], json!(["CMD", "/server", "health"]), "{health}");

    // As README and the compose file say, and with no place to write at all.
    let listen = podman.start(&[]);
    let at = |path: &str| format!("http://{listen}{path}");
    let answer = http::post_json(&at("/api/v1/sign-ups"), &json!({ "email": "ada@example.org" }));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let link = wait_for(10, "the mail", || mailed(&at("/_mail.json"), "ada@example.org"));
    let (_, token) = link.split_once("?t=").expect("a token");
    assert_eq!(http::post_form(&at("/confirm"), &[("t", token)]).status, 303);
    podman.ok(&["exec", NAME, "/server", "health"]);

    let state = podman.inspect("container", ".State");
    let status = fs::read_to_string(format!("/proc/{}/status", state["Pid"])).expect("its process");
    let told = |name: &str| -> BTreeSet<String> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of it");
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(told("Uid:"), BTreeSet::from(["65532".to_owned()]));
    assert_eq!(told("Gid:"), BTreeSet::from(["65532".to_owned()]));
    assert_eq!(told("CapBnd:"), BTreeSet::from(["0".repeat(16)]));
    assert_eq!(told("NoNewPrivs:"), BTreeSet::from(["1".to_owned()]));

    let log = podman.stop();
    assert!(log.contains("/admin/set-up#") && log.contains("stopped, and everything was answered"), "{log}");

    // Told of a table it is the real one. The local AWS is called by a name here, which a program without libraries has to
    // find by itself.
    let service = Deployed::of(Sandbox::new().with_example("waitlist.yaml"));
    let table = service.sandbox.json(&["outputs", "--local"])["TableName"].as_str().expect("an output").to_owned();
    let aws = service.account.endpoint.replace("127.0.0.1", "localhost");
    let listen = podman.start(&[
        ("TABLE_NAME", &table),
        ("KEY_PREFIX", "/signupctl/waitlist"),
        ("PUBLIC_URL", "https://join.example.com"),
        ("RELEASE", "0123456789ab"),
        ("OBJECT_STORE", &aws),
        ("AWS_ENDPOINT_URL", &aws),
        ("AWS_REGION", &service.account.region),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]);
    let sign_ups = format!("http://{listen}/api/v1/sign-ups");
    let answer = http::post_json(&sign_ups, &json!({ "email": "grace@example.org" }));
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(service.user("grace@example.org").is_some(), "she is in the table");
    let mail = wait_for(60, "a mail", || service.mails().pop());
    assert!(mail.to_string().contains("https://join.example.com/"), "{mail}");
    let log = podman.stop();
    assert!(log.contains("\"message\":\"request\"") && !log.contains("grace"), "{log}");
}

#[test]
fn the_compose_example_asks_for_what_the_image_stands() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a file");
    let compose: Value = serde_saphyr::from_str(&read("examples/compose.yaml")).expect("YAML");
    let services = compose["services"].as_object().expect("services");
    let [service] = services.values().collect::<Vec<_>>()[..] else { panic!("one service") };
    let (dockerfile, build) = (read("Dockerfile"), &service["build"]);
    // Its paths are from the folder of the file.
    assert_eq!(build["context"], "..", "where `Dockerfile` is");
    let arguments = build["args"].as_object().expect("arguments");
    for (name, value) in arguments {
        assert!(dockerfile.lines().any(|line| line.starts_with(&format!("ARG {name}"))), "nobody takes {name}");
        assert!(root().join(value.as_str().expect("a path")).is_file(), "{value}");
    }
    let exposed = dockerfile.lines().find_map(|line| line.strip_prefix("EXPOSE ")).expect("a port");
    assert_eq!(service["ports"], json!([format!("127.0.0.1:8080:{exposed}")]), "this machine alone reads the mails");
    assert_eq!(service["read_only"], true);
    assert_eq!(service["cap_drop"], json!(["ALL"]));
    assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]));
    // Longer than the server takes to stop: its notice, which a trial has none of, and what is under way.
    assert_eq!(service["stop_grace_period"], "30s");
}
