//! Every mistake gets a clear error and the exit code of the interface, and changes nothing.

use std::fmt::Write;

use insta::assert_snapshot;
use support::Sandbox;

const MINIMAL: &str = "service: demo\nemail: {from: hello@example.com}\nform:\n  title: Demo\n  fields:\n    - {name: email, type: email}\n";

fn validate(text: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", text);
    sandbox.refusal(&["validate"])
}

#[test]
fn the_examples_are_valid() {
    for example in ["registration.yaml", "waitlist.yaml", "full.yaml"] {
        let sandbox = Sandbox::new().with_example(example);
        let report = sandbox.json(&["validate"]);
        assert_eq!(report["valid"], true, "{example}");
    }
    let sandbox = Sandbox::new().with_example("full.yaml");
    assert_eq!(sandbox.json(&["validate"])["environments"], serde_json::json!(["staging"]));
}

#[test]
fn a_missing_file_says_which() {
    assert_snapshot!(Sandbox::new().refusal(&["validate"]));
}

#[test]
fn a_folder_is_no_spec() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.refusal(&["validate", "-f", "."]));
}

#[test]
fn an_empty_file_is_no_spec() {
    assert_snapshot!("empty", validate(""));
    assert_snapshot!("only_a_comment", validate("# nothing yet\n"));
}

#[test]
fn text_that_is_no_yaml_is_shown_where_it_breaks() {
    assert_snapshot!("unclosed", validate("service: demo\nform: {title: [\n"));
    assert_snapshot!("tab", validate("service: demo\nform:\n\ttitle: x\n"));
    assert_snapshot!("list", validate("- a\n- b\n"));
    assert_snapshot!("two_documents", validate(&format!("{MINIMAL}---\n{MINIMAL}")));
    assert_snapshot!("not_utf_8", {
        let sandbox = Sandbox::new();
        sandbox.write("signup.yaml", b"service: caf\xe9\n");
        sandbox.refusal(&["validate"])
    });
}

#[test]
fn a_yaml_bomb_is_refused_at_once() {
    let mut bomb = String::from("a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (this, last) in ('b'..='i').zip('a'..='h') {
        let aliases = vec![format!("*{last}"); 9].join(", ");
        writeln!(bomb, "{this}: &{this} [{aliases}]").expect("memory is there");
    }
    assert_snapshot!("billion_laughs", validate(&bomb));
    let deep = format!("service: {}{}\n", "[".repeat(5_000), "]".repeat(5_000));
    assert!(validate(&deep).starts_with("exit 2"), "nesting is bounded");
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", "#".repeat(2 * 1024 * 1024));
    assert_snapshot!("too_large", sandbox.refusal(&["validate"]));
}

#[test]
fn a_mistake_is_shown_with_its_line_and_the_fix() {
    let with = |from: &str, to: &str| {
        assert!(MINIMAL.contains(from));
        validate(&MINIMAL.replace(from, to))
    };
    assert_snapshot!("unknown_key", with("title: Demo", "title: Demo\n  tilte: x"));
    assert_snapshot!("unknown_section", with("service: demo", "service: demo\nwebhooks: []"));
    let notified =
        |to: &str| with("service: demo", &format!("service: demo\nregion: eu-central-1\nnotifications:\n{to}"));
    assert_snapshot!("subscriber_nowhere", notified("  subscribers: [{events: [mail.sent]}]"));
    assert_snapshot!(
        "subscriber_twice",
        notified("  subscribers: [{https: 'https://a.example.com/x'}, {https: 'https://a.example.com/x'}]")
    );
    assert_snapshot!("subscriber_by_http", notified("  subscribers: [{https: 'http://a.example.com/x'}]"));
    assert_snapshot!("subscriber_with_password", notified("  subscribers: [{https: 'https://me:pw@a.example.com'}]"));
    assert_snapshot!("subscriber_no_queue", notified("  subscribers: [{sqs: my-queue}]"));
    assert_snapshot!(
        "subscriber_queue_elsewhere",
        notified(
            "  subscribers: [{sqs: 'arn:aws:sqs:us-east-1:111122223333:a.fifo'}, {sqs: 'arn:aws:sqs:us-east-1:111122223333:a'}]"
        )
    );
    assert_snapshot!("digest_at_no_hour", notified("  digest_hour: 24\n  subscribers: [{email: ops@example.com}]"));
    assert_snapshot!("digest_for_nobody", notified("  digest_hour: 6"));
    assert_snapshot!("digest_with_events", notified("  subscribers: [{email: not-an-address, events: [mail.sent]}]"));
    assert_snapshot!(
        "unknown_event",
        notified("  subscribers: [{https: 'https://a.example.com', events: [sign_up.recieved]}]")
    );
    assert_snapshot!(
        "event_twice",
        notified("  subscribers: [{https: 'https://a.example.com', events: [mail.sent, mail.sent]}]")
    );
    assert_snapshot!("unknown_field_in_events", notified("  fields: [emial]\n  subscribers: [{sqs: x}]"));
    assert_snapshot!(
        "fields_for_nobody",
        notified("  fields: [email, email]\n  subscribers: [{email: a@example.com}]")
    );
    let many: String = (0..6).map(|number| format!("    - https: https://a{number}.example.com\n")).collect();
    assert_snapshot!("too_many_subscribers", notified(&format!("  subscribers:\n{many}")));
    assert_snapshot!("duplicate_key", with("service: demo", "service: demo\nservice: again"));
    assert_snapshot!("missing_key", with("  title: Demo\n", ""));
    assert_snapshot!("wrong_type", with("title: Demo", "title: 2026"));
    assert_snapshot!("bad_address", with("hello@example.com", "hello at example.com"));
    assert_snapshot!("bad_name", with("service: demo", "service: My Demo"));
    assert_snapshot!("unknown_topology", with("service: demo", "service: demo\ntopology: kubernetes"));
    assert_snapshot!("instances_without_domain", with("service: demo", "service: demo\ntopology: high-performance"));
    let misfit = "service: demo\ncapacity: {instances: {type: t3.small, min: 3, max: 3}}";
    assert_snapshot!("instances_that_do_not_fit", with("service: demo", misfit));
    let misspelt = "service: demo\ncapacity: {instances: {type: t4g.smal}}";
    assert_snapshot!("size_of_instances", with("service: demo", misspelt));
    let domain = "{name: a.example.com, certificate_arn: 'arn:aws:acm:eu-west-1:111122223333:certificate/x'}";
    let little = format!(
        "service: demo\ntopology: high-performance\ndomain: {domain}\ncapacity: {{instances: {{type: t4g.micro}}}}"
    );
    assert_snapshot!("instances_with_little_memory", with("service: demo", &little));
    assert_snapshot!("no_email_field", with("type: email}", "type: text}"));
    assert_snapshot!(
        "two_email_fields",
        with("    - {name: email", "    - {name: other, type: email}\n    - {name: email")
    );
    assert_snapshot!(
        "same_name_twice",
        with("    - {name: email", "    - {name: email, type: text}\n    - {name: email")
    );
    assert_snapshot!("unknown_field_type", with("type: email}", "type: emial}"));
    assert_snapshot!(
        "bad_pattern",
        with("    - {name: email", "    - {name: code, type: text, pattern: '[a-'}\n    - {name: email")
    );
    assert_snapshot!(
        "rule_of_another_type",
        with("    - {name: email", "    - {name: age, type: integer, max_length: 3}\n    - {name: email")
    );
    assert_snapshot!(
        "crossed_bounds",
        with("    - {name: email", "    - {name: age, type: integer, min: 9, max: 3}\n    - {name: email")
    );
    assert_snapshot!(
        "crossed_lengths",
        with("    - {name: email", "    - {name: nick, type: text, min_length: 9, max_length: 3}\n    - {name: email")
    );
    assert_snapshot!(
        "bad_date",
        with("    - {name: email", "    - {name: day, type: date, min: 2026-02-30}\n    - {name: email")
    );
    for (name, field) in [
        ("date_of_another_form", "{name: day, type: date, min: '20260228', max: '2026-02-28T00:00:00'}"),
        ("nothing_fits", "{name: nick, type: text, max_length: 0}"),
        ("no_number_fits", "{name: call, type: phone, max_length: 4}"),
        ("bad_autocomplete", "{name: nick, type: text, autocomplete: given_name}"),
        ("section_of_autocomplete", "{name: nick, type: text, autocomplete: 'shipping name'}"),
    ] {
        assert_snapshot!(name, with("    - {name: email", &format!("    - {field}\n    - {{name: email")));
    }
    let labels = format!("[{{value: a, label: ' '}}, {{value: b, label: {}}}, c]", "x".repeat(201));
    assert_snapshot!(
        "bad_labels",
        with(
            "    - {name: email",
            &format!("    - {{name: meal, type: choice, options: {labels}}}\n    - {{name: email")
        )
    );
    assert_snapshot!("no_options", with("    - {name: email", "    - {name: meal, type: choice}\n    - {name: email"));
    assert_snapshot!("bad_duration", with("service: demo", "service: demo\ndata: {retention: soon}"));
    assert_snapshot!(
        "link_outlives_the_sign_up",
        with("service: demo", "service: demo\ndata: {retention: 1d}\nconfirmation: {expires: 7d}")
    );
    assert_snapshot!(
        "burst_below_rate",
        with("service: demo", "service: demo\nsecurity: {budgets: {requests_per_second: 9, burst: 3}}")
    );
    assert_snapshot!("bad_retention", with("service: demo", "service: demo\nmonitoring: {log_retention_days: 100}"));
    assert_snapshot!("bad_origin", with("service: demo", "service: demo\nsecurity: {allowed_origins: [example.com]}"));
    for (name, origin) in [("port_of_https", "https://www.example.com:443"), ("port_of_http", "http://localhost:80")] {
        let security =
            format!("service: demo\nsecurity: {{allowed_origins: ['{origin}', 'https://a.example.com:8443']}}");
        assert_snapshot!(name, with("service: demo", &security));
    }
    assert_snapshot!("nameless_subdomains", with("service: demo", "service: demo\nsecurity: {hsts_subdomains: true}"));
    assert_snapshot!("reserved_tag", with("service: demo", "service: demo\ntags: {aws:x: y}"));
    assert_snapshot!(
        "certificate_elsewhere",
        with(
            "service: demo",
            "service: demo\nregion: eu-west-1\ndomain: {name: a.example.com, certificate_arn: 'arn:aws:acm:us-east-1:111122223333:certificate/x'}"
        )
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    assert_snapshot!(validate(
        "service: Demo\nemail: {from: nobody}\nform:\n  title: ''\n  fields: [{name: X, type: email}]\ndata: {pitr_days: 90}\n"
    ));
}

#[test]
fn three_hundred_fields_are_too_many() {
    let mut spec = MINIMAL.to_owned();
    for number in 0..300 {
        writeln!(spec, "    - {{name: field_{number}, type: text}}").expect("memory is there");
    }
    assert_snapshot!(validate(&spec));
}

#[test]
fn an_environment_that_is_not_there_is_named() {
    let sandbox = Sandbox::new().with_example("full.yaml");
    assert_snapshot!("unknown_environment", sandbox.refusal(&["validate", "--env", "production"]));
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    assert_snapshot!("no_environments", sandbox.refusal(&["validate", "--env", "production"]));
}

#[test]
fn environments_are_maps_whether_asked_for_or_not() {
    assert_snapshot!("environments_list", validate(&format!("{MINIMAL}environments: [a, b]\n")));
    assert_snapshot!("environment_list", validate(&format!("{MINIMAL}environments:\n  staging: [1, 2]\n")));
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", format!("{MINIMAL}environments:\n  staging:\n"));
    assert_eq!(sandbox.json(&["validate"])["environments"], serde_json::json!(["staging"]));
}

#[test]
fn texts_that_no_request_could_carry_are_refused() {
    let mut spec = MINIMAL.to_owned();
    for number in 0..3 {
        writeln!(spec, "    - {{name: text_{number}, type: textarea, max_length: 10000}}").expect("memory is there");
    }
    assert_snapshot!(validate(&spec));
}

#[test]
fn choices_that_no_request_could_carry_are_refused() {
    let options: Vec<String> = (0..250).map(|number| format!("{number:0>90}")).collect();
    let choice =
        |name: &str| format!("    - {{name: {name}, type: multi_choice, options: ['{}']}}\n", options.join("', '"));
    let refusal = validate(&format!("{MINIMAL}{}", choice("languages")));
    assert!(refusal.contains("may have 24750 characters together; at most 20000 are possible"), "{refusal}");
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", format!("{MINIMAL}{}", choice("languages").replace("multi_", "")));
    assert_eq!(sandbox.json(&["validate"])["valid"], true, "of these only one is sent");
}

#[test]
fn a_profile_named_on_the_command_line_wins_over_the_environment() {
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", format!("{MINIMAL}region: eu-central-1\n"));
    let mut command = sandbox.command(&["status", "--json", "--profile", "production"]);
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
    let output = command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").output().expect("it starts");
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        value["error"]["code"], "no_credentials",
        "the environment's credentials are of another account: {value}"
    );
}

#[test]
fn a_reader_that_goes_early_is_no_error() {
    let sandbox = Sandbox::new();
    let mut child =
        sandbox.command(&["template", "workers"]).stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn an_environment_gets_a_service_of_its_own() {
    let sandbox = Sandbox::new().with_example("full.yaml");
    assert_eq!(sandbox.json(&["validate", "--env", "staging"])["service"], "conference-staging");
}

#[test]
fn a_failure_is_one_object_under_json() {
    let output = Sandbox::new().run(&["validate", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["error"]["code"], "spec_unreadable");
    assert!(value["error"]["hint"].is_string());
}

#[test]
fn wrong_usage_exits_with_2() {
    let all = [
        &["deplyo"][..],
        &["deploy", "--fast"],
        &["users"],
        &["users", "list", "--limit", "0"],
        &["cost", "--sign-ups", "-1"],
        &["cost", "--sign-ups", "many"],
        &["policy", "--github", "nobody"],
        &["policy", "--account", "12"],
        &["policy", "--part", "0"],
        &["policy", "--branch", "main"],
    ];
    for arguments in all {
        assert_eq!(Sandbox::new().run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn without_credentials_nothing_is_tried() {
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", format!("{MINIMAL}region: eu-central-1\n"));
    for command in [&["deploy", "--yes"][..], &["plan"], &["status"], &["destroy", "--yes"]] {
        assert_snapshot!("no_credentials", sandbox.refusal(command));
    }
}

#[test]
fn without_a_region_it_says_where_to_put_one() {
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", MINIMAL);
    assert_snapshot!(sandbox.refusal(&["status"]));
}

#[test]
fn a_region_that_does_not_exist_is_suspected() {
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", format!("{MINIMAL}region: eu-nowhere-9\n"));
    let mut command = sandbox.command(&["status"]);
    let output =
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x").output().expect("it starts");
    let stderr = support::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("AWS does not answer") && stderr.contains("Region's name"), "{stderr}");
}

#[test]
fn an_endpoint_that_does_not_answer_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("signup.yaml", format!("{MINIMAL}region: eu-central-1\n"));
    let mut command = sandbox.command(&["status"]);
    // Port 9 of the loopback interface: nobody listens there.
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
    let output = command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(support::text(&output.stderr).trim_end());
}

#[test]
fn commands_that_read_do_not_start_the_emulator() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    assert_snapshot!(sandbox.refusal(&["status", "--local"]));
    assert_eq!(sandbox.json(&["local", "status"])["running"], false);
}

/// A sandbox whose cache is empty and whose `PATH` holds only these scripts.
fn with_programs(sandbox: &Sandbox, programs: &[(&str, &str)]) -> std::process::Command {
    use std::os::unix::fs::PermissionsExt;
    let folder = sandbox.path().join("bin");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, script) in programs {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("our file");
    }
    let mut command = sandbox.command(&["local", "up"]);
    command.env("PATH", &folder).env("XDG_CACHE_HOME", sandbox.path().join("cache"));
    command
}

#[test]
fn without_python_or_its_venv_module_it_says_what_to_install() {
    let sandbox = Sandbox::new();
    let output = with_programs(&sandbox, &[]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!("no_python", support::text(&output.stderr).trim_end());
    let script = "case \"$1\" in -c) exit 0;; *) echo 'No module named venv' >&2; exit 1;; esac";
    let output = with_programs(&sandbox, &[("python3", script)]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!("no_venv", support::text(&output.stderr).trim_end());
}

#[test]
fn a_handler_that_is_none_is_refused_before_anything_is_made() {
    let sandbox = Sandbox::new().with_example("waitlist.yaml");
    sandbox.write("handler.zip", "no zip");
    let refusal = sandbox.refusal(&["plan", "--local", "--handler", "handler.zip"]);
    assert!(refusal.starts_with("exit 2"), "{refusal}");
    assert!(refusal.contains("a handler is a zip with a Linux executable named `bootstrap`"), "{refusal}");
}
