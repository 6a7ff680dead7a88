//! What signupctl must remember between runs and CloudFormation cannot hold: plain parameters in Parameter
//! Store, beside the service's keys. No secret, no sign-up.

use aws_sdk_ssm::types::ParameterType;

use crate::aws::{Aws, explain, service_code};
use crate::error::Outcome;

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
        Self { name: format!("{key_prefix}/identities") }
    }

    /// The list as last written; empty when there is none.
    pub async fn read(&self, aws: &Aws) -> Outcome<Vec<String>> {
        match aws.ssm().get_parameter().name(&self.name).send().await {
            Ok(answer) => {
                let text = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
                Ok(text.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect())
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
