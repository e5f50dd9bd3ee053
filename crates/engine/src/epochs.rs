//! Epochs: key rotation of a space, with a rewrap of all its DEKs (protocol §4.14, §4.15).

use less_sync_core::wire::method::Method;
use less_sync_core::{Epoch, Requested, SpaceId};
use less_sync_storage::{Advanced, EpochRejection};

use crate::{Credentials, Engine, EngineError};

impl Engine {
    /// Begins `epoch` if it is the next one and no rewrap is pending. With `raise_minimum`, later pushes under older epochs
    /// are rejected. Publishes no event: every event and state of the space carries its epoch.
    ///
    /// # Errors
    /// As [`Engine::pull`]; as [`less_sync_storage::Epochs::advance_epoch`].
    pub async fn begin_epoch(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        epoch: Requested<Epoch>,
        raise_minimum: bool,
    ) -> Result<Advanced, EngineError> {
        let admission = self.authorizer.admit(Method::EpochBegin, credentials, space).await?;
        Ok(self.storage.advance_epoch(&admission.administering()?, epoch, raise_minimum).await?)
    }

    /// Completes the rewrap of `epoch` unless DEKs of older epochs are left, and deletes the key shares of older epochs
    /// that no DEK needs (newer-clients §4.2).
    ///
    /// # Errors
    /// As [`Engine::pull`]; as [`less_sync_storage::Epochs::complete_rewrap`].
    pub async fn complete_epoch(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        epoch: Requested<Epoch>,
    ) -> Result<(), EngineError<EpochRejection>> {
        let admission = self.authorizer.admit(Method::EpochComplete, credentials, space).await;
        let grant = admission.and_then(|admission| admission.administering()).map_err(EngineError::widen)?;
        Ok(self.storage.complete_rewrap(&grant, epoch).await?)
    }
}
