//! Subscribe tokens of this server for its peers (federation §10).

use std::sync::Arc;

use less_sync_auth::federation::subscribe_token::{self, DomainHash, Issue};
use less_sync_core::PeerId;
use less_sync_engine::{Clock, ForwardingServer, IssuedToken, Random, SubscribeTokens, SubscriptionProof};

/// Issuer and verifier of subscribe tokens.
pub struct PeerTokens {
    tokens: subscribe_token::SubscribeTokens,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl PeerTokens {
    /// Tokens under the keys of `tokens`.
    #[must_use]
    pub fn new(
        tokens: subscribe_token::SubscribeTokens,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { tokens, clock, random }
    }
}

impl std::fmt::Debug for PeerTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerTokens([redacted])")
    }
}

/// Hash of the identity of `server`.
fn domain_hash(server: &ForwardingServer) -> Option<DomainHash> {
    Some(DomainHash::from(&PeerId::from_host(server.name()).ok()?))
}

impl SubscribeTokens for PeerTokens {
    fn verify(&self, server: &ForwardingServer, token: &str) -> Option<SubscriptionProof> {
        let verified = self.tokens.verify(token, domain_hash(server)?, self.clock.now());
        match verified {
            Ok(token) => Some(SubscriptionProof {
                space: token.space,
                cids: token.cids.into(),
                audience: None,
                expires_at: token.expires,
            }),
            Err(error) => {
                tracing::debug!(class = error.class(), "subscribe token rejected");
                None
            }
        }
    }

    fn issue(&self, server: &ForwardingServer, proof: &SubscriptionProof) -> Option<IssuedToken> {
        let expires_at = self.tokens.expiry(self.clock.now(), Some(proof.expires_at))?;
        let issue =
            Issue { space: proof.space, peer: domain_hash(server)?, expires: expires_at, cids: &proof.cids };
        let text = self.tokens.issue(&issue, self.random.bits().to_be_bytes())?;
        Some(IssuedToken { text, expires_at })
    }
}
