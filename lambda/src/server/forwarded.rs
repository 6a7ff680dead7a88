//! Where a request comes from when a proxy passes it on. Pure.
//!
//! `X-Forwarded-For` is a list to which every proxy appends whom it heard from, and whose beginning a caller can write.
//! It is read from its end, and only as long as those who wrote it are trusted.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks whose proxies are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted(Vec<IpNet>);

/// Not a list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network such as `10.0.0.0/16`")]
pub struct NoNetwork(String);

impl FromStr for Trusted {
    type Err = NoNetwork;

    /// Reads addresses and networks with commas between; nothing at all trusts nobody.
    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let network = |text: &str| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| NoNetwork(text.to_owned()))
        };
        text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl Trusted {
    /// Whether an address is of one of them.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request that `peer` sent: `peer` itself, unless it is trusted and names another.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        // Whatever else a caller wrote, it hides nothing of what a proxy wrote behind it.
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.holds(client) {
            match hops.next().and_then(|hop| address(std::str::from_utf8(hop).ok()?.trim())) {
                Some(before) => client = before,
                None => break,
            }
        }
        client
    }
}

/// An address, whether or not a port follows.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    let bare = || text.trim_start_matches('[').trim_end_matches(']').parse();
    with_port().or_else(|_| bare()).ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use axum::http::HeaderValue;

    use super::*;

    fn client(trusted: &str, peer: &str, lines: &[&str]) -> String {
        let trusted: Trusted = trusted.parse().expect("networks");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        trusted.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client("", "10.0.0.1", &["192.0.2.1"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/24", "10.0.1.1", &["192.0.2.1"]), "10.0.1.1");
        assert_eq!(client("10.0.0.0/24", "::ffff:10.0.0.7", &["192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn what_a_caller_wrote_before_the_proxy_is_not_believed() {
        assert_eq!(client("10.0.0.0/24", "10.0.0.1", &["203.0.113.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/24", "10.0.0.1", &["203.0.113.9", "192.0.2.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/24", "10.0.0.1", &["203.0.113.9, 192.0.2.1, 10.0.0.5"]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/24,::1", "::1", &["2001:db8::7,10.0.0.5"]), "2001:db8::7");
    }

    #[test]
    fn without_a_name_it_is_whoever_passed_it_on_last() {
        for lines in [&[][..], &[""], &["nobody"], &["192.0.2.1, unknown"], &["192.0.2.1,"]] {
            assert_eq!(client("10.0.0.1", "10.0.0.1", lines), "10.0.0.1", "{lines:?}");
        }
    }

    #[test]
    fn an_address_may_have_a_port() {
        assert_eq!(client("10.0.0.1", "10.0.0.1", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", "10.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", "10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
    }

    #[test]
    fn what_is_no_network_is_named() {
        assert_eq!(" 10.0.0.0/8 , ::1,".parse::<Trusted>().map(|it| it.0.len()), Ok(2));
        let error = "10.0.0.0/8, 10.0.0.0/33".parse::<Trusted>().expect_err("no network");
        assert_eq!(error.to_string(), "`10.0.0.0/33` is neither an address nor a network such as `10.0.0.0/16`");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// However a caller lies, it is found at the address from which the trusted proxy heard it.
        #[test]
        fn a_caller_cannot_choose_where_it_comes_from(lie in "[ -~é\u{80}]{0,60}", from in any::<[u8; 4]>()) {
            let from = IpAddr::from(from);
            let trusted: Trusted = "10.0.0.1".parse().expect("a network");
            prop_assume!(!trusted.holds(from));
            let headers = [(FORWARDED_FOR, HeaderValue::from_bytes(format!("{lie}, {from}").as_bytes()).expect("a value"))];
            let proxy = "10.0.0.1".parse().expect("an address");
            prop_assert_eq!(trusted.client(proxy, &HeaderMap::from_iter(headers)), from);
        }
    }
}
