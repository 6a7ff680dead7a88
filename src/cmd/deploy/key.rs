//! What a deploy that replaces a key says, and when it refuses.

use crate::cli::ReplaceableKey;
use crate::cmd::Context;
use crate::engine::key_versions::{self, Version, Versions};
use crate::engine::stack::DeployedStacks;
use crate::engine::stage::Staged;
use crate::error::{Failure, Outcome};

/// Refuses to replace a key together with anything else: what fails of that would take the new key with it, and while there
/// are two fronts, or one of before, one of them would not know it.
pub(super) fn ensure_alone(staged: &Staged, stacks: &DeployedStacks) -> Outcome<()> {
    let others = staged.beside(&[key_versions::TOKEN, key_versions::ADMIN], stacks);
    if others.is_empty() {
        return Ok(());
    }
    Err(Failure::usage("more_than_keys", "more than the keys would change")
        .cause(others.join(", "))
        .hint("nothing was changed; deploy without `--replace-key` first"))
}

impl ReplaceableKey {
    fn name(self) -> &'static str {
        match self {
            Self::TokenKey => "token-key",
            Self::AdminKey => "admin-key",
        }
    }

    pub(super) fn of(self, versions: Versions) -> Version {
        match self {
            Self::TokenKey => versions.token,
            Self::AdminKey => versions.admin,
        }
    }

    /// What will come of it that its replacement is asked for.
    pub(super) fn meaning(self, versions: Versions) -> &'static str {
        match self {
            _ if self.of(versions).replaces.is_none() => "an earlier run, which replaces a key, is finished first",
            Self::TokenKey => {
                "`token-key` will be replaced: links mailed by the present one go on working until it is replaced once more (do \
                 that in an hour if it has leaked), and who has the form open may have to send it again"
            }
            Self::AdminKey => "`admin-key` will be replaced: nobody is an admin any more until they are added anew",
        }
    }

    /// That it was replaced.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::TokenKey => "`token-key` is another one",
            Self::AdminKey => "`admin-key` is another one; `signupctl admin add` makes somebody an admin",
        }
    }

    /// Refuses to replace it once more, when nothing of an earlier replacement is left to do.
    pub(super) fn replaced_already(self, context: &Context) -> Box<Failure> {
        let cause = match self {
            Self::TokenKey => "once more, and links that were mailed an hour ago would not work",
            Self::AdminKey => "once more, and whoever was added since would be no admin",
        };
        Failure::new("replaced_already", format!("`{}` was replaced within the hour", self.name()))
            .cause(cause)
            .hint(format!("nothing was changed; `{}` tells whether all is well", context.command("deploy")))
    }
}
