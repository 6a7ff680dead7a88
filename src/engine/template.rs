//! The CloudFormation templates, embedded, and what they declare.

use std::collections::BTreeMap;

use serde::Serialize;

use super::long_form;

/// One stack of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What must never be lost: table, artifact bucket, configuration set, topics.
    Data,
    /// What works off the table's stream, and watches.
    Workers,
    /// What answers requests in the serverless topology.
    Web,
    /// What answers them in the high-performance one. A stack of its own, so that it can stand beside the other while
    /// the topology is changed.
    Servers,
}

impl Role {
    /// In the order in which they are created.
    pub const ALL: [Self; 4] = [Self::Data, Self::Workers, Self::Web, Self::Servers];

    /// Those that answer requests, of which a service has one, and two while its topology is changed.
    pub const FRONTS: [Self; 2] = [Self::Web, Self::Servers];

    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Workers => "workers",
            Self::Web => "web",
            Self::Servers => "servers",
        }
    }

    /// `registration-data` and its sisters.
    pub fn stack_name(self, service: &str) -> String {
        format!("{service}-{}", self.name())
    }

    /// The template's text, as it is sent.
    pub fn template(self) -> &'static str {
        match self {
            Self::Data => include_str!("../../stacks/data.yaml"),
            Self::Workers => include_str!("../../stacks/workers.yaml"),
            Self::Web => include_str!("../../stacks/serverless.yaml"),
            Self::Servers => include_str!("../../stacks/high-performance.yaml"),
        }
    }
}

/// Outputs as a stack will tell them, each with its own name for a value.
pub fn outputs(role: Role) -> BTreeMap<String, String> {
    keys(role, "Outputs").into_iter().map(|key| (key.clone(), key)).collect()
}

/// The names in a section of a template, in alphabetical order.
///
/// # Panics
/// Never for the embedded templates, which tests parse.
pub fn keys(role: Role, section: &str) -> Vec<String> {
    let template = long_form::read(role.template()).expect("an embedded template parses");
    template[section].as_object().into_iter().flat_map(|section| section.keys().cloned()).collect()
}
