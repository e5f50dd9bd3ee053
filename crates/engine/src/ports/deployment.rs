//! Ports between the nodes of a deployment: what a node tells the others, and what it learns from them.
//!
//! A deployment is a set of processes that share one database. Messages between its nodes travel at most once and may be
//! lost, repeated or reordered (decision 0033): they make events fast, and the position check makes them complete.

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::{Cursor, Epoch, MailboxId, SpaceId, hex};

use sha2::{Digest as _, Sha256};

use crate::Revocation;

/// Committed change of a space, as other nodes learn of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteChange {
    /// Space of the change.
    pub space: SpaceId,
    /// Cursor of the space before the change.
    pub prev: Cursor,
    /// Cursor of the space after the change.
    pub cursor: Cursor,
    /// Encoded event; `None` for a mere hint, after which the receiver reads the change from the database.
    pub event: Option<EncodedEvent>,
}

/// Encoded notification of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent {
    /// Key generation of the space at the time of the change.
    pub key_generation: Epoch,
    /// Pending rewrap of the space at the time of the change.
    pub rewrap_epoch: Option<Epoch>,
    /// Notification for clients.
    pub frame: Bytes,
    /// Second notification of the same change, if it has two.
    pub second: Option<Bytes>,
}

impl EncodedEvent {
    /// Sum of the lengths of the notifications, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frame.len() + self.second.as_ref().map_or(0, Bytes::len)
    }

    /// True without any content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Id of a connection in a space as its peers see it: 16 bytes, written as 32 hexadecimal digits (auth §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerName(pub [u8; 16]);

impl PeerName {
    /// Peer with this id on the wire; `None` unless it has 32 lowercase hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }

    /// Id on the wire: 32 lowercase hexadecimal digits.
    #[must_use]
    pub fn to_text(self) -> String {
        hex::encode(&self.0)
    }
}

/// Presence of a peer, or an ephemeral event from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EphemeralChange {
    /// Space of the peer.
    pub space: SpaceId,
    /// Id of the peer in the space.
    pub peer: PeerName,
    /// Content.
    pub kind: EphemeralKind,
}

/// Kind and content of an [`EphemeralChange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EphemeralKind {
    /// Presence set, with its data.
    Present(Bytes),
    /// Presence cleared.
    Left,
    /// Ephemeral event, with its data.
    Event(Bytes),
}

/// Digest of a user: SHA-256 of the issuer, a zero byte and the user id. The same on all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorDigest(pub [u8; 32]);

impl ActorDigest {
    /// Digest of the user of `caller`.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        let hash = Sha256::new().chain_update(&caller.issuer).chain_update([0]);
        Self(hash.chain_update(caller.user_id.as_str()).finalize().into())
    }
}

/// Other nodes of the deployment, as the receiver of messages. No function blocks; any message may be lost.
pub trait Deployment: Send + Sync {
    /// True if another node is known: without one, messages are not worth making.
    fn has_others(&self) -> bool;

    /// Maximum length of [`EncodedEvent`]s to be passed to [`Deployment::changed`], in bytes, inclusive. 0: none, because
    /// there is no other node, or because the transport carries hints only.
    fn max_event(&self) -> usize;

    /// Announces a committed change.
    fn changed(&self, change: RemoteChange);

    /// Announces a committed revocation.
    fn revoked(&self, space: SpaceId, revocation: &Revocation);

    /// Announces that the removal of a space has begun or ended.
    fn purged(&self, space: SpaceId);

    /// Announces an invitation stored in `mailbox`.
    fn invitation_stored(&self, mailbox: MailboxId);

    /// Passes presence or an ephemeral event on.
    fn ephemeral(&self, change: EphemeralChange);

    /// Announces that the operator closes all connections of a user.
    fn disconnected(&self, actor: ActorDigest);

    /// Announces that this node has learned of other trust in servers, or of other keys towards them.
    fn trust_changed(&self);

    /// `space` has its first watcher on this node: messages about it are wanted, and its presence on other nodes.
    fn watched(&self, space: SpaceId);

    /// `space` has lost its last watcher on this node.
    fn unwatched(&self, space: SpaceId);
}

/// Receiver of the messages of other nodes. Messages may come repeatedly, late and out of order. No function blocks.
pub trait RemoteEvents: Send + Sync {
    /// Receives a committed change.
    fn changed(&self, change: RemoteChange);

    /// Receives a revocation, and ends the subscriptions that rest on it.
    fn revoked(&self, space: SpaceId, revocation: Revocation);

    /// Receives the removal of a space, and ends its subscriptions.
    fn purged(&self, space: SpaceId);

    /// Receives a notice about an invitation.
    fn invitation_stored(&self, mailbox: MailboxId);

    /// Receives presence or an ephemeral event.
    fn ephemeral(&self, change: EphemeralChange);

    /// Closes the connections of a user, for the operator of another node.
    fn disconnect(&self, actor: ActorDigest);

    /// Loads the trust in other servers and the keys towards them again: another node has learned of a change.
    fn trust_changed(&self);

    /// Presence of the peers of `space` on this node, for a node that has its first watcher.
    fn presence(&self, space: SpaceId) -> Vec<EphemeralChange>;

    /// Compares all watched spaces with the database soon: messages may have been lost.
    fn compare(&self);
}

/// Deployment of a single node: every message is dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct SingleNode;

impl Deployment for SingleNode {
    fn has_others(&self) -> bool {
        false
    }

    fn max_event(&self) -> usize {
        0
    }

    fn changed(&self, _change: RemoteChange) {}

    fn revoked(&self, _space: SpaceId, _revocation: &Revocation) {}

    fn purged(&self, _space: SpaceId) {}

    fn invitation_stored(&self, _mailbox: MailboxId) {}

    fn ephemeral(&self, _change: EphemeralChange) {}

    fn disconnected(&self, _actor: ActorDigest) {}

    fn trust_changed(&self) {}

    fn watched(&self, _space: SpaceId) {}

    fn unwatched(&self, _space: SpaceId) {}
}
