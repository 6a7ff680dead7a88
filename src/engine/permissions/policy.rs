//! Permissions as IAM's policy documents. Pure.

use serde_json::{Value, json};

use super::{Condition, Permission};

/// Characters that a managed policy may have, white space not counted. A role's or a user's has ten of them at most.
const LONGEST: usize = 6_144;

/// Actions that are allowed on the same resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub actions: Vec<&'static str>,
    pub resources: Vec<String>,
    pub condition: Option<Condition>,
}

/// Statements that make one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub statements: Vec<Statement>,
}

/// Everything in one document, however long.
pub fn whole(permissions: &[Permission]) -> Part {
    let mut statements: Vec<Statement> = Vec::new();
    for Permission { action, resources, condition } in permissions {
        let same = |it: &&mut Statement| it.resources == *resources && it.condition == *condition;
        match statements.iter_mut().find(same) {
            Some(statement) => statement.actions.push(action),
            None => statements.push(Statement {
                actions: vec![action],
                resources: resources.clone(),
                condition: condition.clone(),
            }),
        }
    }
    for statement in &mut statements {
        statement.actions.sort_unstable();
        statement.actions.dedup();
    }
    Part { statements }
}

/// The same in as many documents as it takes, each short enough for a managed policy.
pub fn parts(permissions: &[Permission]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for statement in whole(permissions).statements {
        match parts.last_mut() {
            Some(part) if part.length_with(&statement) <= LONGEST => part.statements.push(statement),
            _ => parts.push(Part { statements: vec![statement] }),
        }
    }
    parts
}

impl Part {
    /// As IAM takes it.
    pub fn document(&self) -> Value {
        json!({"Version": "2012-10-17", "Statement": self.statements.iter().map(Statement::json).collect::<Vec<_>>()})
    }

    /// Characters as IAM counts them.
    pub fn length(&self) -> usize {
        self.document().to_string().chars().filter(|it| !it.is_whitespace()).count()
    }

    fn length_with(&self, statement: &Statement) -> usize {
        // And the comma between them.
        self.length() + statement.json().to_string().len() + 1
    }
}

impl Statement {
    fn json(&self) -> Value {
        let Self { actions, resources, condition } = self;
        let mut statement = json!({"Effect": "Allow", "Action": actions, "Resource": resources});
        if let Some(Condition { operator, key, values }) = condition {
            statement["Condition"] = json!({*operator: {*key: values}});
        }
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::super::scope::tests::{fullest, smallest, spec};
    use super::super::{Place, Scope, of_all};
    use super::*;

    #[test]
    fn the_longest_service_fits_in_few_managed_policies() {
        // A role takes ten.
        for (spec, most) in [(fullest(), 3), (spec("high-performance.yaml"), 4)] {
            fits(spec, most);
        }
    }

    fn fits(mut spec: crate::spec::Spec, most: usize) {
        spec.service = "s".repeat(32);
        spec.email.from = format!("{}@{}.example.com", "a".repeat(60), "b".repeat(60));
        let place = Place::new(Some("ap-southeast-1"), Some("123456789012"));
        let permissions = of_all(&Scope::of(&spec, place));
        let parts = parts(&permissions);
        let lengths: Vec<usize> = parts.iter().map(Part::length).collect();
        assert!(lengths.iter().all(|length| *length <= LONGEST) && lengths.len() <= most, "{lengths:?}");
        let statements: Vec<Statement> = parts.into_iter().flat_map(|part| part.statements).collect();
        assert_eq!(statements, whole(&permissions).statements);
    }

    #[test]
    fn no_key_of_another_service_is_in_reach() {
        let statements = whole(&of_all(&smallest())).statements;
        let reads: Vec<_> = statements.iter().filter(|it| it.actions.iter().any(|it| it.starts_with("ssm:"))).collect();
        assert!(!reads.is_empty());
        for resource in reads.iter().flat_map(|statement| &statement.resources) {
            let (_, name) = resource.split_once(":parameter").expect("a parameter");
            let is_own = name.starts_with("/signupctl/waitlist/");
            assert!(is_own || name.starts_with("/signupctl-identities"), "{resource}");
        }
    }

    #[test]
    fn the_policy_of_a_spec() {
        let whole = whole(&of_all(&smallest()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&whole.document()).expect("JSON"));
    }
}
