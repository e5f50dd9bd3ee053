//! State that layers and handlers share.

use std::sync::Arc;

use async_trait::async_trait;
use less_sync_auth::{Caller, TokenError};
use less_sync_engine::{Authenticator, Clock, Denials, Files, IssuerStatus, Random, Spawner};
use less_sync_metrics::Registry;
use less_sync_storage::Spaces;

use crate::cached_check::CachedCheck;
use crate::common_headers::CorsOrigins;
use crate::draining::Draining;
use crate::health_section::HealthSection;
use crate::http_metrics::HttpMetrics;
use crate::key_set::KeySetDocument;
use crate::metadata::ServerMetadata;

/// Verifier of access tokens.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Verifies an access token and returns its caller.
    ///
    /// # Errors
    /// [`TokenError`]; an unreachable key set is not a rejection of the token.
    async fn authenticate(&self, token: &str) -> Result<Caller, TokenError>;

    /// All trusted issuers, each with whether its key set is usable.
    fn issuers(&self) -> Vec<(String, bool)>;
}

#[async_trait]
impl Authenticate for Authenticator {
    async fn authenticate(&self, token: &str) -> Result<Caller, TokenError> {
        Self::authenticate(self, token).await
    }

    fn issuers(&self) -> Vec<(String, bool)> {
        let status = |status: IssuerStatus| {
            let usable = status.is_usable();
            (status.issuer, usable)
        };
        self.issuers_status().into_iter().map(status).collect()
    }
}

/// Dependencies and configuration of the HTTP edge.
#[derive(Clone)]
pub struct Deps {
    /// Verifier of bearer tokens.
    pub authenticator: Arc<dyn Authenticate>,
    /// Database, for its health check.
    pub storage: Arc<dyn Spaces>,
    /// Use cases of files; without them, their routes do not exist.
    pub files: Option<Files>,
    /// Wall-clock and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Supervisor of tasks that outlive their request.
    pub spawner: Arc<dyn Spawner>,
    /// Shutdown flag.
    pub draining: Draining,
    /// Origins that browsers may send requests from.
    pub cors: CorsOrigins,
    /// Public metadata of the deployment, if configured.
    pub metadata: Option<ServerMetadata>,
    /// Published keys of this server.
    pub key_set: KeySetDocument,
    /// Source of request ids.
    pub random: Arc<dyn Random>,
    /// Ring for denied requests.
    pub denials: Arc<Denials>,
    /// State of this server among the nodes of its deployment; `None` if it is the only one.
    pub node: Option<Arc<dyn Fn() -> NodeStatus + Send + Sync>>,
}

/// State of a server among the nodes of its deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Name of the transport between nodes.
    pub transport: &'static str,
    /// True while messages between nodes arrive.
    pub is_up: bool,
    /// Number of other nodes.
    pub nodes: usize,
}

/// Shared state of the HTTP edge; clones are cheap.
#[derive(Clone)]
pub struct ApiState(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) authenticator: Arc<dyn Authenticate>,
    pub(crate) database: CachedCheck,
    pub(crate) blobs: Option<CachedCheck>,
    pub(crate) files: Option<Files>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) draining: Draining,
    pub(crate) cors: CorsOrigins,
    pub(crate) metadata: Option<ServerMetadata>,
    pub(crate) key_set: KeySetDocument,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) denials: Arc<Denials>,
    pub(crate) node: Option<Arc<dyn Fn() -> NodeStatus + Send + Sync>>,
    pub(crate) metrics: HttpMetrics,
    pub(crate) health_section: HealthSection,
}

impl ApiState {
    /// Registers the metrics of HTTP requests.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.0.metrics.register(registry);
    }

    /// Section of `/health` for an optional part of the server.
    #[must_use]
    pub fn health_section(&self) -> &HealthSection {
        &self.0.health_section
    }

    /// State built from `deps`.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps {
            authenticator,
            storage,
            files,
            clock,
            spawner,
            draining,
            cors,
            metadata,
            key_set,
            random,
            denials,
            node,
        } = deps;
        let database = CachedCheck::of_database(storage, clock.clone());
        let blobs = files.clone().map(|files| CachedCheck::of_blobs(files, clock.clone()));
        Self(Arc::new(Shared {
            authenticator,
            database,
            blobs,
            files,
            clock,
            spawner,
            draining,
            cors,
            metadata,
            key_set,
            random,
            denials,
            node,
            metrics: HttpMetrics::default(),
            health_section: HealthSection::default(),
        }))
    }
}

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState")
            .field("draining", &self.0.draining)
            .field("cors", &self.0.cors)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps")
            .field("draining", &self.draining)
            .field("cors", &self.cors)
            .finish_non_exhaustive()
    }
}
