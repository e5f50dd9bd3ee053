//! `membership.append`, `membership.list`, `membership.revoke` (protocol §4.8–§4.10, newer-clients §3.4, §3.5).

use less_sync_core::cbor::Encode;
use less_sync_core::wire::Empty;
use less_sync_core::wire::membership::{
    MembershipAppendParams, MembershipAppendResult, MembershipListParams, MembershipListResult,
    MembershipRevokeParams,
};
use less_sync_core::{Did, ErrorCode, MetadataVersion, limits};
use less_sync_engine::{Append, Revocation};
use less_sync_storage::{MemberList, MemberRange, NewMember};

use super::params::space_id;
use crate::context::Context;
use crate::rpc_error::RpcError;
use crate::stored_rows;

/// `membership.append`
pub(super) async fn append(
    context: &Context,
    params: MembershipAppendParams<'_>,
) -> Result<MembershipAppendResult, RpcError> {
    let space = space_id(params.space)?;
    let append = Append { entry: entry(context, &params)?, expected_version: params.expected_version.into() };
    let credentials = context.credentials(params.ucan, params.home_server);
    let appended = context.engine().append_member(credentials, space, append, context.connection_id()).await;
    let appended = appended.map_err(|error| RpcError::with_limit(error, "membership appends per hour"))?;
    Ok(MembershipAppendResult {
        chain_seq: appended.chain_seq,
        metadata_version: appended.metadata_version,
        cursor: context.server().map(|_| appended.cursor),
    })
}

/// The entry, checked in the order of protocol §4.8.
fn entry(context: &Context, params: &MembershipAppendParams<'_>) -> Result<NewMember, RpcError> {
    let hash =
        params.entry_hash.try_into().map_err(|_| RpcError::bad_request("entry_hash must be 32 bytes"))?;
    if params.payload.is_empty() {
        return Err(RpcError::bad_request("payload must not be empty"));
    }
    if params.payload.len() > context.engine().member_limits().payload {
        return Err(RpcError::new(ErrorCode::PayloadTooLarge, "payload too large"));
    }
    NewMember::new(params.prev_hash.map(prev_hash), hash, context.slice(params.payload))
        .map_err(|_| RpcError::bad_request("entry_hash does not match SHA-256 of payload"))
}

/// The hash that the client takes for the last one. A value of another length breaks the chain like a wrong hash, after
/// the same checks, so it is replaced by a hash that no entry has.
pub(super) fn prev_hash(stated: &[u8]) -> [u8; 32] {
    const OF_NO_ENTRY: [u8; 32] = [0; 32];
    stated.try_into().unwrap_or(OF_NO_ENTRY)
}

/// `membership.list`
pub(super) async fn list(context: &Context, params: MembershipListParams<'_>) -> Result<Members, RpcError> {
    let space = space_id(params.space)?;
    let range = MemberRange {
        since: version(params.since_seq),
        until: params.until_seq.map(version),
        max_bytes: limits::LIST_PAYLOAD,
    };
    Ok(Members(
        context
            .engine()
            .list_members(context.credentials(params.ucan, params.home_server), space, range)
            .await?,
    ))
}

/// Bound of a list as a version. Positions start at 1, so a bound below 0 has the effect of 0.
fn version(bound: i32) -> MetadataVersion {
    MetadataVersion::new(bound).unwrap_or_default()
}

/// A stored log as [`MembershipListResult`].
pub(super) struct Members(MemberList);

impl Encode for Members {
    fn encode(&self, out: &mut Vec<u8>) {
        let entries = self.0.entries.iter().map(stored_rows::entry).collect();
        MembershipListResult { entries, metadata_version: self.0.metadata_version }.encode(out);
    }

    fn size_hint(&self) -> usize {
        /// Size of an entry without its payload, in bytes, rounded up.
        const ENTRY: usize = 128;
        self.0.entries.iter().map(|entry| ENTRY + entry.payload.len()).sum()
    }
}

/// `membership.revoke`
pub(super) async fn revoke(context: &Context, params: MembershipRevokeParams<'_>) -> Result<Empty, RpcError> {
    let cid = params.ucan_cid.parse().map_err(|_| RpcError::bad_request("invalid ucan cid"))?;
    let member = params.member_did.map(Did::try_from).transpose();
    let member = member.map_err(|_| RpcError::bad_request("invalid member did"))?;
    let space = space_id(params.space)?;
    let revocation = Revocation::new(cid, member);
    let credentials = context.credentials(params.ucan, params.home_server);
    context.engine().revoke(credentials, space, revocation, context.connection_id()).await?;
    Ok(Empty)
}
