//! `membership.append`, `membership.list`, `membership.revoke` (protocol §4.8–§4.10, newer-clients §3.4, §3.5).

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::wire::Empty;
use less_sync_core::wire::membership::{
    MembershipAppendParams, MembershipAppendResult, MembershipListParams, MembershipListResult,
    MembershipRevokeParams,
};
use less_sync_core::{ErrorCode, SpaceId, limits};
use less_sync_engine::{Append, Credentials, EngineError, Revocation};
use less_sync_storage::{MemberList, MemberRange, NewMember, RevokedCid};

use super::Finished;
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;
use crate::wire;

/// `membership.append`
pub(super) async fn append(connection: Arc<Connection>, call: Call) -> Finished {
    let result = try_append(&connection, &call).await;
    connection.answer(&call, result).await;
    Finished::default()
}

/// `membership.list`
pub(super) async fn list(connection: Arc<Connection>, call: Call) -> Finished {
    let listed = try_list(&connection, &call).await;
    let result = listed.as_ref().map_err(Clone::clone).map(|list| MembershipListResult {
        entries: list.entries.iter().map(wire::entry).collect(),
        metadata_version: list.metadata_version,
    });
    connection.answer(&call, result).await;
    Finished::default()
}

/// `membership.revoke`
pub(super) async fn revoke(connection: Arc<Connection>, call: Call) -> Finished {
    let result = try_revoke(&connection, &call).await;
    connection.answer(&call, result).await;
    Finished::default()
}

async fn try_append(connection: &Connection, call: &Call) -> Result<MembershipAppendResult, RpcError> {
    let params: MembershipAppendParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("membership append", cause))?;
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let engine = &connection.endpoint.engine;
    let entry = entry(call.message(), &params, engine.member_limits().payload)?;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let append = Append { entry, expected_version: params.expected_version };
    match engine.append_member(credentials, space, append, connection.id).await {
        Ok(appended) => Ok(MembershipAppendResult {
            chain_seq: appended.chain_seq,
            metadata_version: appended.metadata_version,
        }),
        Err(EngineError::RateLimited { limit }) => Err(RpcError::new(
            ErrorCode::RateLimited,
            format!("rate limit exceeded: max {limit} membership appends per hour"),
        )),
        Err(error) => Err(error.into()),
    }
}

/// The entry, checked in the order of protocol §4.8.
fn entry(
    message: &Bytes,
    params: &MembershipAppendParams<'_>,
    max_payload: usize,
) -> Result<NewMember, RpcError> {
    let bad = |message: &'static str| RpcError::new(ErrorCode::BadRequest, message);
    let hash = params.entry_hash.try_into().map_err(|_| bad("entry_hash must be 32 bytes"))?;
    if params.payload.is_empty() {
        return Err(bad("payload must not be empty"));
    }
    if params.payload.len() > max_payload {
        return Err(RpcError::new(ErrorCode::PayloadTooLarge, "payload too large"));
    }
    let payload = message.slice_ref(params.payload);
    NewMember::new(params.prev_hash.map(prev_hash), hash, payload)
        .map_err(|_| bad("entry_hash does not match SHA-256 of payload"))
}

/// The hash that the client believes to be the last one. What is no hash at all breaks the chain like a wrong one, after
/// the same checks, so it is taken for one that no entry has.
fn prev_hash(stated: &[u8]) -> [u8; 32] {
    const OF_NO_ENTRY: [u8; 32] = [0; 32];
    stated.try_into().unwrap_or(OF_NO_ENTRY)
}

async fn try_list(connection: &Connection, call: &Call) -> Result<MemberList, RpcError> {
    let params: MembershipListParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("membership list", cause))?;
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let range =
        MemberRange { since: params.since_seq, until: params.until_seq, max_bytes: limits::LIST_PAYLOAD };
    Ok(connection.endpoint.engine.list_members(credentials, space, range).await?)
}

async fn try_revoke(connection: &Connection, call: &Call) -> Result<Empty, RpcError> {
    let params: MembershipRevokeParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("membership revoke", cause))?;
    let bad = |message: &'static str| RpcError::new(ErrorCode::BadRequest, message);
    let cid = RevokedCid::new(params.ucan_cid).map_err(|_| bad("invalid ucan cid"))?;
    if params.member_did.is_some_and(|did| did.len() > limits::MEMBER_DID) {
        return Err(bad("invalid member did"));
    }
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let revocation = Revocation::new(cid, params.member_did);
    connection.endpoint.engine.revoke(credentials, space, revocation, connection.id).await?;
    Ok(Empty)
}
