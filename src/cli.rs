//! The command line: what can be said, and how it reads.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use signup_service::admin::Role as AdminRole;
use signup_service::export::Format;
use signup_service::user::State;

use crate::engine::key_versions::Replaced;
use crate::engine::permissions::Repository;
use crate::engine::template::Role;
use crate::output::ColorChoice;

/// One YAML file in, a production sign-up service in your own AWS account out.
#[derive(Debug, Parser)]
#[command(name = "signupctl", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The spec
    #[arg(short, long, global = true, value_name = "FILE", default_value = "signup.yaml")]
    pub file: PathBuf,
    /// Lay `environments.NAME` of the spec over it; the service becomes `<service>-NAME`
    #[arg(short, long, global = true, value_name = "NAME")]
    pub env: Option<String>,
    /// Use an AWS emulator on this machine instead of an account
    #[arg(long, global = true)]
    pub local: bool,
    /// Profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// AWS Region; wins over the spec's
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Print one JSON object on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Consent to everything that would be asked
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Say more on stderr; twice for every request to AWS
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the spec without talking to AWS
    Validate,
    /// Show what a deploy would change
    Plan(Plan),
    /// Tell what a month costs, item by item, beside what others take
    Cost(Cost),
    /// Create or update the service
    Deploy(Deploy),
    /// Go back to an earlier version: functions within seconds, instances as they are replaced
    Rollback(Rollback),
    /// Show the service's stacks, endpoint and sign-ups
    Status,
    /// Print the outputs of the service's stacks
    Outputs,
    /// Show what the functions wrote, merged by time
    Logs(Logs),
    /// Tell what was changed behind the stacks' back; exits with 3 when something was
    Drift(Drift),
    /// Tell what could stop a deploy or its mail, and what to do about it
    Doctor,
    /// Make the sender ready: the identity in SES, its DNS records, the sandbox; exits with 3 while SES waits
    VerifyEmail(VerifyEmail),
    /// List, show, export and erase the people who signed up
    #[command(subcommand)]
    Users(Users),
    /// Say who may sign in to the dashboard
    #[command(subcommand)]
    Admin(Admin),
    /// Delete the service; the data stays unless told otherwise
    Destroy(Destroy),
    /// Print the IAM policy that whoever deploys this spec needs
    Policy(Policy),
    /// Print a CloudFormation template as it is deployed
    Template {
        /// Which of the stacks
        role: Role,
    },
    /// Write what a server or a container reads: the spec as `service.json`, and the logo
    Declaration {
        /// Where to; made if it is not there
        folder: std::path::PathBuf,
    },
    /// Run the service alone over memory, to try it and to design its form; follows the spec as it changes
    Dev(Dev),
    /// The local AWS emulator behind `--local`
    #[command(subcommand)]
    Local(Local),
}

#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// Exit with 3 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Use the `bootstrap` in this zip instead of building the function
    #[arg(long, value_name = "ZIP")]
    pub handler: Option<PathBuf>,
    /// Tell what a month costs at so many sign-ups
    #[arg(long, value_name = "N", default_value_t = crate::engine::cost::SIGN_UPS)]
    pub sign_ups: u32,
    /// Take over what an earlier stack of the service left behind: the table with its sign-ups, its bucket, its access log
    #[arg(long)]
    pub adopt: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Cost {
    /// People who sign up in the month
    #[arg(long, value_name = "N", default_value_t = crate::engine::cost::SIGN_UPS)]
    pub sign_ups: u32,
}

#[derive(Clone, Debug, Args)]
pub struct Deploy {
    /// Use the `bootstrap` in this zip instead of building the function
    #[arg(long, value_name = "ZIP")]
    pub handler: Option<PathBuf>,
    /// Update the functions at once, and the stacks afterwards; refused when more than the code changes
    #[arg(long)]
    pub code_only: bool,
    /// Do not try the new version out: neither ask for its health nor sign anybody up
    #[arg(long)]
    pub no_proof: bool,
    /// Go on even if the change takes the table, and so users' data, away
    #[arg(long)]
    pub allow_data_loss: bool,
    /// Take over what an earlier stack of the service left behind: the table with its sign-ups, its bucket, its access log
    #[arg(long)]
    pub adopt: bool,
    /// Replace a secret key: `address-key`, by which people are found (everybody still is), `token-key`, by which links in
    /// mails are made (those in earlier mails go on working), or `admin-key`, after which every admin is added anew
    #[arg(long, value_name = "KEY", conflicts_with = "code_only")]
    pub replace_key: Vec<ReplaceableKey>,
    /// Leave when another run is changing the service, instead of waiting for its end
    #[arg(long)]
    pub no_wait: bool,
}

/// A secret key that can be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReplaceableKey {
    #[value(name = "address-key")]
    Address,
    #[value(name = "token-key")]
    Token,
    #[value(name = "admin-key")]
    Admin,
}

impl Deploy {
    pub fn replaced(&self) -> Replaced {
        let is = |key| self.replace_key.contains(&key);
        Replaced {
            address: is(ReplaceableKey::Address),
            token: is(ReplaceableKey::Token),
            admin: is(ReplaceableKey::Admin),
        }
    }
}

#[derive(Clone, Debug, Args)]
pub struct Rollback {
    /// The version by its number; the one before, when none is named
    #[arg(long, value_name = "VERSION")]
    pub to: Option<u64>,
    /// Leave when another run is changing the service, instead of waiting for its end
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Dev {
    /// Where to listen; 0 takes a free port
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The address to listen at: whoever reaches it can sign up, and read all mails
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
}

#[derive(Clone, Debug, Args)]
pub struct Logs {
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// Begin so long ago: a number and `s`, `m`, `h` or `d`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = crate::cmd::logs::seconds)]
    pub since: u32,
}

#[derive(Clone, Debug, Args)]
pub struct VerifyEmail {
    /// A mail address or a domain; the spec's sender, when none is named
    pub identity: Option<String>,
    /// Wait so long for it: a number and `s`, `m`, `h` or `d`. Broken off, it goes on with the next run
    #[arg(long, value_name = "TIME", value_parser = crate::cmd::logs::seconds)]
    pub wait: Option<u32>,
    /// Ask this resolver for the DNS records instead of the system's: `IP` or `IP:PORT`
    #[arg(long, value_name = "IP", value_parser = crate::cmd::verify_email::resolver)]
    pub resolver: Option<std::net::SocketAddr>,
    /// Begin anew what SES has given up on, or have the mail with the link sent once more
    #[arg(long)]
    pub again: bool,
    /// Ask AWS to let the account out of the sandbox
    #[arg(long, conflicts_with_all = ["identity", "wait", "resolver", "again"])]
    pub request_production: bool,
    /// What the service is for and how much it mails, in a sentence or two; asked for, when not given
    #[arg(long, value_name = "TEXT", requires = "request_production")]
    pub use_case: Option<String>,
    /// Where AWS sees what the service is about; asked for, when not given
    #[arg(long, value_name = "URL", requires = "request_production")]
    pub website: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Drift {
    /// Set everything back to what the stacks say
    #[arg(long)]
    pub revert: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Destroy {
    /// Delete the table with all sign-ups, the artifacts and the keys too
    #[arg(long)]
    pub delete_data: bool,
    /// Leave when another run is changing the service, instead of waiting for its end
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Policy {
    /// Narrow it to this account, by its twelve digits
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,
    /// Print one of the parts into which it is cut for managed policies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub part: Option<u8>,
    /// Print a CloudFormation template instead: a role that holds the policy, for the workflows of a repository
    ///
    /// A repository that was made, renamed or given away since July 2026 is named with its numbers: ORG@ID/REPO@ID.
    #[arg(long, value_name = "ORG/REPO", conflicts_with_all = ["account", "part"])]
    pub github: Option<Repository>,
    /// Trust the workflows of this branch alone
    #[arg(long, value_name = "NAME", default_value = "main", requires = "github")]
    pub branch: String,
    /// Trust the jobs of this environment of the repository alone, whatever their branch
    #[arg(long, value_name = "NAME", requires = "github", conflicts_with = "branch")]
    pub github_environment: Option<String>,
}

/// The number of an account.
fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("an account is twelve digits".to_owned()) }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Users {
    /// List users, newest first
    List(ListUsers),
    /// Show everything that is kept of one user
    Show(OneUser),
    /// Write all users, newest first, as CSV or JSON
    ///
    /// CSV is safe to open in a spreadsheet: what it would take for a formula is led by an apostrophe, and a byte-order
    /// mark comes first, so that Excel reads it as UTF-8. JSON holds every value as it is kept.
    Export(Export),
    /// Erase one user for good
    ///
    /// The table's stream holds the record for 24 hours more. A restored backup of the table may bring the user back;
    /// `users recount --repair` then erases anew. A refusal of mail goes too: signed up again, the address is mailed.
    Erase(OneUser),
    /// Send one user the mail with the link once more
    Resend(OneUser),
    /// Rename refusals by the new `address-key`, once it was replaced
    ///
    /// A refusal of which no address is kept holds under any name. But whoever has a former key, and a copy of the table,
    /// could tell by a former name whose it is. `deploy --replace-key address-key` renames them all; whoever was there
    /// before and refuses later has a former name until this is run.
    Rekey,
    /// Compare the counters with the users that they count; exits with 3 when something is wrong
    Recount {
        /// Set right what is wrong, and erase anew who was erased and is back
        #[arg(long)]
        repair: bool,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum Admin {
    /// Add an admin, and print the link by which they set their account up
    ///
    /// The link works once and for an hour. The first admin is an owner, and whoever comes later a viewer, unless `--role`
    /// says otherwise. Viewers see everything; owners also export, erase and add admins.
    Add(AddAdmin),
    /// List the admins
    List,
    /// Remove an admin; their sessions end at once
    Remove(OneAdmin),
    /// End an admin's password, app and sessions, and print a link to set them up anew
    ResetPassword(OneAdmin),
}

#[derive(Clone, Debug, Args)]
pub struct AddAdmin {
    /// The mail address they sign in with
    pub email: String,
    #[arg(long, value_parser = roles())]
    pub role: Option<AdminRole>,
}

#[derive(Clone, Debug, Args)]
pub struct OneAdmin {
    /// The mail address they sign in with
    pub email: String,
}

/// The roles by their names.
fn roles() -> impl TypedValueParser<Value = AdminRole> {
    PossibleValuesParser::new(AdminRole::ALL.map(AdminRole::name))
        .try_map(|name| AdminRole::parse(&name).ok_or("no such role"))
}

#[derive(Clone, Debug, Args)]
pub struct ListUsers {
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// Go on behind an earlier page: its `next`
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    /// Only users of this state
    #[arg(long, value_parser = states())]
    pub state: Option<State>,
}

#[derive(Clone, Debug, Args)]
pub struct OneUser {
    /// The ID that the list shows, or the mail address
    #[arg(value_name = "ID|ADDRESS")]
    pub user: String,
}

#[derive(Clone, Debug, Args)]
pub struct Export {
    #[arg(long, default_value = "csv")]
    pub format: ExportFormat,
    /// Write to this file, which nobody else may read, instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only users of this state
    #[arg(long, value_parser = states())]
    pub state: Option<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// RFC 4180 behind a byte-order mark, a row for each user; what is no longer asked for is in `other_fields`, as JSON
    Csv,
    /// One array, an object for each user
    Json,
}

impl ExportFormat {
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

impl From<ExportFormat> for Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Csv => Self::Csv,
            ExportFormat::Json => Self::Json,
        }
    }
}

/// The states by their names.
fn states() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::name)).try_map(|name| State::parse(&name).ok_or("no such state"))
}

#[derive(Clone, Debug, Subcommand)]
pub enum Local {
    /// Start it, installing it first if need be
    Up {
        /// A certificate (PEM) by which it trusts the URLs of subscribers on this machine
        #[arg(long, value_name = "FILE")]
        trust: Option<PathBuf>,
    },
    /// Stop it; what it holds is gone
    Down,
    /// Tell whether it runs, and where
    Status,
    /// List the mail that it captured, and print the newest
    Inbox {
        /// Print mail N of the list whole
        #[arg(long, value_name = "N")]
        open: Option<usize>,
    },
}
