//! Home hints: servers that have sent invitations to a mailbox, as candidate homes of unknown spaces (federation §11.3).

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{MailboxId, PeerId};

use crate::StorageError;

/// Maximum hints of a mailbox (federation §11.3).
pub const HOME_HINTS: usize = 64;

/// Length of the tag of a space, in bytes.
pub const HINT_TAG: usize = 16;

/// Candidate home of spaces that a mailbox was invited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeHint {
    /// Inviting server.
    pub peer: PeerId,
    /// Tag of the space, when the inviting client gave one.
    pub tag: Option<[u8; HINT_TAG]>,
}

/// Home hints. They belong to a mailbox and to no space.
#[async_trait]
pub trait HomeHints: Send + Sync {
    /// Records a hint for `lifetime`. A repeat makes it the newest one and keeps its later expiry. Beyond [`HOME_HINTS`] of a
    /// mailbox the oldest are deleted, in the same transaction.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn add_home_hint(
        &self,
        mailbox: MailboxId,
        hint: &HomeHint,
        lifetime: Duration,
    ) -> Result<(), StorageError>;

    /// Unexpired hints of a mailbox, newest first.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn home_hints(&self, mailbox: MailboxId) -> Result<Vec<HomeHint>, StorageError>;

    /// Deletes the hints that name `peer`, and returns how many (federation §5.5).
    ///
    /// # Errors
    /// Failures of the database only.
    async fn delete_home_hints_of(&self, peer: &PeerId) -> Result<u64, StorageError>;

    /// Deletes up to `batch` expired hints, and returns how many. Fewer than `batch`: there are no more.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn purge_home_hints(&self, batch: usize) -> Result<usize, StorageError>;
}
