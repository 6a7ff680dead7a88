//! Whether the principal may do what plan, deploy and destroy do: asked of IAM itself, which knows the policies of the
//! principal and of its organization, and not those of the resources.

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use tokio::task::JoinSet;

use super::{Command, Finding};
use crate::aws::{Aws, explain};
use crate::engine::permissions::{self, Condition, Place, Scope};
use crate::error::{Failure, Outcome};
use crate::spec::Spec;

const CHECK: &str = "permissions";

/// Actions that are named; the rest is counted.
const NAMED: usize = 5;

/// Actions on the same resources, which IAM is asked about at once.
struct Question {
    actions: Vec<String>,
    resources: Vec<String>,
    condition: Option<Condition>,
}

pub async fn look(aws: &Aws, spec: &Spec, principal: &str, command: &Command<'_>) -> Vec<Finding> {
    let print = format!("`{}` prints what a deployer needs", command("policy"));
    let source = match source(aws, principal).await {
        Source::Root => return vec![Finding::ok(CHECK, "the root user may do everything")],
        Source::Policies(arn) => arn,
        Source::Unknown => {
            let text = format!("whether `{principal}` may deploy cannot be told: IAM knows users and roles alone");
            return vec![Finding::warning(CHECK, text, print)];
        }
    };
    let questions = questions(aws, spec, principal);
    let count: usize = questions.iter().map(|question| question.actions.len()).sum();
    vec![match denied(aws, &source, questions).await {
        Ok(denied) if denied.is_empty() => {
            Finding::ok(CHECK, format!("`{source}` may plan, deploy and destroy ({count} permissions)"))
        }
        Ok(denied) => Finding::problem(CHECK, format!("`{source}` may not {}", listed(&denied)), print),
        Err(failure) if failure.code == "access_denied" => Finding::warning(
            CHECK,
            format!("whether `{source}` may deploy cannot be told: it may not ask IAM"),
            format!("grant it `iam:SimulatePrincipalPolicy`; {print}"),
        ),
        Err(failure) => Finding::unknown(CHECK, &failure),
    }]
}

/// Whose policies are to be looked at.
enum Source {
    Root,
    Policies(String),
    Unknown,
}

async fn source(aws: &Aws, principal: &str) -> Source {
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    let [_, partition, _, _, account, name] = parts[..] else { return Source::Unknown };
    match name.split('/').collect::<Vec<_>>()[..] {
        ["root"] => Source::Root,
        ["user", ..] => Source::Policies(principal.to_owned()),
        // A session does not tell its role's path, such as that of single sign-on.
        ["assumed-role", role, _] => {
            let found = aws.iam().get_role().role_name(role).send().await;
            let arn = found.ok().and_then(|answer| answer.role).map(|role| role.arn);
            Source::Policies(arn.unwrap_or_else(|| format!("arn:{partition}:iam::{account}:role/{role}")))
        }
        _ => Source::Unknown,
    }
}

fn questions(aws: &Aws, spec: &Spec, principal: &str) -> Vec<Question> {
    let scope = Scope::of(spec, Place::new(Some(&aws.region), principal.split(':').nth(4)));
    let mut questions: Vec<Question> = Vec::new();
    for command in [permissions::Command::Plan, permissions::Command::Deploy, permissions::Command::Destroy] {
        // The emulator knows no conditions when it is asked, and denies what has one.
        let wanted = permissions::needed(command, &scope).into_iter();
        for wanted in wanted.filter(|wanted| wanted.condition.is_none() || !aws.is_local()) {
            let same = |it: &&mut Question| it.resources == wanted.resources && it.condition == wanted.condition;
            match questions.iter_mut().find(same) {
                Some(question) if question.actions.iter().any(|action| action == wanted.action) => {}
                Some(question) => question.actions.push(wanted.action.to_owned()),
                None => questions.push(Question {
                    actions: vec![wanted.action.to_owned()],
                    resources: wanted.resources,
                    condition: wanted.condition,
                }),
            }
        }
    }
    questions
}

/// The actions that are not allowed on all that they are needed on, in alphabetical order.
async fn denied(aws: &Aws, source: &str, questions: Vec<Question>) -> Outcome<Vec<String>> {
    let mut asked = JoinSet::new();
    for question in questions {
        let (aws, source) = (aws.clone(), source.to_owned());
        asked.spawn(async move { ask(&aws, &source, question).await });
    }
    let mut denied = Vec::new();
    while let Some(answer) = asked.join_next().await {
        let answer = answer.map_err(|error| {
            Failure::new("interrupted", "a question to IAM was broken off").cause(error.to_string())
        })?;
        denied.extend(answer?.iter().filter(|result| !is_allowed(result)).map(|it| it.eval_action_name.clone()));
    }
    denied.sort();
    denied.dedup();
    Ok(denied)
}

async fn ask(aws: &Aws, source: &str, question: Question) -> Outcome<Vec<EvaluationResult>> {
    let context = question.condition.map(|condition| {
        vec![
            ContextEntry::builder()
                .context_key_name(condition.key)
                .context_key_type(ContextKeyTypeEnum::String)
                .set_context_key_values(condition.values.into_iter().next().map(|value| vec![value]))
                .build(),
        ]
    });
    let request = aws
        .iam()
        .simulate_principal_policy()
        .policy_source_arn(source)
        .set_action_names(Some(question.actions))
        .set_resource_arns(Some(question.resources))
        .set_context_entries(context);
    let results: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    results.map_err(|error| explain("IAM does not tell what the principal may do", error))
}

/// On every resource that was asked about.
fn is_allowed(result: &EvaluationResult) -> bool {
    let allowed = |decision: &PolicyEvaluationDecisionType| *decision == PolicyEvaluationDecisionType::Allowed;
    match result.resource_specific_results() {
        [] => allowed(&result.eval_decision),
        each => each.iter().all(|result| allowed(&result.eval_resource_decision)),
    }
}

fn listed(actions: &[String]) -> String {
    let named = actions.iter().take(NAMED).map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
    match actions.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_actions_are_named_and_the_rest_is_counted() {
        let actions = |count: usize| (0..count).map(|number| format!("s3:{number}")).collect::<Vec<_>>();
        assert_eq!(listed(&actions(1)), "`s3:0`");
        assert_eq!(listed(&actions(7)), "`s3:0`, `s3:1`, `s3:2`, `s3:3`, `s3:4` and 2 more");
    }
}
