//! Authentication of an upgrade: rows 5 to 11 of federation §7.5.

use http::request::Parts;
use less_sync_auth::federation::KeyId;
use less_sync_auth::federation::http_signature::{
    ReceivedRequest, SignatureError, SignatureInput, SignaturePolicy, VerifiedSignature,
};

use super::Inbound;
use super::rejection::Rejection;
use crate::trust::Peer;

/// Peer of an upgrade whose signature verified, is not a replay, and that may dial.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) peer: Peer,
    pub(super) key_id: KeyId,
}

impl Inbound {
    /// Authenticates an upgrade.
    pub(super) async fn authenticate(&self, request: &Parts) -> Result<Authenticated, Rejection> {
        self.authenticate_by(&self.settings.signatures, request, |_| true).await
    }

    /// Authenticates a request whose signature satisfies `policy` and covers enough of it.
    pub(super) async fn authenticate_by(
        &self,
        policy: &SignaturePolicy,
        request: &Parts,
        covers: impl Fn(&SignatureInput<'_>) -> bool,
    ) -> Result<Authenticated, Rejection> {
        if !self.deps.trust.snapshot().accepts_links(self.settings.has_discovery) {
            return Err(Rejection::Disabled);
        }
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let target = request.uri.to_string();
        let received =
            ReceivedRequest { method: request.method.as_str(), target: &target, headers: &headers };
        let now = self.deps.clock.now();
        let input = SignatureInput::parse(&received, policy, now);
        let input = input.map_err(|error| self.reject(error, None))?;
        if !covers(&input) {
            return Err(self.reject(SignatureError::MissingComponent, Some(input.key_id())));
        }
        let checked = self.check(&input).await;
        checked.map_err(|error| self.reject(error, Some(input.key_id())))
    }

    async fn check(&self, input: &SignatureInput<'_>) -> Result<Authenticated, SignatureError> {
        let keys = self.deps.keys.find(input.key_id()).await;
        let verified = input.verify(&keys)?;
        let trust = self.deps.trust.snapshot();
        let peer = trust.peer(verified.peer()).filter(|peer| peer.may_dial());
        let peer = peer.ok_or(SignatureError::UntrustedPeer)?.clone();
        self.admit(&verified)?;
        Ok(Authenticated { peer, key_id: verified.key_id().clone() })
    }

    fn admit(&self, verified: &VerifiedSignature) -> Result<(), SignatureError> {
        // The time after the lookup of the key, which may have taken seconds.
        let now = self.deps.clock.now();
        if self.replays.lock().admit(verified, now) { Ok(()) } else { Err(SignatureError::Replayed) }
    }

    /// Counts and logs a rejection. Those of strangers are logged at debug level only: anyone can cause them.
    fn reject(&self, error: SignatureError, key_id: Option<&str>) -> Rejection {
        let peer = key_id.and_then(|key_id| key_id.parse::<KeyId>().ok()).map(|key_id| key_id.peer().clone());
        let listed = peer.filter(|peer| self.deps.trust.snapshot().peer(peer).is_some());
        self.metrics.rejected(listed.as_ref(), error);
        let (reason, key_id) = (error.class(), key_id.unwrap_or_default());
        // Event names of federation §18.4.
        match listed {
            Some(peer) if error == SignatureError::Replayed => {
                tracing::warn!(%peer, key_id, "federation.replayed");
            }
            Some(peer) => tracing::warn!(%peer, reason, key_id, "federation.handshake_rejected"),
            None => tracing::debug!(reason, key_id, "federation.handshake_rejected"),
        }
        Rejection::Signature(error)
    }
}
