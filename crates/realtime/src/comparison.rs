//! Comparison of delivered with committed cursors, and of watching chains with revocations, in the database.

use std::collections::HashMap;
use std::sync::Arc;

use less_sync_core::{Cursor, SpaceId, limits};
use less_sync_storage::{Revocations, Spaces, StorageError};

use crate::broker::{Broker, Position};

/// Tokens per look-up of revocations.
const TOKENS: usize = 1000;

/// Comparison of the state of a broker with the database.
pub(crate) struct Comparison {
    pub(crate) broker: Arc<Broker>,
    pub(crate) spaces: Arc<dyn Spaces>,
    pub(crate) revocations: Arc<dyn Revocations>,
}

impl Comparison {
    /// Spaces with a greater cursor in storage than was delivered, and their committed positions.
    pub(crate) async fn spaces_behind(&self) -> Result<Vec<(SpaceId, Position)>, StorageError> {
        // Delivered before committed cursors: an event published in between makes a false suspect, which the caller clears.
        let delivered = self.broker.delivered_cursors();
        let mut behind = Vec::new();
        for chunk in delivered.chunks(limits::SPACES) {
            behind.extend(self.compare(chunk).await.inspect_err(|error| self.failed(error))?);
        }
        Ok(behind)
    }

    /// Ends the subscriptions whose chains contain a token that is revoked in storage.
    pub(crate) async fn end_revoked(&self) -> Result<(), StorageError> {
        for chunk in self.broker.watched_tokens().chunks(TOKENS) {
            let revoked =
                self.revocations.revoked_among(chunk).await.inspect_err(|error| self.failed(error))?;
            for (space, cid) in revoked {
                self.broker.revoked_elsewhere(space, cid);
                tracing::debug!(%space, "ended subscriptions after a revocation by another process");
            }
        }
        Ok(())
    }

    fn failed(&self, error: &StorageError) {
        self.broker.metrics().position_check_failures.inc();
        tracing::warn!(error = %less_sync_core::ErrorChain(error), "position check failed");
    }

    async fn compare(
        &self,
        delivered: &[(SpaceId, Cursor)],
    ) -> Result<Vec<(SpaceId, Position)>, StorageError> {
        let ids: Vec<SpaceId> = delivered.iter().map(|(space, _)| *space).collect();
        let committed = self.spaces.spaces(&ids).await?;
        let delivered: HashMap<_, _> = delivered.iter().copied().collect();
        let behind =
            committed.iter().filter(|space| delivered.get(&space.id).is_some_and(|at| space.cursor > *at));
        Ok(behind.map(|space| (space.id, Position::from(space))).collect())
    }
}
