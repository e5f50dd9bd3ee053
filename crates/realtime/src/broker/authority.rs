//! Authority of a confirmed subscription: what a revocation may take away.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::Timestamp;
use less_sync_engine::{Revocation, SubscriptionBasis, SubscriptionProof, TokenChain};

/// Chains of one server in one space; the first to expire makes room for another one.
const MAX_PROOFS: usize = 64;

/// Authority of a subscription.
#[derive(Clone, Debug, Default)]
pub(super) enum Authority {
    /// Ownership of a personal space.
    #[default]
    Owner,
    /// Chain of a user.
    Chain(Arc<VerifiedChain>),
    /// Chains of the members behind a server, one or more (federation §10.4).
    Forwarded(Box<ForwardedProofs>),
}

/// Chains behind a server. Boxed, so that the authorities of users stay small.
#[derive(Clone, Debug, Default)]
pub(super) struct ForwardedProofs(Vec<SubscriptionProof>);

/// Effect of a revocation on an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The authority remains.
    Retained,
    /// The user has lost the authority.
    UserLost,
    /// The server has lost its last member in the space.
    ServerLost,
}

impl Authority {
    /// Authority of a new subscription on `basis`, which renews one with the authority `before`. A server keeps the chains that it
    /// had: it subscribes in the names of many members.
    pub(super) fn renewed(basis: SubscriptionBasis, before: Self) -> Self {
        let proof = match basis {
            SubscriptionBasis::Owner => return Self::Owner,
            SubscriptionBasis::Chain(chain) => return Self::Chain(chain),
            SubscriptionBasis::Forwarded(proof) => proof,
        };
        let mut forwarded = match before {
            Self::Forwarded(forwarded) => forwarded,
            Self::Owner | Self::Chain(_) => Box::default(),
        };
        let proofs = &mut forwarded.0;
        if let Some(known) = proofs.iter_mut().find(|known| known.cids == proof.cids) {
            known.expires_at = known.expires_at.max(proof.expires_at);
        } else {
            if proofs.len() >= MAX_PROOFS
                && let Some((first, _)) = proofs.iter().enumerate().min_by_key(|(_, known)| known.expires_at)
            {
                proofs.swap_remove(first);
            }
            proofs.push(proof);
        }
        Self::Forwarded(forwarded)
    }

    /// Calls `visit` with every chain.
    pub(super) fn each_chain(&self, mut visit: impl FnMut(&dyn TokenChain)) {
        match self {
            Self::Owner => {}
            Self::Chain(chain) => visit(chain.as_ref()),
            Self::Forwarded(forwarded) => {
                for proof in &forwarded.0 {
                    visit(proof);
                }
            }
        }
    }

    /// Removes what `revocation` revokes. `ends_member`: the other chains of the member that it names, too.
    pub(super) fn revoke(&mut self, revocation: &Revocation, ends_member: bool) -> Effect {
        let ends = |chain: &dyn TokenChain| {
            revocation.revokes(chain) || (ends_member && revocation.names_audience_of(chain))
        };
        match self {
            Self::Chain(chain) if ends(chain.as_ref()) => Effect::UserLost,
            Self::Owner | Self::Chain(_) => Effect::Retained,
            Self::Forwarded(forwarded) => {
                forwarded.0.retain(|proof| !ends(proof));
                if forwarded.0.is_empty() { Effect::ServerLost } else { Effect::Retained }
            }
        }
    }

    /// Last second of the authority of a server; `None` for that of a user, which its connection watches.
    pub(super) fn forwarded_expiry(&self) -> Option<Timestamp> {
        match self {
            Self::Owner | Self::Chain(_) => None,
            Self::Forwarded(forwarded) => forwarded.0.iter().map(|proof| proof.expires_at).max(),
        }
    }
}
