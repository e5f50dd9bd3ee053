//! `epochKeys.put` and `epochKeys.get` (newer-clients §4.1).

use bytes::Bytes;
use less_sync_core::ErrorCode;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::epoch_keys::{
    EpochKeysGetParams, EpochKeysGetResult, EpochKeysPutParams, EpochKeysPutResult, KeyShare,
};
use less_sync_storage::{InvalidKeyShares, KeyShares};

use super::params::space_id;
use crate::context::Context;
use crate::rpc_error::RpcError;

/// `epochKeys.put`. Authorizes, then validates.
pub(super) async fn put(
    context: &Context,
    params: EpochKeysPutParams<'_>,
) -> Result<EpochKeysPutResult, RpcError> {
    let space = space_id(params.space)?;
    let grant = context
        .engine()
        .authorize_epoch_keys(context.credentials(params.ucan, params.home_server), space)
        .await?;
    let shares = shares(context, &params.keys)?;
    context.engine().put_epoch_keys(&grant, params.epoch.into(), shares).await?;
    Ok(EpochKeysPutResult { count: params.keys.len() as u64 })
}

fn shares(context: &Context, keys: &[KeyShare<'_>]) -> Result<KeyShares, RpcError> {
    let share = |key: &KeyShare<'_>| (key.member_did.to_owned(), context.slice(key.wrapped_key));
    KeyShares::new(keys.iter().map(share).collect()).map_err(|invalid| {
        RpcError::bad_request(match invalid {
            InvalidKeyShares::Count => "keys must contain 1..=1000 shares",
            InvalidKeyShares::Share => "invalid epoch key share",
        })
    })
}

/// `epochKeys.get`. Responds `not_found` only after a successful lookup: clients take it as definitive.
pub(super) async fn get(context: &Context, params: EpochKeysGetParams<'_>) -> Result<WrappedKey, RpcError> {
    let space = space_id(params.space)?;
    let credentials = context.credentials(params.ucan, params.home_server);
    let share = context.engine().epoch_key(credentials, space, params.epoch.into()).await?;
    share.map(WrappedKey).ok_or_else(|| RpcError::new(ErrorCode::NotFound, "no key share for this member"))
}

/// A stored key share as [`EpochKeysGetResult`].
pub(super) struct WrappedKey(Bytes);

impl Encode for WrappedKey {
    fn encode(&self, out: &mut Vec<u8>) {
        EpochKeysGetResult { wrapped_key: &self.0 }.encode(out);
    }

    fn size_hint(&self) -> usize {
        EpochKeysGetResult { wrapped_key: &self.0 }.size_hint()
    }
}
