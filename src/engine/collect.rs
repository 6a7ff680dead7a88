//! What no deploy will go back to is deleted: versions of the functions, and bundles. The newest five bundles stay, each
//! with its newest version, and whatever is in use.

use std::collections::BTreeSet;

use aws_smithy_types::DateTime;

use super::stack::DeployedStacks;
use super::versions::{self, Version};
use super::{artifacts, rollback};
use crate::aws::Aws;
use crate::error::Outcome;

/// Bundles of each function that are kept. Versions of one bundle differ in their configuration alone, which a rollback
/// does not take back.
const KEPT: usize = 5;

/// A bundle that was uploaded so recently may belong to a deploy that has not used it yet, in seconds.
const YOUNG: i64 = 3_600;

/// Deletes what is not needed any more; returns how many versions and bundles went. Safe to repeat.
pub async fn collect(aws: &Aws, stacks: &DeployedStacks, bucket: &str) -> Outcome<(usize, usize)> {
    let mut used: BTreeSet<String> = rollback::artifacts_of(stacks).map(|artifact| artifact.key()).collect();
    let mut gone = 0;
    for function in versions::functions(stacks) {
        let found = versions::list(aws, &function).await?;
        // Where every bundle is kept, with one version each, none is left over whatever is live.
        let live =
            if kept(&found, "").len() < found.len() { versions::live(aws, &function).await? } else { String::new() };
        let kept = kept(&found, &live);
        for version in &found {
            if kept.contains(&version.number) {
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

/// The numbers of the versions that are kept of these, which come newest first: the newest of each bundle, and what is live.
fn kept(found: &[Version], live: &str) -> BTreeSet<u64> {
    let mut bundles = BTreeSet::new();
    let kept = found.iter().filter(|version| {
        let is_of_the_newest = bundles.len() < KEPT && bundles.insert(&version.artifact.sha256);
        is_of_the_newest || version.number.to_string() == live
    });
    kept.map(|version| version.number).collect()
}

/// The bundles that nothing refers to and that nobody is about to use. Each comes with the second it was uploaded.
fn unused(found: Vec<(String, i64)>, used: &BTreeSet<String>, now: i64) -> Vec<String> {
    let unused = found.into_iter().filter(|(key, uploaded)| !used.contains(key) && uploaded + YOUNG < now);
    unused.map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::desired::ArtifactRef;

    #[test]
    fn five_bundles_are_kept_however_often_one_was_published() {
        let version = |(number, code): (u64, &str)| {
            let artifact = ArtifactRef { sha256: code.repeat(32), code_sha256: code.to_owned() };
            Version { number, artifact, published: String::new(), keys: [None, None, None] }
        };
        let all = [(9, "ff"), (8, "ff"), (7, "ee"), (6, "dd"), (5, "ff"), (4, "cc"), (3, "bb"), (2, "aa"), (1, "99")];
        let all = all.map(version);
        assert_eq!(kept(&all, "9"), BTreeSet::from([9, 7, 6, 4, 3]));
        // As behind a rollback, and a deploy that was taken back.
        assert_eq!(kept(&all, "2"), BTreeSet::from([9, 7, 6, 4, 3, 2]));
        assert_eq!(kept(&all, "8"), BTreeSet::from([9, 8, 7, 6, 4, 3]));
    }

    #[test]
    fn what_is_used_or_young_is_kept() {
        let found = [("a", 0), ("b", 0), ("c", 9_000)].map(|(key, uploaded)| (key.to_owned(), uploaded));
        let used = BTreeSet::from(["b".to_owned()]);
        assert_eq!(unused(found.to_vec(), &used, 10_000), ["a"]);
        assert_eq!(unused(found.to_vec(), &used, 100), Vec::<String>::new());
    }
}
