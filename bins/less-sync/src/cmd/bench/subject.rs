//! The server that is measured.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use less_sync_client::AccessToken;
use less_sync_core::SpaceId;

use super::ServerArguments;
use super::disk;
use super::figures::{Figures, mib};
use super::launch::Launched;
use super::link::Address;
use super::process::Process;
use crate::clock;
use crate::dev_token::{DevTokens, Wish};
use crate::server_url::ServerUrl;
use crate::target::Target;

/// A development server, started for the measurement or running already.
#[derive(Debug)]
pub(super) struct Subject {
    launched: Option<Launched>,
    process: Process,
    address: Address,
    tokens: DevTokens,
    data: PathBuf,
}

/// Somebody with a space.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) token: AccessToken,
    pub(super) space: SpaceId,
    /// The right in a space that is shared.
    pub(super) ucan: Option<String>,
}

impl Subject {
    pub(super) async fn new(target: &Target, arguments: &ServerArguments) -> anyhow::Result<Self> {
        let Some(pid) = arguments.pid else { return Self::launch(arguments).await };
        let data = arguments.data.clone().unwrap_or_else(std::env::temp_dir);
        Self::at(&target.url, Process::new(pid), None, data).await
    }

    async fn launch(arguments: &ServerArguments) -> anyhow::Result<Self> {
        let mut launched = Launched::start(arguments)?;
        launched.until_healthy()?;
        let url = ServerUrl::parse(&format!("http://{}", launched.address()))?;
        let (process, data) = (launched.process(), launched.directory().to_owned());
        Self::at(&url, process, Some(launched), data).await
    }

    async fn at(
        url: &ServerUrl,
        process: Process,
        launched: Option<Launched>,
        data: PathBuf,
    ) -> anyhow::Result<Self> {
        ensure!(url.is_loopback() && !url.is_encrypted(), "only a server on this machine can be measured");
        let host = url.authority();
        let socket = tokio::net::lookup_host(&host).await.context("cannot resolve the server")?.next();
        let socket = socket.context("cannot resolve the server")?;
        let address = Address { socket, host, path: url.websocket_path() };
        Ok(Self { launched, process, address, tokens: DevTokens::new(url)?, data })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn process(&self) -> Process {
        self.process
    }

    /// This many users, each with a token and a personal space.
    pub(super) async fn users(&self, count: usize) -> anyhow::Result<Vec<User>> {
        let mut users = Vec::with_capacity(count);
        for number in 0..count {
            let wish = Wish { user: Some(format!("bench-{number}")), ..Wish::default() };
            let granted = self.tokens.grant(&wish).await?;
            users.push(User { token: granted.token, space: granted.personal_space, ucan: None });
        }
        Ok(users)
    }

    pub(super) async fn user(&self) -> anyhow::Result<User> {
        self.users(1).await?.pop().context("no user")
    }

    /// A token for `user` that names this identity.
    pub(super) async fn token_of(&self, user: &str, did: &str) -> anyhow::Result<AccessToken> {
        let wish = Wish { user: Some(user.to_owned()), did: Some(did.to_owned()), ..Wish::default() };
        Ok(self.tokens.grant(&wish).await?.token)
    }

    /// What the disk of the server can do, beside figures of durable writes.
    pub(super) fn probe_disk(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let latencies = disk::probe(&self.data)?;
        figures.add_decimal("fsync_4k_p50_ms", latencies.quantile_ms(0.5));
        figures.add_decimal("fsync_4k_p99_ms", latencies.quantile_ms(0.99));
        Ok(())
    }

    pub(super) fn meter(&self) -> anyhow::Result<Meter> {
        let (server, own) = (self.process, Process::own());
        Ok(Meter { began: clock::instant(), server, server_cpu: server.cpu()?, own, own_cpu: own.cpu()? })
    }

    /// Ends a server that was started; a failure is told with its last words.
    pub(super) async fn stop(self, outcome: anyhow::Result<Figures>) -> anyhow::Result<Figures> {
        // The connections of the scenario end with their tasks, which have to run for that.
        tokio::task::yield_now().await;
        let Some(launched) = self.launched else { return outcome };
        match outcome {
            Ok(figures) => launched.stop().map(|()| figures),
            Err(error) => {
                let log = launched.log();
                Err(error.context(format!("the measurement failed; the server's last words:\n{log}")))
            }
        }
    }
}

/// Processor time from here on.
#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    server: Process,
    server_cpu: Duration,
    own: Process,
    own_cpu: Duration,
}

impl Meter {
    /// Adds what both sides have used since, and what the server holds now.
    pub(super) fn add_to(&self, figures: &mut Figures) -> anyhow::Result<()> {
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
