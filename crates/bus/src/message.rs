//! Messages of a node to the others.

use less_sync_core::{MailboxId, SpaceId};
use less_sync_engine::Revocation;
use less_sync_engine::ports::{
    ActorDigest, BusShard, BusTopic, EphemeralChange, EphemeralKind, RemoteChange,
};

/// Message of a node to the others.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// Committed change.
    Changed(RemoteChange),
    /// Committed revocation.
    Revoked(SpaceId, Revocation),
    /// Beginning or end of the removal of a space.
    Purged(SpaceId),
    /// Stored invitation.
    Invitation(MailboxId),
    /// Presence or ephemeral event.
    Ephemeral(EphemeralChange),
    /// Request for the presence of a space.
    PresenceWanted(SpaceId),
    /// Disconnection of a user by the operator.
    Disconnected(ActorDigest),
    /// Change of the trust in other servers, or of the keys towards them.
    TrustChanged,
}

/// Upper bounds of the encoded lengths of the members of a message, in bytes: ids with their heads and keys.
const CHANGE: usize = 64;
const EVENT: usize = 48;
const REVOCATION: usize = 64;
const ID: usize = 40;
const EPHEMERAL: usize = 64;

impl Message {
    /// Space that the message is about; none for one to all nodes.
    fn space(&self) -> Option<SpaceId> {
        match self {
            Self::Changed(change) => Some(change.space),
            Self::Ephemeral(change) => Some(change.space),
            Self::Revoked(space, _) | Self::Purged(space) | Self::PresenceWanted(space) => Some(*space),
            Self::Invitation(_) | Self::Disconnected(_) | Self::TrustChanged => None,
        }
    }

    /// Destination over a transport with or without shards.
    pub(crate) fn topic(&self, has_shards: bool) -> BusTopic {
        match self.space() {
            Some(space) if has_shards => BusTopic::Shard(BusShard::of(space)),
            Some(_) | None => BusTopic::Everyone,
        }
    }

    /// Upper bound of the encoded length, in bytes.
    pub(crate) fn max_len(&self) -> usize {
        match self {
            Self::Changed(change) => CHANGE + change.event.as_ref().map_or(0, |event| EVENT + event.len()),
            Self::Revoked(_, revocation) => {
                REVOCATION + revocation.member_did().map_or(0, |did| did.as_str().len())
            }
            Self::Purged(_)
            | Self::PresenceWanted(_)
            | Self::Invitation(_)
            | Self::Disconnected(_)
            | Self::TrustChanged => ID,
            Self::Ephemeral(change) => EPHEMERAL + data_len(&change.kind),
        }
    }
}

fn data_len(kind: &EphemeralKind) -> usize {
    match kind {
        EphemeralKind::Present(data) | EphemeralKind::Event(data) => data.len(),
        EphemeralKind::Left => 0,
    }
}
