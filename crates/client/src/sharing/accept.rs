//! Acceptance of an invitation: takes only what improves the rights and the keys of the member.
//!
//! An invitation comes from any member of the space, who may lose their rights tomorrow. Taken as it is, it could replace
//! the chain of an administrator by a weaker one, or plant a key for an epoch to come: content written under that key would
//! stay readable for its author after their removal.

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Epoch, ErrorCode, Permission, Timestamp};

use super::{AdoptError, Membership, Offer, adopt};
use crate::connection::Connection;
use crate::crypto::{Identity, KeyRing};
use crate::error::{CallError, Code};
use crate::subscribe::Watch;

/// Failure to accept an invitation.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AcceptError {
    /// The invitation names a space of the member with another root key.
    #[error("invitation has the id of a known space, but another root key")]
    OtherRoot,
    /// The server rejects all chains of the member: they were revoked.
    #[error("rights of the invitation were revoked")]
    Revoked,
    /// The state of the space could not be fetched.
    #[error("cannot fetch the state of the space")]
    State(#[source] CallError),
    /// The server does not show the space, for another reason than the rights of the member.
    #[error("server does not show the space: {0}")]
    Rejected(Code),
    /// The key share of the member for the current epoch could not be fetched or is invalid.
    #[error("cannot adopt the key of the current epoch")]
    Key(#[from] AdoptError),
}

impl Offer {
    /// Accepts the offer for `identity`; `known` is the membership in the same space, if there is one. Leaves the connection
    /// subscribed to the space.
    ///
    /// - Rights: of the known and the offered chain the better one, by permission, then by expiry; the other one only if the
    ///   server rejects the better one as revoked. The owner of a space keeps their own chain.
    /// - Keys: known keys are never replaced. A missing key of the epoch that the server states comes from the member's own
    ///   key share, and from the offer only if there is none. Keys of other epochs are ignored.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub async fn accept(
        self,
        connection: &Connection,
        identity: &Identity,
        known: Option<&Membership>,
        now: Timestamp,
    ) -> Result<Membership, AcceptError> {
        let offered = self.membership;
        let chains = ranked(identity, known, &offered, now)?;
        let mut membership = known
            .cloned()
            .unwrap_or_else(|| Membership { keys: KeyRing::new(offered.space()), ..offered.clone() });
        let epoch = take_first_accepted(connection, &mut membership, chains).await?;
        if membership.keys.key(epoch).is_err() {
            let own = adopt(connection, identity, &membership, epoch, now).await?;
            if let Some(key) = own.or_else(|| offered.keys.key(epoch).ok().cloned()) {
                membership.keys.insert(key);
            }
        }
        Ok(membership)
    }
}

/// Valid chains of the member, best first.
fn ranked(
    identity: &Identity,
    known: Option<&Membership>,
    offered: &Membership,
    now: Timestamp,
) -> Result<Vec<super::Chain>, AcceptError> {
    let rank = |chain: VerifiedChain| -> (Permission, Timestamp) { (chain.permission(), chain.expires_at()) };
    let valid = |membership: &Membership| membership.verify(identity.did(), now).ok().map(rank);
    let Some(known) = known else { return Ok(vec![offered.ucan.clone()]) };
    if known.root_key != offered.root_key {
        return Err(AcceptError::OtherRoot);
    }
    let is_owner = identity.root_key() == known.root_key;
    let mut chains = match (valid(known), valid(offered)) {
        (Some(_), _) if is_owner => vec![&known.ucan],
        (Some(ours), Some(theirs)) if theirs > ours => vec![&offered.ucan, &known.ucan],
        (Some(_), Some(_)) => vec![&known.ucan, &offered.ucan],
        (Some(_), None) => vec![&known.ucan],
        (None, _) => vec![&offered.ucan],
    };
    chains.dedup();
    Ok(chains.into_iter().cloned().collect())
}

/// Sets the first of `chains` that the server accepts, and returns the epoch that the server states.
async fn take_first_accepted(
    connection: &Connection,
    membership: &mut Membership,
    chains: Vec<super::Chain>,
) -> Result<Epoch, AcceptError> {
    for chain in chains {
        let watch = Watch { ucan: Some(chain.0.clone()), ..Watch::from(membership.space()) };
        let mut subscribed = connection.subscribe(&[watch]).await.map_err(AcceptError::State)?;
        match (subscribed.spaces.pop(), subscribed.rejected.pop()) {
            (Some(state), _) => {
                membership.ucan = chain;
                return Ok(state.key_generation);
            }
            (None, Some((_, code))) if code.is(ErrorCode::Forbidden) => {}
            (None, Some((_, code))) => return Err(AcceptError::Rejected(code)),
            (None, None) => return Err(AcceptError::State(CallError::Undecodable)),
        }
    }
    Err(AcceptError::Revoked)
}
