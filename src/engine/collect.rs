//! What no deploy will go back to is deleted: versions of the functions, and bundles. The newest five stay, and
//! whatever is in use.

use std::collections::BTreeSet;

use aws_smithy_types::DateTime;

use super::stack::DeployedStacks;
use super::{artifacts, rollback, versions};
use crate::aws::Aws;
use crate::error::Outcome;

/// Versions of each function that are kept.
const KEPT: usize = 5;

/// A bundle that was uploaded so recently may belong to a deploy that has not used it yet, in seconds.
const YOUNG: i64 = 3_600;

/// Deletes what is not needed any more; returns how many versions and bundles went. Safe to repeat.
pub async fn collect(aws: &Aws, stacks: &DeployedStacks, bucket: &str) -> Outcome<(usize, usize)> {
    let mut used: BTreeSet<String> = rollback::artifacts_of(stacks).map(|artifact| artifact.key()).collect();
    let mut gone = 0;
    for function in versions::functions(stacks) {
        let found = versions::list(aws, &function).await?;
        let live = if found.len() > KEPT { versions::live(aws, &function).await? } else { String::new() };
        for (place, version) in found.iter().enumerate() {
            if place < KEPT || version.number.to_string() == live {
                used.insert(version.artifact.key());
            } else {
                versions::delete(aws, &function, version.number).await?;
                gone += 1;
            }
        }
    }
    let now = DateTime::from(std::time::SystemTime::now()).secs();
    let stale = unused(artifacts::list(aws, bucket).await?, &used, now);
    artifacts::delete(aws, bucket, &stale).await?;
    Ok((gone, stale.len()))
}

/// The bundles that nothing refers to and that nobody is about to use. Each comes with the second it was uploaded.
fn unused(found: Vec<(String, i64)>, used: &BTreeSet<String>, now: i64) -> Vec<String> {
    let unused = found.into_iter().filter(|(key, uploaded)| !used.contains(key) && uploaded + YOUNG < now);
    unused.map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_or_young_is_kept() {
        let found = [("a", 0), ("b", 0), ("c", 9_000)].map(|(key, uploaded)| (key.to_owned(), uploaded));
        let used = BTreeSet::from(["b".to_owned()]);
        assert_eq!(unused(found.to_vec(), &used, 10_000), ["a"]);
        assert_eq!(unused(found.to_vec(), &used, 100), Vec::<String>::new());
    }
}
