//! What the layers and routes of this crate share.

use std::sync::Arc;

use async_trait::async_trait;
use less_sync_auth::{Caller, TokenError};
use less_sync_engine::{Authenticator, Clock, Files, IssuerStatus, Spawner};
use less_sync_storage::Spaces;
use uuid::Uuid;

use crate::common_headers::CorsOrigins;
use crate::draining::Draining;
use crate::health::SharedCheck;
use crate::well_known::ServerMetadata;

/// Who may call, and whether that can be decided at all.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// The caller that an access token names.
    ///
    /// # Errors
    /// One class per kind of rejection; an unreachable key set is not a rejection.
    async fn authenticate(&self, token: &str) -> Result<Caller, TokenError>;

    /// Every trusted issuer, and whether there is a usable key set of it.
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

/// What the HTTP edge is made of.
#[derive(Clone)]
pub struct Parts {
    /// Decides about bearer tokens.
    pub authenticator: Arc<dyn Authenticate>,
    /// Asked for a sign of life.
    pub storage: Arc<dyn Spaces>,
    /// Files, if there is a place for them; without, their routes do not exist.
    pub files: Option<Files>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Runs what outlives its request.
    pub spawner: Arc<dyn Spawner>,
    /// Raised when shutdown begins.
    pub draining: Draining,
    /// Which origins browsers may call from.
    pub cors: CorsOrigins,
    /// What the public metadata say, if there are any.
    pub metadata: Option<ServerMetadata>,
    /// A fresh random id for a request that brings none.
    pub request_ids: fn() -> Uuid,
}

/// Shared state of the HTTP edge; clones are cheap.
#[derive(Clone)]
pub struct ApiState(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) authenticator: Arc<dyn Authenticate>,
    pub(crate) database: SharedCheck,
    pub(crate) blobs: Option<SharedCheck>,
    pub(crate) files: Option<Files>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) draining: Draining,
    pub(crate) cors: CorsOrigins,
    pub(crate) metadata: Option<ServerMetadata>,
    pub(crate) request_ids: fn() -> Uuid,
}

impl ApiState {
    /// State made of `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { authenticator, storage, files, clock, spawner, draining, cors, metadata, request_ids } =
            parts;
        let database = SharedCheck::of_database(storage, clock.clone());
        let blobs = files.clone().map(|files| SharedCheck::of_blobs(files, clock.clone()));
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
            request_ids,
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

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("draining", &self.draining)
            .field("cors", &self.cors)
            .finish_non_exhaustive()
    }
}
