//! A server from start to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use less_sync_api::Draining;
use less_sync_engine::{Clock, KeySetSource};
use tokio::task::JoinHandle;

use crate::blobs;
use crate::build::{Built, Ports, Stores, build};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::dev::{DevIssuer, print_next_steps};
use crate::listen::{self, Serving};
use crate::service_manager::ServiceManager;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::tasks::Tasks;

/// What a test puts in place of the real world.
#[derive(Clone, Default)]
pub struct Overrides {
    /// Instead of the time of this machine.
    pub clock: Option<Arc<dyn Clock>>,
    /// Instead of HTTP to the issuers.
    pub key_sets: Option<Arc<dyn KeySetSource>>,
    /// Where the service manager listens (`NOTIFY_SOCKET`).
    pub notify_socket: Option<String>,
}

/// A running server. Dropping it ends everything at once; [`Server::drain`] ends it in good order.
pub struct Server {
    address: SocketAddr,
    tasks: Tasks,
    draining: Draining,
    development: Option<(Arc<DevIssuer>, PathBuf)>,
    end: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    /// Starts a server: opens the store, takes the address, starts the jobs, serves (operations §3).
    ///
    /// # Errors
    /// The first step that fails ends it all; nothing is left behind.
    pub async fn start(config: Config, overrides: Overrides) -> anyhow::Result<Self> {
        let clock = overrides.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let blobs = blobs::open(&config.files).await?;
        let stores = Stores { database: Store::open(&config.database).await?, blobs };
        let listener = listen::bind(&config.server.listen).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        let (tasks, draining) = (Tasks::new(clock.clone()), Draining::default());
        let key_sets = overrides.key_sets;
        let ports =
            Ports { clock: clock.clone(), tasks: tasks.clone(), draining: draining.clone(), key_sets };
        let Built { endpoint, router, api, dev_issuer } = build(&config, &stores, address, &ports)?;
        let serving = Serving::new((router, api), clock.clone(), tasks.clone(), &config);
        tasks.spawn_essential("listener", |stop| listen::serve(listener, serving.clone(), stop));
        let service_manager = ServiceManager::new(overrides.notify_socket);
        tracing::info!(%address, "server listening");
        service_manager.ready();
        let end = supervise(Shutdown {
            tasks: tasks.clone(),
            draining: draining.clone(),
            endpoint,
            serving,
            store: stores.database,
            blobs: stores.blobs,
            clock,
            grace: config.server.shutdown_grace,
            service_manager,
        });
        Ok(Self { address, tasks, draining, development: dev_issuer.zip(config.development), end })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins shutdown; a second call does nothing.
    pub fn drain(&self) {
        self.draining.begin();
        self.tasks.drain();
    }

    /// Completes when the server has stopped. Dropping the future does not stop it.
    ///
    /// # Errors
    /// It stopped by itself, or not within the grace period.
    pub async fn stopped(&mut self) -> anyhow::Result<()> {
        (&mut self.end).await.context("the shutdown itself failed")?
    }

    /// Writes to the log what is running.
    pub(crate) fn report(&self) {
        tracing::info!(running = ?self.tasks.running(), "tasks");
    }

    /// In development mode: prints what to do next.
    pub(crate) fn print_next_steps(&self) -> std::io::Result<()> {
        match &self.development {
            Some((issuer, directory)) => print_next_steps(issuer, self.address, directory),
            None => Ok(()),
        }
    }
}

/// The one task outside the supervisor, because it outlives all that are inside.
#[expect(clippy::disallowed_methods, reason = "this task waits for the end of all others")]
fn supervise(end: Shutdown) -> JoinHandle<anyhow::Result<()>> {
    tokio::spawn(end.run())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.abort();
        self.tasks.stop();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overrides").finish_non_exhaustive()
    }
}
