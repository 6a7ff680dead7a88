//! `users`: the people who signed up, by the same store that the service works with. A file for each command; what
//! they share stands here: the service's table, and how somebody in it is named.

mod erase;
mod export;
mod list;
mod partial;
mod recount;
mod rekey;
mod resend;
mod show;
mod walk;

use signup_service::address::Address;
use signup_service::keys::Names;
use signup_service::ledger;
use signup_service::store::{DynamoStore, StoreError};
use signup_service::user::{User, UserId};

use super::{Context, data_outputs};
use crate::aws::Aws;
use crate::cli::Users;
use crate::engine::key_versions::{self, Deployed};
use crate::engine::template::Role;
use crate::engine::{keys, stack};
use crate::error::{Exit, Failure, Outcome};
use crate::spec::Spec;

pub async fn run(context: &Context, command: Users) -> Outcome<Exit> {
    match command {
        Users::List(arguments) => list::run(context, arguments).await,
        Users::Show(arguments) => show::run(context, &arguments.user).await,
        Users::Export(arguments) => export::run(context, arguments).await,
        Users::Erase(arguments) => erase::run(context, &arguments.user).await,
        Users::Resend(arguments) => resend::run(context, &arguments.user).await,
        Users::Recount { repair } => recount::run(context, repair).await,
        Users::Rekey => rekey::run(context).await,
    }
}

/// A deployed service's users, and where their erasure is noted.
#[derive(Debug)]
struct Book {
    spec: Spec,
    aws: Aws,
    store: DynamoStore,
    /// The artifact bucket.
    bucket: String,
    /// Key of the bundle that the worker runs; `None` while there is no worker.
    artifact: Option<String>,
    /// Versions of the key for addresses that are deployed; `None` where no stack tells.
    address_key: Deployed,
}

impl Book {
    async fn open(context: &Context) -> Outcome<Self> {
        let spec = context.spec()?;
        let aws = context.aws(&spec).await?;
        let stacks = stack::read_all(&aws, &spec).await?;
        let outputs = data_outputs(context, &aws, &stacks, &spec)?;
        let output = |name: &str| {
            outputs.get(name).cloned().ok_or_else(|| {
                Failure::new("unexpected_answer", format!("the data stack of `{}` tells no `{name}`", spec.service))
                    .hint(format!("run `{}`", context.command("deploy")))
            })
        };
        let (table, bucket) = (output("TableName")?, output("ArtifactBucket")?);
        let store = DynamoStore::new(aws.dynamodb(), table, spec.form.name_field());
        let artifact = stacks.get(&Role::Workers).and_then(|stack| stack.parameters.get("ArtifactKey")).cloned();
        let [address_key, ..] = key_versions::deployed(&stacks);
        Ok(Self { spec, aws, store, bucket, artifact, address_key })
    }

    /// Where whoever is meant may be kept. For an address the service's key is read.
    async fn names(&self, who: &Who) -> Outcome<Names> {
        match who {
            Who::Id(id) => Ok((*id).into()),
            Who::Address(address) => {
                let number = self.address_key.map(|(_, most)| most);
                Ok(keys::address_key(&self.aws, &self.spec.key_prefix(), number).await?.whose(address))
            }
        }
    }

    async fn find(&self, who: &Who) -> Outcome<Option<User>> {
        let names = self.names(who).await?;
        ledger::find(&self.store, &names).await.map_err(|error| store_failure(&error))
    }
}

/// How a user was named.
#[derive(Debug)]
enum Who {
    Id(UserId),
    Address(Address),
}

impl Who {
    fn parse(text: &str) -> Outcome<Self> {
        if let Some(id) = UserId::parse(&text.trim().to_ascii_lowercase()) {
            return Ok(Self::Id(id));
        }
        if text.contains('@') {
            return Address::parse(text).map(Self::Address).map_err(|error| {
                Failure::usage("bad_user", "this is no mail address that anybody could have signed up with")
                    .cause(error.to_string())
            });
        }
        Err(Failure::usage("bad_user", "this names no user")
            .cause("it is neither an ID of 32 hex digits nor a mail address")
            .hint("pass the mail address, or the ID that `users list` shows"))
    }

    /// How nobody was found, without saying whom.
    fn nobody(&self) -> &'static str {
        match self {
            Self::Id(_) => "nobody is kept under this ID",
            Self::Address(_) => "nobody is kept under this address",
        }
    }

    fn not_found(&self, context: &Context) -> Box<Failure> {
        Failure::new("no_such_user", self.nobody())
            .hint(format!("`{}` shows who has signed up", context.command("users list")))
    }
}

/// A failed call of the table in the house's words.
pub(super) fn store_failure(error: &StoreError) -> Box<Failure> {
    let innermost = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source()).last();
    let cause = innermost.map(ToString::to_string).unwrap_or_default();
    match error {
        StoreError::Busy { .. } | StoreError::Silent { .. } => {
            Failure::new("throttled", error.to_string()).cause(cause).hint("run it again")
        }
        StoreError::Failed { .. } => Failure::new("table_unreadable", error.to_string()).cause(cause),
    }
}

/// `1 user`, `2 users`.
pub(super) fn count(number: impl TryInto<u64>, of: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {of}"),
        number => format!("{number} {of}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_id_or_address() {
        assert!(matches!(Who::parse(&"AB".repeat(16)), Ok(Who::Id(id)) if id == UserId([0xab; 16])));
        assert!(matches!(Who::parse(" Ada@example.com "), Ok(Who::Address(_))));
        for wrong in ["", "ada", "ada@", "abc123"] {
            let failure = Who::parse(wrong).expect_err("no user");
            assert_eq!((failure.code, failure.exit), ("bad_user", Exit::Usage), "{wrong}");
        }
    }
}
