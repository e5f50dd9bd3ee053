//! `space.create` (protocol §4.7).

use less_sync_auth::RootKey;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::space::{SpaceCreateParams, SpaceCreateResult};
use less_sync_core::{Epoch, ErrorCode, SpaceId};
use less_sync_engine::EngineError;
use less_sync_storage::SpaceRejection;

use super::params::space_id;
use crate::context::Context;
use crate::rpc_error::RpcError;

/// `space.create`
pub(super) async fn create(
    context: &Context,
    params: SpaceCreateParams<'_>,
) -> Result<CreatedSpace, RpcError> {
    let id = space_id(params.id)?;
    // Ids of version 5 are those of personal spaces.
    if id.is_derived() {
        return Err(RpcError::invalid_space_id());
    }
    let root = RootKey::try_from(params.root_public_key)
        .map_err(|_| RpcError::bad_request("invalid root public key"))?;
    let created = context.engine().create_space(context.caller()?, id, &root).await;
    created.map(|space| CreatedSpace(space.id)).map_err(error)
}

fn error(error: EngineError<SpaceRejection>) -> RpcError {
    let error = RpcError::with_limit(error, "spaces per day");
    if error.code == ErrorCode::Internal {
        return RpcError::new(ErrorCode::Internal, "failed to create space");
    }
    error
}

/// Id of a new space as [`SpaceCreateResult`].
pub(super) struct CreatedSpace(SpaceId);

impl Encode for CreatedSpace {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.with_text(|id| SpaceCreateResult { id, key_generation: Epoch::FIRST }.encode(out));
    }
}
