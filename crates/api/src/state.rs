//! What the layers and routes of this crate share.

use std::sync::Arc;

use async_trait::async_trait;
use less_sync_auth::{Caller, TokenError};
use less_sync_engine::{Authenticator, Clock, IssuerStatus};
use less_sync_storage::Spaces;
use uuid::Uuid;

use crate::common_headers::CorsOrigins;
use crate::draining::Draining;
use crate::health::SharedPing;

/// Who may call, and whether that can be decided at all.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// The caller that an access token names.
    ///
    /// # Errors
    /// One class per kind of refusal; an unreachable key set is not a refusal.
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
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Raised when shutdown begins.
    pub draining: Draining,
    /// Which origins browsers may call from.
    pub cors: CorsOrigins,
    /// A fresh random id for a request that brings none.
    pub request_ids: fn() -> Uuid,
}

/// Shared state of the HTTP edge; clones are cheap.
#[derive(Clone)]
pub struct ApiState(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) authenticator: Arc<dyn Authenticate>,
    pub(crate) database: SharedPing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) draining: Draining,
    pub(crate) cors: CorsOrigins,
    pub(crate) request_ids: fn() -> Uuid,
}

impl ApiState {
    /// State made of `parts`.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { authenticator, storage, clock, draining, cors, request_ids } = parts;
        let database = SharedPing::new(storage, clock.clone());
        Self(Arc::new(Shared { authenticator, database, clock, draining, cors, request_ids }))
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
