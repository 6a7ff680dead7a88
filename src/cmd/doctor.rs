//! `doctor`: a line for each thing that could stop a deploy or its mail: well, to be known, or to be mended.

use serde_json::json;

use super::Context;
use crate::engine::doctor::{self, Finding, Level};
use crate::error::{Exit, Outcome};
use crate::output::Output;

pub async fn run(context: &Context) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let found = doctor::examine(&aws, &spec, &|command| context.command(command)).await;
    let worst = found.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    output.text(render(&found, output));
    output.object(&json!({
        "service": spec.service, "region": aws.region, "level": worst, "findings": found,
        "api_calls": aws.calls(), "duration_ms": output.started.elapsed().as_millis(),
    }));
    Ok(if worst == Level::Problem { Exit::Failed } else { Exit::Done })
}

fn render(found: &[Finding], output: &Output) -> String {
    let width = found.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let line = |finding: &Finding| {
        let sign = match finding.level {
            Level::Ok => output.green("✓"),
            Level::Warning => output.yellow("!"),
            Level::Problem => output.red("✗"),
        };
        let fix = finding.fix.as_ref().map(|fix| output.dim(&format!("; {fix}"))).unwrap_or_default();
        format!("{sign} {:width$}  {}{fix}", finding.check, finding.text)
    };
    let count = |level| found.iter().filter(|finding| finding.level == level).count();
    let summary = match (count(Level::Problem), count(Level::Warning)) {
        (0, 0) => "nothing stands in the way".to_owned(),
        (0, warnings) => format!("nothing stands in the way; to be known: {warnings}"),
        (problems, _) => format!("to be mended: {problems}"),
    };
    found.iter().map(line).chain([format!("\n{summary}")]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::ColorChoice;

    #[test]
    fn each_finding_is_a_line_with_its_way_out() {
        let output = Output::new(false, ColorChoice::Never, false);
        let finding = |check, level, text: &str, fix: Option<&str>| Finding {
            check,
            level,
            text: text.into(),
            fix: fix.map(str::to_owned),
        };
        let found = [
            finding("region", Level::Ok, "eu-west-1", None),
            finding("sender", Level::Warning, "is not verified", Some("`signupctl verify-email` tells what to do")),
            finding("certificate", Level::Problem, "has expired", Some("request another one")),
        ];
        insta::assert_snapshot!(render(&found, &output), @r"
        ✓ region       eu-west-1
        ! sender       is not verified; `signupctl verify-email` tells what to do
        ✗ certificate  has expired; request another one

        to be mended: 1
        ");
        assert!(render(&found[..2], &output).ends_with("nothing stands in the way; to be known: 1"));
    }
}
