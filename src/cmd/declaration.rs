//! `declaration`: what a server or a container reads, into a folder: the form with everything around it, and the logo.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::Context;
use crate::bundle::{self, CONFIG, LOGO};
use crate::error::{Exit, Failure, Outcome};

pub fn run(context: &Context, folder: &Path) -> Outcome<Exit> {
    let spec = context.spec()?;
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::new("not_written", format!("`{}` cannot be written", path.display())).cause(error.to_string())
    };
    let declaration = bundle::declaration(&spec)?;
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut files = vec![(CONFIG, declaration)];
    files.extend(spec.files.logo.as_ref().map(|logo| (LOGO, logo.bytes.clone())));
    for (name, bytes) in &files {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|error| failed(&path, &error))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    context.output.text(format!("wrote {} into `{}`", names.join(" and "), folder.display()));
    context.output.object(&json!({ "service": spec.service, "folder": folder, "files": names }));
    Ok(Exit::Done)
}
