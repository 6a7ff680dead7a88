//! The role by which GitHub Actions deploy a service, as a CloudFormation template. Pure.
//!
//! Whoever sets it up does so once, with rights that signupctl itself never has.

use std::fmt::Write;
use std::str::FromStr;

use super::policy::Statement;
use super::{Condition, Part};

/// Where a workflow's token comes from, and what it is for.
const ISSUER: &str = "token.actions.githubusercontent.com";
const AUDIENCE: &str = "sts.amazonaws.com";

/// A repository as GitHub names it in a workflow's token: `ORG/REPO`, or `ORG@ID/REPO@ID` where it was made, renamed or
/// given away since July 2026.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository(String);

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "a repository is `ORG/REPO`, or `ORG@ID/REPO@ID` with the numbers that GitHub gave both".to_owned();
        let (owner, name) = text.split_once('/').ok_or_else(wrong)?;
        let split = |part: &str| match part.split_once('@') {
            Some((name, id)) => (name.to_owned(), Some(id.to_owned())),
            None => (part.to_owned(), None),
        };
        let ((owner, owner_id), (name, name_id)) = (split(owner), split(name));
        let made_of = |text: &str, others: &[u8], longest: usize| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
            (1..=longest).contains(&text.len()) && text.bytes().all(fits)
        };
        let is_id = |id: &Option<String>| id.as_ref().is_none_or(|id| id.parse::<u64>().is_ok());
        let fits = made_of(&owner, b"-", 39)
            && made_of(&name, b"-_.", 100)
            && owner_id.is_some() == name_id.is_some()
            && is_id(&owner_id)
            && is_id(&name_id);
        if fits { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl Repository {
    /// The workflows of a branch, as their token names them.
    pub fn branch(&self, branch: &str) -> String {
        format!("repo:{}:ref:refs/heads/{branch}", self.0)
    }

    /// The jobs of an environment, of whichever branch.
    pub fn environment(&self, environment: &str) -> String {
        format!("repo:{}:environment:{environment}", self.0)
    }
}

/// The template. `subject` is whom the role trusts, `parts` what they may do there.
pub fn template(service: &str, subject: &str, parts: &[Part]) -> String {
    let subject = quoted(subject);
    let names: Vec<String> = (1..=parts.len()).map(|number| format!("Policy{number}")).collect();
    let references = names.iter().map(|name| format!("!Ref {name}")).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        r#"AWSTemplateFormatVersion: "2010-09-09"
Description: "signupctl: the role by which GitHub Actions deploy the service {service}"

#   aws cloudformation deploy --stack-name {service}-deployer --template-file role.yaml --capabilities CAPABILITY_IAM
#
# An account has one provider for GitHub. Where there is one already:
#
#     --parameter-overrides ProviderArn=arn:aws:iam::ACCOUNT:oidc-provider/{ISSUER}

Parameters:
  ProviderArn:
    Type: String
    Description: ARN of the account's OIDC provider for GitHub; empty to make it.
    AllowedPattern: "|arn:[a-z-]+:iam::[0-9]{{12}}:oidc-provider/token\\.actions\\.githubusercontent\\.com"
    Default: ""
    ConstraintDescription: the ARN of the provider for {ISSUER}, or nothing

Conditions:
  MakesProvider: !Equals [!Ref ProviderArn, ""]

Resources:
  # Kept with the account: other roles may trust it by then.
  Provider:
    Type: AWS::IAM::OIDCProvider
    Condition: MakesProvider
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      Url: https://{ISSUER}
      ClientIdList: [{AUDIENCE}]

  Role:
    Type: AWS::IAM::Role
    Properties:
      Description: Deploys the sign-up service {service} from GitHub Actions
      ManagedPolicyArns: [{references}]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              Federated: !If [MakesProvider, !Ref Provider, !Ref ProviderArn]
            Action: sts:AssumeRoleWithWebIdentity
            Condition:
              StringEquals:
                "{ISSUER}:aud": {AUDIENCE}
                "{ISSUER}:sub": {subject}
"#
    );
    for (name, part) in names.iter().zip(parts) {
        _ = write!(
            text,
            r#"
  {name}:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Description: What deploying the sign-up service {service} takes
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
"#
        );
        part.statements.iter().for_each(|statement| write_statement(&mut text, statement));
    }
    text + r#"
Outputs:
  RoleArn:
    Description: For `role-to-assume` of the workflow
    Value: !GetAtt Role.Arn
"#
}

fn write_statement(text: &mut String, Statement { actions, resources, condition }: &Statement) {
    let list = |text: &mut String, indent: usize, items: &[String]| {
        for item in items {
            _ = writeln!(text, "{:indent$}- {item}", "");
        }
    };
    let resources: Vec<String> = resources.iter().map(|it| substituted(it)).collect();
    _ = writeln!(text, "          - Effect: Allow\n            Action:");
    list(text, 14, &actions.iter().map(ToString::to_string).collect::<Vec<_>>());
    _ = writeln!(text, "            Resource:");
    list(text, 14, &resources);
    if let Some(Condition { operator, key, values }) = condition {
        _ = writeln!(text, "            Condition:\n              {operator}:\n                {}:", quoted(key));
        list(text, 18, &values.iter().map(|value| substituted(value)).collect::<Vec<_>>());
    }
}

/// As CloudFormation puts account and Region in, where they stand.
fn substituted(text: &str) -> String {
    let text = quoted(text);
    if text.contains("${") { format!("!Sub {text}") } else { text }
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::scope::tests::fullest;
    use super::super::{Place, Scope, of_all, parts};
    use super::*;
    use crate::engine::long_form;

    #[test]
    fn a_repository_is_named_as_its_tokens_name_it() {
        let branch = |text: &str| text.parse::<Repository>().map(|it| it.branch("main"));
        assert_eq!(branch("example/sign-up"), Ok("repo:example/sign-up:ref:refs/heads/main".into()));
        assert_eq!(branch("a@12/b.c@34"), Ok("repo:a@12/b.c@34:ref:refs/heads/main".into()));
        for wrong in
            ["", "example", "example/", "/x", "a/b/c", "*/x", "a/*", "a@1/b", "a/b@1", "a@x/b@1", "a b/c", "ä/b"]
        {
            assert!(branch(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_template_holds_the_whole_policy() {
        let spec = fullest();
        let permissions = of_all(&Scope::of(&spec, Place::of_stack(None)));
        let parts = parts(&permissions);
        let repository: Repository = "example/sign-up".parse().expect("a repository");
        let text = template(&spec.service, &repository.environment("production"), &parts);
        let read = long_form::read(&text).expect("a template");
        for (number, part) in parts.iter().enumerate() {
            let policy = &read["Resources"][format!("Policy{}", number + 1)]["Properties"]["PolicyDocument"];
            // The function that puts account and Region in is all that differs.
            let plain = policy.to_string().replace(r#"{"Fn::Sub":"#, "").replace("\"}", "\"");
            let wanted = part.document().to_string().replace("\"}", "\"");
            assert_eq!(plain, wanted);
        }
        let trust = &read["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0];
        let subject = &trust["Condition"]["StringEquals"][format!("{ISSUER}:sub")];
        assert_eq!(subject, "repo:example/sign-up:environment:production");
        assert!(text.len() <= 51_200, "CloudFormation takes no more inline");
    }
}
