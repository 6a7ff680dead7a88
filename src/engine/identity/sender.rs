//! Whom a service sends from: the identities that it uses, and those that go with it.
//!
//! Only an identity that signupctl began is ever deleted, by the service that sends from it last.

use super::{Identity, Standing, ensure, find};
use crate::aws::{Aws, explain, service_code};
use crate::engine::notes::Note;
use crate::error::Outcome;

/// The names that an address may be sent from by: its domain, those above it, and itself.
pub fn names(address: &str) -> impl Iterator<Item = &str> {
    let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
    let above = std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, above)| above));
    // Nobody has a top-level domain in SES.
    above.filter(|domain| domain.contains('.')).chain([address])
}

/// The identities that mail from an address can go out by, the one that counts first: one that is verified, or that of
/// the domain. One request for each.
pub async fn identities(aws: &Aws, address: &str) -> Outcome<Vec<Identity>> {
    let mut found = Vec::new();
    for name in names(address) {
        found.extend(find(aws, name).await?);
    }
    found.sort_by_key(|identity| identity.standing != Standing::Verified);
    Ok(found)
}

/// Finds the identity that mail from the address goes out by, or begins one for the address. Never waits.
pub async fn ensure_sender(aws: &Aws, service: &str, key_prefix: &str, address: &str) -> Outcome<Standing> {
    let found = identities(aws, address).await?;
    // Begun by signupctl, for this service or another: whichever goes last deletes it.
    for identity in found.iter().filter(|identity| identity.owner.is_some()) {
        note(aws, key_prefix, &identity.name).await?;
    }
    match found.first() {
        Some(identity) => Ok(identity.standing),
        None => Ok(ensure(aws, service, key_prefix, address).await?.0.standing),
    }
}

/// How the identity of the address or of its domain stands; `None` when there is none.
pub async fn state(aws: &Aws, address: &str) -> Outcome<Option<Standing>> {
    Ok(identities(aws, address).await?.first().map(|identity| identity.standing))
}

/// The identities that signupctl began, for this service or for another that sends from the same address.
pub async fn begun(aws: &Aws, key_prefix: &str) -> Outcome<Vec<String>> {
    Note::identities(key_prefix).read(aws).await
}

/// Deletes the identities that signupctl began and that this service was the last to send from. Returns their
/// names, and those that stay because another service sends from them.
pub async fn release(aws: &Aws, key_prefix: &str) -> Outcome<(Vec<String>, Vec<String>)> {
    let note = Note::identities(key_prefix);
    let (mut released, mut shared) = (Vec::new(), Vec::new());
    for name in note.read(aws).await? {
        if find(aws, &name).await?.is_none_or(|identity| identity.owner.is_none()) {
            continue;
        }
        if is_used_elsewhere(aws, key_prefix, &name).await? {
            shared.push(name);
            continue;
        }
        match aws.sesv2().delete_email_identity().email_identity(&name).send().await {
            Ok(_) => released.push(name),
            Err(error) if service_code(&error) == Some("NotFoundException") => {}
            Err(error) => return Err(explain(format!("the identity `{name}` cannot be deleted"), error)),
        }
    }
    note.delete(aws).await?;
    Ok((released, shared))
}

/// Remembers that the service uses an identity.
pub(super) async fn note(aws: &Aws, key_prefix: &str, name: &str) -> Outcome<()> {
    let note = Note::identities(key_prefix);
    let mut begun = note.read(aws).await?;
    if begun.iter().any(|noted| noted == name) {
        return Ok(());
    }
    begun.push(name.to_owned());
    note.write(aws, &begun).await
}

/// Whether another service noted that it sends by the identity; its note stays while its sign-ups do.
async fn is_used_elsewhere(aws: &Aws, key_prefix: &str, name: &str) -> Outcome<bool> {
    Ok(Note::of_others(aws, key_prefix).await?.iter().flatten().any(|noted| noted == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_sent_from_by_its_domain_those_above_and_itself() {
        let found: Vec<&str> = names("hello@news.example.com").collect();
        assert_eq!(found, ["news.example.com", "example.com", "hello@news.example.com"]);
    }
}
