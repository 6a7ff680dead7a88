//! The CloudFormation templates, embedded, and what they declare.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One stack of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What must never be lost: table, artifact bucket, configuration set, topics.
    Data,
    /// What works off the table's stream, and watches.
    Workers,
    /// What answers requests.
    Web,
}

impl Role {
    /// In the order in which they are created.
    pub const ALL: [Self; 3] = [Self::Data, Self::Workers, Self::Web];

    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Workers => "workers",
            Self::Web => "web",
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
        }
    }
}

/// A resource as its template declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    pub logical_id: String,
    pub resource_type: String,
    /// Made only when this condition holds.
    pub condition: Option<String>,
}

/// The resources of a template, in alphabetical order of their logical IDs.
///
/// # Panics
/// Never for the embedded templates, which tests parse.
pub fn resources(role: Role) -> Vec<Declared> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Template {
        resources: BTreeMap<String, Resource>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Resource {
        r#type: String,
        condition: Option<String>,
    }
    let template: Template = serde_saphyr::from_str(role.template()).expect("an embedded template parses");
    template
        .resources
        .into_iter()
        .map(|(logical_id, resource)| Declared {
            logical_id,
            resource_type: resource.r#type,
            condition: resource.condition,
        })
        .collect()
}

/// The names in a section of a template, in alphabetical order.
#[cfg(test)]
pub fn keys(role: Role, section: &str) -> Vec<String> {
    let template: BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(role.template()).expect("it parses");
    template[section].as_object().into_iter().flat_map(|section| section.keys().cloned()).collect()
}
