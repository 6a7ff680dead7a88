//! Who deploys, where to, and whether the clocks agree.

use std::time::Duration;

use super::{Command, Finding};
use crate::aws::{Aws, explain};

/// AWS refuses what was signed five minutes ago or later; a clock that is off by this much will get there.
const SKEW: Duration = Duration::from_secs(60);

/// The findings, and the principal's ARN when AWS takes the credentials.
pub async fn look(aws: &Aws, command: &Command<'_>) -> (Vec<Finding>, Option<String>) {
    let caller = match aws.sts().get_caller_identity().send().await {
        Ok(caller) => caller,
        Err(error) => {
            let failure = explain("AWS does not take the credentials", error);
            return (vec![Finding::failed("credentials", &failure)].into_iter().chain(clock(aws)).collect(), None);
        }
    };
    let arn = caller.arn.unwrap_or_default();
    let account = caller.account.unwrap_or_default();
    let mut found = vec![
        match arn.ends_with(":root") && !aws.is_local() {
            true => Finding::warning(
                "credentials",
                format!("the root user of account {account} may do everything"),
                format!("deploy as a role with the permissions that `{}` prints", command("policy")),
            ),
            false => Finding::ok("credentials", format!("`{arn}` of account {account}")),
        },
        Finding::ok("region", aws.place()),
    ];
    found.extend(clock(aws));
    (found, Some(arn))
}

/// Nothing where AWS did not tell its time.
fn clock(aws: &Aws) -> Option<Finding> {
    let skew = aws.clock_skew()?;
    Some(match skew > SKEW {
        true => Finding::warning(
            "clock",
            format!("this machine's clock is {} s off AWS's", skew.as_secs()),
            "set the clock: AWS refuses what is signed five minutes off",
        ),
        false => Finding::ok("clock", "agrees with AWS's"),
    })
}
