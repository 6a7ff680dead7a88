//! From a file to a checked `Spec`: read, parse, lay the environment over, type, check, read what it names.

use std::fs;
use std::path::Path as FilePath;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use signup_service::address::Address;

use super::check::{self, Problem};
use super::files;
use super::report::{self, Mistake, Sheet, nearest};
use super::tree::{self, Node, Path, Step};
use super::{Spec, tree::Tree};
use crate::error::{Failure, Outcome};

/// A spec is a page of text; what is larger is not a spec.
const MAX_BYTES: u64 = 1024 * 1024;

/// The names under `environments` of the spec in `file`, which has been loaded before.
pub fn environments(file: &FilePath) -> Outcome<Vec<String>> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let root = tree::parse(&text).ok();
    let names = root.as_ref().and_then(|root| root.get("environments")).map(Node::keys).unwrap_or_default();
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Reads the spec in `file`, with the overlay `environment` when one is named.
///
/// Fails with exit code 2 and, for a mistake in the text, its line and the fix.
pub fn load(file: &FilePath, environment: Option<&str>, color: bool) -> Outcome<Spec> {
    let name = file.display().to_string();
    let unreadable =
        |cause: String| Failure::usage("spec_unreadable", format!("the spec `{name}` cannot be read")).cause(cause);
    let metadata = fs::metadata(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable("there is no such file".into())
            .hint("name the file with `--file`, or start from one in `examples/`"),
        _ => unreadable(error.to_string()),
    })?;
    if metadata.is_dir() {
        return Err(unreadable("it is a directory".into()).hint("name the YAML file in it"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(unreadable(format!("it has {} bytes; a spec has at most {MAX_BYTES}", metadata.len())));
    }
    let bytes = fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| unreadable(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to())))?;
    parse(&name, &text, file.parent().unwrap_or(FilePath::new("")), environment, color)
}

/// Parses and checks the text of a spec; `name` is the file's name in messages, `folder` where the files that it
/// names are.
fn parse(name: &str, text: &str, folder: &FilePath, environment: Option<&str>, color: bool) -> Outcome<Spec> {
    let all_invalid = |mistakes: Vec<Mistake>, others: Vec<Sheet>| {
        let count = match mistakes.len() + others.iter().map(|sheet| sheet.mistakes.len()).sum::<usize>() {
            1 => "a mistake".to_owned(),
            many => format!("{many} mistakes"),
        };
        let has = if others.is_empty() { "has" } else { "and its files have" };
        let mut sheets = vec![Sheet { name: name.to_owned(), source: text.to_owned(), mistakes }];
        sheets.extend(others);
        sheets.retain(|sheet| !sheet.mistakes.is_empty());
        Failure::usage("spec_invalid", format!("the spec `{name}` {has} {count}"))
            .report(report::render_all(&sheets, color))
    };
    let invalid = |mistakes: Vec<Mistake>| all_invalid(mistakes, Vec::new());
    let mut root = tree::parse(text).map_err(|error| invalid(vec![syntax(&error, text)]))?;
    if matches!(&root.value, Tree::Scalar(value) if value.is_null()) {
        return Err(
            Failure::usage("spec_invalid", format!("the spec `{name}` is empty")).hint("start from one in `examples/`")
        );
    }
    if !matches!(root.value, Tree::Map(_)) {
        return Err(Failure::usage("spec_invalid", format!("the spec `{name}` is no map of keys and values"))
            .hint("start from one in `examples/`"));
    }
    let environments = root.remove("environments");
    if let Some(environments) = &environments {
        check_environments(environments).map_err(|mistake| invalid(vec![mistake]))?;
    }
    if let Some(environment) = environment {
        let Some(environments) = environments else {
            return Err(Failure::usage("spec_invalid", format!("the spec `{name}` has no environments"))
                .hint(format!("add `environments:` with a key `{environment}`, or leave `--env` out")));
        };
        overlay(&mut root, environments, environment).map_err(|mistake| invalid(vec![mistake]))?;
    }
    let mut spec: Spec = typed(&root, root.to_value()).map_err(|mistake| invalid(vec![mistake]))?;
    let (files, wrong) = files::read(&spec, folder);
    let mut problems = check::check(&spec);
    problems.extend(wrong.problems);
    if !problems.is_empty() || !wrong.sheets.is_empty() {
        return Err(all_invalid(problems.into_iter().map(|problem| place(&root, problem)).collect(), wrong.sheets));
    }
    spec.files = files;
    mailable(&mut spec.email.from);
    spec.email.reply_to.as_mut().map(mailable);
    spec.monitoring.alarm_address.as_mut().map(mailable);
    Ok(spec)
}

/// Writes an address as it is mailed, the domain in ASCII and lower case: SES compares the sender with the
/// identity and with the functions' policies letter by letter.
fn mailable(address: &mut String) {
    if let Ok(parsed) = Address::parse(address) {
        *address = parsed.mailable();
    }
}

/// Environments are a map of maps, whether one of them is asked for or not.
fn check_environments(environments: &Node) -> Result<(), Mistake> {
    let is_map = |node: &Node| match &node.value {
        Tree::Map(_) => true,
        Tree::Scalar(value) => value.is_null(),
        Tree::List(_) => false,
    };
    let wrong = match &environments.value {
        Tree::Map(entries) => entries.iter().map(|(_, _, node)| node).find(|node| !is_map(node)),
        _ => Some(environments).filter(|node| !is_map(node)),
    };
    wrong.map_or(Ok(()), |node| {
        Err(Mistake {
            message: "`environments` holds something that is no map of keys to change".into(),
            span: node.locate(&Path::default()),
            hint: Some("write a name, and below it the keys that differ".into()),
        })
    })
}

/// Lays `environments.NAME` over the base and gives the service a name of its own, so that two
/// environments never share a stack.
fn overlay(root: &mut Node, mut environments: Node, name: &str) -> Result<(), Mistake> {
    let known = environments.keys().join("`, `");
    let span = environments.locate(&Path::default());
    let overlay = environments.remove(name).ok_or_else(|| Mistake {
        message: format!("there is no environment `{name}`"),
        span,
        hint: Some(format!("the spec has `{known}`")),
    })?;
    let renames = overlay.get("service").is_some();
    if matches!(overlay.value, Tree::Map(_)) {
        root.merge(overlay);
    }
    if !renames && let Some(Node { value: Tree::Scalar(Value::String(service)), .. }) = root.get_mut("service") {
        *service = format!("{service}-{name}");
    }
    Ok(())
}

/// Types a value; what is wrong with it is shown where it stands in `root`.
pub(super) fn typed<T: DeserializeOwned>(root: &Node, value: Value) -> Result<T, Mistake> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = Path(
            error
                .path()
                .iter()
                .filter_map(|segment| match segment {
                    Segment::Map { key } => Some(Step::Key(key.clone())),
                    Segment::Seq { index } => Some(Step::Index(*index)),
                    Segment::Enum { .. } | Segment::Unknown => None,
                })
                .collect(),
        );
        let message = error.inner().to_string();
        describe(root, &path, &message)
    })
}

/// Turns serde's sentence into the house's: the path first, and the nearest known key as a hint.
fn describe(root: &Node, path: &Path, message: &str) -> Mistake {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field") {
        let unknown = quoted.first().copied().unwrap_or_default();
        // The path ends in the unknown key itself, or in its parent, depending on the container.
        let path = match path.0.last() {
            Some(Step::Key(last)) if last == unknown => path.clone(),
            _ => path.key(unknown),
        };
        let hint = match nearest(unknown, &quoted[1..]) {
            Some(known) => format!("did you mean `{known}`?"),
            None if quoted[1..].contains(&"service") => {
                format!("known here: `{}`, `environments`", quoted[1..].join("`, `"))
            }
            None => format!("known here: `{}`", quoted[1..].join("`, `")),
        };
        return Mistake { message: format!("unknown key `{path}`"), span: root.locate_key(&path), hint: Some(hint) };
    }
    if message.starts_with("missing field") {
        let missing = path.key(quoted.first().copied().unwrap_or_default());
        return Mistake {
            message: format!("`{missing}` is missing"),
            span: root.locate(path),
            hint: Some(format!("add `{}:`", quoted.first().copied().unwrap_or_default())),
        };
    }
    if message.starts_with("unknown variant") {
        let given = quoted.first().copied().unwrap_or_default();
        return Mistake {
            message: format!("`{path}` cannot be `{given}`"),
            span: root.locate(path),
            hint: Some(match nearest(given, &quoted[1..]) {
                Some(known) => format!("did you mean `{known}`? possible: `{}`", quoted[1..].join("`, `")),
                None => format!("possible: `{}`", quoted[1..].join("`, `")),
            }),
        };
    }
    let hints = [
        ("expected a string", "put it in quotes to make it text"),
        ("expected a value as text", "put it in quotes to make it text"),
        ("expected a boolean", "write `true` or `false`"),
        ("expected u32", "write a whole number, from 0 up"),
        ("expected struct", "write its keys on the lines below it"),
    ];
    let hint = hints.iter().find(|(wanted, _)| message.contains(wanted)).map(|(_, hint)| (*hint).to_owned());
    // A Rust type's name tells an operator nothing.
    let message = &message.replace("expected u32", "expected a whole number");
    let message = message.split(", expected struct").next().map(|given| match given.len() == message.len() {
        true => message.to_owned(),
        false => format!("{given}, expected keys and values"),
    });
    let message = message.unwrap_or_default();
    let (at, message) = (path.to_string(), message.replace("invalid type: ", "").replace("invalid value: ", ""));
    Mistake {
        message: if at.is_empty() { format!("the spec: {message}") } else { format!("`{at}`: {message}") },
        span: root.locate(path),
        hint,
    }
}

/// The parser's complaint without its own idea of the place, which is drawn below the line instead.
pub(super) fn syntax(error: &serde_saphyr::Error, text: &str) -> Mistake {
    let start = error.location().map_or(0, |location| offset(text, location.line(), location.column()));
    let sentence = error.render();
    let sentence = sentence.lines().next().unwrap_or_default();
    let sentence = sentence.split(" at line ").next().unwrap_or(sentence);
    let (message, hint) = if let Some(rest) = sentence.strip_prefix("duplicate mapping key: ") {
        let key = rest.split(',').next().unwrap_or(rest);
        (format!("the key `{key}` stands here a second time"), Some("keep one of them"))
    } else if sentence.starts_with("budget breached") {
        ("too much for a spec: too many values, levels, aliases or documents".to_owned(), None)
    } else {
        (format!("not valid YAML: {sentence}"), None)
    };
    Mistake { message, span: start..start + 1, hint: hint.map(str::to_owned) }
}

/// The byte at a line and a column, both counted from 1, the column in characters.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let line = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(1).saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    before + text[before..].chars().take(column).map(char::len_utf8).sum::<usize>()
}

fn place(root: &Node, problem: Problem) -> Mistake {
    let span = if problem.at_key { root.locate_key(&problem.path) } else { root.locate(&problem.path) };
    Mistake { message: problem.message, span, hint: problem.hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_written_as_ses_compares_it() {
        let text = "service: demo\nemail: {from: Hello@BÜCHER.Example}\n\
                    form: {title: Demo, fields: [{name: email, type: email}]}\n";
        let spec = parse("signup.yaml", text, FilePath::new(""), None, false).expect("valid");
        assert_eq!(spec.email.from, "Hello@xn--bcher-kva.example");
    }
}
