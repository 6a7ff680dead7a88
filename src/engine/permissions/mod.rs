//! What a principal must be allowed to do: signupctl's own calls, and what CloudFormation does for it with the same
//! credentials. Pure.
//!
//! Two tables say it, one of calls and one of resource types; tests hold them against the sources and the templates.

mod calls;
mod kinds;
mod policy;
mod role;
mod scope;

pub use policy::{Part, parts, whole};
pub use role::{Repository, template};
pub use scope::{Condition, Place, Scope};

/// What is done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Plan,
    Deploy,
    Rollback,
    Drift,
    Destroy,
    VerifyEmail,
    Admin,
    Doctor,
    /// `outputs` asks for a part of the same.
    Status,
    Logs,
    Users,
}

impl Command {
    pub const ALL: [Self; 11] = [
        Self::Plan,
        Self::Deploy,
        Self::Rollback,
        Self::Drift,
        Self::Destroy,
        Self::VerifyEmail,
        Self::Admin,
        Self::Doctor,
        Self::Status,
        Self::Logs,
        Self::Users,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Drift => "drift",
            Self::Destroy => "destroy",
            Self::VerifyEmail => "verify-email",
            Self::Admin => "admin",
            Self::Doctor => "doctor",
            Self::Status => "status",
            Self::Logs => "logs",
            Self::Users => "users",
        }
    }

    /// Whether CloudFormation makes, changes or deletes resources in its course.
    fn changes_resources(self) -> bool {
        matches!(self, Self::Deploy | Self::Rollback | Self::Drift | Self::Destroy)
    }
}

/// An action, and the resources on which it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    pub action: &'static str,
    pub resources: Vec<String>,
    /// How the request itself narrows it.
    pub condition: Option<Condition>,
}

/// What a subcommand needs.
pub fn needed(command: Command, scope: &Scope) -> Vec<Permission> {
    let called = calls::ALL.iter().filter(|call| call.by.contains(&command)).map(|call| (call.on, call.actions));
    let handled = kinds::all().filter(|kind| command.changes_resources() && scope.makes(kind.of));
    let handled = handled.map(|kind| (kind.on, kind.actions));
    let each = called.chain(handled).flat_map(|(on, actions)| actions.iter().map(move |action| (on, *action)));
    merged(each.map(|(on, action)| Permission { action, resources: scope.arns(on), condition: scope.condition(on) }))
}

/// What every subcommand needs together.
pub fn of_all(scope: &Scope) -> Vec<Permission> {
    merged(Command::ALL.into_iter().flat_map(|command| needed(command, scope)))
}

/// Each once. What is allowed on everything is not told of less.
fn merged(permissions: impl Iterator<Item = Permission>) -> Vec<Permission> {
    let mut all: Vec<Permission> = Vec::new();
    for permission in permissions {
        if !all.contains(&permission) {
            all.push(permission);
        }
    }
    let on_all = |it: &&Permission| it.resources == ["*"] && it.condition.is_none();
    let everywhere: Vec<&str> = all.iter().filter(on_all).map(|permission| permission.action).collect();
    all.retain(|permission| on_all(&permission) || !everywhere.contains(&permission.action));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use scope::tests::{fullest, smallest};

    fn actions(command: Command) -> Vec<&'static str> {
        needed(command, &smallest()).iter().map(|permission| permission.action).collect()
    }

    #[test]
    fn looking_changes_nothing() {
        for command in [Command::Status, Command::Logs] {
            for action in actions(command) {
                let (_, verb) = action.split_once(':').expect("a service");
                let looks = ["BatchGet", "Describe", "Get", "List", "Filter", "Query"]
                    .iter()
                    .any(|word| verb.starts_with(word));
                assert!(looks, "{command:?} needs {action}");
            }
        }
        assert!(!actions(Command::Plan).contains(&"cloudformation:ExecuteChangeSet"));
        assert!(!actions(Command::Deploy).contains(&"cloudformation:DetectStackDrift"));
    }

    #[test]
    fn what_a_spec_does_not_ask_for_is_not_needed() {
        let domains = |scope: &Scope| {
            let needed = needed(Command::Deploy, scope);
            needed.iter().any(|permission| permission.resources.iter().any(|arn| arn.contains("/domainnames")))
        };
        assert!(domains(&Scope::of(&fullest(), Place::new(None, None))) && !domains(&smallest()));
    }

    #[test]
    fn no_action_stands_for_several() {
        for Permission { action, resources, .. } in of_all(&Scope::of(&fullest(), Place::new(None, None))) {
            assert!(!action.contains('*') && !resources.is_empty(), "{action}");
        }
    }
}
