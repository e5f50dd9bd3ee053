//! Database behind a faulty network.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;

use url::Url;

use super::TestDatabase;
use crate::FaultProxy;
use crate::proxy::Upstream;

const PORT: u16 = 5432;

impl TestDatabase {
    /// Starts a proxy in front of the server of the database. Returns it with the URL of the database through it.
    pub async fn behind_proxy(&self) -> (FaultProxy, String) {
        let url = Url::parse(self.url()).expect("the URL of a database");
        let proxy = FaultProxy::in_front_of(upstream(&url)).await;
        let through = through(&url, proxy.address());
        (proxy, through)
    }
}

/// URL of a database through a proxy at `address`.
pub(super) fn through(url: &Url, address: SocketAddr) -> String {
    let mut url = url.clone();
    let kept: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| name != "host").collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("sslmode", "disable");
    let changed = url.set_ip_host(address.ip()).is_ok() && url.set_port(Some(address.port())).is_ok();
    assert!(changed, "the URL of a database takes a host and a port");
    url.into()
}

/// Address of the server of a database.
pub(super) fn upstream(url: &Url) -> Upstream {
    let port = url.port().unwrap_or(PORT);
    if let Some((_, folder)) = url.query_pairs().find(|(name, _)| name == "host") {
        return Upstream::Unix(Path::new(&*folder).join(format!(".s.PGSQL.{port}")));
    }
    let host = url.host_str().expect("the URL of a database names a host");
    let mut addresses = (host, port).to_socket_addrs().expect("the address of a database server");
    let address: SocketAddr = addresses.next().expect("an address");
    Upstream::Tcp(address)
}
