//! Wiring of a server that is built without federation: no keys, no jobs.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use less_sync_api::{ApiState, KeySetDocument};
use less_sync_engine::ports::Deployment;
use less_sync_engine::{Clock, InvitationRelay, LocalOnly, NoRelay, SpaceRouter};
use less_sync_metrics::Registry;
use less_sync_realtime::{Broker, Endpoint};
use less_sync_storage::{FederationKeys, Storage};

use crate::config::FederationConfig;
use crate::deployment_jobs::DeploymentJobs;
use crate::tasks::Tasks;

/// Federation of a server that has none.
#[derive(Clone, Debug)]
pub(crate) struct Federation;

impl Federation {
    #[expect(clippy::unused_async, reason = "the same interface as with federation")]
    pub(crate) async fn open(
        _config: &FederationConfig,
        _storage: Arc<dyn FederationKeys>,
        _clock: &dyn Clock,
    ) -> anyhow::Result<Self> {
        Ok(Self)
    }

    /// Receiver of the changes of trust that other nodes announce: there is no trust.
    #[expect(clippy::unused_self, reason = "the same interface as with federation")]
    pub(crate) fn join(
        &self,
        _deployment: Arc<dyn Deployment>,
        _tasks: &Tasks,
    ) -> Box<dyn Fn() + Send + Sync> {
        Box::new(|| ())
    }

    /// Published key set: empty (federation BO-8).
    pub(crate) fn key_set(&self) -> KeySetDocument {
        KeySetDocument::default()
    }

    /// Deliverer of invitations to other servers: none.
    pub(crate) fn relay(&self, _clock: &Arc<dyn Clock>, _tasks: &Tasks) -> Arc<dyn InvitationRelay> {
        Arc::new(NoRelay)
    }

    /// Router of spaces that other servers hold: none is reachable (federation INV-9).
    pub(crate) fn router(
        &self,
        _receivers: (&Arc<dyn Storage>, &Arc<Broker>),
        _clock: &Arc<dyn Clock>,
        _tasks: &Tasks,
    ) -> Arc<dyn SpaceRouter> {
        Arc::new(LocalOnly)
    }

    pub(crate) fn routes(
        &self,
        _edges: (&Arc<Endpoint>, &ApiState),
        _ports: (&Arc<dyn Clock>, &Tasks),
        _metrics: &mut Registry,
    ) -> Router {
        Router::new().route("/api/v1/federation/ws", any(StatusCode::NOT_FOUND))
    }

    pub(crate) fn spawn_jobs(
        &self,
        (_tasks, _jobs): (&Tasks, &DeploymentJobs),
        _storage: &Arc<dyn FederationKeys>,
    ) {
    }

    pub(crate) fn reload(&self, _tasks: &Tasks) {}
}
