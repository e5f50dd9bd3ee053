//! Upgrade of a link.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::Response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use less_sync_core::ConnectionId;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::driver::Driver;
use crate::endpoint::Endpoint;
use crate::registry::AddressPermit;
use crate::server_link::LinkParts;
use crate::upgrade::{Accepted, begin_upgrade};

/// Upgrade that has passed the checks of every WebSocket, and waits for authentication.
pub struct LinkUpgrade {
    endpoint: Arc<Endpoint>,
    on_upgrade: OnUpgrade,
    accepted: Accepted,
    /// Counts the upgrade as pending until its authentication has ended.
    permit: AddressPermit,
    id: ConnectionId,
}

impl Endpoint {
    /// Begins the upgrade of a link: rows 1 to 3 of federation §7.5.
    ///
    /// # Errors
    /// The response to a request that is rejected.
    #[expect(clippy::result_large_err, reason = "the error is the response")]
    pub fn begin_link(self: &Arc<Self>, request: &mut Request) -> Result<LinkUpgrade, Response<Body>> {
        let begun = begin_upgrade(self, request).map_err(IntoResponse::into_response)?;
        let id = ConnectionId::from_bytes(self.random.bits().to_be_bytes());
        let (on_upgrade, permit, accepted) = begun;
        Ok(LinkUpgrade { endpoint: self.clone(), on_upgrade, accepted, permit, id })
    }
}

impl LinkUpgrade {
    /// Id of the link, random.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Responds with 101 and serves the link until it ends.
    pub fn accept(self, parts: LinkParts) -> Response<Body> {
        let Self { endpoint, on_upgrade, accepted, permit, id } = self;
        drop(permit);
        let spawner = endpoint.spawner.clone();
        let protocol = accepted.subprotocol;
        let peer = parts.peer.server().name();
        let span = tracing::info_span!(
            parent: None, "link", connection_id = %id, peer, protocol, frames_in = Empty, frames_out = Empty
        );
        let link = async move {
            match on_upgrade.await {
                Ok(io) => Driver::of_server(id, endpoint, TokioIo::new(io), parts).run().await,
                Err(error) => tracing::debug!(%error, "upgrade failed"),
            }
        };
        spawner.spawn("link", Box::pin(link.instrument(span)));
        accepted.into_response()
    }
}

impl std::fmt::Debug for LinkUpgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkUpgrade").field("id", &self.id).finish_non_exhaustive()
    }
}
