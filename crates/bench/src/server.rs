//! Server under test: launched for the run, or running already; its users, and its processor time.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use less_sync_client::{AccessToken, DevTokenClient, ServerUrl, TokenRequest};
use less_sync_core::{Did, SpaceId};

use crate::clock;
use crate::connection::ServerAddress;
use crate::disk;
use crate::figures::{Figures, mib};
use crate::launch::{LaunchedServer, Limits};
use crate::options::ServerOptions;
use crate::process::Process;

/// A development server on this machine.
#[derive(Debug)]
pub(crate) struct ServerUnderTest {
    launched: Option<LaunchedServer>,
    process: Process,
    address: ServerAddress,
    tokens: DevTokenClient,
    data: PathBuf,
}

/// Address of a server at `url`.
///
/// # Errors
/// The server cannot be resolved, or is not on this machine.
pub(crate) async fn resolve(url: &ServerUrl) -> anyhow::Result<ServerAddress> {
    ensure!(url.is_loopback() && !url.is_encrypted(), "only a server on this machine can be measured");
    let host = url.authority();
    let socket = tokio::net::lookup_host(&host).await.context("cannot resolve the server")?.next();
    let socket = socket.context("cannot resolve the server")?;
    Ok(ServerAddress { socket, host, path: url.websocket_path() })
}

/// User with an access token and a space.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) token: AccessToken,
    pub(crate) space: SpaceId,
    /// Chain of UCANs for a shared space; `None` for the personal space.
    pub(crate) ucan: Option<String>,
}

impl ServerUnderTest {
    /// Launches a server, or finds the running one at `url`.
    ///
    /// # Errors
    /// The server cannot be launched or resolved, or is not on this machine.
    pub(crate) async fn new(
        url: &ServerUrl,
        options: &ServerOptions,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let Some(pid) = options.pid else { return Self::launch(options, limits).await };
        let data = options.data.clone().unwrap_or_else(std::env::temp_dir);
        Self::at(url, Process::new(pid), None, data).await
    }

    async fn launch(options: &ServerOptions, limits: Limits) -> anyhow::Result<Self> {
        Self::of(LaunchedServer::start(options, limits)?).await
    }

    /// Waits for a launched server.
    pub(crate) async fn of(mut launched: LaunchedServer) -> anyhow::Result<Self> {
        launched.until_healthy()?;
        let url = ServerUrl::parse(&format!("http://{}", launched.address()))?;
        let (process, data) = (launched.process(), launched.directory().to_owned());
        Self::at(&url, process, Some(launched), data).await
    }

    async fn at(
        url: &ServerUrl,
        process: Process,
        launched: Option<LaunchedServer>,
        data: PathBuf,
    ) -> anyhow::Result<Self> {
        let address = resolve(url).await?;
        Ok(Self { launched, process, address, tokens: DevTokenClient::new(url)?, data })
    }

    /// Address of the server under test.
    pub(crate) fn address(&self) -> &ServerAddress {
        &self.address
    }

    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// `count` users, each with a token and a personal space.
    pub(crate) async fn users(&self, count: usize) -> anyhow::Result<Vec<User>> {
        self.users_named("bench", count).await
    }

    /// As [`ServerUnderTest::users`], with `name` as the first part of the name of each user.
    pub(crate) async fn users_named(&self, name: &str, count: usize) -> anyhow::Result<Vec<User>> {
        let mut users = Vec::with_capacity(count);
        for number in 0..count {
            let request = TokenRequest { user: Some(format!("{name}-{number}")), ..TokenRequest::default() };
            let issued = self.tokens.issue(&request).await?;
            users.push(User { token: issued.token, space: issued.personal_space, ucan: None });
        }
        Ok(users)
    }

    /// User with a token and a personal space.
    pub(crate) async fn user(&self) -> anyhow::Result<User> {
        self.users(1).await?.pop().context("no user")
    }

    /// Access token of `user` that names `did`.
    pub(crate) async fn token_of(&self, user: &str, did: &Did) -> anyhow::Result<AccessToken> {
        let (user, did) = (Some(user.to_owned()), Some(did.as_str().to_owned()));
        Ok(self.tokens.issue(&TokenRequest { user, did, ..TokenRequest::default() }).await?.token)
    }

    /// Adds the `fdatasync` latency of the server's disk, the baseline of durable writes.
    pub(crate) fn probe_disk(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let latencies = disk::probe(&self.data)?;
        figures.add_decimal("fsync_4k_p50_ms", latencies.quantile_ms(0.5));
        figures.add_decimal("fsync_4k_p99_ms", latencies.quantile_ms(0.99));
        Ok(())
    }

    /// Starts to measure processor time.
    pub(crate) fn meter(&self) -> anyhow::Result<CpuMeter> {
        let (server, own) = (self.process, Process::own());
        Ok(CpuMeter { began: clock::instant(), server, server_cpu: server.cpu()?, own, own_cpu: own.cpu()? })
    }

    /// Stops a launched server. After a failure the error includes the end of the server's log.
    pub(crate) async fn stop(self, outcome: anyhow::Result<Figures>) -> anyhow::Result<Figures> {
        // Connections close when their aborted tasks are dropped, which needs one pass of the scheduler.
        tokio::task::yield_now().await;
        let Some(launched) = self.launched else { return outcome };
        match outcome {
            Ok(figures) => launched.stop().map(|()| figures),
            Err(error) => {
                let log = launched.log();
                Err(error.context(format!("the measurement failed; end of the server's log:\n{log}")))
            }
        }
    }
}

/// Processor time of server and generator since its creation.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    began: Instant,
    server: Process,
    server_cpu: Duration,
    own: Process,
    own_cpu: Duration,
}

impl CpuMeter {
    /// Adds elapsed time, processor time of both processes, and resident memory of the server.
    pub(crate) fn add_to(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let time = self.began.elapsed().as_secs_f64().max(f64::EPSILON);
        let server = self.server.cpu()?.saturating_sub(self.server_cpu).as_secs_f64();
        let own = self.own.cpu()?.saturating_sub(self.own_cpu).as_secs_f64();
        figures.add_decimal("measured_s", time);
        figures.add_decimal("server_cpu_s", server);
        figures.add_decimal("server_cpu_percent", server / time * 100.0);
        figures.add_decimal("generator_cpu_percent", own / time * 100.0);
        figures.add_decimal("server_resident_mib", mib(self.server.resident()?));
        Ok(())
    }
}
