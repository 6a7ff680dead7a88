//! The service's secret keys: SecureStrings in Parameter Store, made here because CloudFormation
//! cannot make them. They never stand in a template, an environment variable or a log.

use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::types::{ParameterType, Tag};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use signup_service::keys::{AddressKey, AdminKey, Key, MOST};

use super::desired::SERVICE_TAG;
use super::key_versions::{self, Known, OfEach, Replaced, Version, Versions};
use super::stack::DeployedStacks;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};
use crate::spec::Spec;

/// What the functions read at init, below the service's key prefix: the key of the addresses' hashes, that of the
/// confirmation tokens, and that of the admins' passwords, codes and sessions.
pub const NAMES: [&str; 3] = [ADDRESS, TOKEN, ADMIN];

const ADDRESS: &str = "address-key";
const TOKEN: &str = "token-key";
const ADMIN: &str = "admin-key";

/// The label of the version that was deployed last.
const NOTED: &str = "deployed";

/// Selects whichever version is the newest.
const NEWEST: OfEach<&str> = [""; 3];

/// Within so many seconds a key is not replaced twice: whoever asks for it goes on with what was broken off.
const FRESH: i64 = 3_600;

/// Those without which a table cannot be read; without the other the admins are set up anew.
const OF_USERS: [&str; 2] = [ADDRESS, TOKEN];

/// The failure where a key is needed that is not there.
const NO_KEY: &str = "no_key";

/// Why a key for addresses is needed, and what to do where a version of a key is not there.
const NOBODY: &str = "without it nobody in the table would be found";
const DEPLOY_AGAIN: &str = "nothing was changed; deploy again";

/// Makes the keys that are missing, but for those that were there and were replaced; one that exists is never changed, since
/// hashes depend on it.
///
/// Safe to repeat and to run twice at once: Parameter Store refuses to overwrite.
pub async fn ensure(aws: &Aws, spec: &Spec, versions: Versions) -> Outcome<()> {
    let client = aws.ssm();
    for (name, version) in NAMES.into_iter().zip(versions.each()) {
        if version.number > 1 {
            continue;
        }
        let name = format!("{}/{name}", spec.key_prefix());
        let put = parameter(client.put_parameter(), &name, new_key()?).overwrite(false);
        match put.tags(tag(SERVICE_TAG, &spec.service)?).send().await {
            Ok(_) => {}
            Err(error) if service_code(&error) == Some("ParameterAlreadyExists") => {}
            Err(error) => return Err(explain(format!("the key `{name}` cannot be made"), error)),
        }
    }
    Ok(())
}

fn new_key() -> Outcome<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| {
        Failure::new("no_randomness", "the system gives no random bytes for the service's keys")
            .cause(error.to_string())
    })?;
    Ok(BASE64_STANDARD.encode(key))
}

fn parameter(put: PutParameterFluentBuilder, name: &str, value: String) -> PutParameterFluentBuilder {
    put.name(name)
        .description("Key of a sign-up service, made by signupctl. Sign-ups are unreadable to it without.")
        .value(value)
        .r#type(ParameterType::SecureString)
}

/// The versions to be read, with new ones in the place of the keys that are to be replaced. Makes none, and asks nothing where
/// nothing is replaced and the stacks tell all. No key is read, but for that of addresses where it is to be replaced.
pub async fn versions(aws: &Aws, key_prefix: &str, stacks: &DeployedStacks, replaced: Replaced) -> Outcome<Versions> {
    let mut known = key_versions::deployed(stacks).map(|deployed| Known { deployed, ..Known::default() });
    let is_told = known.iter().all(|key| key.deployed.is_some());
    if !is_told || replaced != Replaced::default() {
        look(aws, key_prefix, &mut known, is_told).await?;
    }
    for ((name, key), asked) in NAMES.into_iter().zip(known).zip(replaced.each()) {
        if asked && key.is_gone() {
            let number = key.number();
            return Err(Failure::new(
                NO_KEY,
                format!("the key `{key_prefix}/{name}` is gone, of which version {number} is read"),
            )
            .cause("there is nothing to replace")
            .hint("nothing was changed; put a SecureString there that holds what it held, until it has that version"));
        }
    }
    if !replaced.address || known[0].newest.is_none() {
        return Ok(Versions::choose(known, replaced));
    }
    let value = address_keys(aws, key_prefix, known[0].number()).await?;
    known[0].is_halfway = AddressKey::is_halfway(&value);
    let versions = Versions::choose(known, replaced);
    if versions.address.replaces.is_some() {
        // Refused before anything is made.
        following(key_prefix, &value, "")?;
    }
    Ok(versions)
}

/// Looks at what there is in Parameter Store, and where the stacks do not tell all, at what was deployed last.
async fn look(aws: &Aws, key_prefix: &str, known: &mut OfEach<Known>, is_told: bool) -> Outcome<()> {
    let newest = found(aws, key_prefix, NEWEST).await?;
    for (key, newest) in known.iter_mut().zip(newest) {
        key.newest = newest.map(|(version, _)| version);
    }
    if !is_told && known.iter().any(|key| key.newest.is_some()) {
        for (key, noted) in known.iter_mut().zip(found(aws, key_prefix, [(); 3].map(|()| format!(":{NOTED}"))).await?) {
            key.noted = noted.map(|(version, _)| version);
        }
    }
    // Behind a replacement that failed, the newest is not the one that is read.
    let is_newest = known.iter().all(|key| key.newest.is_none_or(|newest| newest == key.number()));
    let read = match is_newest {
        true => newest,
        false => found(aws, key_prefix, known.map(|key| format!(":{}", key.number()))).await?,
    };
    for (key, read) in known.iter_mut().zip(read) {
        key.is_fresh = read.is_some_and(|(_, made)| now() - made < FRESH);
    }
    Ok(())
}

/// Whether this version of the key for addresses waits for another, which brings its replacement to its end. Not of one that
/// is gone, as whatever needs it tells.
pub async fn is_halfway(aws: &Aws, key_prefix: &str, number: u64) -> Outcome<bool> {
    match address_keys(aws, key_prefix, number).await {
        Err(failure) if failure.code == NO_KEY => Ok(false),
        value => value.map(|value| AddressKey::is_halfway(&value)),
    }
}

/// What a version of the key for addresses holds.
async fn address_keys(aws: &Aws, key_prefix: &str, number: u64) -> Outcome<String> {
    value_of(aws, &format!("{key_prefix}/{ADDRESS}"), Some(number), NOBODY, DEPLOY_AGAIN).await
}

/// What the key for addresses is to hold next.
fn following(key_prefix: &str, value: &str, new: &str) -> Outcome<String> {
    AddressKey::following(value, new).ok_or_else(|| {
        Failure::new("too_many_keys", format!("the key `{key_prefix}/{ADDRESS}` was replaced {} times", MOST - 1))
            .cause("each key that was replaced costs a read whenever somebody signs up, and no more are kept")
            .hint("nothing was changed; `docs/security.md` says what the key is for")
    })
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Notes which versions are deployed, for when no stack tells any more; nothing of keys that were never replaced.
pub async fn note(aws: &Aws, key_prefix: &str, numbers: OfEach<Option<u64>>) -> Outcome<()> {
    if numbers.iter().flatten().all(|number| *number == 1) {
        return Ok(());
    }
    for (name, number) in NAMES.into_iter().zip(numbers) {
        let Some(number) = number else { continue };
        let name = format!("{key_prefix}/{name}");
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let label = aws.ssm().label_parameter_version().name(&name).parameter_version(number).labels(NOTED);
        match label.send().await {
            Ok(_) => {}
            // A key that is gone is told of when it is needed.
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                return Err(explain(format!("which version of the key `{name}` is deployed cannot be noted"), error));
            }
        }
    }
    Ok(())
}

fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(service_code(error), Some("ParameterNotFound" | "ParameterVersionNotFound"))
}

/// The version of each key that its selector stands for, as Parameter Store writes it, and when it was made in seconds since
/// 1970; nothing of one that is not there.
async fn found(
    aws: &Aws,
    key_prefix: &str,
    selectors: OfEach<impl std::fmt::Display>,
) -> Outcome<OfEach<Option<(u64, i64)>>> {
    let names = NAMES.map(|name| format!("{key_prefix}/{name}"));
    let selected = names.iter().zip(selectors).map(|(name, selector)| format!("{name}{selector}")).collect();
    let found = aws.ssm().get_parameters().set_names(Some(selected)).send().await;
    let found = found.map_err(|error| explain("the versions of the service's keys cannot be read", error))?;
    let found = found.parameters.unwrap_or_default();
    Ok(names.map(|name| {
        let parameter = found.iter().find(|it| it.name() == Some(&name))?;
        let made = parameter.last_modified_date().map_or(0, |at| at.secs());
        Some((u64::try_from(parameter.version()).ok()?, made))
    }))
}

/// Makes the versions that are to be made. Those of addresses and of tokens keep what they replace, so that everybody is found
/// and links in earlier mails go on working.
pub async fn replace(aws: &Aws, key_prefix: &str, versions: Versions) -> Outcome<()> {
    if versions.each().iter().all(|version| version.replaces.is_none()) {
        return Ok(());
    }
    // One that another run has made meanwhile would not be known to whoever reads the next.
    let newest = found(aws, key_prefix, NEWEST).await?;
    for ((name, version), newest) in NAMES.into_iter().zip(versions.each()).zip(newest) {
        let next = newest.map_or(0, |(number, _)| number) + 1;
        if version.replaces.is_some() && next != version.number {
            let failure = overtaken(&format!("{key_prefix}/{name}"), next, version.number);
            return Err(failure.hint("no key was made; run the same again"));
        }
    }
    for (name, version) in NAMES.into_iter().zip(versions.each()) {
        let Some(replaces) = version.replaces else { continue };
        let full = format!("{key_prefix}/{name}");
        let former = async |cause| value_of(aws, &full, Some(replaces), cause, DEPLOY_AGAIN).await;
        let new = new_key()?;
        let value = match name {
            ADDRESS => following(key_prefix, &former(NOBODY).await?, &new)?,
            TOKEN => {
                let former = former("without it no link that was mailed would work").await?;
                format!("{new} {}", former.split_whitespace().next().unwrap_or_default())
            }
            _ => new,
        };
        make(aws, &full, value, version).await?;
    }
    Ok(())
}

/// Makes a version of a key that nobody reads yet.
async fn make(aws: &Aws, name: &str, value: String, version: Version) -> Outcome<()> {
    let put = parameter(aws.ssm().put_parameter(), name, value).overwrite(true).send().await;
    let put = put.map_err(|error| explain(format!("the key `{name}` cannot be replaced"), error))?;
    let made = u64::try_from(put.version()).unwrap_or_default();
    match made == version.number {
        true => Ok(()),
        false => Err(overtaken(name, made, version.number).hint("nobody reads the new one; run the same again")),
    }
}

fn overtaken(name: &str, next: u64, due: u64) -> Box<Failure> {
    Failure::new("overtaken", format!("the key `{name}` is not replaced yet"))
        .cause(format!("somebody else has changed it meanwhile: the next version is {next}, where {due} was due"))
}

/// Refuses a table of an earlier stack whose keys are gone: by others nobody in it would be found again, and no link that
/// was mailed would work.
pub async fn ensure_kept(aws: &Aws, key_prefix: &str) -> Outcome<()> {
    for name in OF_USERS {
        let name = format!("{key_prefix}/{name}");
        match aws.ssm().get_parameter().name(&name).send().await {
            Ok(_) => {}
            Err(error) if service_code(&error) == Some("ParameterNotFound") => {
                return Err(Failure::new(NO_KEY, format!("the key `{name}` of the table is gone"))
                    .cause("by another one nobody in the table is found, and no link that was mailed works")
                    .hint("nothing was changed; put the key back, or choose another `service:`"));
            }
            Err(error) => return Err(explain(format!("the key `{name}` cannot be read"), error)),
        }
    }
    Ok(())
}

/// The key for addresses, as whoever is told of this version reads it. That which is deployed, the largest of them, knows every
/// name by which an address can be found, also where it was put back; and so does the newest where no stack tells.
pub async fn address_key(aws: &Aws, key_prefix: &str, version: Option<u64>) -> Outcome<AddressKey> {
    let hint = "name the user by the ID that `users list` shows";
    read(aws, key_prefix, ADDRESS, version, AddressKey::parse, ("without it no address can be found", hint)).await
}

/// The key of the admins, as a front reads it that is told of this version.
pub async fn admin_key(aws: &Aws, key_prefix: &str, version: Option<u64>) -> Outcome<AdminKey> {
    let hint = "deploy, and run it again";
    read(aws, key_prefix, ADMIN, version, Key::from_base64, ("a deploy makes it", hint)).await.map(AdminKey)
}

/// What a key is, in one of its versions or as of now; `otherwise` is the cause and the hint where there is none.
async fn read<T>(
    aws: &Aws,
    key_prefix: &str,
    name: &str,
    version: Option<u64>,
    parse: fn(&str) -> Option<T>,
    otherwise: (&str, &str),
) -> Outcome<T> {
    let name = format!("{key_prefix}/{name}");
    let found = value_of(aws, &name, version, otherwise.0, otherwise.1).await?;
    parse(&found).ok_or_else(|| {
        Failure::new(NO_KEY, format!("the key `{name}` is not one"))
            .cause("it holds something else than 32 bytes in base64, for each key that it stands for")
            .hint("put back what it held; an earlier version of the parameter has it")
    })
}

/// What a parameter holds, in one of its versions or as of now.
async fn value_of(aws: &Aws, name: &str, version: Option<u64>, cause: &str, hint: &str) -> Outcome<String> {
    let selected = version.map_or_else(|| name.to_owned(), |version| format!("{name}:{version}"));
    match aws.ssm().get_parameter().name(&selected).with_decryption(true).send().await {
        Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default()),
        Err(error) if is_absent(&error) => {
            Err(Failure::new(NO_KEY, format!("there is no key `{selected}`")).cause(cause).hint(hint))
        }
        Err(error) => Err(explain(format!("the key `{selected}` cannot be read"), error)),
    }
}

/// Deletes the keys; returns the names of those that were there.
pub async fn delete(aws: &Aws, key_prefix: &str) -> Outcome<Vec<String>> {
    let names = NAMES.map(|name| format!("{key_prefix}/{name}"));
    let answer = aws.ssm().delete_parameters().set_names(Some(names.to_vec())).send().await;
    let answer = answer.map_err(|error| explain("the service's keys cannot be deleted", error))?;
    Ok(answer.deleted_parameters.unwrap_or_default())
}

fn tag(key: &str, value: &str) -> Outcome<Tag> {
    let tag = Tag::builder().key(key).value(value).build();
    tag.map_err(|error| Failure::new("unexpected_answer", "the key cannot be tagged").cause(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end_to_replacing_the_key_of_addresses() {
        let keys = |count| vec!["key"; count].join(" ");
        assert_eq!(following("/a", &keys(MOST - 1), "new").expect("room"), format!("next new {}", keys(MOST - 1)));
        assert_eq!(following("/a", &format!("next {}", keys(MOST)), "new").expect("the second step"), keys(MOST));
        let full = following("/a", &keys(MOST), "new").expect_err("full");
        assert_eq!(
            (full.code, full.message.as_str()),
            ("too_many_keys", "the key `/a/address-key` was replaced 9 times")
        );
    }
}
