//! A DNS server on loopback that holds what a test says.

use std::net::SocketAddr;
use std::sync::Arc;

use hickory_server::Server;
use hickory_server::proto::rr::rdata::{CNAME, MX, SOA, TXT};
use hickory_server::proto::rr::{LowerName, Name, RData, Record};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::UdpSocket;

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).expect("a name")
}

/// Serves the zone `example.com` with these records (type, name, value) until the test ends.
pub fn serve(records: &[(&str, &str, &str)]) -> SocketAddr {
    let origin = name("example.com");
    let soa = SOA::new(name("ns.example.com"), name("admin.example.com"), 1, 60, 60, 60, 60);
    let mut zone: InMemoryZoneHandler = InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    zone.upsert_mut(Record::from_rdata(origin.clone(), 60, RData::SOA(soa)), 1);
    for (kind, at, value) in records {
        let data = match *kind {
            "CNAME" => RData::CNAME(CNAME(name(value))),
            "MX" => {
                let (preference, host) = value.split_once(' ').expect("a preference");
                RData::MX(MX::new(preference.parse().expect("a number"), name(host)))
            }
            _ => RData::TXT(TXT::new(vec![(*value).to_owned()])),
        };
        assert!(zone.upsert_mut(Record::from_rdata(name(at), 60, data), 1), "{kind} {at}");
    }
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    socket.set_nonblocking(true).expect("it can wait");
    let address = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut catalog = Catalog::new();
            catalog.upsert(LowerName::new(&origin), vec![Arc::new(zone)]);
            let mut server = Server::new(catalog);
            server.register_socket(UdpSocket::from_std(socket).expect("a socket"));
            _ = server.block_until_done().await;
        });
    });
    address
}
