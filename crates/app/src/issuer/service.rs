//! Process of a running issuer: listener, signals, shutdown.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use less_sync_engine::Clock;
use less_sync_issuer::{Directory, Issuer};

use crate::clock::SystemClock;
use crate::config::IssuerConfig;
use crate::exit_error::ExitError;
use crate::listen::{self, ListenerContext};
use crate::service_manager::ServiceManager;
use crate::signals::{Request, Signals};
use crate::tasks::Tasks;
use crate::{file_limit, telemetry};

/// Serves until a signal ends it.
pub(super) fn serve(
    config: &IssuerConfig,
    notify_socket: Option<String>,
    read_again: impl Fn() -> Result<IssuerConfig, ExitError>,
) -> Result<(), ExitError> {
    let log = telemetry::start(&config.logging, None)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    file_limit::raise()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let reload = || match read_again() {
        Ok(config) => log.set_filter(&config.logging),
        Err(failure) => tracing::error!(error = %failure.error(), "failed to reload the log filter"),
    };
    let outcome = runtime.block_on(serve_until_signalled(config, ServiceManager::new(notify_socket), reload));
    runtime.shutdown_background();
    Ok(outcome?)
}

async fn serve_until_signalled(
    config: &IssuerConfig,
    service_manager: ServiceManager,
    reload: impl Fn(),
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let directory = Directory::new(&config.directory, config.directory_sync.clone());
    let issuer = Issuer::open(directory, config.settings.clone(), clock.clone())?;
    let listener = listen::bind(&config.listen).await?;
    let address = listener.local_addr().context("the listener has no address")?;
    let tasks = Tasks::new(clock.clone());
    let context = ListenerContext::for_issuer(issuer.router(), clock.clone(), tasks.clone(), &config.server);
    tasks.spawn_essential("issuer listener", |stop| listen::serve(listener, context.clone(), stop));
    tracing::info!(%address, "issuer listening");
    service_manager.ready();
    loop {
        let request = tokio::select! {
            biased;
            () = tasks.draining() => break,
            request = signals.next() => request,
        };
        match request {
            Request::End { .. } => break,
            Request::Reload => reload(),
            Request::Report => tracing::info!(running = ?tasks.running(), "running tasks"),
        }
    }
    service_manager.stopping();
    let until = clock.instant() + config.server.shutdown_grace;
    tokio::select! {
        biased;
        () = context.close() => {}
        () = clock.sleep_until(until) => tracing::warn!("http requests aborted at the end of the grace period"),
        request = signals.next() => if let Request::End { exit_code } = request { std::process::exit(exit_code) },
    }
    tasks.stop();
    tasks.join().await;
    match tasks.failed() {
        Some(task) => bail!("{task} ended unexpectedly"),
        None => Ok(()),
    }
}
