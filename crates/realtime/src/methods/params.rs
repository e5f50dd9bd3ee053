//! Parsing of params that several methods share.

use less_sync_core::{ErrorCode, SpaceId};
use less_sync_engine::{Rule, SubscriptionProof};

use crate::context::Context;
use crate::rpc_error::RpcError;

/// Parses a space id: any textual UUID form (protocol §4.1 step 1). Handlers that report errors elsewhere than in an error
/// response use the code, or ignore the error.
pub(super) fn space_id(text: &str) -> Result<SpaceId, RpcError> {
    text.parse().map_err(|_| RpcError::invalid_space_id())
}

/// Verifies the subscribe token of an entry that has no chain. `None` for a chain, which wins over a token even if it is invalid,
/// for an entry without either, and for the entry of a client (federation §9.2).
///
/// # Errors
/// The error for a token that is not valid.
pub(super) fn presented_token(
    context: &Context,
    ucan: Option<&str>,
    token: Option<&str>,
) -> Result<Option<SubscriptionProof>, RpcError> {
    let (None, Some(token), Some(link)) = (ucan, token, context.server()) else { return Ok(None) };
    let rejected = || RpcError::new(ErrorCode::Forbidden, "forbidden").by(Rule::SubscribeToken);
    link.verify(token).map(Some).ok_or_else(rejected)
}
