//! `signupctl dev`: the service in one process over memory.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use super::{Sandbox, http};

/// `signupctl dev` in a sandbox, and what it said first.
#[derive(Debug)]
pub struct Dev {
    pub child: Child,
    pub told: Value,
}

impl Dev {
    pub fn start(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command(&["dev", "--port", "0", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.as_mut().expect("it speaks")).lines();
        let mut text = String::new();
        while !text.ends_with("}\n") {
            text += &lines.next().expect("a line").expect("text");
            text.push('\n');
        }
        Self { child, told: serde_json::from_str(&text).expect("JSON") }
    }

    /// An address of it.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.told["endpoint"].as_str().expect("an address"))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The link of the newest mail, where one has come to somebody.
pub fn mailed(mails: &str, to: &str) -> Option<String> {
    let inbox = http::get(mails).json();
    let mail = inbox["mails"].as_array()?.iter().find(|mail| mail["to"][0] == to)?;
    mail["text"].as_str()?.split_whitespace().find(|word| word.contains("/confirm?t=")).map(str::to_owned)
}
