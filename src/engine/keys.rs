//! The service's secret keys: SecureStrings in Parameter Store, made here because CloudFormation
//! cannot make them. They never stand in a template, an environment variable or a log.

use aws_sdk_ssm::types::{ParameterType, Tag};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use signup_service::keys::{AddressKey, AdminKey, Key};

use super::desired::SERVICE_TAG;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};
use crate::spec::Spec;

/// What the functions read at init, below the service's key prefix: the key of the addresses' hashes, that of the
/// confirmation tokens, and that of the admins' passwords, codes and sessions.
pub const NAMES: [&str; 3] = ["address-key", "token-key", "admin-key"];

/// Those without which a table cannot be read; without the other the admins are set up anew.
const OF_USERS: [&str; 2] = [NAMES[0], NAMES[1]];

/// Makes the keys that are missing; one that exists is never changed, since hashes depend on it.
///
/// Safe to repeat and to run twice at once: Parameter Store refuses to overwrite.
pub async fn ensure(aws: &Aws, spec: &Spec) -> Outcome<()> {
    let client = aws.ssm();
    for name in NAMES {
        let name = format!("{}/{name}", spec.key_prefix());
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            Failure::new("no_randomness", "the system gives no random bytes for the service's keys")
                .cause(error.to_string())
        })?;
        let made = client
            .put_parameter()
            .name(&name)
            .description("Key of a sign-up service, made by signupctl. Sign-ups are unreadable to it without.")
            .value(BASE64_STANDARD.encode(key))
            .r#type(ParameterType::SecureString)
            .overwrite(false)
            .tags(tag(SERVICE_TAG, &spec.service)?)
            .send()
            .await;
        match made {
            Ok(_) => {}
            Err(error) if service_code(&error) == Some("ParameterAlreadyExists") => {}
            Err(error) => return Err(explain(format!("the key `{name}` cannot be made"), error)),
        }
    }
    Ok(())
}

/// Refuses a table of an earlier stack whose keys are gone: by others nobody in it would be found again, and no link that
/// was mailed would work.
pub async fn ensure_kept(aws: &Aws, key_prefix: &str) -> Outcome<()> {
    for name in OF_USERS {
        let name = format!("{key_prefix}/{name}");
        match aws.ssm().get_parameter().name(&name).send().await {
            Ok(_) => {}
            Err(error) if service_code(&error) == Some("ParameterNotFound") => {
                return Err(Failure::new("no_key", format!("the key `{name}` of the table is gone"))
                    .cause("by another one nobody in the table is found, and no link that was mailed works")
                    .hint("nothing was changed; put the key back, or choose another `service:`"));
            }
            Err(error) => return Err(explain(format!("the key `{name}` cannot be read"), error)),
        }
    }
    Ok(())
}

/// The key by which an address is found, as the functions read it.
pub async fn address_key(aws: &Aws, key_prefix: &str) -> Outcome<AddressKey> {
    let hint = "name the user by the ID that `users list` shows";
    read(aws, key_prefix, NAMES[0], "without it no address can be found", hint).await.map(AddressKey)
}

/// The key of the admins, as the admin function reads it.
pub async fn admin_key(aws: &Aws, key_prefix: &str) -> Outcome<AdminKey> {
    read(aws, key_prefix, NAMES[2], "a deploy makes it", "deploy, and run it again").await.map(AdminKey)
}

async fn read(aws: &Aws, key_prefix: &str, name: &str, cause: &str, hint: &str) -> Outcome<Key> {
    let name = format!("{key_prefix}/{name}");
    let found = match aws.ssm().get_parameter().name(&name).with_decryption(true).send().await {
        Ok(answer) => answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default(),
        Err(error) if service_code(&error) == Some("ParameterNotFound") => {
            return Err(Failure::new("no_key", format!("there is no key `{name}`")).cause(cause).hint(hint));
        }
        Err(error) => return Err(explain(format!("the key `{name}` cannot be read"), error)),
    };
    Key::from_base64(&found)
        .ok_or_else(|| Failure::new("no_key", format!("the key `{name}` is not 32 bytes in base64")))
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
