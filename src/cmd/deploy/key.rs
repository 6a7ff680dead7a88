//! What a deploy that replaces a key says, and when it refuses.

use std::time::Duration;

use signup_service::clock::System;
use signup_service::event::Wanted;
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

/// As long as somebody may be served who signs up: the web function's `Timeout`. Whoever was begun before the first step is
/// over then, since the first step has proven itself meanwhile.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Refuses to replace a key together with anything else: what fails of that would take the new key with it, and while there
/// are two fronts, or one of before, one of them would not know it.
pub(super) fn ensure_alone(staged: &Staged, stacks: &DeployedStacks) -> Outcome<()> {
    if ![Role::Web, Role::Servers].iter().any(|front| stacks.contains_key(front)) {
        return Err(Failure::new("not_deployed", "nothing is deployed whose key could be replaced")
            .hint("deploy without `--replace-key` first"));
    }
    let others = staged.beside(&key_versions::PARAMETERS, stacks);
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
    if let Some(function) = versions::reads_other_keys(aws, stacks).await? {
        return Err(Failure::new("drifted", format!("`{function}` reads other keys than its stack says"))
            .cause(format!(
                "so whether all know version {known} of `address-key` is not known, by which people are named then"
            ))
            .hint(format!("`{}` sets it right", context.command("drift --revert"))));
    }
    let step = progress.step("waiting for the last requests of before");
    tokio::time::sleep(LAST_REQUESTS).await;
    step.done("everything knows the new key");
    Ok(())
}

/// A failure once the new key is known: an ordinary deploy would not go on with it.
pub(super) fn halfway(context: &Context, failure: Box<Failure>) -> Box<Failure> {
    let (deploy, rekey) = (context.command("deploy"), context.command("users rekey"));
    failure.and_hint(format!(
        "`{deploy}` says whether the replacement of `address-key` is halfway, and how it goes on; if it does not, the new one \
         is in force, and `{rekey}` brings it to its end"
    ))
}

impl Run<'_> {
    /// Says what is left of a replacement of the key for addresses that is not asked for now.
    pub(super) async fn tell_halfway(&self, keys: Versions) {
        let number = keys.address.number;
        if number == 1 {
            return;
        }
        match keys::is_halfway(self.aws, &self.spec.key_prefix(), number).await {
            Ok(true) => {
                let again = self.context.command("deploy --replace-key address-key");
                self.warn(&format!("the replacement of `address-key` is halfway, and `{again}` brings it to its end"));
            }
            Ok(false) if ReplaceableKey::Address.of(keys).1 => {
                let rekey = self.context.command("users rekey");
                self.warn(&format!(
                    "the replacement of `address-key` is brought to its end: `{rekey}` then renames who refuses mail"
                ));
            }
            Ok(false) => {}
            Err(failure) => self.warn(&format!("{}: whether it is replaced by halves is not known", failure.message)),
        }
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
            self.warn(&ReplaceableKey::Address.meaning(staged.keys));
            self.rename_refusals(stacks, staged.keys).await;
        }
        match asked.iter().find_map(|key| key.replaced_already(self.context)) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// Says which keys are others now, and has the one for addresses name refusals. Whether it is in force, where it is to be.
    pub(super) async fn end_replacing(
        &self,
        arguments: &cli::Deploy,
        stacks: &DeployedStacks,
        keys: Versions,
    ) -> Outcome<bool> {
        let asked = &arguments.replace_key;
        let is_replaced = |key: &ReplaceableKey| {
            let (version, finished) = key.of(keys);
            finished || version.replaces.is_some()
        };
        let of_address = asked.iter().any(|key| *key == ReplaceableKey::Address && is_replaced(key));
        let is_halfway = of_address && keys.ends_halfway();
        for key in asked.iter().filter(|key| is_replaced(key)) {
            if *key != ReplaceableKey::Address || !is_halfway {
                self.line(key.done());
            }
        }
        if of_address && !is_halfway {
            self.rename_refusals(stacks, keys).await;
        }
        if keys.finished.contains(&true) && !asked.iter().all(is_replaced) {
            // Those that are finished are not to be replaced once more: what was mailed by the key before would be worth nothing.
            let is_left = |key: &&ReplaceableKey| !is_replaced(key) || (**key == ReplaceableKey::Address && is_halfway);
            let left: Vec<&str> = asked.iter().filter(is_left).map(|key| key.name()).collect();
            let again = left.iter().map(|key| format!(" --replace-key {key}")).collect::<String>();
            return Err(Failure::new("not_replaced", format!("not replaced yet: `{}`", left.join("`, `")))
                .cause("an earlier run, which replaces another key, was finished first")
                .hint(format!("run `{}`", self.context.command(&format!("deploy{again}")))));
        }
        Ok(!is_halfway)
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
            let wanted = Wanted::of(&spec.service_config());
            let renamed =
                refusals::rename(&store, &key, &wanted, &System, |count| step.detail(&count.to_string())).await;
            renamed.map_err(|error| store_failure(&error))
        };
        let renamed = rename.await;
        let left = match &renamed {
            Ok(renamed) if renamed.left == 0 => None,
            Ok(renamed) => Some(format!("{} kept the name of before", count(renamed.left, "refusal"))),
            Err(failure) => Some(format!("refusals keep the names of before ({})", failure.message)),
        };
        if let Ok(renamed) = renamed {
            step.done(&format!("{} renamed", count(renamed.refusals, "refusal")));
        }
        if let Some(left) = left {
            self.warn(&format!("{left}: `{}` renames them", context.command("users rekey")));
        }
    }
}

impl ReplaceableKey {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address-key",
            Self::Token => "token-key",
            Self::Admin => "admin-key",
        }
    }

    /// Which version is to be read, and whether it was made by a run of before that is finished.
    fn of(self, versions: Versions) -> (Version, bool) {
        let at = match self {
            Self::Address => 0,
            Self::Token => 1,
            Self::Admin => 2,
        };
        (versions.each()[at], versions.finished[at])
    }

    /// What will come of it that its replacement is asked for.
    pub(super) fn meaning(self, versions: Versions) -> String {
        let meaning = match self {
            _ if versions.finished.contains(&true) => "an earlier run, which replaces a key, is finished first",
            _ if self.of(versions).0.replaces.is_none() => {
                return format!("`{}` was replaced within the hour, and is not replaced once more", self.name());
            }
            Self::Address if versions.ends().is_some() => {
                "the replacement of `address-key` is halfway, and is brought to its end"
            }
            Self::Address => {
                "`address-key` will be replaced, by two deploys: everybody goes on being found, and each sign-up costs two or \
                 three write units and half a read unit more from then on"
            }
            Self::Token => {
                "`token-key` will be replaced: links mailed by the present one go on working until it is replaced once more (do \
                 that in an hour if it has leaked), and who has the form open may have to send it again"
            }
            Self::Admin => "`admin-key` will be replaced: nobody is an admin any more until they are added anew",
        };
        meaning.to_owned()
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
        let cause = match self {
            Self::Address => return None,
            Self::Token => "once more, and links that were mailed an hour ago would not work",
            Self::Admin => "once more, and whoever was added since would be no admin",
        };
        let refusal = Failure::new("replaced_already", format!("`{}` was replaced within the hour", self.name()));
        let deploy = context.command("deploy");
        Some(refusal.cause(cause).hint(format!("no key was replaced; `{deploy}` tells whether all is well")))
    }
}
