//! `validate`: the spec alone, and all its environments.

use serde_json::json;

use super::Context;
use crate::error::{Exit, Outcome};
use crate::spec;

/// Texts that a note names.
const NAMED: usize = 4;

pub fn run(context: &Context) -> Outcome<Exit> {
    let spec = context.spec()?;
    let file = context.global.file.display().to_string();
    let mut environments = Vec::new();
    if context.global.env.is_none() {
        for environment in spec::environments(&context.global.file)? {
            spec::load(&context.global.file, Some(&environment), context.output.color)?;
            environments.push(environment);
        }
    }
    let fields = spec.form.fields.len();
    let with = match environments.as_slice() {
        [] => String::new(),
        some => format!(", also as `{}`", some.join("`, `")),
    };
    let count = if fields == 1 { "1 field".to_owned() } else { format!("{fields} fields") };
    let untranslated = spec::untranslated(&spec);
    for (language, texts) in &untranslated {
        context
            .output
            .note(format!("note: the language `{language}` lacks {}: those are shown as declared", some(texts)));
    }
    context.output.text(format!("`{file}` is valid: service `{}`, {count}{with}", spec.service));
    context.output.object(&json!({
        "valid": true, "file": file, "service": spec.service, "fields": fields, "environments": environments,
        "untranslated": untranslated,
    }));
    Ok(Exit::Done)
}

/// The first of them by name, and how many more there are.
fn some(texts: &[String]) -> String {
    let named = texts.iter().take(NAMED).map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
