//! Admin listener (operations §2.7): metrics, health and debugging routes, apart from the public ones.

mod answer;
mod connections;
mod denials;
mod guard;
mod query;
mod routes;
mod slow_consumers;
mod spaces;
mod state;
mod walk;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use less_sync_api::ApiState;
use tokio::net::TcpListener;

use crate::config::{AdminConfig, Config};
use crate::listen::{self, ListenerContext};
use guard::AdminGuard;
pub(crate) use state::AdminState;

/// Bound admin listener, not serving yet.
pub(crate) struct AdminListener {
    listener: TcpListener,
    address: SocketAddr,
    guard: Arc<AdminGuard>,
}

/// Binds the admin listener, if one is configured.
///
/// # Errors
/// `cannot listen on {address}: {reason}`.
pub(crate) async fn bind(config: Option<&AdminConfig>) -> anyhow::Result<Option<AdminListener>> {
    let Some(AdminConfig { listen, token }) = config else { return Ok(None) };
    let listener = listen::bind(listen).await?;
    let address = listener.local_addr().context("the admin listener has no address")?;
    let guard = AdminGuard::new(token.clone());
    Ok(Some(AdminListener { listener, address, guard }))
}

impl AdminListener {
    /// Serves until the end of the shutdown: the drain can be watched. Returns the address.
    pub(crate) fn serve(self, state: AdminState, api: ApiState, config: &Config) -> SocketAddr {
        let (tasks, clock) = (state.tasks.clone(), state.clock.clone());
        let router = routes::router(state, &api, self.guard);
        let context = ListenerContext::for_admin((router, api), clock, tasks.clone(), config);
        tasks.spawn_essential("admin listener", |stop| listen::serve(self.listener, context, stop));
        tracing::info!(address = %self.address, "admin listener started");
        self.address
    }
}
