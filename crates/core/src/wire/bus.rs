//! Messages between the nodes of a deployment (decision 0033). Private to a deployment, not part of the protocol of clients.
//!
//! Ids are byte strings here: a batch of hints has to fit a notification of a database.

use crate::cbor::{OptionalItem, Required, ZeroIsAbsent, map};
use crate::{Cursor, Epoch};

/// Version of the messages. A batch of another version is dropped, and counted.
pub const VERSION: i64 = 1;

map! {
    /// Messages of one node, sent together.
    pub struct BusBatch<'b> {
        /// Constant [`VERSION`].
        "v" => version: i64 as Required,
        /// Random id of the process that sends, 16 bytes.
        "n" => node: &'b [u8] as Required,
        /// Shard of the destination; absent in batches to every node.
        "d" => shard: Option<i64> as OptionalItem,
        /// Number of the batch among those of this node to this destination, ascending by one: a gap shows a loss.
        "q" => sequence: u64 as Required,
        /// Identity of the node, repeated every few seconds.
        "h" => hello: Option<BusHello<'b>> as OptionalItem,
        /// Committed changes.
        "c" => changes: Vec<BusChange<'b>> as ZeroIsAbsent,
        /// Committed revocations.
        "r" => revocations: Vec<BusRevocation<'b>> as ZeroIsAbsent,
        /// Spaces, 16 bytes each, whose removal has begun or ended.
        "p" => purged: Vec<&'b [u8]> as ZeroIsAbsent,
        /// Mailboxes, 32 bytes each, with a new invitation.
        "m" => mailboxes: Vec<&'b [u8]> as ZeroIsAbsent,
        /// Presence and ephemeral events.
        "e" => ephemeral: Vec<BusEphemeral<'b>> as ZeroIsAbsent,
        /// Spaces, 16 bytes each, whose presence is wanted.
        "w" => wanted: Vec<&'b [u8]> as ZeroIsAbsent,
        /// Digests of users, 32 bytes each, whose connections are to be closed.
        "x" => disconnected: Vec<&'b [u8]> as ZeroIsAbsent,
        /// True: trust in other servers, or the keys towards them, have changed.
        "f" => has_trust_changed: bool as ZeroIsAbsent,
    }

    /// Identity of a node.
    pub struct BusHello<'b> {
        /// Version of the software.
        "v" => software: &'b str as Required,
        /// Version of the database schema.
        "s" => schema: i64 as Required,
        /// Fingerprint of the identity hash key, 8 bytes; absent without a key.
        "i" => identity: Option<&'b [u8]> as OptionalItem,
        /// Clock of the node, in seconds since 1970.
        "t" => time: i64 as Required,
        /// Time since the start of the node, in milliseconds; absent: unknown, and longer than that of any other.
        "u" => uptime: Option<u64> as OptionalItem,
        /// True in the last message of a node that stops.
        "b" => leaves: bool as ZeroIsAbsent,
    }

    /// Committed change of a space.
    pub struct BusChange<'b> {
        /// Space id, 16 bytes.
        "s" => space: &'b [u8] as Required,
        /// Cursor of the space before the change.
        "p" => prev: Cursor as Required,
        /// Cursor of the space after the change.
        "c" => cursor: Cursor as Required,
        /// Encoded event; absent in a hint.
        "e" => event: Option<BusEvent<'b>> as OptionalItem,
    }

    /// Encoded event of a change.
    pub struct BusEvent<'b> {
        /// Key generation of the space.
        "k" => key_generation: Epoch as Required,
        /// Pending rewrap of the space.
        "r" => rewrap_epoch: Option<Epoch> as OptionalItem,
        /// Notification for clients.
        "f" => frame: &'b [u8] as Required,
        /// Second notification of the same change.
        "g" => second: Option<&'b [u8]> as OptionalItem,
    }

    /// Committed revocation.
    pub struct BusRevocation<'b> {
        /// Space id, 16 bytes.
        "s" => space: &'b [u8] as Required,
        /// CID of the revoked token, 32 bytes.
        "c" => cid: &'b [u8] as Required,
        /// DID of the member, if the revocation named one.
        "d" => member: Option<&'b str> as OptionalItem,
    }

    /// Presence or an ephemeral event.
    pub struct BusEphemeral<'b> {
        /// Space id, 16 bytes.
        "s" => space: &'b [u8] as Required,
        /// Id of the peer in the space, 16 bytes.
        "p" => peer: &'b [u8] as Required,
        /// True for an ephemeral event.
        "e" => is_event: bool as ZeroIsAbsent,
        /// Data of presence or event; absent when the peer has left.
        "d" => data: Option<&'b [u8]> as OptionalItem,
    }
}
