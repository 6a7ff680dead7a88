//! `plan`: what a deploy would do. Leaves the account as it was.

use serde_json::json;

use super::{Context, describe};
use crate::aws::Aws;
use crate::bundle::{self, Bundle, Source};
use crate::cli;
use crate::engine::key_versions::Replaced;
use crate::engine::progress::Progress;
use crate::engine::stack::{self, DeployedStacks};
use crate::engine::stage::{self, Wish};
use crate::engine::status::{self, State};
use crate::error::{Exit, Failure, Outcome};
use crate::spec::Spec;

/// What plan and deploy both begin with.
#[derive(Debug)]
pub struct Prepared {
    pub spec: Spec,
    pub aws: Aws,
    pub bundle: Bundle,
    pub stacks: DeployedStacks,
}

/// Reads the spec, starts the emulator if that is the target, builds the bundle and reads the stacks.
pub async fn prepare(context: &Context, handler: Option<std::path::PathBuf>, progress: &Progress) -> Outcome<Prepared> {
    let mut spec = context.spec()?;
    let emulator = if context.global.local {
        let running = crate::local::up(&context.folders, None, progress).await?;
        tracing::info!("{}", describe(&running));
        Some(running.endpoint)
    } else {
        None
    };
    let aws = context.connect(&spec, emulator).await?;
    let source = match (handler, context.global.local) {
        (Some(zip), _) => Source::Handler(zip),
        (None, true) => Source::Local,
        (None, false) => Source::Aws,
    };
    // The account is asked first: a build of minutes must not precede a refusal.
    let stacks = stack::read_all(&aws, &spec).await?;
    if context.global.local {
        // An instance is a record there, and is what AWS would be asked for, which is what the cost is told of.
        spec.capacity.instances.instance_type = Some(spec.capacity.instance_type().to_owned());
        spec.capacity.architecture = bundle::host_architecture();
    }
    let bundle = bundle::make(&spec, &source, &context.folders.cache, progress).await?;
    Ok(Prepared { spec, aws, bundle, stacks })
}

pub async fn run(context: &Context, arguments: cli::Plan) -> Outcome<Exit> {
    let progress = Progress::new(context.output);
    let Prepared { spec, aws, bundle, stacks } = prepare(context, arguments.handler, &progress).await?;
    if let Some(stack) = stacks.values().find(|stack| matches!(stack.state, State::Busy | State::Stuck)) {
        let what = format!("`{}` {}", stack.name, status::meaning(&stack.status).text);
        return Err(Failure::new("stack_busy", what)
            .cause(format!("it is {}: what it will be like afterwards is not known yet", stack.status.as_str()))
            .hint(format!("`{}` follows it to its end, and goes on from there", context.command("deploy"))));
    }
    let wish = Wish { sign_ups: arguments.sign_ups, adopts: arguments.adopt, replaces: Replaced::default() };
    let staged = stage::stage(&aws, &spec, &stacks, &bundle, wish).await?;
    staged.discard(&aws).await?;
    let changed = staged.plan.changes_anything();
    context.output.text(format!("{}\n{}", staged.plan.render(&context.output), staged.plan.summary()));
    context.output.object(&json!({
        "service": spec.service, "region": aws.region, "changes": changed, "stacks": staged.plan.stacks,
        "release": staged.plan.release, "cost": staged.plan.cost, "existing": staged.plan.existing,
        "api_calls": aws.calls(), "duration_ms": context.output.started.elapsed().as_millis(),
    }));
    Ok(if changed && arguments.detailed_exitcode { Exit::Pending } else { Exit::Done })
}
