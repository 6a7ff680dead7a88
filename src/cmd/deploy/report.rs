//! What a deploy came to: printed as text, or as the object of `--json`.

use serde::Serialize;

use crate::cmd::{Context, program};
use crate::engine::identity::Standing;
use crate::engine::proof::Proof;
use crate::spec::Spec;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) service: String,
    pub(super) region: String,
    pub(super) topology: &'static str,
    pub(super) changed: bool,
    pub(super) endpoint: Option<String>,
    /// What `/healthz` answers.
    pub(super) version: String,
    pub(super) stacks: Vec<StackReport>,
    pub(super) sender: Option<Standing>,
    pub(super) proof: Option<Proof>,
    pub(super) api_calls: u64,
    pub(super) duration_ms: u128,
}

#[derive(Debug, Serialize)]
pub(super) struct StackReport {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) changed: bool,
}

impl Report {
    /// What the operator reads.
    pub(super) fn render(&self, context: &Context, spec: &Spec) -> String {
        let output = &context.output;
        let mut lines = Vec::new();
        let seconds = self.duration_ms as f64 / 1_000.0;
        let url = output.bold(&format!("{}/", self.endpoint.as_deref().unwrap_or_default()));
        if !self.changed {
            lines.push(format!("nothing changed: `{}` is as the spec says ({seconds:.1} s)", self.service));
            lines.push(format!("  {url}"));
            return lines.join("\n");
        }
        lines.push(format!("{} `{}` is deployed ({seconds:.1} s)", output.green("✓"), self.service));
        lines.push(format!("\n  form   {url}"));
        let users = context.command("users list");
        match (context.global.local, self.sender) {
            (true, _) => lines.push(format!("  mail   {} local inbox\n  users  {users}", program())),
            (false, Some(standing)) if standing != Standing::Verified => lines.push(format!(
                "\n{} no mail goes out yet: SES {} `{}`.\n  `{}` tells what it waits for.",
                output.yellow("!"),
                if standing == Standing::Failed { "has given up on" } else { "has not verified" },
                spec.email.from,
                context.command("verify-email")
            )),
            _ => lines.push(format!("  users  {users}")),
        }
        if let (Some(domain), Some(Proof { ok: false, .. })) = (&spec.domain, &self.proof) {
            lines.push(format!(
                "\n{} `{}` does not lead to the service yet: point it at the `DomainTarget` of `{}`.",
                output.yellow("!"),
                domain.name,
                context.command("outputs")
            ));
        }
        if context.global.local {
            lines.push(format!(
                "\nNext: open the form and sign up; the mail is in the inbox.\n`{}` takes it down.",
                context.command("destroy")
            ));
        }
        lines.join("\n")
    }
}
