//! The sender's identity in SES. It is shared by whatever else sends from the account: one that exists
//! is adopted as it is, and only one that signupctl began is ever deleted, by the service that sends from it last.

use aws_sdk_sesv2::types::Tag;
use serde::Serialize;

use super::desired::SERVICE_TAG;
use super::notes::Note;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};

/// Whether SES sends for the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    Verified,
    /// SES waits for the owner to answer its mail, or for DNS records.
    Pending,
}

#[derive(Debug)]
struct Identity {
    verified: bool,
    /// The service that began it, when signupctl did.
    owner: Option<String>,
}

/// Finds the identity of the address or of its domain, or begins one for the address. Never waits.
pub async fn ensure(aws: &Aws, service: &str, key_prefix: &str, address: &str) -> Outcome<Sender> {
    let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
    let (of_address, of_domain) = tokio::try_join!(find(aws, address), find(aws, domain))?;
    // Begun by signupctl, for this service or another: whichever goes last deletes it.
    if of_address.as_ref().is_some_and(|identity| identity.owner.is_some()) {
        note_user(aws, key_prefix, address).await?;
    }
    let found: Vec<Identity> = [of_address, of_domain].into_iter().flatten().collect();
    if found.iter().any(|identity| identity.verified) {
        return Ok(Sender::Verified);
    }
    if !found.is_empty() {
        return Ok(Sender::Pending);
    }
    let tag = Tag::builder().key(SERVICE_TAG).value(service).build();
    let tag = tag
        .map_err(|error| Failure::new("unexpected_answer", "the identity cannot be tagged").cause(error.to_string()))?;
    // Noted first: an identity that is begun and not noted would never be deleted.
    note_user(aws, key_prefix, address).await?;
    match aws.sesv2().create_email_identity().email_identity(address).tags(tag).send().await {
        Ok(answer) if answer.verified_for_sending_status => Ok(Sender::Verified),
        Ok(_) => Ok(Sender::Pending),
        Err(error) if service_code(&error) == Some("AlreadyExistsException") => Ok(Sender::Pending),
        Err(error) => Err(explain("the sender's identity cannot be begun in SES", error)),
    }
}

/// How the identity of the address or of its domain stands; `None` when there is none.
pub async fn state(aws: &Aws, address: &str) -> Outcome<Option<Sender>> {
    let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
    let (of_address, of_domain) = tokio::try_join!(find(aws, address), find(aws, domain))?;
    let found: Vec<Identity> = [of_address, of_domain].into_iter().flatten().collect();
    let verified = found.iter().any(|identity| identity.verified);
    Ok((!found.is_empty()).then_some(if verified { Sender::Verified } else { Sender::Pending }))
}

/// The identities that signupctl began, for this service or for another that sends from the same address.
pub async fn begun(aws: &Aws, key_prefix: &str) -> Outcome<Vec<String>> {
    Note::identities(key_prefix).read(aws).await
}

/// Deletes the identities that signupctl began and that this service was the last to send from. Returns their
/// addresses, and those that stay because another service sends from them.
pub async fn release(aws: &Aws, service: &str, key_prefix: &str) -> Outcome<(Vec<String>, Vec<String>)> {
    let note = Note::identities(key_prefix);
    let (mut released, mut shared) = (Vec::new(), Vec::new());
    for address in note.read(aws).await? {
        if find(aws, &address).await?.is_none_or(|identity| identity.owner.is_none()) {
            continue;
        }
        if is_used_elsewhere(aws, service, &address).await? {
            shared.push(address);
            continue;
        }
        match aws.sesv2().delete_email_identity().email_identity(&address).send().await {
            Ok(_) => released.push(address),
            Err(error) if service_code(&error) == Some("NotFoundException") => {}
            Err(error) => return Err(explain("the sender's identity cannot be deleted", error)),
        }
    }
    note.delete(aws).await?;
    Ok((released, shared))
}

async fn note_user(aws: &Aws, key_prefix: &str, address: &str) -> Outcome<()> {
    let note = Note::identities(key_prefix);
    let mut begun = note.read(aws).await?;
    if begun.iter().any(|noted| noted == address) {
        return Ok(());
    }
    begun.push(address.to_owned());
    note.write(aws, &begun).await
}

async fn find(aws: &Aws, identity: &str) -> Outcome<Option<Identity>> {
    match aws.sesv2().get_email_identity().email_identity(identity).send().await {
        Ok(answer) => Ok(Some(Identity {
            verified: answer.verified_for_sending_status,
            owner: answer.tags.unwrap_or_default().into_iter().find(|tag| tag.key == SERVICE_TAG).map(|tag| tag.value),
        })),
        Err(error) if service_code(&error) == Some("NotFoundException") => Ok(None),
        Err(error) => Err(explain("the sender's identity cannot be read in SES", error)),
    }
}

/// Looks through the account's stacks for another service with the same sender.
async fn is_used_elsewhere(aws: &Aws, service: &str, address: &str) -> Outcome<bool> {
    let mut pages = aws.cloudformation().describe_stacks().into_paginator().items().send();
    while let Some(stack) = pages.next().await {
        let stack = stack.map_err(|error| explain("the account's stacks cannot be listed", error))?;
        let other = stack.tags().iter().any(|tag| tag.key() == Some(SERVICE_TAG) && tag.value() != Some(service));
        let sends = stack.parameters().iter().any(|parameter| {
            parameter.parameter_key() == Some("SenderAddress") && parameter.parameter_value() == Some(address)
        });
        if other && sends {
            return Ok(true);
        }
    }
    Ok(false)
}
