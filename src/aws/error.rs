//! SDK errors in the house's words: what AWS said, and what to do about it.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::Failure;

/// AWS's own code for a refusal, such as `AccessDenied`, when the service answered at all.
pub fn service_code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// AWS's own sentence, or an empty one.
pub fn service_message<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default()
}

/// A failed request as a [`Failure`]: `what` happened, AWS's reason, and a way out.
pub fn explain<E, R>(what: impl Into<String>, error: SdkError<E, R>) -> Box<Failure>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let what = what.into();
    if let Some(code) = service_code(&error) {
        let cause = format!("{code}: {}", service_message(&error));
        let failure = Failure::new(kind_of(code), what).cause(cause.trim_end_matches([':', ' ', '.']));
        return match kind_of(code) {
            "access_denied" => failure.hint("grant the action to the principal you deploy as"),
            "credentials_rejected" => {
                failure.hint("renew the credentials, for instance with `aws sso login`, and run it again")
            }
            "unavailable" => failure.hint("AWS has trouble of its own: run it again in a minute; nothing is lost"),
            "throttled" => failure.hint("AWS asks to slow down: run it again in a minute; nothing is lost"),
            _ => failure,
        };
    }
    let chain: Vec<String> = chain(&error).map(ToString::to_string).collect();
    let last = chain.last().cloned().unwrap_or_default();
    if chain_has_credentials_error(&error) {
        return Failure::new("no_credentials", "there are no AWS credentials to work with")
            .cause(last.lines().next().unwrap_or_default().trim_end_matches(" Attempted:").trim_end_matches('.'))
            .hint("sign in (`aws configure sso`, or set `AWS_PROFILE`), or try it on this machine with `--local`");
    }
    let cause = if chain.len() > 1 { last } else { "no answer came back".to_owned() };
    match error {
        SdkError::TimeoutError(_) => {
            Failure::new("timed_out", what).cause(cause).hint("run it again; it goes on where it stopped")
        }
        SdkError::DispatchFailure(_) => Failure::new("endpoint_unreachable", what)
            .cause(format!("AWS does not answer: {cause}"))
            .hint("check the network, and that the Region's name is right"),
        _ => Failure::new("unexpected_answer", what).cause(cause),
    }
}

fn kind_of(code: &str) -> &'static str {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => "access_denied",
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "AuthFailure"
        | "InvalidAccessKeyId"
        | "RequestExpired" => "credentials_rejected",
        "Throttling" | "ThrottlingException" | "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown" => {
            "throttled"
        }
        "InternalFailure" | "InternalError" | "InternalServerError" | "ServiceUnavailable" => "unavailable",
        _ => "aws_refused",
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn chain_has_credentials_error(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<CredentialsError>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::error::ErrorMetadata;

    fn refused(code: &str, message: &str) -> Box<Failure> {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        explain("the stack cannot be read", SdkError::service_error(DescribeStacksError::generic(metadata), ()))
    }

    #[test]
    fn a_refusal_carries_what_aws_said_and_a_way_out() {
        let failure = refused("AccessDenied", "User: x is not authorized to perform: cloudformation:DescribeStacks");
        assert_eq!(failure.code, "access_denied");
        assert!(failure.cause.as_deref().is_some_and(|cause| cause.contains("cloudformation:DescribeStacks")));
        assert!(failure.hint.is_some());
        assert_eq!(refused("ExpiredToken", "").code, "credentials_rejected");
        assert_eq!(refused("Throttling", "Rate exceeded").code, "throttled");
        assert_eq!(refused("ValidationError", "no").hint, None);
    }

    #[test]
    fn missing_credentials_are_told_from_a_dead_network() {
        let missing = ConnectorError::other(CredentialsError::not_loaded("no providers in chain").into(), None);
        let error: SdkError<DescribeStacksError, ()> = SdkError::dispatch_failure(missing);
        assert_eq!(explain("it failed", error).code, "no_credentials");
        let dead = ConnectorError::io("connection refused".into());
        let error: SdkError<DescribeStacksError, ()> = SdkError::dispatch_failure(dead);
        assert_eq!(explain("it failed", error).code, "endpoint_unreachable");
    }
}
