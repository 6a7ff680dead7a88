//! `cost`: what a month costs by the spec alone. Asks no account and builds nothing.

use serde_json::json;

use super::Context;
use crate::cli;
use crate::engine::cost::Bill;
use crate::error::{Exit, Outcome};

pub fn run(context: &Context, arguments: cli::Cost) -> Outcome<Exit> {
    let spec = context.spec()?;
    let bill = Bill::of(&spec, arguments.sign_ups);
    context.output.text(format!("{}: {}", context.output.bold(&spec.service), bill.text()));
    let mut object = json!(bill);
    object["service"] = spec.service.into();
    context.output.object(&object);
    Ok(Exit::Done)
}
