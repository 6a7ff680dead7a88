//! The function that does nothing: what Lambda's runtime for Rust costs by itself. For `make bench`; never shipped.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |_: LambdaEvent<IgnoredAny>| Ok::<_, Error>(json!({ "statusCode": 200 }))))
        .await
}
