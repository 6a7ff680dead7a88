//! One run at a time changes a service: a lease in the service's own table, which whoever holds it renews.
//!
//! Nobody's clock is compared with anybody else's: a lease that is not renewed for a while is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tokio::task::JoinHandle;

use super::events::Pace;
use super::progress::Progress;
use super::token;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};

/// Where the lease is in the table.
const KEY: [(&str, &str); 2] = [("pk", "LOCK"), ("sk", "DEPLOY")];

/// A lease that was not renewed for so long is over.
const LEASE: Duration = Duration::from_secs(60);

/// How often it is renewed; two renewals may be lost.
const RENEWAL: Duration = Duration::from_secs(20);

/// The code of a failure for want of a table to hold the lease.
pub const NO_TABLE: &str = "no_table";

/// Whoever changes the service.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    /// Drawn anew for every run.
    run: String,
    host: String,
    pid: i32,
    /// Counts the renewals.
    beat: u64,
}

/// The right to change a service. It ends with [`Lock::release`], or a while after the process.
#[derive(Debug)]
pub struct Lock {
    aws: Aws,
    table: String,
    run: String,
    renewal: JoinHandle<()>,
    lost: Arc<AtomicBool>,
    /// Whether another held it meanwhile, so that what was read before may not be so any more.
    pub waited: bool,
}

impl Lock {
    /// Takes the lease, and waits for whoever holds it unless `leaves`; then it fails.
    pub async fn acquire(aws: &Aws, table: &str, leaves: bool, progress: &Progress) -> Outcome<Self> {
        let me = Holder { run: token::unique()?, host: host(), pid: std::process::id().cast_signed(), beat: 0 };
        let mut pace = Pace::of(aws.is_local());
        let mut seen: Option<(Holder, Instant)> = None;
        loop {
            let over = seen.as_ref().filter(|(holder, since)| holder.is_gone(*since)).map(|(holder, _)| holder);
            let Err(refusal) = put(aws, table, &me, over.map_or(Place::Free, Place::Of)).await else {
                let lost = Arc::new(AtomicBool::new(false));
                let renewal = tokio::spawn(renew(aws.clone(), table.to_owned(), me.clone(), Arc::clone(&lost)));
                return Ok(Self {
                    lost,
                    aws: aws.clone(),
                    table: table.to_owned(),
                    run: me.run,
                    renewal,
                    waited: seen.is_some(),
                });
            };
            let other = holder(table, refusal)?;
            // Of a run elsewhere only its next renewal shows that it lives.
            let moves = seen.as_ref().is_some_and(|(holder, _)| *holder != other);
            if leaves && !other.is_gone(Instant::now()) && (moves || other.host == host()) {
                return Err(Failure::new("stack_busy", "another run is changing the service")
                    .cause(format!("it runs on {}", other.place()))
                    .hint("nothing was changed; without `--no-wait` this waits for its end"));
            }
            if seen.is_none() && !other.is_gone(Instant::now()) {
                progress.line(format!("  waiting for another run, on {}", other.place()));
            }
            if seen.as_ref().is_none_or(|(holder, _)| *holder != other) {
                seen = Some((other, Instant::now()));
                continue;
            }
            pace.pause(false).await;
        }
    }

    /// Whether another has taken the lease over, as after a machine that slept: what it does, or did, is not to be undone.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Gives the lease back. If that fails it is over a while later.
    pub async fn release(self) {
        self.renewal.abort();
        let request = self.aws.dynamodb().delete_item().table_name(&self.table).set_key(Some(key()));
        let request = request
            .condition_expression("#run = :run")
            .expression_attribute_names("#run", "run")
            .expression_attribute_values(":run", AttributeValue::S(self.run.clone()));
        if let Err(error) = request.send().await {
            tracing::info!(%error, "the lease was not given back");
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Holder {
    /// Whether the lease is over: not renewed for long, or its process on this very machine has ended.
    fn is_gone(&self, unchanged_since: Instant) -> bool {
        // A process of somebody else's is there, though it may not be touched.
        let ended = || Pid::from_raw(self.pid).is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH));
        unchanged_since.elapsed() > LEASE || (self.host == host() && ended())
    }

    /// Where it runs, to be read.
    fn place(&self) -> String {
        format!("`{}` as process {}", self.host.split(' ').next().unwrap_or_default(), self.pid)
    }

    fn item(&self) -> std::collections::HashMap<String, AttributeValue> {
        let text = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
        let number = |name: &str, value: String| (name.to_owned(), AttributeValue::N(value));
        let mut item = key();
        item.extend([text("run", &self.run), text("host", &self.host)]);
        item.extend([number("pid", self.pid.to_string()), number("beat", self.beat.to_string())]);
        item
    }

    fn read(item: &std::collections::HashMap<String, AttributeValue>) -> Option<Self> {
        Some(Self {
            run: item.get("run")?.as_s().ok()?.clone(),
            host: item.get("host")?.as_s().ok()?.clone(),
            pid: item.get("pid")?.as_n().ok()?.parse().ok()?,
            beat: item.get("beat")?.as_n().ok()?.parse().ok()?,
        })
    }
}

fn key() -> std::collections::HashMap<String, AttributeValue> {
    KEY.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned()))).collect()
}

/// The machine, and on Linux what tells its boots and containers apart: only within one of them is a process told by
/// its number.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{name} {} {}", boot.trim(), space.display()).trim_end().to_owned()
}

/// Where the lease is put.
#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    /// Where there is none.
    Free,
    /// Where there is none, or this one as it was seen.
    Of(&'a Holder),
    /// Where this run has put it. One that is gone was another's meanwhile.
    Mine,
}

async fn put(aws: &Aws, table: &str, me: &Holder, place: Place<'_>) -> Result<(), SdkError<PutItemError>> {
    let request = aws.dynamodb().put_item().table_name(table).set_item(Some(me.item()));
    let request = request
        .expression_attribute_names("#run", "run")
        // A repeat of this very request finds its own work.
        .expression_attribute_values(":me", AttributeValue::S(me.run.clone()))
        .return_values_on_condition_check_failure(aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld);
    let request = match place {
        Place::Mine => request.condition_expression("#run = :me"),
        Place::Free => request.condition_expression("attribute_not_exists(pk) OR #run = :me"),
        Place::Of(over) => request
            .condition_expression("attribute_not_exists(pk) OR #run = :me OR (#run = :over AND #beat = :beat)")
            .expression_attribute_names("#beat", "beat")
            .expression_attribute_values(":over", AttributeValue::S(over.run.clone()))
            .expression_attribute_values(":beat", AttributeValue::N(over.beat.to_string())),
    };
    request.send().await.map(drop)
}

/// Who holds the lease that was refused; fails where it was for another reason.
fn holder(table: &str, refusal: SdkError<PutItemError>) -> Outcome<Holder> {
    let found = match refusal.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(found)) => found.item().and_then(Holder::read),
        _ => None,
    };
    match found {
        Some(other) => Ok(other),
        None if service_code(&refusal) == Some("ResourceNotFoundException") => {
            Err(Failure::new(NO_TABLE, format!("the table `{table}` is gone"))
                .cause("the data stack still names it: was it deleted by hand?")
                .hint("`signupctl destroy --delete-data` removes what is left"))
        }
        None => Err(explain("the service cannot be reserved for this run", refusal)),
    }
}

/// Renews the lease until it is dropped, or was lost. A renewal that fails is made up for by the next.
async fn renew(aws: Aws, table: String, mut me: Holder, lost: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        me.beat += 1;
        match tokio::time::timeout(RENEWAL, put(&aws, &table, &me, Place::Mine)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if service_code(&error) == Some("ConditionalCheckFailedException") => {
                return lost.store(true, Ordering::Relaxed);
            }
            Ok(Err(error)) => tracing::info!(%error, "the lease was not renewed"),
            Err(_) => tracing::info!("the lease was not renewed in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_with_its_process_here_and_with_its_silence_elsewhere() {
        let mine = Holder { run: "x".into(), host: host(), pid: std::process::id().cast_signed(), beat: 3 };
        assert_eq!(Holder::read(&mine.item()), Some(mine.clone()));
        let now = Instant::now();
        assert!(!mine.is_gone(now));
        // No system has so many processes.
        assert!(Holder { pid: i32::MAX, ..mine.clone() }.is_gone(now));
        let elsewhere = Holder { pid: i32::MAX, host: "elsewhere".into(), ..mine };
        assert!(!elsewhere.is_gone(now));
        let long_ago = now.checked_sub(LEASE + Duration::from_secs(1));
        assert!(long_ago.is_none_or(|long_ago| elsewhere.is_gone(long_ago)));
    }
}
