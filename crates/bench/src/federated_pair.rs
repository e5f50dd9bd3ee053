//! Two launched servers that trust each other: the home of a space, and one whose users are members.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, ensure};
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::SubscribeResult;

use crate::connection::{LoadConnection, result, subscribe_params};
use crate::figures::Figures;
use crate::launch::{LaunchedServer, Limits, Surroundings};
use crate::options::ServerOptions;
use crate::server::{ServerUnderTest, User};

/// Hosts of both servers: an identity is a host without a port (federation ID-2).
const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)];

/// Both servers.
#[derive(Debug)]
pub(crate) struct FederatedPair {
    /// Home of the spaces.
    pub(crate) home: ServerUnderTest,
    /// Server of the members.
    pub(crate) federated: ServerUnderTest,
}

impl FederatedPair {
    /// Launches both, with quotas of each for the other that never bound the load.
    pub(crate) async fn launch(options: &ServerOptions) -> anyhow::Result<Self> {
        ensure!(options.pid.is_none() && options.database.is_none(), "two servers are launched, on SQLite");
        let [home, federated] = [free_address(HOSTS[0])?, free_address(HOSTS[1])?];
        let launch = async |own: SocketAddr, other: SocketAddr| {
            let surroundings = surroundings(own.ip(), other);
            let launched = LaunchedServer::start_at(own, options, Limits::Raised, &surroundings)?;
            ServerUnderTest::of(launched).await
        };
        Ok(Self { home: launch(home, federated).await?, federated: launch(federated, home).await? })
    }

    /// Lets the server of the members find the home of the space of `user`, one of its own users.
    pub(crate) async fn pin(&self, user: &User) -> anyhow::Result<()> {
        let mut connection = LoadConnection::open(self.federated.address(), &user.token).await?;
        let (id, home) = (user.space.to_string(), HOSTS[0].to_string());
        let mut params = subscribe_params(&id, user.ucan.as_deref());
        for entry in &mut params.spaces {
            entry.home_server = Some(&home);
        }
        let response = connection.call(method::SUBSCRIBE, &params).await?;
        let found: SubscribeResult<'_> = result(&response)?;
        ensure!(found.spaces.len() == 1, "the home of the space was not found");
        Ok(())
    }

    /// Stops both.
    pub(crate) async fn stop(self, outcome: anyhow::Result<Figures>) -> anyhow::Result<Figures> {
        let outcome = self.federated.stop(outcome).await;
        self.home.stop(outcome).await
    }
}

fn surroundings(own: IpAddr, other: SocketAddr) -> Surroundings {
    let peer = other.ip();
    let peers = format!(
        "version = 1\n[[peer]]\ndomain = \"{peer}\"\nws_url = \"ws://{other}/api/v1/federation/ws\"\n\
         jwks_uri = \"http://{other}/.well-known/jwks.json\"\n[peer.quotas]\nmax_requests_per_second = 1000000\n\
         max_records_per_hour = 1000000000\nmax_bytes_per_hour = 1000000000000\n"
    );
    Surroundings {
        settings: vec![
            ("FEDERATION_DOMAIN", own.to_string()),
            ("FEDERATION_PEERS_FILE", "peers.toml".to_owned()),
            ("FEDERATION_FST_SECRET", "0123456789abcdef0123456789abcdef".to_owned()),
        ],
        files: vec![("peers.toml", peers)],
    }
}

fn free_address(host: Ipv4Addr) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((host, 0)).with_context(|| format!("cannot bind a port of {host}"))?;
    Ok(listener.local_addr()?)
}
