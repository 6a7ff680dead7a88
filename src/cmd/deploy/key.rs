//! What a deploy that replaces a key says, and when it refuses.

use std::time::Duration;

use signup_service::store::DynamoStore;

use crate::aws::Aws;
use crate::cli::ReplaceableKey;
use crate::cmd::users::{count, refusals};
use crate::cmd::{Context, output_of};
use crate::engine::key_versions::{self, Version, Versions};
use crate::engine::keys;
use crate::engine::progress::Progress;
use crate::engine::stack::DeployedStacks;
use crate::engine::stage::Staged;
use crate::engine::template::Role;
use crate::error::{Failure, Outcome};
use crate::spec::Spec;

/// As long as a request may take: a function's `Timeout`.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Refuses to replace a key together with anything else: what fails of that would take the new key with it, and while there
/// are two fronts, or one of before, one of them would not know it.
pub(super) fn ensure_alone(staged: &Staged, stacks: &DeployedStacks) -> Outcome<()> {
    let others = staged.beside(&[key_versions::ADDRESS, key_versions::TOKEN, key_versions::ADMIN], stacks);
    if others.is_empty() {
        return Ok(());
    }
    Err(Failure::usage("more_than_keys", "more than the keys would change")
        .cause(others.join(", "))
        .hint("nothing was changed; deploy without `--replace-key` first"))
}

/// Waits until the requests are over that whoever served before the deploy has begun: they do not know the key yet that names
/// people from now on.
pub(super) async fn wait_for_last_requests(progress: &Progress) {
    let step = progress.step("waiting for the last requests of before");
    tokio::time::sleep(LAST_REQUESTS).await;
    step.done("everything knows the new key");
}

/// A failure of the second step, whose first is done: an ordinary deploy would not go on with it.
pub(super) fn halfway(context: &Context, failure: Box<Failure>) -> Box<Failure> {
    let again = context.command("deploy --replace-key address-key");
    failure.and_hint(format!("the new key is known by now, and maybe not in force: `{again}` goes on with it"))
}

/// Has the key in force name refusals whose address is kept no more.
pub(super) async fn rename_refusals(
    context: &Context,
    spec: &Spec,
    aws: &Aws,
    stacks: &DeployedStacks,
    progress: &Progress,
) -> Outcome<()> {
    let again =
        || "the new key is in force, and nobody is lost; the same within the hour names what is left".to_owned();
    let step = progress.step("naming refusals by the new key");
    let key = keys::address_key(aws, &spec.key_prefix()).await?;
    let store = DynamoStore::new(aws.dynamodb(), output_of(stacks, Role::Data, "TableName")?, spec.form.name_field());
    let renamed = refusals::rename(&store, &key, |count| step.detail(&count.to_string())).await;
    let renamed = renamed.map_err(|failure| failure.hint(again()))?;
    step.done(&format!("{} named by the new key", count(renamed.refusals, "refusal")));
    if renamed.left > 0 {
        let left = format!("{} kept the name of before: {}", count(renamed.left, "refusal"), again());
        progress.line(format!("  {} {left}", context.output.yellow("!")));
    }
    Ok(())
}

impl ReplaceableKey {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address-key",
            Self::Token => "token-key",
            Self::Admin => "admin-key",
        }
    }

    pub(super) fn of(self, versions: Versions) -> Version {
        match self {
            Self::Address => versions.address,
            Self::Token => versions.token,
            Self::Admin => versions.admin,
        }
    }

    /// What will come of it that its replacement is asked for.
    pub(super) fn meaning(self, versions: Versions) -> &'static str {
        match self {
            _ if self.of(versions).replaces.is_none() => "an earlier run, which replaces a key, is finished first",
            Self::Address => {
                "`address-key` will be replaced, by two deploys: everybody goes on being found, and each sign-up costs some \
                 reads and writes more from then on"
            }
            Self::Token => {
                "`token-key` will be replaced: links mailed by the present one go on working until it is replaced once more (do \
                 that in an hour if it has leaked), and who has the form open may have to send it again"
            }
            Self::Admin => "`admin-key` will be replaced: nobody is an admin any more until they are added anew",
        }
    }

    /// That it was replaced.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Address => "`address-key`: the new one is in force",
            Self::Token => "`token-key` is another one",
            Self::Admin => "`admin-key` is another one; `signupctl admin add` makes somebody an admin",
        }
    }

    /// Refuses to replace it once more, when nothing of an earlier replacement is left to do.
    pub(super) fn replaced_already(self, context: &Context) -> Box<Failure> {
        let cause = match self {
            Self::Address => "once more, and each sign-up would cost still more",
            Self::Token => "once more, and links that were mailed an hour ago would not work",
            Self::Admin => "once more, and whoever was added since would be no admin",
        };
        Failure::new("replaced_already", format!("`{}` was replaced within the hour", self.name()))
            .cause(cause)
            .hint(format!("nothing was changed; `{}` tells whether all is well", context.command("deploy")))
    }
}
