//! Several servers that trust each other.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use parking_lot::Mutex;
use tempfile::TempDir;

use crate::{Authority, TestServer};

/// Port of all servers of a cluster; they differ in their address, since an identity has no port (federation ID-2).
const PORT: u16 = 5379;

/// Address at which a server is reached in place of its own, and whether with TLS.
#[derive(Clone, Copy, Debug)]
struct Detour {
    address: SocketAddr,
    is_tls: bool,
}

/// Ids and keys that a server pins.
type Pins = Vec<(String, String)>;

/// Servers on loopback addresses of their own, each with its own database, signing key and issuer.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<TestServer>,
    addresses: Vec<Ipv4Addr>,
    folder: TempDir,
    /// Addresses at which servers are reached in place of their own, by dialling server and dialled one.
    detours: Mutex<HashMap<(usize, usize), Detour>>,
    /// Keys that a server pins in place of the key set of another, by both: ids and keys.
    pins: Mutex<HashMap<(usize, usize), Pins>>,
    /// Certificates of TLS servers; `None`: plain HTTP.
    tls: Option<Authority>,
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
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::start_in(folder, None, count, change).await
    }

    /// As [`Self::start_with`], with servers that speak TLS only. Their certificates are those of an authority that the servers
    /// trust for links, and nobody else does.
    ///
    /// # Panics
    /// If one does not start.
    pub async fn start_tls(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::new(folder.path());
        Self::start_in(folder, Some(authority), count, |_, builder| builder.files()).await
    }

    async fn start_in(
        folder: TempDir,
        tls: Option<Authority>,
        count: usize,
        change: impl Fn(usize, crate::TestServerBuilder) -> crate::TestServerBuilder,
    ) -> Self {
        let addresses = (0..count).map(|_| random_loopback()).collect();
        let mut cluster = Self {
            servers: Vec::new(),
            addresses,
            folder,
            detours: Mutex::default(),
            pins: Mutex::default(),
            tls,
        };
        for server in 0..count {
            cluster.write(server, &cluster.others(server));
        }
        for server in 0..count {
            let address = cluster.addresses[server];
            let builder = TestServer::builder()
                .setting("LISTEN_ADDR", &SocketAddr::from((address, PORT)).to_string())
                .setting("FEDERATION_DOMAIN", &address.to_string())
                .setting("FEDERATION_PEERS_FILE", &cluster.file(server).display().to_string());
            let builder = cluster.with_tls(server, builder);
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
        self.lead(server, other, Detour { address, is_tls: self.tls.is_some() });
    }

    /// As [`Self::detour`], by way of a proxy with TLS.
    pub fn detour_tls(&self, server: usize, other: usize, address: SocketAddr) {
        self.lead(server, other, Detour { address, is_tls: true });
    }

    /// Lets `server` know `other` by these keys only, id and public key, and reload its peers.
    pub fn pin(&self, server: usize, other: usize, keys: &[(String, String)]) {
        self.pins.lock().insert((server, other), keys.to_vec());
        self.trust(server, &self.others(server));
    }

    fn lead(&self, server: usize, other: usize, detour: Detour) {
        self.detours.lock().insert((server, other), detour);
        self.trust(server, &self.others(server));
    }

    /// Authority of the certificates.
    ///
    /// # Panics
    /// If the servers speak plain HTTP.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        self.tls.as_ref().expect("servers with TLS")
    }

    fn with_tls(&self, server: usize, builder: crate::TestServerBuilder) -> crate::TestServerBuilder {
        let Some(authority) = &self.tls else { return builder };
        let files = authority.issue(&format!("server-{server}"), &self.name(server));
        builder
            .setting("TLS_CERT_FILE", &files.certificate.display().to_string())
            .setting("TLS_KEY_FILE", &files.key.display().to_string())
            .setting("FEDERATION_CA_FILE", &authority.certificate().display().to_string())
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
            let direct = Detour { address: own, is_tls: self.tls.is_some() };
            let Detour { address: dialled, is_tls } =
                self.detours.lock().get(&(server, *other)).copied().unwrap_or(direct);
            let s = |is_tls| if is_tls { "s" } else { "" };
            let ws = format!("ws{}://{dialled}", s(is_tls));
            let http = format!("http{}://{own}", s(direct.is_tls));
            let pinned = self.pins.lock().get(&(server, *other)).map(|keys| static_keys(keys));
            let keys = pinned.unwrap_or_else(|| format!("jwks_uri = \"{http}/.well-known/jwks.json\""));
            let table =
                format!("[[peer]]\ndomain = \"{address}\"\nws_url = \"{ws}/api/v1/federation/ws\"\n{keys}\n");
            text.write_str(&table).expect("a string takes everything");
        }
        std::fs::write(self.file(server), text).expect("a writable folder");
    }
}

/// Lines of the peers file for pinned keys.
fn static_keys(keys: &[(String, String)]) -> String {
    let tables = keys.iter().map(|(id, x)| format!("{{ key_id = \"{id}\", x = \"{x}\" }}"));
    format!("jwks_uri = \"\"\nkeys = [ {} ]", tables.collect::<Vec<_>>().join(", "))
}

/// Loopback address that no other server of any test run has.
fn random_loopback() -> Ipv4Addr {
    let [_, a, b, c, ..] = *uuid::Uuid::from_u128(rand::random()).as_bytes();
    Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254))
}
