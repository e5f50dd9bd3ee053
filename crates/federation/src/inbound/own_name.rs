//! Name under which this server responds to `fed.hello` (federation §8.3).

use http::{HeaderMap, header};
use less_sync_core::PeerId;
use less_sync_core::domain::split_port;

use super::Inbound;

/// Name under which this server responds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnName(String);

impl OwnName {
    /// Own identity of the configuration, else that of the primary key, else the host that the peer has dialled.
    pub(super) fn of(inbound: &Inbound, headers: &HeaderMap) -> Self {
        let configured = inbound.settings.own_peer.clone();
        let signing = || inbound.deps.own_keys.ring().primary().map(|primary| primary.key_id.peer().clone());
        let dialled = || {
            let host = headers.get(header::HOST)?.to_str().ok()?;
            PeerId::from_host(split_port(host).ok()?.0).ok()
        };
        Self(configured.or_else(signing).or_else(dialled).map(|peer| peer.to_string()).unwrap_or_default())
    }

    /// Text of the name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
