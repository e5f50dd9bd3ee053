//! Key rotations, and the shares of the new key (protocol §4.14, §4.15; newer-clients §3.3, §4.1).

use bytes::Bytes;
use less_sync_core::wire::Empty;
use less_sync_core::wire::epoch::{EpochBeginParams, EpochBeginResult, EpochCompleteParams};
use less_sync_core::wire::epoch_keys::{
    EpochKeysGetParams, EpochKeysGetResult, EpochKeysPutParams, EpochKeysPutResult, KeyShare,
};
use less_sync_core::wire::method;
use less_sync_core::{Epoch, ErrorCode};

use crate::access::Access;
use crate::connection::Connection;
use crate::error::CallError;

/// What became of an attempt to begin a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It began: nobody else begins this epoch.
    Ours,
    /// The epoch was not the next one, or a rewrap is pending.
    Conflict {
        /// Key generation of the space.
        current: Epoch,
        /// Pending rewrap.
        rewrap: Option<Epoch>,
    },
}

/// The new key for one member, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Whose: the `did` of an access token.
    pub member_did: String,
    /// 1 to 2048 bytes that only they can open.
    pub wrapped_key: Bytes,
}

impl Connection {
    /// Begins the rotation to `epoch`, which must be the next one. With `shut_out`, keys of older epochs are rejected
    /// from now on.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn begin_epoch(
        &self,
        access: Access<'_>,
        epoch: Epoch,
        shut_out: bool,
    ) -> Result<Begun, CallError> {
        let space = access.space.to_string();
        let params = EpochBeginParams {
            space: &space,
            ucan: access.ucan,
            home_server: None,
            epoch: epoch.get(),
            set_min_key_generation: shut_out,
        };
        let answer = self.call(method::EPOCH_BEGIN, &params).await?;
        Ok(match answer.decode::<EpochBeginResult<'_>>()? {
            EpochBeginResult::Begun(_) => Begun::Ours,
            EpochBeginResult::Conflict(conflict) => {
                Begun::Conflict { current: conflict.current_epoch, rewrap: conflict.rewrap_epoch }
            }
        })
    }

    /// Ends the rotation to `epoch`. Safe to repeat.
    ///
    /// # Errors
    /// See [`CallError`]; `conflict` while keys of older epochs are left, or when another epoch is pending.
    pub async fn complete_epoch(&self, access: Access<'_>, epoch: Epoch) -> Result<(), CallError> {
        let space = access.space.to_string();
        let params =
            EpochCompleteParams { space: &space, ucan: access.ucan, home_server: None, epoch: epoch.get() };
        self.call(method::EPOCH_COMPLETE, &params).await?.decode::<Empty>().map(drop)
    }

    /// Replaces all shares of an epoch by these, 1 to 1000. Safe to repeat.
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
            .map(|share| KeyShare { member_did: &share.member_did, wrapped_key: &share.wrapped_key })
            .collect();
        let params = EpochKeysPutParams {
            space: &space,
            ucan: access.ucan,
            home_server: None,
            epoch: epoch.get(),
            keys,
        };
        let answer = self.call(method::EPOCH_KEYS_PUT, &params).await?;
        answer.decode::<EpochKeysPutResult>().map(drop)
    }

    /// One's own share of an epoch; `None` when there is none for certain.
    ///
    /// # Errors
    /// See [`CallError`]: whether there is one is unknown.
    pub async fn epoch_key(&self, access: Access<'_>, epoch: Epoch) -> Result<Option<Bytes>, CallError> {
        let space = access.space.to_string();
        let params =
            EpochKeysGetParams { space: &space, ucan: access.ucan, home_server: None, epoch: epoch.get() };
        match self.call(method::EPOCH_KEYS_GET, &params).await {
            Ok(answer) => Ok(Some(answer.slice(answer.decode::<EpochKeysGetResult<'_>>()?.wrapped_key))),
            Err(CallError::Failed { code, message })
                if code.is(ErrorCode::NotFound) && message == NO_SHARE =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Tells a share that is absent from a space that is (newer-clients §4.1).
const NO_SHARE: &str = "no key share for this member";
