//! What SES lets the account send in a Region, all its services together: the sandbox and the way out of it, quotas,
//! and what it suppresses.

use aws_sdk_sesv2::operation::get_account::GetAccountOutput;
use aws_sdk_sesv2::types::{ContactLanguage, MailType, PricingPlan, ReviewStatus};
use serde::Serialize;

use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};

/// How much may be sent, and how much was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quota {
    /// Mails of the last 24 hours.
    pub sent: u64,
    /// Mails in any 24 hours; absent where there is no limit.
    pub limit: Option<u64>,
    /// Whether the account is out of the sandbox, in which mail goes to verified addresses alone.
    pub production_access: bool,
    /// Whether SES takes mail from this account at all.
    pub enabled: bool,
}

impl Quota {
    pub fn is_used_up(&self) -> bool {
        self.limit.is_some_and(|limit| self.sent >= limit)
    }
}

/// How far AWS is with a request for production access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Review {
    pub standing: ReviewStanding,
    /// The support case in which AWS decides.
    pub case: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStanding {
    Pending,
    Granted,
    Denied,
    /// It got lost on AWS's side.
    Failed,
}

/// Whether SES finds fault with what the account sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    Healthy,
    /// Under review: too many bounces or complaints.
    Probation,
    /// Sending has been stopped.
    Shutdown,
}

/// The account as SES tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    #[serde(flatten)]
    pub quota: Quota,
    /// Mails a second.
    pub rate: f64,
    pub review: Option<Review>,
    pub enforcement: Enforcement,
    /// Why the account puts an address on its own suppression list: `bounce`, `complaint`.
    pub suppresses: Vec<String>,
    /// Absent where SES does not tell.
    pub plan: Option<String>,
}

/// Reads the account. One request.
pub async fn read(aws: &Aws) -> Outcome<Account> {
    let account = aws.sesv2().get_account().send().await;
    account.map(Account::new).map_err(|error| explain("SES does not tell how the account stands", error))
}

impl Account {
    fn new(answer: GetAccountOutput) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of mails, never negative here"
        )]
        let whole = |number: f64| number.max(0.0) as u64;
        let quota = answer.send_quota();
        let review = answer.details().and_then(|details| details.review_details()).and_then(|review| {
            let standing = match review.status()? {
                ReviewStatus::Pending => ReviewStanding::Pending,
                ReviewStatus::Granted => ReviewStanding::Granted,
                ReviewStatus::Denied => ReviewStanding::Denied,
                ReviewStatus::Failed => ReviewStanding::Failed,
                _ => return None,
            };
            Some(Review { standing, case: review.case_id().map(str::to_owned) })
        });
        let plan = answer.pricing_attributes().and_then(|pricing| pricing.current_plan());
        let suppresses = answer.suppression_attributes().map(|it| it.suppressed_reasons()).unwrap_or_default();
        Self {
            quota: Quota {
                sent: quota.map_or(0, |quota| whole(quota.sent_last24_hours)),
                // SES says -1 where there is no limit.
                limit: quota.map(|quota| quota.max24_hour_send).filter(|limit| *limit >= 0.0).map(whole),
                production_access: answer.production_access_enabled,
                enabled: answer.sending_enabled,
            },
            rate: quota.map_or(0.0, |quota| quota.max_send_rate),
            review,
            enforcement: match answer.enforcement_status() {
                Some("SHUTDOWN") => Enforcement::Shutdown,
                Some("PROBATION") => Enforcement::Probation,
                _ => Enforcement::Healthy,
            },
            suppresses: suppresses.iter().map(|reason| reason.as_str().to_ascii_lowercase()).collect(),
            plan: plan.filter(|plan| **plan != PricingPlan::None).map(|plan| plan.as_str().to_ascii_lowercase()),
        }
    }

    /// Whether AWS is asked for production access and has not answered.
    pub fn is_under_review(&self) -> bool {
        self.review.as_ref().is_some_and(|review| review.standing == ReviewStanding::Pending)
    }

    /// The account in a few lines, the first of them its state. `command` makes a command line for this service.
    pub fn lines(&self, command: impl Fn(&str) -> String) -> Vec<String> {
        let Quota { sent, limit, production_access, enabled } = &self.quota;
        let a_day = limit.map_or("without a daily limit".to_owned(), |limit| format!("{limit} mails a day"));
        let quota = format!("{a_day}, {} a second; {sent} sent in the last 24 hours", self.rate);
        let mut lines = match production_access {
            true => vec![format!("production access: mail goes to everybody, {quota}")],
            false => vec![format!("in the sandbox: mail goes to verified addresses alone, {quota}")],
        };
        match self.enforcement {
            Enforcement::Healthy => {}
            Enforcement::Probation => lines.push(
                "SES reviews the account for its bounces or complaints: answer AWS's mail before it stops the sending"
                    .into(),
            ),
            Enforcement::Shutdown => {
                lines.push("SES has stopped the account's sending: answer AWS's mail in the Support Center".into());
            }
        }
        if !enabled && self.enforcement != Enforcement::Shutdown {
            lines.push(
                "sending is paused: `aws sesv2 put-account-sending-attributes --sending-enabled` resumes it".into(),
            );
        }
        if self.quota.is_used_up() {
            lines.push("the day's quota is used up: mail waits, and goes out as the 24 hours pass".into());
        }
        if !production_access {
            lines.push(self.way_out(&command));
            lines.push(format!(
                "to try it meanwhile: verify an address of yours with `{}` and sign up with it; \
                 success@simulator.amazonses.com always takes mail",
                command("verify-email you@example.org")
            ));
        }
        let suppression = match self.suppresses.as_slice() {
            [] => "the account suppresses no address by itself; the service does".to_owned(),
            reasons => format!("addresses are suppressed for the whole account after a {}", reasons.join(" or a ")),
        };
        lines.push(suppression);
        lines.extend(self.plan.as_ref().map(|plan| format!("pricing plan: {plan}")));
        lines
    }

    fn way_out(&self, command: impl Fn(&str) -> String) -> String {
        let ask = command("verify-email --request-production");
        let Some(Review { standing, case }) = &self.review else { return format!("the way out: `{ask}`") };
        let case = case.as_ref().map(|case| format!(" (case {case})")).unwrap_or_default();
        match standing {
            ReviewStanding::Pending => format!("production access was asked for, and AWS has not decided yet{case}"),
            ReviewStanding::Denied => {
                format!("AWS has denied production access{case}: answer the case, then ask again with `{ask}`")
            }
            ReviewStanding::Failed => format!("the request for production access got lost{case}: `{ask}` asks again"),
            ReviewStanding::Granted => format!("AWS has granted production access{case}, which is not in force yet"),
        }
    }
}

/// What AWS is told when production access is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    pub website: String,
    pub use_case: String,
}

impl Request {
    /// The longest description that SES takes, in characters.
    pub const MOST: usize = 5_000;

    /// What the operator says of the service, and what is so of every service of signupctl.
    pub fn new(website: &str, about: &str) -> Self {
        let use_case = format!(
            "{}\n\nMail goes only to people who have just entered their address in our sign-up form. Each address is \
             confirmed by a link or a code before it gets anything else (double opt-in). Every mail carries a one-click \
             unsubscribe (RFC 8058) and goes out through a configuration set; addresses that bounce for good or complain \
             are suppressed at once, and alarms watch both rates. No address is bought or taken over from elsewhere.",
            about.trim()
        );
        Self { website: website.to_owned(), use_case }
    }
}

/// Asks AWS to let the account out of the sandbox. AWS answers within a day or so.
pub async fn request_production(aws: &Aws, request: &Request) -> Outcome<()> {
    let sent = aws
        .sesv2()
        .put_account_details()
        .mail_type(MailType::Transactional)
        .website_url(&request.website)
        .contact_language(ContactLanguage::En)
        .use_case_description(&request.use_case)
        .production_access_enabled(true)
        .send()
        .await;
    match sent {
        Ok(_) => Ok(()),
        Err(error) if service_code(&error) == Some("ConflictException") => {
            Err(Failure::new("under_review", "AWS takes no new request now")
                .cause("an earlier one is under review, or was decided not long ago")
                .hint("answer the case in the AWS Support Center"))
        }
        Err(error) => Err(explain("production access cannot be asked for", error)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::types::{AccountDetails, ReviewDetails, SendQuota};

    use super::*;

    fn account(production: bool, review: Option<ReviewStatus>, sent: f64, enforcement: &str) -> Account {
        let quota = SendQuota::builder().max24_hour_send(200.0).max_send_rate(1.0).sent_last24_hours(sent).build();
        let review = review.map(|status| ReviewDetails::builder().status(status).case_id("17").build());
        Account::new(
            GetAccountOutput::builder()
                .production_access_enabled(production)
                .sending_enabled(enforcement == "HEALTHY")
                .enforcement_status(enforcement)
                .send_quota(quota)
                .details(AccountDetails::builder().set_review_details(review).build())
                .build(),
        )
    }

    fn told(account: &Account) -> String {
        account.lines(|command| format!("signupctl {command}")).join("\n")
    }

    #[test]
    fn the_sandbox_is_told_with_the_way_out() {
        insta::assert_snapshot!(told(&account(false, None, 12.0, "HEALTHY")));
    }

    #[test]
    fn each_review_is_told_with_what_to_do() {
        use ReviewStatus::{Denied, Failed, Granted, Pending};
        let out =
            |status| told(&account(false, Some(status), 0.0, "HEALTHY")).lines().nth(1).unwrap_or_default().to_owned();
        insta::assert_snapshot!([Pending, Denied, Failed, Granted].map(out).join("\n"));
        assert!(account(false, Some(Pending), 0.0, "HEALTHY").is_under_review());
    }

    #[test]
    fn what_stands_in_the_way_of_mail_is_told() {
        insta::assert_snapshot!(told(&account(true, Some(ReviewStatus::Granted), 200.0, "HEALTHY")));
        insta::assert_snapshot!(told(&account(true, None, 3.0, "PROBATION")));
        insta::assert_snapshot!(told(&account(true, None, 3.0, "SHUTDOWN")));
    }

    #[test]
    fn a_quota_without_limit_is_never_used_up() {
        let quota = |sent, limit| Quota { sent, limit, production_access: true, enabled: true };
        assert!(quota(200, Some(200)).is_used_up());
        assert!(!quota(199, Some(200)).is_used_up() && !quota(1_000_000, None).is_used_up());
    }

    #[test]
    fn a_request_says_what_the_operator_says_and_fits() {
        let request = Request::new("https://example.com", " A waiting list. ");
        assert!(request.use_case.starts_with("A waiting list.\n\n") && request.use_case.len() < Request::MOST / 2);
    }
}
