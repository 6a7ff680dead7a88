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
    /// When the front of another topology was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) switched: Option<Switched>,
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

/// The front of another topology gave way to this one, or is to.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Switched {
    pub(super) from: &'static str,
    /// Whether it still stands, since the domain leads to it.
    pub(super) waits_for_domain: bool,
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
            lines.extend(self.astray(context, spec));
            return lines.join("\n");
        }
        lines.push(format!("{} `{}` is deployed ({seconds:.1} s)", output.green("✓"), self.service));
        lines.push(format!("\n  form   {url}"));
        let users = context.command("users list");
        let admin = context.command("admin add YOUR@ADDRESS");
        match (context.global.local, self.sender) {
            (true, _) => {
                lines.push(format!("  mail   {} local inbox\n  users  {users}\n  admin  {admin}", program()));
            }
            (false, Some(standing)) if standing != Standing::Verified => lines.push(format!(
                "\n{} no mail goes out yet: SES {} `{}`.\n  `{}` tells what it waits for.",
                output.yellow("!"),
                if standing == Standing::Failed { "has given up on" } else { "has not verified" },
                spec.email.from,
                context.command("verify-email")
            )),
            _ => lines.push(format!("  users  {users}\n  admin  {admin}")),
        }
        lines.extend(self.astray(context, spec));
        if context.global.local {
            lines.push(format!(
                "\nNext: open the form and sign up; the mail is in the inbox.\n`{}` takes it down.",
                context.command("destroy")
            ));
        }
        lines.join("\n")
    }

    /// That the domain leads elsewhere, and what there is to do.
    fn astray(&self, context: &Context, spec: &Spec) -> Option<String> {
        let domain = &spec.domain.as_ref()?.name;
        let (sign, outputs) = (context.output.yellow("!"), context.command("outputs"));
        match (&self.proof, self.switched) {
            (_, Some(Switched { from, waits_for_domain: true })) => Some(format!(
                "\n{sign} `{domain}` still leads to the {from} front, which stays until it leads to this one: point it \
                 at\n  the `DomainTarget` of `{outputs}`, let the old record run out, and deploy again."
            )),
            (Some(Proof { domain_leads_here: Some(false), .. }), _) => Some(format!(
                "\n{sign} `{domain}` does not lead to the service yet: point it at the `DomainTarget` of `{outputs}`."
            )),
            _ => None,
        }
    }
}
