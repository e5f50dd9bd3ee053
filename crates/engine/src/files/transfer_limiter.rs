//! Limit of concurrent transfers.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Semaphore of transfers that never queues: without a free permit the request is rejected.
pub(super) struct TransferLimiter {
    semaphore: Arc<Semaphore>,
    limit: usize,
}

/// Permission for one transfer, released on drop.
pub(super) type TransferPermit = OwnedSemaphorePermit;

impl TransferLimiter {
    /// A limiter of `limit` concurrent transfers, at least 1.
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { semaphore: Arc::new(Semaphore::new(limit)), limit }
    }

    /// A permit, if fewer than the limit are taken. Does not wait: a client that retries after `Retry-After` costs the
    /// server less than one that waits with an open connection.
    pub(super) fn try_acquire(&self) -> Option<TransferPermit> {
        self.semaphore.clone().try_acquire_owned().ok()
    }

    /// Transfers in progress.
    pub(super) fn in_use(&self) -> usize {
        self.limit.saturating_sub(self.semaphore.available_permits())
    }
}
