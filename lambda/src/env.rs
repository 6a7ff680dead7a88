//! What the function finds when it starts: its environment and the declaration beside the binary.
//!
//! Holds no secret: the keys are read from SSM by `crate::aws`.

use std::path::{Path, PathBuf};

use crate::config::ServiceConfig;
use crate::publisher::Topics;

/// Which of the functions this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// Answers requests.
    Web,
    /// Follows the table's stream.
    Worker,
    /// Sends what the stream lost.
    Sweeper,
    /// Answers the admins.
    Admin,
    /// Hears what SES reports of the mail.
    Feedback,
}

/// The environment, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    pub handler: Handler,
    pub region: String,
    pub table: String,
    /// Beginning of the keys' names in SSM, such as `/signupctl/registration`.
    pub key_prefix: String,
    /// Which version of the key for addresses is read, of that for tokens, and of the admins'; the newest, where nothing is
    /// said.
    pub address_key_version: Option<String>,
    pub token_key_version: Option<String>,
    pub admin_key_version: Option<String>,
    /// Where the service is reached; of what answers requests only.
    pub base_url: Option<String>,
    /// First 12 hex digits of the artifact's hash; of what answers requests only.
    pub release: Option<String>,
    /// The address of S3 in this Region; of the admin function only.
    pub object_store: Option<String>,
    /// SES's configuration set; of the worker and the sweeper only.
    pub configuration_set: Option<String>,
    /// The topics; of the worker and the sweeper only.
    pub topics: Topics,
    /// Another place than AWS to send all calls to.
    pub endpoint: Option<String>,
    /// Where the bundle was unpacked.
    pub root: PathBuf,
}

/// The function was not set up as the templates do.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    #[error("the environment variable `{0}` is not set")]
    Missing(&'static str),
    #[error("there is no handler `{0}`; there are `web`, `admin`, `worker`, `sweeper` and `feedback`")]
    Handler(String),
    #[error("`{path}` could not be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is no service declaration")]
    Malformed { path: PathBuf, source: serde_json::Error },
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Result<Self, EnvError> {
        Self::from(variable)
    }

    /// Reads it for a server, whose bundle lies in `root`: it takes what the two functions take that answer, and the
    /// admins' takes all of that.
    pub fn of_server(root: PathBuf) -> Result<Self, EnvError> {
        Ok(Self { root, ..Self::of(Handler::Admin, variable)? })
    }

    fn from(get: impl Fn(&'static str) -> Option<String>) -> Result<Self, EnvError> {
        let handler = match get("_HANDLER").ok_or(EnvError::Missing("_HANDLER"))?.as_str() {
            "web" => Handler::Web,
            "admin" => Handler::Admin,
            "worker" => Handler::Worker,
            "sweeper" => Handler::Sweeper,
            "feedback" => Handler::Feedback,
            other => return Err(EnvError::Handler(other.to_owned())),
        };
        Self::of(handler, get)
    }

    fn of(handler: Handler, get: impl Fn(&'static str) -> Option<String>) -> Result<Self, EnvError> {
        let need = |name| get(name).ok_or(EnvError::Missing(name));
        let endpoint = get("AWS_ENDPOINT_URL").map(|url| url.trim_end_matches('/').to_owned());
        let only = |of: bool, name| if of { need(name).map(Some) } else { Ok(None) };
        let web = matches!(handler, Handler::Web | Handler::Admin);
        let sends = matches!(handler, Handler::Worker | Handler::Sweeper);
        let public_url = only(web, "PUBLIC_URL")?;
        Ok(Self {
            handler,
            region: need("AWS_REGION")?,
            table: need("TABLE_NAME")?,
            key_prefix: need("KEY_PREFIX")?,
            address_key_version: get("ADDRESS_KEY_VERSION"),
            token_key_version: get("TOKEN_KEY_VERSION"),
            admin_key_version: get("ADMIN_KEY_VERSION"),
            base_url: public_url.map(|url| base_url(&url, endpoint.as_deref())),
            release: only(web, "RELEASE")?,
            object_store: only(handler == Handler::Admin, "OBJECT_STORE")?,
            configuration_set: only(sends, "CONFIGURATION_SET")?,
            topics: Topics { activity: get("ACTIVITY_TOPIC"), digest: get("DIGEST_TOPIC"), alarm: get("ALARM_TOPIC") },
            endpoint,
            root: get("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".into()).into(),
        })
    }

    /// Reads `service.json` beside the binary.
    pub fn config(&self) -> Result<ServiceConfig, EnvError> {
        config(&self.root)
    }

    /// Reads the operator's picture beside the binary, where the declaration says that there is one.
    pub fn logo(&self, config: &ServiceConfig) -> Result<Option<Vec<u8>>, EnvError> {
        logo(&self.root, config)
    }
}

/// Reads the declaration of an unpacked bundle.
pub fn config(root: &Path) -> Result<ServiceConfig, EnvError> {
    let path = root.join("service.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(EnvError::Unreadable { path, source }),
    };
    serde_json::from_slice(&text).map_err(|source| EnvError::Malformed { path, source })
}

/// Reads the picture of an unpacked bundle, where its declaration says that there is one.
pub fn logo(root: &Path, config: &ServiceConfig) -> Result<Option<Vec<u8>>, EnvError> {
    let path = root.join("logo");
    let read = || std::fs::read(&path).map_err(|source| EnvError::Unreadable { path: path.clone(), source });
    config.branding.logo.as_ref().map(|_| read()).transpose()
}

fn variable(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where the links in mails lead.
///
/// In AWS that is the public URL. An emulator's API answers below a path of its one endpoint instead:
/// the host that the template states for it (`<api id>.execute-api.<...>`) is a name nobody resolves.
fn base_url(public_url: &str, endpoint: Option<&str>) -> String {
    let public_url = public_url.trim_end_matches('/');
    let host = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    match (endpoint, host.split_once(".execute-api.")) {
        (Some(endpoint), Some((api, _))) => format!("{endpoint}/_aws/execute-api/{api}/%24default"),
        _ => public_url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(changes: &[(&'static str, &str)]) -> Result<Environment, EnvError> {
        let base = [
            ("_HANDLER", "web"),
            ("AWS_REGION", "eu-west-1"),
            ("TABLE_NAME", "registration"),
            ("KEY_PREFIX", "/signupctl/registration"),
            ("PUBLIC_URL", "https://abc123.execute-api.eu-west-1.amazonaws.com/"),
            ("RELEASE", "0123456789ab"),
        ];
        Environment::from(|name| {
            let value = changes.iter().chain(&base).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            value.filter(|value| !value.is_empty())
        })
    }

    #[test]
    fn links_lead_to_the_public_url() {
        let environment = web(&[]).expect("complete");
        assert_eq!(environment.base_url.as_deref(), Some("https://abc123.execute-api.eu-west-1.amazonaws.com"));
        let own = web(&[("PUBLIC_URL", "https://join.example.com")]).expect("complete");
        assert_eq!(own.base_url.as_deref(), Some("https://join.example.com"));
    }

    #[test]
    fn links_lead_to_the_emulator_when_there_is_one() {
        let environment = web(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")]).expect("complete");
        assert_eq!(environment.base_url.as_deref(), Some("http://127.0.0.1:4566/_aws/execute-api/abc123/%24default"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |changes: &[(&'static str, &str)]| web(changes).expect_err("incomplete").to_string();
        assert_eq!(message(&[("TABLE_NAME", "")]), "the environment variable `TABLE_NAME` is not set");
        assert_eq!(message(&[("_HANDLER", "worker")]), "the environment variable `CONFIGURATION_SET` is not set");
        assert!(message(&[("_HANDLER", "index")]).contains("no handler `index`"));
        assert!(web(&[("_HANDLER", "feedback"), ("PUBLIC_URL", ""), ("RELEASE", "")]).is_ok());
    }
}
