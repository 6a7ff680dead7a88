//! `admin`: who may sign in to the dashboard. No password is ever in a command: a link that works once leads to the page
//! where one is chosen.

use std::sync::Arc;

use serde_json::{Value, json};
use signup_service::address::Address;
use signup_service::admin::{Actor, Admin, Admins, Invited, Managed, Role, SetUpLink};
use signup_service::clock::{Clock, System, rfc3339};
use signup_service::store::{DynamoStore, StoreError};

use super::users::store_failure;
use super::{Context, data_outputs, endpoint, output_of};
use crate::cli;
use crate::cli::{AddAdmin, OneAdmin};
use crate::engine::template::Role as Of;
use crate::engine::{key_versions, keys, stack};
use crate::error::{Exit, Failure, Outcome};

/// What the audit log calls whoever uses the command line.
const OPERATOR: &str = "signupctl";

/// A deployed service's admins.
struct Desk {
    admins: Admins,
    /// Where the dashboard is.
    url: String,
}

pub async fn run(context: &Context, command: cli::Admin) -> Outcome<Exit> {
    match command {
        cli::Admin::Add(arguments) => add(context, arguments).await,
        cli::Admin::List => list(context).await,
        cli::Admin::Remove(arguments) => remove(context, &arguments).await,
        cli::Admin::ResetPassword(arguments) => reset(context, &arguments).await,
    }
}

impl Desk {
    async fn open(context: &Context) -> Outcome<Self> {
        let spec = context.spec()?;
        let aws = context.aws(&spec).await?;
        let stacks = stack::read_all(&aws, &spec).await?;
        data_outputs(context, &aws, &stacks, &spec)?;
        let table = output_of(&stacks, Of::Data, "TableName")?;
        let front = stack::front(&stacks, spec.topology);
        let key_version = front.and_then(|front| front.parameters.get(key_versions::ADMIN)?.parse().ok());
        let endpoint = front.and_then(|front| endpoint(&aws, front));
        let endpoint = endpoint.ok_or_else(|| {
            Failure::new("not_deployed", format!("`{}` is taken down: only its data stands", spec.service))
                .hint(format!("`{}` brings the service back", context.command("deploy")))
        })?;
        let key = keys::admin_key(&aws, &spec.key_prefix(), key_version).await?;
        let store = DynamoStore::new(aws.dynamodb(), table, spec.form.name_field()).sealing(key.clone());
        let store = Arc::new(store);
        let brand = spec.branding.name.clone().unwrap_or_else(|| spec.service.clone());
        let admins = Admins::new(store, Arc::new(System), Arc::new(System), key, brand, spec.service.clone());
        Ok(Self { admins, url: format!("{}/admin", endpoint.trim_end_matches('/')) })
    }

    async fn all(&self) -> Outcome<Vec<Admin>> {
        self.admins.list().await.map_err(|error| store_failure(&error))
    }

    /// The admin with an address.
    async fn one(&self, context: &Context, email: &str) -> Outcome<Admin> {
        let id = self.admins.id(&address(email)?);
        self.all().await?.into_iter().find(|admin| admin.id == id).ok_or_else(|| unknown(context, email))
    }
}

fn unknown(context: &Context, email: &str) -> Box<Failure> {
    Failure::new("no_admin", format!("`{email}` is no admin"))
        .hint(format!("`{}` shows who is", context.command("admin list")))
}

fn address(email: &str) -> Outcome<Address> {
    Address::parse(email).map_err(|_| {
        Failure::usage("bad_address", format!("`{email}` is no mail address"))
            .hint("name one such as `ada@example.com`")
    })
}

async fn add(context: &Context, arguments: AddAdmin) -> Outcome<Exit> {
    let address = address(&arguments.email)?;
    let desk = Desk::open(context).await?;
    let owners = desk.all().await?.iter().any(|admin| admin.role == Role::Owner);
    // Somebody has to be able to add others.
    let role = arguments.role.unwrap_or(if owners { Role::Viewer } else { Role::Owner });
    match desk.admins.invite(&Actor::Operator(OPERATOR), &address, role).await.map_err(|error| store_failure(&error))? {
        Invited::Link(link) => show_link(context, &desk, address.as_typed(), role, &link),
        Invited::Known => Err(Failure::new("admin_exists", format!("`{}` is an admin already", arguments.email))
            .hint(format!("`{} {}` makes a new link", context.command("admin reset-password"), arguments.email))),
        Invited::Denied(_) => Err(denied()),
    }
}

/// What an operator never meets: the AWS account's rights are all it takes.
fn denied() -> Box<Failure> {
    Failure::new("unexpected_answer", "the change was denied")
}

fn show_link(context: &Context, desk: &Desk, email: &str, role: Role, link: &SetUpLink) -> Outcome<Exit> {
    let output = &context.output;
    let url = link.url(&desk.url);
    let minutes = (link.expires_at.as_second() - System.now().as_second() + 59) / 60;
    output.text(format!(
        "{} `{email}` sets the account up as {} here, once and within {minutes} minutes:\n\n  {}\n\nWhoever has the \
         link can use it: pass it on in a way that nobody else reads.",
        output.green("✓"),
        role.name(),
        output.bold(&url)
    ));
    output.object(&json!({
        "email": email, "role": role.name(), "set_up": url, "expires_at": rfc3339(link.expires_at),
    }));
    Ok(Exit::Done)
}

async fn list(context: &Context) -> Outcome<Exit> {
    let output = &context.output;
    let desk = Desk::open(context).await?;
    let admins = desk.all().await?;
    let now = System.now();
    let state = |admin: &Admin| match (&admin.credentials, &admin.setup) {
        (Some(_), _) => "active",
        (None, Some(setup)) if setup.expires_at > now => "invited",
        (None, _) => "link run out",
    };
    let width = admins.iter().map(|admin| admin.email.chars().count()).max().unwrap_or(0).max("EMAIL".len());
    let line = |email: &str, role: &str, state: &str| format!("{email:width$}  {role:6}  {state}");
    let rows = admins.iter().map(|admin| line(&admin.email, admin.role.name(), state(admin)));
    let text = match admins.is_empty() {
        true => format!("nobody is an admin yet; `{} EMAIL` adds the first", context.command("admin add")),
        false => [line("EMAIL", "ROLE", "STATE")].into_iter().chain(rows).collect::<Vec<_>>().join("\n"),
    };
    output.text(format!("{text}\n\n  {}/dashboard", desk.url));
    let object = |admin: &Admin| -> Value {
        json!({
            "id": admin.id.to_string(), "email": admin.email, "role": admin.role.name(), "state": state(admin),
            "created_at": rfc3339(admin.created_at), "created_by": admin.created_by,
        })
    };
    output.object(&json!({
        "admins": admins.iter().map(object).collect::<Vec<_>>(), "dashboard": format!("{}/dashboard", desk.url),
    }));
    Ok(Exit::Done)
}

async fn remove(context: &Context, arguments: &OneAdmin) -> Outcome<Exit> {
    let output = &context.output;
    let desk = Desk::open(context).await?;
    let admin = desk.one(context, &arguments.email).await?;
    if !output.confirm(&format!("Remove the admin `{}`, and end their sessions?", admin.email)).await? {
        return Err(Failure::new("declined", "nobody was removed"));
    }
    manage(context, &arguments.email, desk.admins.remove(&Actor::Operator(OPERATOR), admin.id).await)?;
    output.text(format!("{} `{}` is no admin any more", output.green("✓"), admin.email));
    output.object(&json!({ "email": admin.email, "removed": true }));
    Ok(Exit::Done)
}

async fn reset(context: &Context, arguments: &OneAdmin) -> Outcome<Exit> {
    let output = &context.output;
    let desk = Desk::open(context).await?;
    let admin = desk.one(context, &arguments.email).await?;
    let question = format!("End the password, the app and the sessions of `{}`, and make a new link?", admin.email);
    if !output.confirm(&question).await? {
        return Err(Failure::new("declined", "nothing was changed"));
    }
    let link = manage(context, &arguments.email, desk.admins.reset(&Actor::Operator(OPERATOR), admin.id).await)?;
    show_link(context, &desk, &admin.email, admin.role, &link)
}

fn manage<T>(context: &Context, email: &str, managed: Result<Managed<T>, StoreError>) -> Outcome<T> {
    match managed.map_err(|error| store_failure(&error))? {
        Managed::Done(done) => Ok(done),
        Managed::Unknown => Err(unknown(context, email)),
        Managed::LastOwner => Err(Failure::new("last_owner", format!("`{email}` is the last owner who can sign in"))
            .hint(format!("`{}` another owner first", context.command("admin add --role owner")))),
        Managed::Denied(_) => Err(denied()),
    }
}
