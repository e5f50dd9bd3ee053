//! `space.create` (protocol §4.7).

use std::sync::Arc;

use less_sync_auth::RootKey;
use less_sync_core::wire::space::{SpaceCreateParams, SpaceCreateResult};
use less_sync_core::{Epoch, ErrorCode, SpaceId};
use less_sync_engine::EngineError;
use less_sync_storage::StorageError;

use super::Finished;
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;

/// `space.create`
pub(super) async fn create(connection: Arc<Connection>, call: Call) -> Finished {
    let created = try_create(&connection, &call).await.map(|id| id.to_string());
    let result = created
        .as_ref()
        .map(|id| SpaceCreateResult { id, key_generation: Epoch::FIRST })
        .map_err(Clone::clone);
    connection.answer(&call, result).await;
    Finished::default()
}

async fn try_create(connection: &Connection, call: &Call) -> Result<SpaceId, RpcError> {
    let params: SpaceCreateParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("space create", cause))?;
    let id: SpaceId = params.id.parse().map_err(|_| RpcError::invalid_space_id())?;
    if id.is_derived() {
        return Err(RpcError::invalid_space_id());
    }
    let root = RootKey::try_from(params.root_public_key)
        .map_err(|_| RpcError::new(ErrorCode::BadRequest, "invalid root public key"))?;
    match connection.endpoint.engine.create_space(&connection.caller(), id, &root).await {
        Ok(space) => Ok(space.id),
        Err(EngineError::RateLimited { limit }) => Err(RpcError::new(
            ErrorCode::RateLimited,
            format!("rate limit exceeded: max {limit} spaces per day"),
        )),
        Err(EngineError::Storage(StorageError::SpaceExists)) => {
            Err(RpcError::new(ErrorCode::Conflict, "space already exists"))
        }
        Err(error) => {
            let RpcError { code, message } = error.into();
            let message = if code == ErrorCode::Internal { "failed to create space".into() } else { message };
            Err(RpcError { code, message })
        }
    }
}
