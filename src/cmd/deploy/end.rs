//! What a deploy ends with: the front that is not needed any more goes, or what served before comes back.

use super::Run;
use super::report::Switched;
use crate::cmd::service;
use crate::engine::lock::Lock;
use crate::engine::proof;
use crate::engine::rollback::Before;
use crate::engine::stack::DeployedStacks;
use crate::engine::{delete, switch};
use crate::error::{Failure, Outcome};

impl Run<'_> {
    /// Takes the front of the other topology away, where there is one, now that this one is proven; without a proof its
    /// health has to do. While people are still led to the old one it stays.
    pub(super) async fn retire(
        &self,
        mut stacks: DeployedStacks,
        no_proof: bool,
        lock: Option<&Lock>,
    ) -> Outcome<(DeployedStacks, Option<Switched>)> {
        let other = self.spec.topology.other();
        let Some(old) = stacks.get(&other.front()) else { return Ok((stacks, None)) };
        let service = self.service(&stacks)?;
        if no_proof {
            service.health(self.progress).await?;
        }
        let (new, before) = match self.aws.is_local() {
            true => (None, None),
            false => tokio::join!(service.domain_leads_here(), proof::domain_leads_to(old, self.spec)),
        };
        let waits = switch::waits(new, before);
        if !waits {
            if lock.is_some_and(Lock::is_lost) {
                return Err(Failure::new("overtaken", format!("another run has taken over, so `{}` stays", old.name))
                    .hint(format!("`{}` tells what it did; deploy again", self.context.command("status"))));
            }
            self.progress.line(format!("  the new front serves: `{}` goes", old.name));
            for left in delete::finish(self.aws, old, self.progress, &self.context.output).await? {
                self.progress.line(format!("  {} left behind: {left}", self.context.output.yellow("!")));
            }
            stacks.remove(&other.front());
        }
        Ok((stacks, Some(Switched { from: other.name(), waits_for_domain: waits })))
    }

    /// Puts back what served before; the failure then says so.
    pub(super) async fn put_back(
        &self,
        failure: Box<Failure>,
        stacks: &DeployedStacks,
        before: Option<&Before>,
        lock: Option<&Lock>,
    ) -> Box<Failure> {
        let Some(before) = before else { return failure };
        let new = stacks.get(&self.front()).filter(|front| !before.stood(front.role));
        if lock.is_some_and(Lock::is_lost) {
            return failure.hint("another run has taken over meanwhile, so nothing was put back: see what it did");
        }
        let release = before.release();
        self.progress.line(format!("  {}: going back to version {release}", failure.message));
        let back = async {
            before.put_back(self.aws, stacks, self.progress).await?;
            service(self.aws, self.spec, stacks, before.front, release)?.health(self.progress).await.map(drop)
        };
        let back = back.await;
        // A front that this run brought up beside the one that serves, and is not to be trusted, is of no use to anybody.
        if let Some(new) = new
            && let Err(other) = delete::finish(self.aws, new, self.progress, &self.context.output).await
        {
            self.progress.line(format!("  `{}` stays for now: {}", new.name, other.message));
        }
        let usual = "mend the cause and deploy again".to_owned();
        match back {
            Ok(()) => {
                let advice = failure.hint.clone().filter(|_| failure.code != proof::FAILED).unwrap_or(usual);
                failure.hint(format!("version {release} is back in service; {advice}"))
            }
            Err(other) => failure.hint(format!(
                "version {release} could not be put back ({}): `{}`",
                other.message,
                self.context.command(if new.is_some() { "deploy" } else { "rollback" })
            )),
        }
    }
}
