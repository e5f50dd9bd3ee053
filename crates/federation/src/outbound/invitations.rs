//! Delivery of invitations to the servers of their mailboxes (federation §14.1).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::cbor::{Decode as _, Encode as _};
use less_sync_core::wire::federation::{FED_INVITATION, FedInvitationParams, FedInvitationResult};
use less_sync_core::{ErrorCode, PeerId};
use less_sync_engine::{HomeError, InvitationRelay, OutgoingInvitation, RelayError};
use less_sync_storage::HomeServer;
use sha2::{Digest as _, Sha256};

use super::call::{OutboundCall, Repeat};
use super::links::Outbound;

/// Timeout of a delivery (federation PM-7).
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sender of invitations.
#[derive(Clone, Debug)]
pub struct InvitationSender(Arc<Outbound>);

impl InvitationSender {
    /// Sender over the links of `outbound`.
    #[must_use]
    pub fn new(outbound: Arc<Outbound>) -> Self {
        Self(outbound)
    }

    fn peer(server: &str) -> Option<PeerId> {
        server.parse::<HomeServer>().ok().map(|home| home.peer().clone())
    }
}

#[async_trait]
impl InvitationRelay for InvitationSender {
    fn is_own(&self, server: &str) -> bool {
        Self::peer(server).is_some_and(|peer| self.0.is_own(&peer))
    }

    async fn relay(&self, server: &str, invitation: &OutgoingInvitation) -> Result<(), RelayError> {
        if !self.0.is_enabled() {
            return Err(RelayError::Disabled);
        }
        let peer = Self::peer(server).and_then(|name| self.0.trusted(&name)).ok_or(RelayError::Untrusted)?;
        let params = params(invitation).ok_or(RelayError::Failed)?;
        let call = OutboundCall {
            method: FED_INVITATION,
            params,
            timeout: TIMEOUT,
            repeat: Repeat::Keyed,
            feature: None,
        };
        let outcome = self.0.call(&peer, call).await;
        let delivered = outcome.map_err(relay_error).and_then(|result| is_delivered(&result));
        let status = if delivered.is_ok() { "delivered" } else { "failed" };
        tracing::debug!(%peer, status, "invitation sent to its server");
        delivered
    }
}

fn params(invitation: &OutgoingInvitation) -> Option<Bytes> {
    let mailbox = invitation.mailbox.to_hex();
    let idem = key(&mailbox, &invitation.payload);
    let params = FedInvitationParams {
        mailbox_id: &mailbox,
        payload: std::str::from_utf8(&invitation.payload).ok()?,
        tag: invitation.tag.as_ref().map(|tag| &tag[..]),
        idem: Some(&idem),
    };
    let mut encoded = Vec::with_capacity(params.size_hint());
    params.encode(&mut encoded);
    Some(encoded.into())
}

/// Idempotency key of an invitation: the same for a retry of the user (federation IV-1).
fn key(mailbox: &str, payload: &[u8]) -> [u8; 16] {
    let digest = Sha256::new().chain_update(mailbox).chain_update([0]).chain_update(payload).finalize();
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    key
}

fn is_delivered(result: &[u8]) -> Result<(), RelayError> {
    let result = FedInvitationResult::decode(result).map_err(|_| RelayError::Failed)?;
    if result.ok { Ok(()) } else { Err(RelayError::Failed) }
}

fn relay_error(error: HomeError) -> RelayError {
    match error {
        HomeError::Untrusted => RelayError::Untrusted,
        HomeError::TooLarge => RelayError::TooLarge,
        HomeError::Rejected { code, message } => match ErrorCode::parse(&code) {
            Some(ErrorCode::RateLimited) => RelayError::RateLimited(message),
            Some(ErrorCode::PayloadTooLarge) => RelayError::TooLarge,
            _ => RelayError::Failed,
        },
        HomeError::Unavailable | HomeError::Unsupported | HomeError::Busy => RelayError::Failed,
    }
}
