//! The policy that `signupctl policy` prints is enough for all that signupctl does, and no call of its own is allowed
//! that is not needed.
//!
//! The emulator checks every call of signupctl against the policies of whoever signs it. What its CloudFormation does
//! for the caller it does not check: those actions are listed by the snapshot, and held against the templates by a unit
//! test.

mod principal;

use std::collections::BTreeSet;

use principal::Principal;
use serde_json::{Value, json};
use support::account::Account;
use support::{Sandbox, http, text};

/// Calls of signupctl's own that no step here makes, or that the emulator does not check.
const UNPROVEN: [&str; 24] = [
    // What only a broken service needs.
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:DescribeEvents",
    "cloudformation:ListChangeSets",
    "cloudformation:ListStackResources",
    "cloudformation:RollbackStack",
    "s3:DeleteBucketPolicy",
    // The emulator does not see what is asked of CloudWatch, whose protocol is another.
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetDashboard",
    "cloudwatch:GetMetricStatistics",
    // Of a domain alone, and of an account in the sandbox.
    "ses:PutEmailIdentityMailFromAttributes",
    "ses:PutAccountDetails",
    // What only `doctor` asks for, which goes on without: another test runs it with the whole policy.
    "iam:SimulatePrincipalPolicy",
    "lambda:GetAccountSettings",
    "lambda:GetFunctionConcurrency",
    "cloudformation:DescribeAccountLimits",
    "acm:DescribeCertificate",
    // What AWS asks for beside the call that is made, and the emulator does not.
    "cloudformation:BatchDescribeTypeConfigurations",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "ses:TagResource",
    "ssm:AddTagsToResource",
    // Of whoever is mailed once more after a key was replaced, which is not before minutes are over.
    "dynamodb:ConditionCheckItem",
    // Nothing is left behind under the name of a log group here.
    "logs:ListTagsForResource",
];

/// Whatever an operator does to a service, in this order. The spec's title is changed before a line with a star.
const STEPS: [&str; 26] = [
    "plan --local",
    "deploy --local --yes",
    "verify-email --local",
    "status --local",
    "outputs --local",
    "*plan --local",
    "deploy --local --yes",
    "deploy --replace-key address-key --local --yes",
    "plan --local",
    "users list --local",
    "users show somebody@example.org --local",
    "users export --local",
    "users recount --local --repair --yes",
    "users rekey --local",
    "users erase somebody@example.org --local --yes",
    "admin add ada@example.org --local",
    "admin list --local",
    "admin reset-password ada@example.org --local --yes",
    "admin remove ada@example.org --local --yes",
    "logs --since 1h --local",
    "drift --local",
    "*deploy --code-only --local --yes",
    "rollback --local --yes",
    "destroy --local --yes",
    "deploy --local --yes",
    "destroy --delete-data --local --yes",
];

/// A sandbox whose emulator runs, as somebody who has no right, and the spec's text.
struct Stage {
    sandbox: Sandbox,
    principal: Principal,
    spec: String,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::new().with_example("waitlist.yaml");
        let spec = std::fs::read_to_string(sandbox.path().join("signup.yaml")).expect("the example");
        sandbox.ok(&["local", "up"]);
        let principal = Principal::in_place_of_root(&sandbox);
        Self { sandbox, principal, spec }
    }

    /// What `policy --json` tells.
    fn printed(&self) -> Value {
        self.sandbox.json(&["policy", "--region", "us-east-1", "--account", "000000000000"])
    }

    /// Goes through all the steps, each as often as `run` asks for.
    fn each(&self, mut run: impl FnMut(&[&str])) {
        for (number, step) in STEPS.iter().enumerate() {
            if step.starts_with('*') {
                let title = format!("title: Title {number}");
                self.sandbox.write("signup.yaml", self.spec.replace("title: Join the waiting list", &title));
            }
            let words: Vec<&str> = step.trim_start_matches('*').split(' ').collect();
            if words.contains(&"show") {
                self.sign_up();
            }
            if words.contains(&"recount") {
                self.miscount();
            }
            run(&words);
        }
    }

    /// Somebody is counted who is not there, so that a recount has something to repair.
    fn miscount(&self) {
        let table = self.sandbox.json(&["outputs", "--local"])["TableName"].clone();
        let item = json!({"pk": {"S": "COUNT"}, "sk": {"S": "2026-01#0"}, "s.pending": {"N": "1"}});
        let put = json!({"TableName": table, "Item": item});
        Account::new(self.sandbox.emulator()).json("dynamodb", "DynamoDB_20120810.PutItem", put);
    }

    fn sign_up(&self) {
        let outputs = self.sandbox.json(&["outputs", "--local"]);
        let api = outputs["ApiId"].as_str().expect("an API");
        let url = format!("{}/_aws/execute-api/{api}/$default/api/v1/sign-ups", self.sandbox.emulator());
        let answer = http::post_json(&url, &json!({"email": "somebody@example.org"}));
        assert_eq!(answer.status, 202, "{answer:?}");
    }
}

/// The actions of a policy.
fn actions(policy: &Value) -> BTreeSet<String> {
    policy["Statement"].as_array().expect("statements").iter().flat_map(|it| texts(&it["Action"])).collect()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// The policy with these actions alone.
fn only(policy: &Value, granted: BTreeSet<String>) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().expect("statements");
    for statement in statements.iter_mut() {
        statement["Action"] = json!(&texts(&statement["Action"]) & &granted);
    }
    statements.retain(|statement| statement["Action"] != json!([]));
    // A policy has to say something; this is allowed to everybody.
    statements.push(json!({"Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": ["*"]}));
    policy
}

#[test]
fn the_printed_policy_is_enough() {
    let stage = Stage::new();
    let printed = stage.printed();
    for (number, part) in printed["parts"].as_array().expect("parts").iter().enumerate() {
        stage.principal.attach(&format!("part-{number}"), part);
    }
    let is_allowed = |words: &[&str]| {
        let told = stage.sandbox.ok(words);
        assert_eq!(stage.principal.refused(), Vec::<String>::new(), "{words:?}");
        told
    };
    let told = is_allowed(&["doctor", "--local"]);
    assert!(told.contains("user/deployer` may plan, deploy and destroy"), "{told}");
    stage.each(|words| drop(is_allowed(words)));
}

/// Begins with nothing allowed. What is refused stops the step, and is allowed from then on, to the subcommands that are
/// said to need it.
#[test]
fn every_action_is_needed() {
    let stage = Stage::new();
    let printed = stage.printed();
    let (policy, all) = (&printed["policy"], actions(&printed["policy"]));
    let mut untold = Vec::new();
    let (mut granted, mut stopped, mut passed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    stage.each(|words| {
        let name = if words[0] == "outputs" { "status" } else { words[0] };
        let mut told = texts(&printed["commands"][name]);
        loop {
            stage.principal.hold(&only(policy, &granted & &told));
            let output = stage.sandbox.run(words);
            let refused = stage.principal.refused();
            let said = text(&output.stderr);
            if refused.is_empty() {
                assert!(output.status.success(), "{words:?} failed with all that it asked for: {said}");
                return;
            }
            for action in refused {
                if told.insert(action.clone()) {
                    untold.push(format!("{name} needs {action}"));
                } else if granted.contains(&action) {
                    panic!("{words:?} is refused {action}, which is allowed: {said}");
                }
                granted.insert(action.clone());
                if output.status.success() {
                    passed.insert(action)
                } else {
                    stopped.insert(action)
                };
            }
        }
    });
    assert_eq!(untold, Vec::<String>::new(), "this is not told");
    let excused = |action: &&str| all.contains(*action) && !granted.contains(*action);
    let proven: Vec<&str> = UNPROVEN.into_iter().filter(|action| !excused(action)).collect();
    assert_eq!(proven, Vec::<&str>::new(), "these need not be excused");
    let left = all.iter().filter(|action| !granted.contains(*action) && !UNPROVEN.contains(&action.as_str()));
    let list = |actions: &mut dyn Iterator<Item = &String>| actions.map(|it| format!("  {it}\n")).collect::<String>();
    insta::assert_snapshot!(format!(
        "no step without\n{}less is told without\n{}done by CloudFormation\n{}",
        list(&mut stopped.iter()),
        list(&mut passed.iter()),
        list(&mut left.into_iter())
    ));
}
