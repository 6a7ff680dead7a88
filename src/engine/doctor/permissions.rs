//! Whether the principal may do what plan, deploy and destroy do: asked of IAM itself.

use super::{Command, Finding};
use crate::aws::Aws;
use crate::spec::Spec;

pub async fn look(_aws: &Aws, _spec: &Spec, _principal: &str, _command: &Command<'_>) -> Vec<Finding> {
    Vec::new()
}
