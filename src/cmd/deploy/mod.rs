//! `deploy`: from the spec to a service that answers.

mod end;
mod key;
mod report;

use std::time::Instant;

use super::plan::{Prepared, prepare};
use super::{Context, endpoint, output_of, service};
use crate::aws::Aws;
use crate::bundle::Bundle;
use crate::cli::{self, ReplaceableKey};
use crate::engine::cost::SIGN_UPS;
use crate::engine::identity::{Standing, sender};
use crate::engine::key_versions::{Replaced, Versions};
use crate::engine::lock::Lock;
use crate::engine::plan::{Action, Plan, TABLE};
use crate::engine::progress::Progress;
use crate::engine::proof::{self, Proof, SignUp};
use crate::engine::rollback::Before;
use crate::engine::stack::{self, DeployedStacks};
use crate::engine::stage::{self, Staged, Wish};
use crate::engine::status::State;
use crate::engine::template::Role;
use crate::engine::{artifacts, code_only, collect, data, deploy, existing, keys, settle};
use crate::error::{Exit, Failure, Outcome};
use crate::spec::Spec;
use report::{Report, StackReport, Switched};

pub async fn run(context: &Context, arguments: cli::Deploy) -> Outcome<Exit> {
    let progress = Progress::new(context.output);
    let prepared = prepare(context, arguments.handler.clone(), &progress).await?;
    let (mut lock, mut consent) = (None, Consent::default());
    let outcome = until_done(context, &arguments, prepared, &progress, &mut lock, &mut consent).await;
    if let Some(lock) = lock {
        lock.release().await;
    }
    outcome.map_err(|failure| match consent.is_for_more || consent.ends {
        true => key::halfway(context, failure),
        false => failure,
    })
}

/// Deploys, and once more where a key is replaced that takes two deploys.
async fn until_done(
    context: &Context,
    arguments: &cli::Deploy,
    prepared: Prepared,
    progress: &Progress,
    lock: &mut Option<Lock>,
    consent: &mut Consent,
) -> Outcome<Exit> {
    let Prepared { spec, aws, bundle, mut stacks } = prepared;
    let attempt = Attempt { context, arguments, spec: &spec, aws: &aws, bundle: &bundle, progress };
    loop {
        match attempt.make(stacks, lock, consent).await {
            Ok(Some(exit)) => return Ok(exit),
            Ok(None) => consent.is_for_more = true,
            // Another run was faster: what it made is looked at, and what is left is done.
            Err(failure) if failure.code == "stack_busy" && !arguments.no_wait => {
                progress.line(format!("  {}: looking again", failure.message));
            }
            Err(failure) => return Err(failure),
        }
        stacks = stack::read_all(&aws, &spec).await?;
    }
}

/// What was agreed to.
#[derive(Debug, Default)]
struct Consent {
    plan: Option<Plan>,
    /// Whether the second step of a key's replacement was agreed to with the first.
    is_for_more: bool,
    /// Whether this is that step, whichever run has made the first.
    ends: bool,
}

/// What a deploy begins with.
struct Attempt<'a> {
    context: &'a Context,
    arguments: &'a cli::Deploy,
    spec: &'a Spec,
    aws: &'a Aws,
    bundle: &'a Bundle,
    progress: &'a Progress,
}

impl Attempt<'_> {
    /// Plans, asks and deploys. Fails with `stack_busy` when another run was faster. `None` is halfway, where the same
    /// once more replaces a key.
    async fn make(
        &self,
        stacks: DeployedStacks,
        lock: &mut Option<Lock>,
        consent: &mut Consent,
    ) -> Outcome<Option<Exit>> {
        let Attempt { context, arguments, spec, aws, bundle, progress } = *self;
        if arguments.no_wait {
            settle::ensure_idle(&stacks)?;
        }
        let mut stacks = settle::wait_until_idle(aws, stacks, progress).await?;
        if settle::is_called_for(&stacks) && lock.is_none() {
            self.hold(&stacks, lock).await?;
            stacks = stack::read_all(aws, spec).await?;
        }
        let stacks = settle::settle(aws, stacks, progress, &context.output).await?;
        // The second step is that of one key, however long the first took.
        let replaces = match consent.is_for_more {
            true => Replaced { address: true, ..Replaced::default() },
            false => arguments.replaced(),
        };
        let wish = Wish { sign_ups: SIGN_UPS, adopts: arguments.adopt, replaces };
        let staged = stage::stage(aws, spec, &stacks, bundle, wish).await?;
        consent.ends = staged.keys.ends().is_some();
        let plan = staged.plan.clone();
        let run = Run { context, spec, aws, bundle, progress, plan: &plan };
        if !arguments.replace_key.contains(&ReplaceableKey::Address) {
            run.tell_halfway(staged.keys).await;
        }
        if !plan.changes_anything() {
            run.finish_replacing(arguments, &stacks, &staged).await?;
            return run.keep(&stacks, arguments.no_proof).await.map(Some);
        }
        let ready = async {
            if consent.is_for_more {
                key::ensure_alone(&staged, &stacks)?;
            } else if consent.plan.as_ref() != Some(&plan) {
                run.agree(arguments, &staged, &stacks).await?;
                consent.plan = Some(plan.clone());
            }
            if lock.is_none() {
                let waited = self.hold(&stacks, lock).await?;
                // Another run may have replaced a key since they were read, and be over already.
                if waited || (lock.is_some() && self.keys(replaces).await? != staged.keys) {
                    return Err(Failure::new("stack_busy", "another run has changed the service"));
                }
            }
            if lock.as_ref().is_some_and(Lock::is_lost) {
                return Err(Failure::new("overtaken", "another run has taken over meanwhile")
                    .cause("this one was not heard of for a minute, as of a machine that slept")
                    .hint(format!("this one stops here; `{}` tells what the other did", context.command("status"))));
            }
            if let Some(known) = staged.keys.ends() {
                key::wait_until_known(context, aws, &stacks, known, progress).await?;
            }
            sender::ensure_sender(aws, &spec.service, &spec.key_prefix(), &spec.email.from).await
        };
        match ready.await {
            Ok(sender) => run.execute(arguments, staged, stacks, lock, sender).await,
            Err(refusal) => {
                staged.discard(aws).await?;
                Err(refusal)
            }
        }
    }

    /// The keys to be read, by the stacks as they are now.
    async fn keys(&self, replaces: Replaced) -> Outcome<Versions> {
        let stacks = stack::read_all(self.aws, self.spec).await?;
        keys::versions(self.aws, &self.spec.key_prefix(), &stacks, replaces).await
    }

    /// Takes the lease, where there is a table for it. Returns whether another run held it meanwhile.
    async fn hold(&self, stacks: &DeployedStacks, lock: &mut Option<Lock>) -> Outcome<bool> {
        let data = stacks.get(&Role::Data).filter(|data| data.state == State::Ready);
        let Some(table) = data.and_then(|data| data.outputs.get("TableName")) else { return Ok(false) };
        Ok(lock.insert(Lock::acquire(self.aws, table, self.arguments.no_wait, self.progress).await?).waited)
    }
}

/// One deploy, once it is known what it is to do.
struct Run<'a> {
    context: &'a Context,
    spec: &'a Spec,
    aws: &'a Aws,
    bundle: &'a Bundle,
    progress: &'a Progress,
    plan: &'a Plan,
}

impl Run<'_> {
    /// Nothing is to be changed; what an earlier run was kept from is done.
    async fn keep(&self, stacks: &DeployedStacks, no_proof: bool) -> Outcome<Exit> {
        if let Some(stack) = stacks.get(&Role::Data) {
            data::protect(self.aws, stack, self.spec.data.deletion_protection).await?;
        }
        self.stand_in(stacks).await?;
        let proof = match no_proof {
            true => None,
            false => {
                let health = self.service(stacks)?.health(self.progress).await;
                // Which version is the right one only the operator knows: the last deploy may have been taken back.
                Some(health.map_err(|failure| {
                    failure.hint(format!(
                        "`{}` tells whether another version answers than the stacks name, and sets it right with \
                         `--revert`; `{}` tells why one does not answer",
                        self.context.command("drift"),
                        self.context.command("logs")
                    ))
                })?)
            }
        };
        self.finish(stacks, None, proof, None)
    }

    /// Has something answer for instances, where they are records only.
    async fn stand_in(&self, stacks: &DeployedStacks) -> Outcome<()> {
        match stacks.get(&self.front()) {
            Some(front) => deploy::stand_in(self.aws, front).await,
            None => Ok(()),
        }
    }

    /// Shows the plan and asks, unless it is not what was asked for.
    async fn agree(&self, arguments: &cli::Deploy, staged: &Staged, stacks: &DeployedStacks) -> Outcome<()> {
        if arguments.code_only {
            code_only::ensure_nothing_else(staged, stacks)?;
        }
        existing::ensure_decided(self.plan.existing.values().flatten(), arguments.adopt)?;
        if staged.taken_over(Role::Data).iter().any(|found| found.resource_type == TABLE) {
            keys::ensure_kept(self.aws, &self.spec.key_prefix()).await?;
        }
        if !arguments.replace_key.is_empty() {
            key::ensure_alone(staged, stacks)?;
            for key in &arguments.replace_key {
                self.warn(&key.meaning(staged.keys));
            }
        }
        consent(self.context, self.aws, self.plan, arguments.allow_data_loss).await
    }

    async fn execute(
        &self,
        arguments: &cli::Deploy,
        staged: Staged,
        stacks: DeployedStacks,
        lock: &mut Option<Lock>,
        sender: Standing,
    ) -> Outcome<Option<Exit>> {
        let before = Before::read(self.aws, &stacks, self.spec.topology).await?;
        // Instances take their code with the stack that replaces them.
        if let (true, Some(before), Role::Web) = (arguments.code_only, &before, self.front())
            && let Err(failure) = self.update_code(&stacks, before, arguments.no_proof).await
        {
            staged.discard(self.aws).await?;
            return Err(failure);
        }
        let keys = staged.keys;
        let executed = deploy::execute(self.aws, self.spec, staged, stacks, self.bundle, lock, self.progress).await;
        let stacks = match executed {
            Ok(stacks) => stacks,
            // CloudFormation takes back the stack that failed, and not the other one, nor what was updated directly.
            Err(failure) if failure.code == "stack_failed" => {
                let Ok(stacks) = stack::read_all(self.aws, self.spec).await else { return Err(failure) };
                return Err(self.put_back(failure, &stacks, before.as_ref(), lock.as_ref()).await);
            }
            Err(failure) => return Err(failure),
        };
        // An earlier run may have made the front and gone no further.
        self.stand_in(&stacks).await?;
        let proof = match self.prove(&stacks, arguments.no_proof, before.is_none()).await {
            Ok(proof) => proof,
            Err(failure) if failure.code == proof::FAILED => {
                return Err(self.put_back(failure, &stacks, before.as_ref(), lock.as_ref()).await);
            }
            Err(failure) => return Err(failure),
        };
        let numbers = keys.each().map(|version| Some(version.number));
        if let Err(failure) = keys::note(self.aws, &self.spec.key_prefix(), numbers).await {
            // `destroy` notes the same.
            self.progress.line(format!("  {}", failure.message));
        }
        if !self.end_replacing(arguments, &stacks, keys).await? {
            return Ok(None);
        }
        let (stacks, switched) = self.retire(stacks, arguments.no_proof, lock.as_ref()).await?;
        let bucket = output_of(&stacks, Role::Data, "ArtifactBucket")?;
        if let Err(failure) = collect::collect(self.aws, &stacks, bucket).await {
            // What is left over is met again by the next deploy.
            self.progress.line(format!("  old versions stay for now: {}", failure.message));
        }
        self.finish(&stacks, Some(sender), proof, switched).map(Some)
    }

    /// Has the functions answer by the new code before the stacks do.
    async fn update_code(&self, stacks: &DeployedStacks, before: &Before, no_proof: bool) -> Outcome<()> {
        let bucket = output_of(stacks, Role::Data, "ArtifactBucket")?;
        let step = self.progress.step("updating the functions");
        artifacts::upload(self.aws, bucket, self.bundle).await?;
        let started = Instant::now();
        let updated = async {
            code_only::update(self.aws, before, bucket, &self.bundle.artifact).await?;
            match no_proof {
                true => Ok(()),
                false => self.service(stacks)?.health(self.progress).await.map(drop),
            }
        };
        if let Err(failure) = updated.await {
            return Err(match code_only::undo(self.aws, before, bucket).await {
                Ok(()) => failure
                    .hint(format!("version {} is back in service; mend the cause and deploy again", before.release())),
                Err(other) => failure.hint(format!(
                    "version {} could not be put back ({}): `{}`",
                    before.release(),
                    other.message,
                    self.context.command("drift --revert")
                )),
            });
        }
        let seconds = started.elapsed().as_secs_f64();
        step.done(&format!("the new code is live ({seconds:.1} s); the stacks follow"));
        Ok(())
    }

    /// Shows that the service does what it is for.
    async fn prove(&self, stacks: &DeployedStacks, no_proof: bool, first: bool) -> Outcome<Option<Proof>> {
        if no_proof {
            return Ok(None);
        }
        let service = self.service(stacks)?;
        let started = Instant::now();
        let mut proof = service.health(self.progress).await?;
        if proof.ok {
            self.line("the service answers");
            let reached = service.sign_up(first, self.progress).await?;
            match &reached {
                SignUp::Mailed => self.line("somebody signed up, was mailed, and is erased again"),
                SignUp::Counted => self.line("somebody signed up, and is erased again; no mail goes out yet"),
                SignUp::Untried { reason } => self.progress.line(format!("  nobody was signed up: {reason}")),
            }
            (proof.sign_up, proof.ms) = (Some(reached), started.elapsed().as_millis());
        }
        Ok(Some(proof))
    }

    fn warn(&self, of: &str) {
        self.progress.line(format!("  {} {of}", self.context.output.yellow("!")));
    }

    fn line(&self, done: &str) {
        self.progress.line(format!("  {} {done}", self.context.output.green("✓")));
    }

    /// The stack that answers, of the topology that the spec asks for.
    fn front(&self) -> Role {
        self.spec.topology.front()
    }

    fn service<'a>(&'a self, stacks: &'a DeployedStacks) -> Outcome<proof::Service<'a>> {
        service(self.aws, self.spec, stacks, self.front(), self.bundle.artifact.release())
    }

    fn finish(
        &self,
        stacks: &DeployedStacks,
        sender: Option<Standing>,
        proof: Option<Proof>,
        switched: Option<Switched>,
    ) -> Outcome<Exit> {
        let Run { context, spec, aws, plan, .. } = *self;
        let release = self.bundle.artifact.release();
        let changed = plan.changes_anything();
        let endpoint = stacks.get(&self.front()).and_then(|front| endpoint(aws, front));
        let action = |role| plan.stacks.iter().find(|stack| stack.role == role).map(|stack| stack.action);
        let report = Report {
            service: spec.service.clone(),
            region: aws.region.clone(),
            topology: spec.topology.name(),
            switched,
            changed,
            endpoint,
            version: release.to_owned(),
            stacks: stacks
                .values()
                .map(|stack| StackReport {
                    name: stack.name.clone(),
                    status: stack.status.as_str().to_owned(),
                    changed: action(stack.role).is_some_and(|action| action != Action::Keep),
                })
                .collect(),
            sender,
            proof,
            api_calls: aws.calls(),
            duration_ms: context.output.started.elapsed().as_millis(),
        };
        context.output.text(report.render(context, spec));
        context.output.object(&report);
        Ok(Exit::Done)
    }
}

/// Shows the plan and asks. What would take data away is refused unless asked for on the command line.
async fn consent(context: &Context, aws: &Aws, plan: &Plan, allow_data_loss: bool) -> Outcome<()> {
    let output = &context.output;
    // With consent given beforehand, the events that follow tell the same once more.
    if !output.yes {
        output.note(plan.render(output));
    }
    if let Some(change) = plan.stacks.iter().flat_map(|stack| stack.data_at_risk()).next()
        && !allow_data_loss
    {
        return Err(Failure::new("data_at_risk", "this would take users' data away")
            .cause(format!("`{}` ({}) would be replaced or removed", change.logical_id, change.resource_type))
            .hint("nothing was changed; back the table up first, then pass `--allow-data-loss`"));
    }
    if output.yes || output.confirm(&format!("Deploy this to {}?", aws.describe().await?)).await? {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was changed").cause("you declined"))
}
