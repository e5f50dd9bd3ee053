//! Spaces: one row each, which orders everything that happens in them.

use async_trait::async_trait;
use less_sync_core::{ClientId, Cursor, Epoch, SpaceId};

use crate::error::rejections;
use crate::{OwnerHash, StorageError};

/// Access mode of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpaceKind {
    /// Owned by one user of one app; the token alone opens it.
    Personal,
    /// Opened by UCAN chains that end at this compressed P-256 key (33 bytes).
    Shared {
        /// The root public key.
        root_public_key: [u8; 33],
    },
}

/// State of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// Id of the space.
    pub id: SpaceId,
    /// The OAuth client that created it.
    pub client_id: String,
    /// Access mode; never changes (storage P19).
    pub kind: SpaceKind,
    /// Cursor of the last mutation.
    pub cursor: Cursor,
    /// Current key generation.
    pub key_generation: Epoch,
    /// The oldest key generation that a push to a shared space may use.
    pub min_key_generation: Epoch,
    /// Set while data keys still have to be rewrapped; then equal to `key_generation`.
    pub rewrap_epoch: Option<Epoch>,
    /// The server that holds it, when that is not this one.
    pub home_server: Option<String>,
}

rejections! {
    SpacesError:
    /// Rejections of operations on the list of spaces.
    SpaceRejection {
        /// The id is taken.
        #[error("space already exists")]
        Exists,
    }
}

/// Spaces.
#[async_trait]
pub trait Spaces: Send + Sync {
    /// Performs a trivial round trip, for health checks. Must succeed within two seconds or fail.
    async fn ping(&self) -> Result<(), StorageError>;

    /// The states of the spaces that exist among `ids` (at most 1000 per call are asked for), in no
    /// particular order; missing ids are absent, repeated ids appear once. No ids: no I/O.
    async fn spaces(&self, ids: &[SpaceId]) -> Result<Vec<Space>, StorageError>;

    /// Creates a space at cursor 0, epoch 1. `owner`: the user whose quota its bytes count against (storage §3.20); `None`
    /// where owners are not recorded.
    ///
    /// # Errors
    /// [`SpaceRejection::Exists`] when the id is taken, also on a repeat.
    async fn create_space(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        kind: SpaceKind,
        owner: Option<OwnerHash>,
    ) -> Result<Space, SpacesError>;

    /// The personal space with this id, created on first touch (auth §4.1). Concurrent callers all get the
    /// same row; a repeat changes nothing. Costs a read when the row exists, with this owner where one is named: the owner of
    /// an existing space is recorded on the first call that names one, and replaced by another one.
    ///
    /// # Errors
    /// [`StorageError::SpaceKindMismatch`] when the row has a root key.
    async fn personal_space(
        &self,
        id: SpaceId,
        client_id: &ClientId,
        owner: Option<OwnerHash>,
    ) -> Result<Space, StorageError>;
}
