//! What a failure in AWS's words means, and what to do about it. Pure.
//!
//! Only AWS's wording tells these cases apart; each rule quotes what it goes by, and the tests quote AWS.

/// What AWS says, what it means, and the way out.
struct Rule {
    /// All of these stand in the reason.
    says: &'static [&'static str],
    means: &'static str,
}

/// The first that fits is told.
const RULES: [Rule; 12] = [
    Rule {
        says: &["not authorized to perform"],
        means: "grant the action that it names to the principal you deploy as, and deploy again",
    },
    Rule { says: &["AccessDenied"], means: "grant what it names to the principal you deploy as, and deploy again" },
    Rule {
        says: &["ReservedConcurrentExecutions", "UnreservedConcurrentExecution"],
        means: "the account's concurrency is too small for it: lower `capacity.concurrency`, or ask AWS for more",
    },
    Rule {
        says: &["already exists", "AWS::Lambda::Function"],
        means: "a function of that name is not this stack's: delete or rename it, or choose another `service:`",
    },
    Rule {
        says: &["already exists", "AWS::Logs::LogGroup"],
        means: "a log group of that name was left by an earlier service: `deploy --adopt` takes it over, or delete it",
    },
    Rule {
        says: &["already exists"],
        means: "something of that name is not this stack's: delete or rename it, or choose another `service:`",
    },
    Rule {
        says: &["ACM certificate"],
        means: "the certificate must be issued, in this very Region, and cover `domain.name`",
    },
    Rule {
        says: &["certificate", "not found"],
        means: "the certificate must be issued, in this very Region, and cover `domain.name`",
    },
    Rule {
        says: &["is different from current CodeSHA256"],
        means: "the function's code was changed meanwhile by another run; deploy again",
    },
    Rule {
        says: &["limit", "exceeded"],
        means: "a quota of the account is used up: see Service Quotas, or delete what is not needed",
    },
    Rule {
        says: &["LimitExceeded"],
        means: "a quota of the account is used up: see Service Quotas, or delete what is not needed",
    },
    Rule { says: &["Rate exceeded"], means: "AWS was asked too much at once; deploy again in a minute" },
];

/// What to do about a resource's failure; `None` when only AWS's own words can be told.
pub fn of(resource_type: &str, reason: &str) -> Option<&'static str> {
    let text = format!("{resource_type} {reason}").to_lowercase();
    let fits = |rule: &&Rule| rule.says.iter().all(|words| text.contains(&words.to_lowercase()));
    RULES.iter().find(fits).map(|rule| rule.means)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reasons as AWS words them, in stack events.
    #[test]
    fn what_aws_says_is_told_by_what_it_means() {
        let cases = [
            (
                "AWS::IAM::Role",
                "User: arn:aws:iam::1:user/x is not authorized to perform: iam:CreateRole on resource: y because no identity-based policy allows the iam:CreateRole action",
                "grant the action",
            ),
            (
                "AWS::Lambda::Function",
                "Resource handler returned message: \"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].\"",
                "concurrency is too small",
            ),
            (
                "AWS::Lambda::Function",
                "Resource handler returned message: \"Function already exists: demo-web (Service: Lambda, Status Code: 409)\"",
                "a function of that name",
            ),
            ("AWS::Logs::LogGroup", "/aws/vendedlogs/demo-web already exists in stack arn", "a log group of that name"),
            ("AWS::ApiGatewayV2::DomainName", "Certificate arn:aws:acm:x not found", "the certificate must be"),
            (
                "AWS::Lambda::Version",
                "CodeSHA256 (a) is different from current CodeSHA256 in $LATEST (b). Please try again with the CodeSHA256 in $LATEST.",
                "by another run",
            ),
            ("AWS::SQS::Queue", "The limit on the number of queues was exceeded", "a quota of the account"),
            ("AWS::IAM::Role", "Rate exceeded", "in a minute"),
        ];
        for (kind, reason, told) in cases {
            assert!(of(kind, reason).is_some_and(|means| means.contains(told)), "{reason}: {:?}", of(kind, reason));
        }
        assert_eq!(of("AWS::SQS::Queue", "Resource creation cancelled"), None);
    }
}
