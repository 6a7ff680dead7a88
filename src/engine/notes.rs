//! What signupctl must remember between runs and CloudFormation cannot hold: plain parameters in Parameter
//! Store, beside the service's keys, or apart from all keys where other services have to read them. No secret, no sign-up.

use aws_sdk_ssm::types::{Parameter, ParameterType};

use crate::aws::{Aws, explain, service_code};
use crate::error::Outcome;

/// The folder of the notes of all services' identities, and the note of this service in it. No key is below it: whoever may
/// read the notes of others reads nothing else of theirs.
pub fn of_identities(key_prefix: &str) -> (String, String) {
    let (root, service) = key_prefix.rsplit_once('/').unwrap_or(("", key_prefix));
    let folder = format!("{root}-identities");
    let note = format!("{folder}/{service}");
    (folder, note)
}

/// A note of a service, such as what a deletion still has to delete.
#[derive(Clone, Debug)]
pub struct Note {
    name: String,
}

impl Note {
    /// What an interrupted deletion left.
    pub fn deletion(key_prefix: &str) -> Self {
        Self { name: format!("{key_prefix}/deletion") }
    }

    /// The senders whose identities this service began.
    pub fn identities(key_prefix: &str) -> Self {
        Self { name: of_identities(key_prefix).1 }
    }

    /// The identities that the other services of the account began or send by, a list for each service.
    pub async fn of_others(aws: &Aws, key_prefix: &str) -> Outcome<Vec<Vec<String>>> {
        let (folder, own) = of_identities(key_prefix);
        let request = aws.ssm().get_parameters_by_path().path(folder);
        let pages: Result<Vec<_>, _> = request.into_paginator().send().collect().await;
        let pages = pages.map_err(|error| explain("the notes of other services cannot be read", error))?;
        let found = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
        let others = found.filter(|note: &Parameter| note.name().is_some_and(|name| name != own));
        Ok(others.map(|note| list(&note.value.unwrap_or_default())).collect())
    }

    /// The list as last written; empty when there is none.
    pub async fn read(&self, aws: &Aws) -> Outcome<Vec<String>> {
        match aws.ssm().get_parameter().name(&self.name).send().await {
            Ok(answer) => {
                let text = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
                Ok(list(&text))
            }
            Err(error) if service_code(&error) == Some("ParameterNotFound") => Ok(Vec::new()),
            Err(error) => Err(explain(format!("the note `{}` cannot be read", self.name), error)),
        }
    }

    /// Replaces the list, whose items hold no comma.
    pub async fn write(&self, aws: &Aws, items: &[String]) -> Outcome<()> {
        let request = aws.ssm().put_parameter().name(&self.name).value(items.join(",")).overwrite(true);
        let request = request.r#type(ParameterType::StringList).description("Written and read by signupctl");
        let written = request.send().await;
        written.map(drop).map_err(|error| explain(format!("the note `{}` cannot be written", self.name), error))
    }

    /// Forgets the note; one that is not there is forgotten already.
    pub async fn delete(&self, aws: &Aws) -> Outcome<()> {
        match aws.ssm().delete_parameter().name(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(error) if service_code(&error) == Some("ParameterNotFound") => Ok(()),
            Err(error) => Err(explain(format!("the note `{}` cannot be removed", self.name), error)),
        }
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
