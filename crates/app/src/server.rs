//! Server lifecycle: start, drain, stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use less_sync_api::Draining;
use less_sync_engine::ports::FanoutBus;
use less_sync_engine::{Clock, KeySetSource};
use less_sync_metrics::Registry;
use tokio::task::JoinHandle;

use crate::admin::{self, AdminState};
use crate::blobs;
use crate::clock::SystemClock;
use crate::composition::{Components, Deps, Stores, compose};
use crate::config::Config;
use crate::deployment::DeploymentNode;
use crate::dev::{DevIssuer, print_next_steps};
use crate::federation::Federation;
use crate::file_limit;
use crate::listen::{self, ListenerContext, Tls};
use crate::log_filter::LogFilter;
use crate::service_manager::ServiceManager;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::tasks::Tasks;

/// Replacements for system dependencies, for tests.
#[derive(Clone, Default)]
pub struct Overrides {
    /// Clock; default: [`SystemClock`].
    pub clock: Option<Arc<dyn Clock>>,
    /// Source of key sets; default: HTTP.
    pub key_sets: Option<Arc<dyn KeySetSource>>,
    /// Transport to other nodes; default: that of the configuration.
    pub bus: Option<Arc<dyn FanoutBus>>,
    /// Socket of the service manager (`NOTIFY_SOCKET`); default: none.
    pub notify_socket: Option<String>,
    /// Limit of open files; default: that of the process.
    pub open_files: Option<u64>,
    /// Setter of the log filter, for `/debug/log`; default: none.
    pub log_filter: Option<LogFilter>,
    /// Version of the program, `<semver> (<git hash>)`; default: that of the crate.
    pub version: Option<&'static str>,
}

/// A running server. [`Server::drain`] shuts it down in order; dropping it aborts all tasks.
pub struct Server {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    tasks: Tasks,
    draining: Draining,
    development: Option<(Arc<DevIssuer>, PathBuf)>,
    metrics: Arc<Registry>,
    federation: Federation,
    end: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    /// Starts a server: opens the stores, binds the address, starts jobs and listener (operations §3).
    ///
    /// # Errors
    /// The first step that fails ends the start; no task is left behind.
    pub async fn start(config: Config, overrides: Overrides) -> anyhow::Result<Self> {
        let open_files = overrides.open_files.or_else(file_limit::current);
        let clock = overrides.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let tls = config.server.tls.clone().map(|files| Tls::open(files, clock.clone()));
        let tls = tls.transpose().context("cannot serve TLS")?;
        let directory_sync = config.directory_sync.clone();
        let blobs = Box::pin(blobs::open(&config.files, &directory_sync)).await?;
        let stores =
            Stores { database: Box::pin(Store::open(&config.database, &directory_sync)).await?, blobs };
        stores.database.forget_jump().await?;
        let federation = Federation::open(&config.federation, stores.database.storage(), &*clock).await;
        if federation.is_err() {
            // Waited for: a dropped store closes its database in its own time, and the next start would find it in use.
            stores.database.close().await;
        }
        let federation = federation?;
        let listener = listen::bind(&config.server.listen).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        let admin = admin::bind(config.admin.as_ref()).await?;
        let (tasks, draining) = (Tasks::new(clock.clone()), Draining::default());
        let key_sets = overrides.key_sets;
        let version = overrides.version.unwrap_or(env!("CARGO_PKG_VERSION"));
        let deps = Deps {
            node: DeploymentNode::new((&config, &stores.database), version, &clock, overrides.bus),
            clock: clock.clone(),
            tasks: tasks.clone(),
            draining: draining.clone(),
            key_sets,
            directory_sync,
            version,
            tls: tls.clone(),
        };
        let Components { endpoint, router, api, dev_issuer, metrics } =
            compose(&config, &stores, address, &federation, &deps)?;
        let metrics = Arc::new(metrics);
        #[cfg(feature = "otel")]
        if let Some(otel) = &config.otel {
            crate::otel::spawn_metrics(otel, &metrics, version, &clock, &tasks)?;
        }
        let admin_address = admin.map(|listener| {
            let (metrics, tasks, store) = (metrics.clone(), tasks.clone(), stores.database.clone());
            let (endpoint, clock) = (endpoint.clone(), clock.clone());
            let state = AdminState { metrics, tasks, store, endpoint, clock, log: overrides.log_filter };
            listener.serve(state, api.clone(), &config)
        });
        let context =
            ListenerContext::new((router, api), clock.clone(), tasks.clone(), &config, open_files, tls);
        tasks.spawn_essential("listener", |stop| listen::serve(listener, context.clone(), stop));
        let service_manager = ServiceManager::new(overrides.notify_socket);
        tracing::info!(%address, "server listening");
        service_manager.ready();
        let end = supervise(Shutdown {
            tasks: tasks.clone(),
            draining: draining.clone(),
            endpoint,
            listener: context,
            store: stores.database,
            blobs: stores.blobs,
            clock,
            grace: config.server.shutdown_grace,
            service_manager,
        });
        let development = dev_issuer.zip(config.development);
        Ok(Self { address, admin_address, tasks, draining, development, metrics, federation, end })
    }

    /// Address of the listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of the admin listener, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Metrics of the server.
    #[must_use]
    pub fn metrics(&self) -> &Registry {
        &self.metrics
    }

    /// Starts the shutdown; idempotent.
    pub fn drain(&self) {
        self.draining.begin();
        self.tasks.drain();
    }

    /// Completes when the server has stopped. Dropping the future does not stop it.
    ///
    /// # Errors
    /// An essential task failed, or the shutdown exceeded the grace period.
    pub async fn stopped(&mut self) -> anyhow::Result<()> {
        (&mut self.end).await.context("shutdown task failed")?
    }

    /// Loads what may change while the server runs: the signing keys (SIGHUP).
    pub fn reload(&self) {
        self.federation.reload(&self.tasks);
    }

    /// Logs the running tasks.
    pub(crate) fn report(&self) {
        tracing::info!(running = ?self.tasks.running(), "running tasks");
    }

    /// Prints the start banner in development mode.
    pub(crate) fn print_next_steps(&self) -> std::io::Result<()> {
        match &self.development {
            Some((issuer, directory)) => print_next_steps(issuer, self.address, directory),
            None => Ok(()),
        }
    }
}

/// Spawns the shutdown outside of the supervisor, since it waits for all tasks inside.
#[expect(clippy::disallowed_methods, reason = "the task waits for the end of all others")]
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
