//! `epochKeys.put` and `epochKeys.get` (newer-clients §4.1).

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::wire::epoch_keys::{
    EpochKeysGetParams, EpochKeysGetResult, EpochKeysPutParams, EpochKeysPutResult, KeyShare,
};
use less_sync_core::{ErrorCode, SpaceId};
use less_sync_engine::Credentials;
use less_sync_storage::{InvalidKeyShares, KeyShares};

use super::Finished;
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;

/// `epochKeys.put`
pub(super) async fn put(connection: Arc<Connection>, call: Call) -> Finished {
    let result = try_put(&connection, &call).await;
    connection.answer(&call, result).await;
    Finished::default()
}

/// `epochKeys.get`. Says `not_found` only of a share that was looked up: clients take it as definitive.
pub(super) async fn get(connection: Arc<Connection>, call: Call) -> Finished {
    let share = try_get(&connection, &call).await;
    let result =
        share.as_ref().map(|key| EpochKeysGetResult { wrapped_key: key.as_ref() }).map_err(Clone::clone);
    connection.answer(&call, result).await;
    Finished::default()
}

async fn try_put(connection: &Connection, call: &Call) -> Result<EpochKeysPutResult, RpcError> {
    let params: EpochKeysPutParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("epochKeys.put", cause))?;
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let engine = &connection.endpoint.engine;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let grant = engine.authorize_epoch_keys(credentials, space).await?;
    let shares = shares(call.message(), &params.keys)?;
    engine.put_epoch_keys(&grant, params.epoch, shares).await?;
    Ok(EpochKeysPutResult { count: params.keys.len() as u64 })
}

fn shares(message: &Bytes, keys: &[KeyShare<'_>]) -> Result<KeyShares, RpcError> {
    let share = |key: &KeyShare<'_>| (key.member_did.to_owned(), message.slice_ref(key.wrapped_key));
    KeyShares::new(keys.iter().map(share).collect()).map_err(|invalid| {
        let message = match invalid {
            InvalidKeyShares::Count => "keys must contain 1..=1000 shares",
            InvalidKeyShares::Share => "invalid epoch key share",
        };
        RpcError::new(ErrorCode::BadRequest, message)
    })
}

async fn try_get(connection: &Connection, call: &Call) -> Result<Bytes, RpcError> {
    let params: EpochKeysGetParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("epochKeys.get", cause))?;
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let share = connection.endpoint.engine.epoch_key(credentials, space, params.epoch).await?;
    share.ok_or_else(|| RpcError::new(ErrorCode::NotFound, "no key share for this member"))
}
