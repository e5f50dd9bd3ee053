//! Epoch key shares: the key of an epoch, wrapped for each member (newer-clients §4.1). Opaque to the server.

use bytes::Bytes;
use less_sync_core::wire::method::Method;
use less_sync_core::{Epoch, Requested, SpaceId};
use less_sync_storage::{AdminGrant, EpochKeyRejection, KeyShares};

use crate::{Credentials, Engine, EngineError, Presenter, Rule};

impl Engine {
    /// Authorizes a replacement of key shares in `space`. Separate from [`Engine::put_epoch_keys`], since an edge validates
    /// the shares only for authorized callers.
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

    /// Replaces all key shares of `epoch`. Idempotent.
    ///
    /// # Errors
    /// As [`less_sync_storage::EpochKeys::put_epoch_keys`].
    pub async fn put_epoch_keys(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        shares: KeyShares,
    ) -> Result<(), EngineError<EpochKeyRejection>> {
        Ok(self.storage.put_epoch_keys(grant, epoch, shares).await?)
    }

    /// The caller's own key share of `epoch`; `None` if it is not in the database. Behind a server, the caller is the audience of
    /// the chain (newer-clients §9).
    ///
    /// A failed lookup must be an error and never `None`: a client without a share derives the key itself, and would rewrap
    /// the space under a key that no other member has.
    ///
    /// # Errors
    /// As [`Engine::pull`], also for a token without a DID; as [`less_sync_storage::EpochKeys::epoch_key`].
    pub async fn epoch_key(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        epoch: Requested<Epoch>,
    ) -> Result<Option<Bytes>, EngineError> {
        let admission = self.authorizer.admit(Method::EpochKeysGet, credentials, space).await?;
        let grant = admission.reading()?;
        let did = match credentials.presenter {
            Presenter::User(caller) => caller.did.as_ref(),
            Presenter::Server(_) => admission.chain().map(|chain| chain.audience()),
        };
        let did = did.ok_or(EngineError::Forbidden(Rule::NoDid))?;
        Ok(self.storage.epoch_key(&grant, epoch, did).await?)
    }
}
