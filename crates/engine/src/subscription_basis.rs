//! Basis of a subscription: what it is authorized by, and what ends it.

use std::fmt;
use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Cid, Did, SpaceId, Timestamp};

use crate::ForwardingServer;

/// Basis of a subscription.
#[derive(Clone, Debug, Default)]
pub enum SubscriptionBasis {
    /// Ownership of a personal space.
    #[default]
    Owner,
    /// Chain of a user.
    Chain(Arc<VerifiedChain>),
    /// Chain that a server forwards, or the subscribe token that was issued for one.
    Forwarded(SubscriptionProof),
}

/// Tokens that an authorization rests on, as far as revocations concern them.
pub trait TokenChain {
    /// Both CIDs of every token, from leaf to root.
    fn cids(&self) -> &[Cid];

    /// Audience of the leaf, if it is known.
    fn audience(&self) -> Option<&Did>;
}

impl TokenChain for VerifiedChain {
    fn cids(&self) -> &[Cid] {
        Self::cids(self)
    }

    fn audience(&self) -> Option<&Did> {
        Some(Self::audience(self))
    }
}

/// Chain behind the subscription of a server, without its tokens. `Debug` shows no field.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionProof {
    /// Space of the chain.
    pub space: SpaceId,
    /// Both CIDs of every token, from leaf to root; empty for a token of the first version (federation §10.4).
    pub cids: Box<[Cid]>,
    /// Audience of the leaf; unknown to a subscribe token.
    pub audience: Option<Did>,
    /// Last second of the authorization.
    pub expires_at: Timestamp,
}

impl From<&VerifiedChain> for SubscriptionProof {
    fn from(chain: &VerifiedChain) -> Self {
        Self {
            space: chain.space(),
            cids: chain.cids().into(),
            audience: Some(chain.audience().clone()),
            expires_at: chain.expires_at(),
        }
    }
}

impl TokenChain for SubscriptionProof {
    fn cids(&self) -> &[Cid] {
        &self.cids
    }

    fn audience(&self) -> Option<&Did> {
        self.audience.as_ref()
    }
}

impl fmt::Debug for SubscriptionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriptionProof([redacted])")
    }
}

/// Subscribe token for a server. `Debug` shows no field.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// Text of the token.
    pub text: String,
    /// Last second in which the token is valid.
    pub expires_at: Timestamp,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedToken([redacted])")
    }
}

/// Port for the tokens with which a server renews its subscriptions after a reconnect (federation §10).
pub trait SubscribeTokens: Send + Sync {
    /// Verifies a token that `server` presents. `None`: it is not valid, or was issued to another server. The caller compares
    /// the space, and the store looks the tokens of the chain up among the revocations.
    fn verify(&self, server: &ForwardingServer, token: &str) -> Option<SubscriptionProof>;

    /// Issues a token to `server`, which expires with `proof` at the latest. `None`: the proof has expired, or names no chain.
    fn issue(&self, server: &ForwardingServer, proof: &SubscriptionProof) -> Option<IssuedToken>;
}
