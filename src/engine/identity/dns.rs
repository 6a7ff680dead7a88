//! Asks DNS for the records of a domain: of the system's resolver, or of the one that is named.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::records::{Found, Purpose, Record, Type};
use crate::error::{Failure, Outcome};

/// How long one resolver may take for an answer; it is asked twice.
const PATIENCE: Duration = Duration::from_secs(3);

/// Something to ask.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

impl Dns {
    /// The system's resolver, or `server` alone.
    pub fn new(server: Option<SocketAddr>) -> Outcome<Self> {
        let builder = match server {
            Some(server) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                let server = NameServerConfig::new(server.ip(), true, connections.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
            }
            None => TokioResolver::builder_tokio(),
        };
        let failed = |cause: String| {
            Failure::new("no_resolver", "there is no resolver to ask")
                .cause(cause)
                .hint("name one with `--resolver IP`")
        };
        let mut options = ResolverOpts::default();
        options.timeout = PATIENCE;
        // A record that was missing a moment ago may be there now.
        options.cache_size = 0;
        let resolver = builder.map_err(|error| failed(error.to_string()))?.with_options(options).build();
        Ok(Self { resolver: resolver.map_err(|error| failed(error.to_string()))? })
    }

    /// What DNS says of a record of this domain. One question, and a second one for a record that is not there.
    pub async fn check(&self, record: &Record, domain: &str) -> Found {
        let answers = match self.ask(record.kind, &record.name).await {
            Ok(answers) => answers,
            Err(cause) => return Found::Unknown { cause },
        };
        let found = record.judge(&answers);
        if found != Found::Missing {
            return found;
        }
        if record.purpose == Purpose::Dmarc && self.has_policy_above(record, domain).await {
            return Found::Right;
        }
        let name = record.doubled(domain);
        match self.ask(record.kind, &name).await {
            Ok(answers) if record.judge(&answers) == Found::Right => Found::Doubled { name },
            _ => Found::Missing,
        }
    }

    /// Whether a domain above has a DMARC policy, which counts for those below it (RFC 7489).
    async fn has_policy_above(&self, record: &Record, domain: &str) -> bool {
        let above = std::iter::successors(domain.split_once('.'), |(_, above)| above.split_once('.'));
        for (_, above) in above.filter(|(_, above)| above.contains('.')) {
            let answers = self.ask(record.kind, &format!("_dmarc.{above}")).await;
            if answers.is_ok_and(|answers| record.judge(&answers) == Found::Right) {
                return true;
            }
        }
        false
    }

    /// The values of a name; none when there are none.
    pub async fn ask(&self, kind: Type, name: &str) -> Result<Vec<String>, String> {
        let kind = match kind {
            Type::Cname => RecordType::CNAME,
            Type::Mx => RecordType::MX,
            Type::Txt => RecordType::TXT,
        };
        // With the dot it is whole: no search list is tried.
        match self.resolver.lookup(format!("{name}."), kind).await {
            Ok(found) => Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect()),
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether a name leads to any address.
    pub async fn leads_somewhere(&self, name: &str) -> Result<bool, String> {
        match self.resolver.lookup_ip(format!("{name}.")).await {
            Ok(found) => Ok(found.iter().next().is_some()),
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::CNAME(name) => Some(name.to_string()),
        RData::MX(mx) => Some(format!("{} {}", mx.preference, mx.exchange)),
        RData::TXT(txt) => {
            let parts = txt.txt_data.iter().map(|part| String::from_utf8_lossy(part).into_owned());
            Some(parts.collect())
        }
        _ => None,
    }
}
