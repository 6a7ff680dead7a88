//! `template`: what would be deployed, as it is sent to CloudFormation.

use serde_json::json;

use super::Context;
use crate::engine::template::Role;
use crate::error::{Exit, Outcome};

pub fn run(context: &Context, role: Role) -> Outcome<Exit> {
    context.output.text(role.template());
    context.output.object(&json!({"role": role, "template": role.template()}));
    Ok(Exit::Done)
}
