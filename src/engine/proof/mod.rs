//! The proof after a deploy: the public endpoint answers as the new version, and somebody made up signs up through it,
//! is mailed, and is erased again.

mod made_up;

use std::time::{Duration, Instant};

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use signup_service::address::Address;
use signup_service::keys::Names;
use signup_service::ledger;
use signup_service::store::{DynamoStore, Saved, Store, StoreError};
use signup_service::user::End;

use super::desired::ArtifactRef;
use super::identity::{Standing, sender};
use super::progress::Progress;
use super::stack::Deployed;
use super::template::Role;
use super::token;
use super::{account, keys};
use crate::aws::{Answer, Aws, Fetcher};
use crate::error::{Failure, Outcome};
use crate::spec::Spec;

/// A new version answers within seconds; a cold start under load takes a few more.
const HEALTH: Duration = Duration::from_secs(30);

/// A load balancer looks at a new instance some times before it sends anybody there.
const SERVERS_HEALTH: Duration = Duration::from_secs(180);

/// The stream tells the worker within seconds. Four minutes later the sweeper would send the mail, and nothing would be
/// shown of the stream.
const MAIL: Duration = Duration::from_secs(110);

/// A stream that was attached a moment ago takes up to a minute or two to be read.
const FIRST_MAIL: Duration = Duration::from_secs(240);

/// The emulator's is read at once.
const LOCAL_MAIL: Duration = Duration::from_secs(20);

/// Who is signed up: SES's mailbox simulator takes the mail, under any label.
const EMAIL: &str = "success+signupctl@simulator.amazonses.com";

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// The code of a failure that is the service's own.
pub const FAILED: &str = "proof_failed";

/// What was shown, and what could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The public endpoint answers as the version that was deployed.
    pub ok: bool,
    pub ms: u128,
    /// Whether the domain leads there too, which its owner sees to; absent without one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_leads_here: Option<bool>,
    /// How far somebody made up came, when that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_up: Option<SignUp>,
}

/// How far a made-up sign-up came. Nothing of it is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reached")]
pub enum SignUp {
    /// Through the form's API, the table, the stream and the outbox to SES.
    Mailed,
    /// As far as the outbox: SES does not send for the sender now.
    Counted,
    /// Nowhere, for the reason stated, which is none of the service's.
    Untried { reason: String },
}

/// What is proven, and where.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    pub aws: &'a Aws,
    pub spec: &'a Spec,
    /// The stack that answers.
    pub front: Role,
    /// Without a slash at its end.
    pub endpoint: String,
    /// Where connections go instead of where the endpoint's name leads, which its owner sets by hand, after a first
    /// deploy or when the front has become another.
    pub through: Option<String>,
    pub table: &'a str,
    /// Version of the key for addresses by which people are found; `None` where no stack tells.
    pub address_key: Option<u64>,
    /// What `/healthz` has to answer.
    pub release: &'a str,
}

impl Service<'_> {
    /// Asks the public endpoint until it answers as the release.
    pub async fn health(&self, progress: &Progress) -> Outcome<Proof> {
        let url = format!("{}/healthz", self.endpoint);
        let step = progress.step("asking the service for its health");
        let fetcher = self.fetcher();
        let patience = if self.front == Role::Servers { SERVERS_HEALTH } else { HEALTH };
        let started = Instant::now();
        let proof = async |ok| Proof {
            ok,
            ms: started.elapsed().as_millis(),
            domain_leads_here: match &self.through {
                Some(_) if !ok => Some(false),
                _ => self.domain_leads_here().await,
            },
            sign_up: None,
        };
        loop {
            let answer = fetcher.get(&url).await;
            if self.through.is_some() && self.front == Role::Web && answer.is_err() && started.elapsed() > patience {
                // An API takes a while to serve a name of one's own.
                return Ok(proof(false).await);
            }
            let seen = match &answer {
                Ok(answer) => format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
                Err(failure) => failure.cause.clone().unwrap_or_default(),
            };
            if answer.is_ok_and(|answer| answer.status == 200) && seen.contains(self.release) {
                drop(step);
                return Ok(proof(true).await);
            }
            if started.elapsed() > patience {
                return Err(failed(format!("`{url}`: {}", seen.trim())));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn fetcher(&self) -> Fetcher {
        match &self.through {
            Some(target) => Fetcher::through(target),
            None => Fetcher::new(self.aws.is_local()),
        }
    }

    /// Whether the domain leads to this front, as it does once its owner has pointed it there; `None` without one.
    pub async fn domain_leads_here(&self) -> Option<bool> {
        self.through.as_ref()?;
        Some(answers_as(&self.endpoint, self.release).await)
    }

    /// Signs somebody up whom SES's mailbox simulator takes the mail of, follows the mail to SES, and erases whoever
    /// it was, whatever came of it.
    ///
    /// `first` tells that nothing was there before.
    pub async fn sign_up(&self, first: bool, progress: &Progress) -> Outcome<SignUp> {
        let answers = match made_up::submission(&self.spec.service_config().form, EMAIL) {
            Ok(answers) => answers,
            Err(field) => {
                return Ok(SignUp::Untried { reason: format!("nothing that can be made up fits the field `{field}`") });
            }
        };
        let step = progress.step("signing somebody up");
        let address = Address::parse(EMAIL).map_err(|_| failed("the address is none"))?;
        let names = keys::address_key(self.aws, &self.spec.key_prefix(), self.address_key).await?.whose(&address);
        let store = DynamoStore::new(self.aws.dynamodb(), self.table, self.spec.form.name_field());
        // An earlier proof may have been broken off.
        erase(&store, &names).await?;
        let reached = match self.send(answers.into(), &token::unique()?).await {
            Ok(None) => self.follow(&store, &names, first).await,
            Ok(Some(reason)) => Ok(SignUp::Untried { reason }),
            Err(failure) => Err(failure),
        };
        erase(&store, &names).await?;
        drop(step);
        reached
    }

    /// Sends the sign-up as any program would, its work proven. Returns why it was refused if that is no failure.
    async fn send(&self, mut body: Value, key: &str) -> Outcome<Option<String>> {
        let fetcher = self.fetcher();
        let started = Instant::now();
        let url = format!("{}/api/v1/challenges", self.endpoint);
        let silent = |failure: Box<Failure>| failed(failure.cause.unwrap_or(failure.message));
        let challenge = until_answered(started, || fetcher.get(&url)).await.map_err(silent)?;
        let challenge: Challenge = serde_json::from_slice(&challenge.body)
            .map_err(|_| failed(format!("`{url}` gives no challenge: status {}", challenge.status)))?;
        let solved = challenge.clone();
        // Work for a processor, done beside whatever waits.
        let solved = tokio::task::spawn_blocking(move || solve_challenge(SolveChallengeOptions::new(&solved)));
        let solution = match solved.await {
            Ok(Ok(Some(solution))) => solution,
            _ => return Err(failed("the proof of work has no solution")),
        };
        let proof = json!({ "challenge": challenge, "solution": solution }).to_string();
        body["altcha"] = BASE64_STANDARD.encode(proof).into();
        let (url, body) = (format!("{}/api/v1/sign-ups", self.endpoint), body.to_string());
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let answer = until_answered(started, || fetcher.post(&url, &headers, &body)).await.map_err(silent)?;
        match answer.status {
            200..=299 => Ok(None),
            429 => Ok(Some("the service takes no more sign-ups for now".into())),
            status => {
                Err(failed(format!("`{url}`: status {status}: {}", String::from_utf8_lossy(&answer.body).trim())))
            }
        }
    }

    /// Looks at the table until the mail has left, or cannot.
    async fn follow(&self, store: &DynamoStore, names: &Names, first: bool) -> Outcome<SignUp> {
        let started = Instant::now();
        let deadline = match (self.aws.is_local(), first) {
            (true, _) => LOCAL_MAIL,
            (false, true) => FIRST_MAIL,
            (false, false) => MAIL,
        };
        let may_send = self.may_send().await?;
        loop {
            let user = ledger::find(store, names).await.map_err(unreadable)?;
            let user = user.ok_or_else(|| failed("the sign-up was taken, and is not in the table"))?;
            let counted = user.counted.is_some();
            match user.mail.and_then(|mail| mail.end) {
                Some(End::Sent) => return Ok(SignUp::Mailed),
                // The worker has done what it can.
                _ if counted && !may_send => return Ok(SignUp::Counted),
                Some(End::Dead(reason)) => return Err(failed(format!("its mail was given up: {reason}"))),
                None if started.elapsed() > deadline && !counted => {
                    return Err(failed("the sign-up is in the table, and the worker did not take it up"));
                }
                None if started.elapsed() > deadline => return Err(failed("its mail is still waiting to be sent")),
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Whether SES sends now: the sender is verified, and neither the account paused nor its day used up.
    async fn may_send(&self) -> Outcome<bool> {
        let sender = sender::state(self.aws, &self.spec.email.from).await?;
        let quota = account::read(self.aws).await?.quota;
        Ok(sender == Some(Standing::Verified) && quota.enabled && !quota.is_used_up())
    }
}

/// Whether a domain of its own leads to a front; `None` where it has none, or the spec's.
pub async fn domain_leads_to(front: &Deployed, spec: &Spec) -> Option<bool> {
    let domain = front.parameters.get("DomainName").filter(|domain| !domain.is_empty())?;
    if spec.domain.as_ref().is_some_and(|it| it.name == *domain) {
        return None;
    }
    let artifact = ArtifactRef::of(&front.parameters)?;
    Some(answers_as(&format!("https://{domain}"), artifact.release()).await)
}

/// Whether what people reach at an address answers as a release.
async fn answers_as(endpoint: &str, release: &str) -> bool {
    let answer = Fetcher::new(false).get(&format!("{endpoint}/healthz")).await;
    answer.is_ok_and(|it| it.status == 200 && String::from_utf8_lossy(&it.body).contains(release))
}

/// Asks again while nobody answers, the answer is a server's error, or the API is asked too much at once, as long as a
/// proof may take.
async fn until_answered<F: Future<Output = Outcome<Answer>>>(started: Instant, ask: impl Fn() -> F) -> Outcome<Answer> {
    loop {
        match ask().await {
            Ok(answer) if !is_passing(&answer) || started.elapsed() > HEALTH => return Ok(answer),
            Err(failure) if started.elapsed() > HEALTH => return Err(failure),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Whether the next answer may be another. What the service itself refuses, it refuses for an hour.
fn is_passing(answer: &Answer) -> bool {
    let is_problem = || serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body.get("title").is_some());
    answer.status >= 500 || (answer.status == 429 && !is_problem())
}

/// Takes out whoever was made up, while the worker may still be changing it.
async fn erase(store: &DynamoStore, names: &Names) -> Outcome<()> {
    const TRIES: u32 = 8;
    for _ in 0..TRIES {
        let Some(user) = ledger::find(store, names).await.map_err(unreadable)? else { return Ok(()) };
        // Nobody was told of whom there never was.
        if store.erase(&user, None).await.map_err(unreadable)? == Saved::Done {
            return Ok(());
        }
    }
    Err(failed("who was made up kept changing, and could not be erased"))
}

/// That signupctl cannot look, which is no fault of the service's.
fn unreadable(error: StoreError) -> Box<Failure> {
    let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    Failure::new("not_proven", "the service was deployed, and whether all of it works cannot be seen")
        .cause(cause)
        .hint("renew the credentials if they have run out, and deploy again")
}

/// That the service does not do what it is for. Only this has a deploy taken back.
fn failed(cause: impl Into<String>) -> Box<Failure> {
    Failure::new(FAILED, "the service was deployed but does not answer as it should")
        .cause(cause)
        .hint("see `signupctl logs`, mend the cause and deploy again; `--no-proof` deploys without trying")
}
