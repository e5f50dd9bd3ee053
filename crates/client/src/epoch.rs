//! Key rotations: epochs and key shares (protocol §4.14, §4.15; newer-clients §3.3, §4.1).

use bytes::Bytes;
use less_sync_core::wire::Empty;
use less_sync_core::wire::epoch::{EpochBeginParams, EpochBeginResult, EpochCompleteParams};
use less_sync_core::wire::epoch_keys::{
    EpochKeysGetParams, EpochKeysGetResult, EpochKeysPutParams, EpochKeysPutResult, KeyShare,
};
use less_sync_core::wire::method;
use less_sync_core::{Did, Epoch, ErrorCode};

use crate::access::Access;
use crate::connection::Connection;
use crate::error::CallError;

/// Result of an attempt to begin a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Begun by this call, and by no other client.
    Ours,
    /// Rejected: the epoch is not the next one, or a rewrap is pending.
    Conflict {
        /// Current key generation of the space.
        current: Epoch,
        /// Epoch of the pending rewrap.
        rewrap: Option<Epoch>,
    },
}

/// Key share: the key of an epoch, sealed for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// `did:key` of the member, the `did` of their access token.
    pub member: Did,
    /// Sealed key, 1 to 2048 bytes.
    pub wrapped_key: Bytes,
}

impl Connection {
    /// Begins the rotation to `epoch`, which must be the next one. With `set_min_key_generation` the server rejects writes
    /// under older epochs from now on.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn begin_epoch(
        &self,
        access: Access<'_>,
        epoch: Epoch,
        set_min_key_generation: bool,
    ) -> Result<Begun, CallError> {
        let space = access.space.to_string();
        let params = EpochBeginParams {
            space: &space,
            ucan: access.ucan,
            home_server: None,
            epoch: epoch.get(),
            set_min_key_generation,
        };
        let response = self.call(method::EPOCH_BEGIN, &params).await?;
        Ok(match response.decode::<EpochBeginResult<'_>>()? {
            EpochBeginResult::Begun(_) => Begun::Ours,
            EpochBeginResult::Conflict(conflict) => {
                Begun::Conflict { current: conflict.current_epoch, rewrap: conflict.rewrap_epoch }
            }
        })
    }

    /// Completes the rotation to `epoch`. Idempotent.
    ///
    /// # Errors
    /// See [`CallError`]; `conflict` while keys of older epochs exist, or if another epoch is pending.
    pub async fn complete_epoch(&self, access: Access<'_>, epoch: Epoch) -> Result<(), CallError> {
        let space = access.space.to_string();
        let params =
            EpochCompleteParams { space: &space, ucan: access.ucan, home_server: None, epoch: epoch.get() };
        self.call(method::EPOCH_COMPLETE, &params).await?.decode::<Empty>().map(drop)
    }

    /// Replaces all key shares of an epoch by these, 1 to 1000. Idempotent.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn put_epoch_keys(
        &self,
        access: Access<'_>,
        epoch: Epoch,
        shares: &[Share],
    ) -> Result<(), CallError> {
        let space = access.space.to_string();
        let keys = shares
            .iter()
            .map(|share| KeyShare { member_did: share.member.as_str(), wrapped_key: &share.wrapped_key })
            .collect();
        let params = EpochKeysPutParams {
            space: &space,
            ucan: access.ucan,
            home_server: None,
            epoch: epoch.get(),
            keys,
        };
        let response = self.call(method::EPOCH_KEYS_PUT, &params).await?;
        response.decode::<EpochKeysPutResult>().map(drop)
    }

    /// Fetches the caller's key share of an epoch; `None` if the server has none.
    ///
    /// # Errors
    /// See [`CallError`]; the existence of a share is unknown then.
    pub async fn epoch_key(&self, access: Access<'_>, epoch: Epoch) -> Result<Option<Bytes>, CallError> {
        let space = access.space.to_string();
        let params =
            EpochKeysGetParams { space: &space, ucan: access.ucan, home_server: None, epoch: epoch.get() };
        match self.call(method::EPOCH_KEYS_GET, &params).await {
            Ok(response) => {
                Ok(Some(response.slice(response.decode::<EpochKeysGetResult<'_>>()?.wrapped_key)))
            }
            Err(CallError::Failed { code, message })
                if code.is(ErrorCode::NotFound) && message == NO_SHARE =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Message that distinguishes a missing share from a missing space, which has the same code (newer-clients §4.1).
const NO_SHARE: &str = "no key share for this member";
