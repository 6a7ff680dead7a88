//! Names of requests: one that is sent twice under the same name is carried out once, and the events that follow
//! from it bear it.

use super::desired::hex;
use crate::error::{Failure, Outcome};

/// All names begin so; what follows is different in every run.
pub const PREFIX: &str = "signupctl-";

/// A name that nobody else has.
pub fn unique() -> Outcome<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new("no_randomness", "the system gives no random bytes").cause(error.to_string()))?;
    Ok(format!("{PREFIX}{}", hex(&bytes)))
}
