//! Who is talked to, and by whose certificates: AWS's endpoints in the service's Region, and nobody else.
//!
//! Nothing that anybody types becomes an address. This holds should it ever: a call to another host is not made.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};

use crate::env::Environment;

/// What the service asks, as it is called in the names of hosts.
const SERVICES: [&str; 5] = ["dynamodb", "email", "s3", "sns", "ssm"];

/// The same of DynamoDB where each account has a host of its own.
const OF_ACCOUNT: &str = "ddb";

/// Who gives out credentials, in any Region, beside what is on the machine or linked to it.
const CREDENTIALS: [&str; 3] = ["sts.", "portal.sso.", "oidc."];

/// How AWS's hosts end in the standard and the GovCloud partition.
const AMAZON: &str = "amazonaws.com";

/// The same in the other partitions, by how their Regions begin.
const SUFFIXES: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// Whose certificates are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those of AWS's endpoints.
    Amazon,
    /// Whoever the system trusts.
    System,
}

/// Who is talked to.
#[derive(Clone, Debug)]
pub struct Peers {
    pub(super) trust: Trust,
    places: Arc<[Place]>,
}

#[derive(Debug)]
enum Place {
    /// One host and port, as it is.
    At(Scheme, Authority),
    /// Hosts that begin and end so, with one name between them, by HTTPS.
    Between(&'static str, String),
    /// What is on this machine, or linked to it as the metadata of instances and containers is.
    Machine,
}

/// A host that the service does not talk to.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is none of the hosts that the service talks to")]
pub struct Stranger(String);

impl Peers {
    /// AWS's endpoints for the service, or the one place in their stead that the environment names.
    ///
    /// Amazon's own roots are behind them in the standard and the GovCloud partition; who signs elsewhere, the system may
    /// know.
    pub fn of(environment: &Environment) -> Self {
        match &environment.endpoint {
            Some(endpoint) => Self::at(endpoint),
            None => {
                let (region, suffix) = (&environment.region, suffix(&environment.region));
                let of_region = |service| format!("{service}.{region}.{suffix}");
                let endpoints =
                    SERVICES.into_iter().filter_map(|service| at(&format!("https://{}", of_region(service))));
                let of_account = Place::Between("", format!(".{}", of_region(OF_ACCOUNT)));
                let trust = if suffix == AMAZON { Trust::Amazon } else { Trust::System };
                Self { trust, places: endpoints.chain([of_account]).collect() }
            }
        }
    }

    /// Whoever gives credentials to the machine.
    pub fn of_machine(environment: &Environment) -> Self {
        let suffix = format!(".{}", suffix(&environment.region));
        let of_aws = CREDENTIALS.map(|service| Place::Between(service, suffix.clone()));
        let endpoint = environment.endpoint.as_deref().and_then(at);
        let places = of_aws.into_iter().chain(endpoint).chain([Place::Machine]).collect();
        Self { places, ..Self::of(environment) }
    }

    /// One endpoint alone.
    pub fn at(endpoint: &str) -> Self {
        let trust = if endpoint.starts_with("https:") { Trust::System } else { Trust::Amazon };
        Self { trust, places: at(endpoint).into_iter().collect() }
    }

    /// Refuses whom the service does not talk to.
    pub(super) fn check(&self, uri: &Uri) -> Result<(), Stranger> {
        if self.places.iter().any(|place| place.is(uri)) {
            return Ok(());
        }
        Err(Stranger(uri.authority().map(Authority::to_string).unwrap_or_default()))
    }
}

fn at(endpoint: &str) -> Option<Place> {
    let uri: Uri = endpoint.parse().ok()?;
    Some(Place::At(uri.scheme()?.clone(), uri.authority()?.clone()))
}

impl Place {
    fn is(&self, uri: &Uri) -> bool {
        let Some(host) = uri.host() else { return false };
        match self {
            Self::At(scheme, authority) => uri.scheme() == Some(scheme) && uri.authority() == Some(authority),
            Self::Between(begin, end) => {
                let between = host.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end.as_str()));
                uri.scheme() == Some(&Scheme::HTTPS) && between.is_some_and(|it| !it.is_empty() && !it.contains('.'))
            }
            Self::Machine => is_of_machine(host),
        }
    }
}

fn is_of_machine(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        // Amazon's addresses of the metadata are unique local ones below `fd00:ec2::`.
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.segments()[..2] == [0xfd00, 0x0ec2],
        Err(_) => host == "localhost",
    }
}

fn suffix(region: &str) -> &'static str {
    let found = SUFFIXES.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or(AMAZON, |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Handler;
    use crate::publisher::Topics;

    fn environment(region: &str, endpoint: Option<&str>) -> Environment {
        Environment {
            handler: Handler::Web,
            region: region.into(),
            table: String::new(),
            key_prefix: String::new(),
            address_key_version: None,
            token_key_version: None,
            admin_key_version: None,
            base_url: None,
            release: None,
            configuration_set: None,
            object_store: None,
            topics: Topics::default(),
            endpoint: endpoint.map(str::to_owned),
            root: std::path::PathBuf::new(),
        }
    }

    fn is_peer(peers: &Peers, url: &str) -> bool {
        peers.check(&url.parse().expect("an address")).is_ok()
    }

    /// Of every partition; Amazon signs in the first four.
    const REGIONS: [&str; 10] = [
        "eu-west-1",
        "us-east-1",
        "us-gov-west-1",
        "il-central-1",
        "cn-north-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "us-isof-south-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
    ];

    /// The SDK's own address of each service.
    async fn endpoints(region: &str) -> Vec<String> {
        use aws_sdk_dynamodb::config::endpoint as dynamodb;
        use aws_sdk_ses::config::endpoint as ses;
        use aws_sdk_sns::config::endpoint as sns;
        use aws_sdk_ssm::config::endpoint as ssm;
        use {dynamodb::ResolveEndpoint as _, ses::ResolveEndpoint as _};
        use {sns::ResolveEndpoint as _, ssm::ResolveEndpoint as _};
        macro_rules! endpoint {
            ($service:ident $(, $set:ident $value:expr)*) => {{
                let params = $service::Params::builder().region(region)$(.$set($value))*.build().expect("complete");
                let found = $service::DefaultResolver::new().resolve_endpoint(&params).await;
                found.expect("an endpoint").url().to_owned()
            }};
        }
        vec![
            endpoint!(dynamodb),
            endpoint!(dynamodb, account_id "123456789012", account_id_endpoint_mode "preferred"),
            endpoint!(ses),
            endpoint!(sns),
            endpoint!(ssm),
        ]
    }

    #[tokio::test]
    async fn the_service_talks_to_aws_in_its_region_alone() {
        for region in REGIONS {
            let peers = Peers::of(&environment(region, None));
            for url in endpoints(region).await {
                assert!(is_peer(&peers, &url), "{url}");
                assert!(!is_peer(&peers, &url.replace("https:", "http:")), "{url} in the clear");
                assert!(!is_peer(&peers, &format!("{url}.example.com")));
            }
        }
        let peers = Peers::of(&environment("eu-west-1", None));
        assert!(is_peer(&peers, "https://s3.eu-west-1.amazonaws.com/bucket/key"));
        for url in [
            "https://example.com/",
            "https://dynamodb.us-east-1.amazonaws.com/",
            "https://x.dynamodb.eu-west-1.amazonaws.com/",
            "https://xddb.eu-west-1.amazonaws.com/",
            "https://.ddb.eu-west-1.amazonaws.com/",
            "https://x.y.ddb.eu-west-1.amazonaws.com/",
            "https://sts.eu-west-1.amazonaws.com/",
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1:8080/",
            "/",
        ] {
            assert!(!is_peer(&peers, url), "{url}");
        }
    }

    #[test]
    fn an_endpoint_of_the_environments_is_the_only_one() {
        let peers = Peers::of(&environment("eu-west-1", Some("http://127.0.0.1:4566")));
        assert!(is_peer(&peers, "http://127.0.0.1:4566/?x"));
        for url in ["https://127.0.0.1:4566/", "http://127.0.0.1:4567/", "https://dynamodb.eu-west-1.amazonaws.com/"] {
            assert!(!is_peer(&peers, url), "{url}");
        }
        assert!(!is_peer(&Peers::at("no address"), "http://127.0.0.1:4566/"), "who names none talks to nobody");
    }

    #[test]
    fn credentials_come_from_the_machine_or_from_aws() {
        let peers = Peers::of_machine(&environment("eu-west-1", Some("http://127.0.0.1:4566")));
        for url in [
            "http://169.254.169.254/latest/api/token",
            "http://[fd00:ec2::254]/latest/api/token",
            "http://169.254.170.2/v2/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://localhost:1338/credentials",
            "https://sts.eu-west-1.amazonaws.com/",
            "https://portal.sso.us-east-1.amazonaws.com/federation/credentials",
            "http://127.0.0.1:4566/",
        ] {
            assert!(is_peer(&peers, url), "{url}");
        }
        let others = [
            "http://sts.eu-west-1.amazonaws.com/",
            "https://sts.example.com/",
            "https://sts.x.s3.amazonaws.com/",
            "http://10.0.0.1/",
            "http://[fd00::1]/",
        ];
        for url in others {
            assert!(!is_peer(&peers, url), "{url}");
        }
    }

    #[test]
    fn amazon_is_trusted_where_it_signs() {
        let trust = |region| Peers::of(&environment(region, None)).trust;
        assert_eq!(REGIONS[..4].iter().map(|region| trust(region)).collect::<Vec<_>>(), [Trust::Amazon; 4]);
        assert_eq!(REGIONS[4..].iter().map(|region| trust(region)).collect::<Vec<_>>(), [Trust::System; 6]);
        let trust = |endpoint| Peers::of(&environment("eu-west-1", Some(endpoint))).trust;
        assert_eq!((trust("https://localhost:4566"), trust("http://localhost:4566")), (Trust::System, Trust::Amazon));
    }
}
