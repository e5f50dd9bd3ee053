//! Parsing of params that several methods share.

use less_sync_core::SpaceId;

use crate::rpc_error::RpcError;

/// Parses a space id: any textual UUID form (protocol §4.1 step 1). Handlers that report errors elsewhere than in an error
/// response use the code, or ignore the error.
pub(super) fn space_id(text: &str) -> Result<SpaceId, RpcError> {
    text.parse().map_err(|_| RpcError::invalid_space_id())
}
