//! What a deploy that replaces a key says, and when it refuses.

use std::time::Duration;

use signup_service::clock::System;
use signup_service::refusals;
use signup_service::store::DynamoStore;

use super::Run;
use crate::aws::Aws;
use crate::cli::{self, ReplaceableKey};
use crate::cmd::users::{count, store_failure};
use crate::cmd::{Context, output_of};
use crate::engine::key_versions::{self, Version, Versions};
use crate::engine::progress::Progress;
use crate::engine::stack::DeployedStacks;
use crate::engine::stage::Staged;
use crate::engine::template::Role;
use crate::engine::{keys, versions};
use crate::error::{Failure, Outcome};

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
        .hint("deploy without `--replace-key` first, and then replace the key"))
}

/// Waits until everything knows the key that names people from now on: refuses where something answers that is not told of
/// it, and sees to it that the requests are over that were begun before.
pub(super) async fn wait_until_known(
    context: &Context,
    aws: &Aws,
    stacks: &DeployedStacks,
    known: u64,
    progress: &Progress,
) -> Outcome<()> {
    if let Some(function) = versions::reads_another_address_key(aws, stacks, known).await? {
        return Err(Failure::new("drifted", format!("`{function}` does not answer by what its stack says"))
            .cause(format!("it is not told of version {known} of `address-key`, and so would not find whoever is new"))
            .hint(format!("`{}` sets it right", context.command("drift --revert"))));
    }
    let step = progress.step("waiting for the last requests of before");
    tokio::time::sleep(LAST_REQUESTS).await;
    step.done("everything knows the new key");
    Ok(())
}

/// A failure of the second step, whose first is done: an ordinary deploy would not go on with it.
pub(super) fn halfway(context: &Context, failure: Box<Failure>) -> Box<Failure> {
    let again = context.command("deploy --replace-key address-key");
    failure.and_hint(format!("the new key is known by now, and maybe not in force: `{again}` goes on with it"))
}

impl Run<'_> {
    /// Says it where the first step of a replacement is done, and the second not asked for.
    pub(super) async fn tell_halfway(&self, address_key: u64) -> Outcome<()> {
        if address_key > 1 && keys::is_halfway(self.aws, &self.spec.key_prefix(), address_key).await? {
            let again = self.context.command("deploy --replace-key address-key");
            self.warn(&format!("the replacement of `address-key` is halfway, and `{again}` brings it to its end"));
        }
        Ok(())
    }

    /// Does what is left of a replacement where nothing is to be deployed, and refuses to replace a key once more.
    pub(super) async fn finish_replacing(
        &self,
        arguments: &cli::Deploy,
        stacks: &DeployedStacks,
        staged: &Staged,
    ) -> Outcome<()> {
        let asked = &arguments.replace_key;
        if asked.contains(&ReplaceableKey::Address) {
            self.warn("`address-key` was replaced within the hour, and is not replaced once more");
            self.rename_refusals(stacks, staged.keys).await;
        }
        match asked.iter().find_map(|key| key.replaced_already(self.context)) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// Says which keys are others now, and has the one for addresses name refusals. Whether it is in force, where it is to be.
    pub(super) async fn end_replacing(&self, arguments: &cli::Deploy, stacks: &DeployedStacks, keys: Versions) -> bool {
        let asked = &arguments.replace_key;
        let of_address = asked.contains(&ReplaceableKey::Address);
        let is_halfway = of_address && keys.ends_halfway();
        for key in asked.iter().filter(|key| key.of(keys).replaces.is_some()) {
            if !is_halfway || *key != ReplaceableKey::Address {
                self.line(key.done());
            }
        }
        if keys.finishes && !asked.is_empty() {
            self.warn("an earlier run was finished; the same once more replaces what that had not asked for");
        }
        if of_address && !is_halfway {
            self.rename_refusals(stacks, keys).await;
        }
        !is_halfway
    }

    /// Has the key in force name refusals whose address is kept no more. The deploy has done what it was to do, so that what is
    /// left is said, and left to be done again.
    async fn rename_refusals(&self, stacks: &DeployedStacks, keys: Versions) {
        let Self { context, spec, aws, progress, .. } = *self;
        let step = progress.step("naming refusals by the new key");
        let rename = async {
            let key = keys::address_key(aws, &spec.key_prefix(), Some(keys.address.number)).await?;
            let table = output_of(stacks, Role::Data, "TableName")?;
            let store = DynamoStore::new(aws.dynamodb(), table, spec.form.name_field());
            let renamed = refusals::rename(&store, &key, &System, |count| step.detail(&count.to_string())).await;
            renamed.map_err(|error| store_failure(&error))
        };
        let renamed = rename.await;
        let left = match &renamed {
            Ok(renamed) if renamed.left == 0 => None,
            Ok(renamed) => Some(format!("{} kept the name of before", count(renamed.left, "refusal"))),
            Err(failure) => Some(format!("refusals keep the names of before ({})", failure.message)),
        };
        if let Ok(renamed) = renamed {
            step.done(&format!("{} named by the new key", count(renamed.refusals, "refusal")));
        }
        if let Some(left) = left {
            self.warn(&format!("{left}: `{}` renames them", context.command("users rekey")));
        }
    }
}

impl ReplaceableKey {
    fn of(self, versions: Versions) -> Version {
        match self {
            Self::Address => versions.address,
            Self::Token => versions.token,
            Self::Admin => versions.admin,
        }
    }

    /// What will come of it that its replacement is asked for.
    pub(super) fn meaning(self, versions: Versions) -> &'static str {
        match self {
            _ if versions.finishes => "an earlier run, which replaces a key, is finished first",
            _ if self.of(versions).replaces.is_none() => {
                "a key was replaced within the hour, and is not replaced once more"
            }
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
    fn done(self) -> &'static str {
        match self {
            Self::Address => "`address-key`: the new one is in force",
            Self::Token => "`token-key` is another one",
            Self::Admin => "`admin-key` is another one; `signupctl admin add` makes somebody an admin",
        }
    }

    /// Refuses to replace it once more, when nothing of an earlier replacement is left to do. Whoever asks for the one for
    /// addresses has refusals renamed that are left.
    fn replaced_already(self, context: &Context) -> Option<Box<Failure>> {
        let (name, cause) = match self {
            Self::Address => return None,
            Self::Token => ("token-key", "once more, and links that were mailed an hour ago would not work"),
            Self::Admin => ("admin-key", "once more, and whoever was added since would be no admin"),
        };
        let refusal = Failure::new("replaced_already", format!("`{name}` was replaced within the hour"));
        let deploy = context.command("deploy");
        Some(refusal.cause(cause).hint(format!("no key was replaced; `{deploy}` tells whether all is well")))
    }
}
