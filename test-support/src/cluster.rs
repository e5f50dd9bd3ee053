//! Several servers that trust each other.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use parking_lot::Mutex;
use tempfile::TempDir;

use crate::TestServer;

/// Port of all servers of a cluster; they differ in their address, since an identity has no port (federation ID-2).
const PORT: u16 = 5379;

/// Servers on loopback addresses of their own, each with its own database, signing key and issuer.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<TestServer>,
    addresses: Vec<Ipv4Addr>,
    folder: TempDir,
    /// Addresses at which servers are reached in place of their own, by dialling server and dialled one.
    detours: Mutex<HashMap<(usize, usize), SocketAddr>>,
}

impl Cluster {
    /// Starts `count` servers, each of which trusts all others.
    ///
    /// # Panics
    /// If one does not start.
    pub async fn start(count: usize) -> Self {
        Self::start_with(count, |_, builder| builder).await
    }

    /// As [`Self::start`], with changes of the settings of each server.
    ///
    /// # Panics
    /// If one does not start.
    pub async fn start_with(
        count: usize,
        change: impl Fn(usize, crate::TestServerBuilder) -> crate::TestServerBuilder,
    ) -> Self {
        let addresses = (0..count).map(|_| random_loopback()).collect();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut cluster = Self { servers: Vec::new(), addresses, folder, detours: Mutex::default() };
        for server in 0..count {
            cluster.write(server, &cluster.others(server));
        }
        for server in 0..count {
            let address = cluster.addresses[server];
            let builder = TestServer::builder()
                .setting("LISTEN_ADDR", &SocketAddr::from((address, PORT)).to_string())
                .setting("FEDERATION_DOMAIN", &address.to_string())
                .setting("FEDERATION_PEERS_FILE", &cluster.file(server).display().to_string());
            let started = Box::pin(change(server, builder).start()).await;
            cluster.servers.push(started);
        }
        cluster
    }

    /// Server with this number, from 0.
    #[must_use]
    pub fn server(&self, server: usize) -> &TestServer {
        &self.servers[server]
    }

    /// Identity of a server among its peers.
    #[must_use]
    pub fn name(&self, server: usize) -> String {
        self.addresses[server].to_string()
    }

    /// Makes `server` trust exactly `others`, and reload its peers.
    pub fn trust(&self, server: usize, others: &[usize]) {
        self.write(server, others);
        self.servers[server].reload();
    }

    /// Lets `server` dial `other` at `address` from its next link on.
    pub fn detour(&self, server: usize, other: usize, address: SocketAddr) {
        self.detours.lock().insert((server, other), address);
        self.trust(server, &self.others(server));
    }

    fn others(&self, server: usize) -> Vec<usize> {
        (0..self.addresses.len()).filter(|other| *other != server).collect()
    }

    fn file(&self, server: usize) -> PathBuf {
        self.folder.path().join(format!("peers-{server}.toml"))
    }

    fn write(&self, server: usize, others: &[usize]) {
        let mut text = "version = 1\n".to_owned();
        for other in others {
            let address = self.addresses[*other];
            let own = SocketAddr::from((address, PORT));
            let dialled = self.detours.lock().get(&(server, *other)).copied().unwrap_or(own);
            let (ws, http) = (format!("ws://{dialled}"), format!("http://{own}"));
            let table = format!(
                "[[peer]]\ndomain = \"{address}\"\nws_url = \"{ws}/api/v1/federation/ws\"\n\
                 jwks_uri = \"{http}/.well-known/jwks.json\"\n"
            );
            text.write_str(&table).expect("a string takes everything");
        }
        std::fs::write(self.file(server), text).expect("a writable folder");
    }
}

/// Loopback address that no other server of any test run has.
fn random_loopback() -> Ipv4Addr {
    let [_, a, b, c, ..] = *uuid::Uuid::from_u128(rand::random()).as_bytes();
    Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254))
}
