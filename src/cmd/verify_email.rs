//! `verify-email`: the sender made ready. Begins or adopts its identity in SES, compares DNS with what SES waits for, and
//! tells what the account may send. Never deletes an identity that it did not begin.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Context;
use crate::aws::Aws;
use crate::cli;
use crate::engine::account::{self, Account, Request};
use crate::engine::identity::dns::Dns;
use crate::engine::identity::records::{self, Found, Record};
use crate::engine::identity::{self, Identity, Kind, Standing, sender};
use crate::engine::progress::Progress;
use crate::error::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::spec::Spec;

/// How long to wait between looks: SES looks at DNS every few minutes.
const PAUSE: Duration = Duration::from_secs(10);
const LOCAL_PAUSE: Duration = Duration::from_millis(200);

/// A resolver as `IP` or `IP:PORT`.
pub fn resolver(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    address.or_else(|_| text.parse()).map_err(|_| "an IP address, such as `1.1.1.1` or `127.0.0.1:5353`".to_owned())
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    service: &'a str,
    region: &'a str,
    #[serde(flatten)]
    identity: &'a Identity,
    /// Whether this run began it.
    begun: bool,
    records: Vec<Checked<'a>>,
    account: &'a Account,
    api_calls: u64,
    duration_ms: u128,
}

#[derive(Debug, Serialize)]
struct Checked<'a> {
    #[serde(flatten)]
    record: &'a Record,
    /// The record as a line of a zone file.
    zone_line: String,
    #[serde(flatten)]
    found: &'a Found,
}

/// The identity as it stands, and its records beside what DNS says of them.
struct Seen {
    identity: Identity,
    begun: bool,
    records: Vec<(Record, Found)>,
}

pub async fn run(context: &Context, arguments: cli::VerifyEmail) -> Outcome<Exit> {
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    if arguments.request_production {
        return request_production(context, &aws, arguments).await;
    }
    let progress = Progress::new(context.output);
    let name = match &arguments.identity {
        Some(text) => identity::parse(text)?,
        None => sender_of(&aws, &spec).await?,
    };
    let dns = Dns::new(arguments.resolver);
    let key_prefix = spec.key_prefix();
    let (found, account) = tokio::join!(identity::ensure(&aws, &spec.service, &key_prefix, &name), account::read(&aws));
    let ((mut identity, begun), account) = (found?, account?);
    // A link that was lost comes by no other way; a domain's records stay good while SES looks for them.
    let is_stuck = match identity.kind {
        Kind::Address => identity.standing != Standing::Verified && !begun,
        Kind::Domain => identity.standing == Standing::Failed,
    };
    if arguments.again && is_stuck {
        identity = identity::begin_again(&aws, &spec.service, &key_prefix, &identity).await?;
    }
    if let Some(wait) = arguments.wait {
        identity = follow(&aws, identity, Duration::from_secs(wait.into()), &progress).await?;
    }
    let records = match identity.records(&aws.region) {
        records if records.is_empty() => Vec::new(),
        records => look_up(dns?, records, &identity.name).await,
    };
    drop(progress);
    let seen = Seen { identity, begun, records };
    context.output.text(render(context, &spec, &seen, &account));
    context.output.object(&Report {
        service: &spec.service,
        region: &aws.region,
        identity: &seen.identity,
        begun: seen.begun,
        records: seen
            .records
            .iter()
            .map(|(record, found)| Checked { record, zone_line: record.zone_line(), found })
            .collect(),
        account: &account,
        api_calls: aws.calls(),
        duration_ms: context.output.started.elapsed().as_millis(),
    });
    Ok(match seen.identity.standing {
        Standing::Verified => Exit::Done,
        Standing::Pending | Standing::TemporaryFailure => Exit::Pending,
        Standing::Failed => Exit::Failed,
    })
}

/// The identity that the spec's sender sends by, or is to.
async fn sender_of(aws: &Aws, spec: &Spec) -> Outcome<String> {
    let found = sender::identities(aws, &spec.email.from).await?;
    Ok(found.into_iter().next().map_or_else(|| spec.email.from.clone(), |identity| identity.name))
}

/// Looks until SES has decided, or the time is over. Whoever breaks it off loses nothing.
async fn follow(aws: &Aws, mut identity: Identity, wait: Duration, progress: &Progress) -> Outcome<Identity> {
    let started = Instant::now();
    let step = progress.step(format!("waiting for SES to verify `{}`", identity.name));
    let pause = if aws.is_local() { LOCAL_PAUSE } else { PAUSE };
    while matches!(identity.standing, Standing::Pending | Standing::TemporaryFailure) {
        let Some(left) = wait.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else { break };
        step.detail(&format!("{} min left", left.as_secs().div_ceil(60)));
        tokio::time::sleep(pause.min(left)).await;
        identity = match identity::find(aws, &identity.name).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                return Err(Failure::new("identity_gone", format!("`{}` is not in SES any more", identity.name))
                    .cause("somebody has deleted it meanwhile")
                    .hint("run it again: it begins anew"));
            }
            Err(failure) if failure.is_transient() => continue,
            Err(failure) => return Err(failure),
        };
    }
    Ok(identity)
}

/// All records side by side.
async fn look_up(dns: Dns, records: Vec<Record>, domain: &str) -> Vec<(Record, Found)> {
    let mut checks = tokio::task::JoinSet::new();
    for (place, record) in records.into_iter().enumerate() {
        let (dns, domain) = (dns.clone(), domain.to_owned());
        checks.spawn(async move {
            let found = dns.check(&record, &domain).await;
            (place, record, found)
        });
    }
    let mut found = checks.join_all().await;
    found.sort_by_key(|(place, ..)| *place);
    found.into_iter().map(|(_, record, found)| (record, found)).collect()
}

fn render(context: &Context, spec: &Spec, seen: &Seen, account: &Account) -> String {
    let output = &context.output;
    let Seen { identity, begun, records } = seen;
    let (name, kind) = (output.bold(&identity.name), if identity.kind == Kind::Domain { "domain" } else { "address" });
    let (sign, standing) = match identity.standing {
        Standing::Verified if *begun => (output.green("✓"), "is begun, and verified".to_owned()),
        Standing::Verified => (output.green("✓"), "is verified".to_owned()),
        Standing::Pending if *begun => (output.yellow("…"), "is begun, and not verified yet".to_owned()),
        Standing::Pending => (output.yellow("…"), "is not verified yet".to_owned()),
        Standing::TemporaryFailure => {
            (output.yellow("!"), "could not be looked at by SES, which goes on trying".to_owned())
        }
        Standing::Failed => (output.red("✗"), "has failed: SES has given up".to_owned()),
    };
    let owner = match identity.owner.as_deref() {
        Some(owner) if owner == spec.service => String::new(),
        Some(owner) => format!(", begun by `{owner}`"),
        None => ", which was there before".to_owned(),
    };
    let mut lines = vec![format!("{sign} {name} ({kind}{owner}) {standing}")];
    lines.extend(identity.why.map(|why| format!("  {why}")));
    lines.extend(next_step(context, identity).map(|step| format!("  {step}")));
    if !records.is_empty() {
        lines.push(format!("\n{}", output.bold("DNS records")));
        lines.push(records::table(records, &identity.name, |found| sign_of(found, output)).trim_end().to_owned());
        // Added once more, one that is there would be there twice; of one that cannot be looked up nobody knows.
        let is_wanted = |found: &Found| !matches!(found, Found::Right | Found::Unknown { .. });
        let wanted: Vec<&Record> =
            records.iter().filter(|(_, found)| is_wanted(found)).map(|(record, _)| record).collect();
        if !wanted.is_empty() {
            lines.push(format!("\n{}", output.bold("what is still wanted, for a zone file")));
            lines.extend(wanted.iter().map(|record| format!("  {}", record.zone_line())));
        }
    }
    lines.push(format!("\n{}", output.bold("the account")));
    lines.extend(account.lines(|command| context.command(command)).into_iter().map(|line| format!("  {line}")));
    lines.join("\n")
}

fn sign_of(found: &Found, output: &Output) -> String {
    match found {
        Found::Right => output.green("✓"),
        Found::Missing => output.yellow("…"),
        Found::Doubled { .. } | Found::Wrong { .. } => output.red("✗"),
        Found::Unknown { .. } => output.yellow("?"),
    }
}

/// What the operator is to do now.
fn next_step(context: &Context, identity: &Identity) -> Option<String> {
    let again = || context.command(&format!("verify-email {}", super::quoted(&identity.name)));
    match (identity.standing, identity.kind) {
        (Standing::Verified, _) => None,
        (Standing::Failed, _) => Some(format!("mend what is wrong, then begin anew: `{} --again`", again())),
        (_, Kind::Address) => Some(format!(
            "AWS has sent a mail there: open the link in it within 24 hours. `{0} --wait 30m` waits for it, and `{0} --again` \
             has it sent once more",
            again()
        )),
        (_, Kind::Domain) => Some(format!(
            "add the records below at your DNS provider; SES looks for them for 72 hours. `{} --wait 30m` waits for it",
            again()
        )),
    }
}

async fn request_production(context: &Context, aws: &Aws, arguments: cli::VerifyEmail) -> Outcome<Exit> {
    let output = &context.output;
    let account = account::read(aws).await?;
    let done = |text: String, asked: bool| {
        output.text(text);
        output.object(&serde_json::json!({ "asked": asked, "account": account, "api_calls": aws.calls() }));
        Ok(Exit::Done)
    };
    if account.quota.production_access {
        return done("nothing to ask for: the account has production access".into(), false);
    }
    if account.is_under_review() {
        return done(account.lines(|command| context.command(command)).join("\n"), false);
    }
    let website = match arguments.website {
        Some(website) => website,
        None => output.ask("The website of the service (https://…): ").await?,
    };
    if !["https://", "http://"].iter().any(|scheme| website.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())) {
        return Err(Failure::usage("bad_website", format!("`{website}` is no website"))
            .hint("nothing was sent; name one that begins with `https://`"));
    }
    let about = match arguments.use_case {
        Some(about) => about,
        None => output.ask("What is it for, and how many mails a day do you expect? ").await?,
    };
    let request = Request::new(&website, &about);
    if about.trim().is_empty() || request.use_case.chars().count() > Request::MOST {
        return Err(Failure::usage("bad_use_case", "the use case is empty, or too long")
            .cause(format!("AWS takes at most {} characters, and decides by them", Request::MOST))
            .hint("nothing was sent; describe the service in a sentence or two"));
    }
    output.note(format!("AWS is told, of {website}:\n\n{}\n", request.use_case));
    if !output.confirm(&format!("Send this for {}?", aws.describe().await?)).await? {
        return Err(Failure::new("declined", "nothing was sent").cause("you declined"));
    }
    account::request_production(aws, &request).await?;
    done(
        format!(
            "{} production access is asked for; AWS answers by mail, mostly within a day. `{}` tells how it stands",
            output.green("✓"),
            context.command("verify-email")
        ),
        true,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_an_address_with_or_without_a_port() {
        assert_eq!(resolver("1.1.1.1"), Ok("1.1.1.1:53".parse().expect("an address")));
        assert_eq!(resolver("::1"), Ok("[::1]:53".parse().expect("an address")));
        assert_eq!(resolver("127.0.0.1:5353"), Ok("127.0.0.1:5353".parse().expect("an address")));
        assert!(resolver("dns.example.com").is_err());
    }
}
