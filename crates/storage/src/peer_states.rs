//! States of peers that outlast a restart: quarantine (federation AD-12, §19).

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::PeerId;

use crate::{DatabaseTime, StorageError};

/// Stored state of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// Peer.
    pub peer: PeerId,
    /// Reason, for the operator.
    pub reason: String,
    /// End of the quarantine; `None`: until the operator ends it.
    pub until: Option<DatabaseTime>,
}

/// States of peers.
#[async_trait]
pub trait PeerStates: Send + Sync {
    /// Puts `peer` in quarantine for `lifetime`, or until the operator ends it. Replaces an earlier quarantine.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn quarantine_peer(
        &self,
        peer: &PeerId,
        reason: &str,
        lifetime: Option<Duration>,
    ) -> Result<(), StorageError>;

    /// Ends the quarantine of `peer`; false when there was none.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn release_peer(&self, peer: &PeerId) -> Result<bool, StorageError>;

    /// Peers in quarantine, ascending by name. Expired states are deleted by this call.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn quarantined_peers(&self) -> Result<Vec<PeerState>, StorageError>;
}
