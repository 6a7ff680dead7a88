//! Whether mail goes out, and to whom.

use super::{Command, Finding};
use crate::aws::Aws;
use crate::engine::account::{self, Account, Enforcement};
use crate::engine::identity::{Standing, sender};
use crate::spec::Spec;

pub async fn look(aws: &Aws, spec: &Spec, command: &Command<'_>) -> Vec<Finding> {
    let (account, standing) = tokio::join!(account::read(aws), sender::state(aws, &spec.email.from));
    let account = match account {
        Ok(account) => of_account(&account, command),
        Err(failure) => Finding::unknown("ses", &failure),
    };
    let sender = match standing {
        Ok(standing) => of_sender(&spec.email.from, standing, command),
        Err(failure) => Finding::unknown("sender", &failure),
    };
    vec![sender, account]
}

fn of_sender(from: &str, standing: Option<Standing>, command: &Command<'_>) -> Finding {
    const CHECK: &str = "sender";
    let tell = format!("`{}` tells what to do", command("verify-email"));
    match standing {
        Some(Standing::Verified) => Finding::ok(CHECK, format!("`{from}` is verified")),
        Some(Standing::Pending | Standing::TemporaryFailure) => {
            Finding::warning(CHECK, format!("SES has not verified `{from}` yet: no mail goes out until then"), tell)
        }
        Some(Standing::Failed) => {
            Finding::problem(CHECK, format!("SES has given up on `{from}`: no mail goes out"), tell)
        }
        None => Finding::warning(
            CHECK,
            format!("SES does not know `{from}` or its domain"),
            format!("`{}` begins it now, and so does a deploy", command("verify-email")),
        ),
    }
}

fn of_account(account: &Account, command: &Command<'_>) -> Finding {
    const CHECK: &str = "ses";
    let ask = format!("`{}`", command("verify-email --request-production"));
    match account {
        Account { enforcement: Enforcement::Shutdown, .. } => {
            Finding::problem(CHECK, "SES has stopped the account's sending", "answer AWS's mail in the Support Center")
        }
        Account { quota, .. } if !quota.enabled => Finding::problem(
            CHECK,
            "the account's sending is paused",
            "`aws sesv2 put-account-sending-attributes --sending-enabled` resumes it",
        ),
        Account { enforcement: Enforcement::Probation, .. } => {
            Finding::warning(CHECK, "SES reviews the account for bounces or complaints", "answer AWS's mail")
        }
        Account { quota, .. } if quota.is_used_up() => Finding::warning(
            CHECK,
            format!("the day's quota is used up: {} of {}", quota.sent, quota.limit.unwrap_or_default()),
            "mail waits, and goes out as the 24 hours pass; ask for more in Service Quotas",
        ),
        account if account.quota.production_access => Finding::ok(CHECK, "the account may mail everybody"),
        account if account.is_under_review() => Finding::warning(
            CHECK,
            "in the sandbox: mail goes to verified addresses alone, and AWS has not decided about production access",
            "wait for AWS's answer",
        ),
        _ => {
            Finding::warning(CHECK, "in the sandbox: mail goes to verified addresses alone", format!("{ask} asks AWS"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::account::Quota;
    use crate::engine::doctor::Level;

    #[test]
    fn each_state_of_mail_has_its_level() {
        let command = |text: &str| format!("signupctl {text}");
        let account = |enforcement, production_access, enabled, sent| Account {
            quota: Quota { sent, limit: Some(200), production_access, enabled },
            rate: 1.0,
            review: None,
            enforcement,
            suppresses: vec![],
            plan: None,
        };
        let level = |account: &Account| of_account(account, &command).level;
        assert_eq!(level(&account(Enforcement::Healthy, true, true, 3)), Level::Ok);
        assert_eq!(level(&account(Enforcement::Healthy, false, true, 3)), Level::Warning);
        assert_eq!(level(&account(Enforcement::Healthy, true, true, 200)), Level::Warning);
        assert_eq!(level(&account(Enforcement::Probation, true, true, 3)), Level::Warning);
        assert_eq!(level(&account(Enforcement::Healthy, true, false, 3)), Level::Problem);
        assert_eq!(level(&account(Enforcement::Shutdown, true, false, 3)), Level::Problem);
        let sender = |standing| of_sender("a@b.c", standing, &command).level;
        let standings = [Some(Standing::Verified), Some(Standing::Pending), Some(Standing::Failed), None];
        assert_eq!(standings.map(sender), [Level::Ok, Level::Warning, Level::Problem, Level::Warning]);
    }
}
