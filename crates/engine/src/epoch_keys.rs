//! The key of an epoch, wrapped for one member each (newer-clients §4.1). The server sees opaque bytes.

use bytes::Bytes;
use less_sync_core::SpaceId;
use less_sync_core::wire::method::Method;
use less_sync_storage::{AdminGrant, KeyShares};

use crate::{Credentials, Engine, EngineError};

impl Engine {
    /// The right to put key shares into `space`. Separate from [`Engine::put_epoch_keys`] because an edge answers for
    /// malformed shares only after this.
    ///
    /// # Errors
    /// As [`Engine::pull`].
    pub async fn authorize_epoch_keys(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<AdminGrant, EngineError> {
        self.authorizer.admit(Method::EpochKeysPut, credentials, space).await?.administering()
    }

    /// Replaces all shares of `epoch`. A repeat changes nothing.
    ///
    /// # Errors
    /// As [`less_sync_storage::EpochKeys::put_epoch_keys`].
    pub async fn put_epoch_keys(
        &self,
        grant: &AdminGrant,
        epoch: i32,
        shares: KeyShares,
    ) -> Result<(), EngineError> {
        Ok(self.storage.put_epoch_keys(grant, epoch, shares).await?)
    }

    /// The caller's own share of `epoch`. `None` only when it was looked up and is not there: clients then derive the
    /// key by themselves, and rewrap a space under a key that nobody else has if that is wrong.
    ///
    /// # Errors
    /// As [`Engine::pull`], also for a token without a DID; as [`less_sync_storage::EpochKeys::epoch_key`].
    pub async fn epoch_key(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        epoch: i32,
    ) -> Result<Option<Bytes>, EngineError> {
        let grant = self.authorizer.admit(Method::EpochKeysGet, credentials, space).await?.reading()?;
        let did = credentials.caller.did.as_deref().ok_or(EngineError::Forbidden)?;
        Ok(self.storage.epoch_key(&grant, epoch, did).await?)
    }
}
