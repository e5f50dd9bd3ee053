//! Removal of a whole space by the operator, in bounded transactions (storage §3.21).

use async_trait::async_trait;
use less_sync_core::SpaceId;

use crate::StorageError;

/// Home server of a space that is being removed: no write to the space is accepted any more. The top-level domain is reserved
/// (RFC 2606), so that no server has this name.
pub const PURGED_HOME: &str = "purged.invalid";

/// Maximum rows that one step of a removal visits, inclusive.
pub const PURGE_ROWS: u32 = 500;

/// Stored bytes after which a step of a removal ends, in bytes.
pub const PURGE_BYTES: u64 = 16 * 1024 * 1024;

/// Result of a step of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeStep {
    /// The space does not exist, or does not exist any more.
    Absent,
    /// So many rows were removed, and the space is still there.
    Rows(u64),
    /// So many last rows were removed, and the space with them.
    Done(u64),
}

/// Removal of spaces.
#[async_trait]
pub trait Purge: Send + Sync {
    /// Removes a part of `space` in one transaction: of its files, whose objects are marked for deletion after their grace,
    /// then of its records, membership log, keys and revocations, and at last the space itself with its stored bytes.
    ///
    /// The first step makes the space a remote one of [`PURGED_HOME`], so that nothing is written to it between the steps. A
    /// removal that is interrupted stays so, and is continued by further steps. Uploads in progress lose their attempt by its
    /// expiry.
    async fn purge_step(&self, space: SpaceId) -> Result<PurgeStep, StorageError>;
}
