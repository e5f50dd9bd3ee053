//! Encoding of messages into batches, and their decoding.

use bytes::Bytes;
use less_sync_core::cbor::{Decode as _, Encode as _};
use less_sync_core::wire::bus::{
    BusBatch, BusChange, BusEphemeral, BusEvent, BusHello, BusRevocation, VERSION,
};
use less_sync_core::{Cid, Did, MailboxId, SpaceId};
use less_sync_engine::Revocation;
use less_sync_engine::ports::{
    ActorDigest, BusTopic, EncodedEvent, EphemeralChange, EphemeralKind, PeerName, RemoteChange,
};

use crate::message::Message;

/// Upper bound of the encoded length of a batch without messages, in bytes.
const OVERHEAD: usize = 128;

/// Random id of a process.
pub(crate) type NodeId = [u8; 16];

/// Identity of the sender of a batch, and the number of the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'h> {
    pub(crate) node: NodeId,
    pub(crate) topic: BusTopic,
    pub(crate) hello: Option<&'h BusHello<'h>>,
}

/// Messages of one batch, by kind.
#[derive(Debug, Default)]
struct Parts<'m> {
    changes: Vec<BusChange<'m>>,
    revocations: Vec<BusRevocation<'m>>,
    purged: Vec<&'m [u8]>,
    mailboxes: Vec<&'m [u8]>,
    ephemeral: Vec<BusEphemeral<'m>>,
    wanted: Vec<&'m [u8]>,
    disconnected: Vec<&'m [u8]>,
    has_trust_changed: bool,
}

impl<'m> Parts<'m> {
    fn add(&mut self, message: &'m Message) {
        match message {
            Message::Changed(change) => self.changes.push(change_wire(change)),
            Message::Revoked(space, revocation) => self.revocations.push(BusRevocation {
                space: space.as_bytes(),
                cid: revocation.cid_bytes(),
                member: revocation.member_did().map(Did::as_str),
            }),
            Message::Purged(space) => self.purged.push(space.as_bytes()),
            Message::Invitation(mailbox) => self.mailboxes.push(mailbox.as_bytes()),
            Message::Ephemeral(change) => self.ephemeral.push(ephemeral_wire(change)),
            Message::PresenceWanted(space) => self.wanted.push(space.as_bytes()),
            Message::Disconnected(actor) => self.disconnected.push(&actor.0),
            Message::TrustChanged => self.has_trust_changed = true,
        }
    }

    fn encode(self, sender: Sender<'_>, sequence: u64) -> Bytes {
        let Self {
            changes,
            revocations,
            purged,
            mailboxes,
            ephemeral,
            wanted,
            disconnected,
            has_trust_changed,
        } = self;
        let shard = match sender.topic {
            BusTopic::Everyone => None,
            BusTopic::Shard(shard) => Some(i64::from(shard.number())),
        };
        let batch = BusBatch {
            version: VERSION,
            node: &sender.node,
            shard,
            sequence,
            hello: sender.hello.cloned(),
            changes,
            revocations,
            purged,
            mailboxes,
            ephemeral,
            wanted,
            disconnected,
            has_trust_changed,
        };
        let mut out = Vec::with_capacity(batch.size_hint());
        batch.encode(&mut out);
        Bytes::from(out)
    }
}

/// Encodes `messages` in batches of at most `max` bytes; at least one batch if there is a hello. `number` names each batch.
pub(crate) fn encode(
    sender: Sender<'_>,
    messages: &[Message],
    max: usize,
    mut number: impl FnMut() -> u64,
) -> Vec<Bytes> {
    let mut batches = Vec::new();
    let (mut parts, mut length, mut hello) = (Parts::default(), OVERHEAD, sender.hello);
    let mut is_empty = sender.hello.is_none();
    for message in messages {
        let more = message.max_len();
        if !is_empty && length + more > max {
            batches
                .push(std::mem::take(&mut parts).encode(Sender { hello: hello.take(), ..sender }, number()));
            length = OVERHEAD;
        }
        parts.add(message);
        length += more;
        is_empty = false;
    }
    if !is_empty {
        batches.push(parts.encode(Sender { hello, ..sender }, number()));
    }
    batches
}

fn change_wire(change: &RemoteChange) -> BusChange<'_> {
    let event = change.event.as_ref().map(|event| BusEvent {
        key_generation: event.key_generation,
        rewrap_epoch: event.rewrap_epoch,
        frame: &event.frame,
        second: event.second.as_deref(),
    });
    BusChange { space: change.space.as_bytes(), prev: change.prev, cursor: change.cursor, event }
}

fn ephemeral_wire(change: &EphemeralChange) -> BusEphemeral<'_> {
    let (is_event, data) = match &change.kind {
        EphemeralKind::Present(data) => (false, Some(&data[..])),
        EphemeralKind::Left => (false, None),
        EphemeralKind::Event(data) => (true, Some(&data[..])),
    };
    BusEphemeral { space: change.space.as_bytes(), peer: &change.peer.0, is_event, data }
}

/// Bytes that are no batch, or one of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Received batch.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) node: NodeId,
    /// Shard of the destination; `None`: every node.
    pub(crate) shard: Option<i64>,
    pub(crate) sequence: u64,
    pub(crate) hello: Option<Hello>,
    pub(crate) messages: Vec<Message>,
}

/// Received identity of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) software: String,
    pub(crate) schema: i64,
    pub(crate) identity: Option<Vec<u8>>,
    pub(crate) time: i64,
    pub(crate) uptime: Option<u64>,
    pub(crate) leaves: bool,
}

/// Decodes a batch. Frames within it share its memory.
pub(crate) fn decode(bytes: &Bytes) -> Result<Received, Unreadable> {
    let batch = BusBatch::decode(bytes).map_err(|_| Unreadable)?;
    if batch.version != VERSION {
        return Err(Unreadable);
    }
    let mut messages = Vec::new();
    for change in &batch.changes {
        messages.push(Message::Changed(changed(bytes, change)?));
    }
    for BusRevocation { space: of, cid, member } in &batch.revocations {
        let member = member.map(|did| Did::try_from(did).map_err(|_| Unreadable)).transpose()?;
        let cid = Cid::from_bytes(fixed(cid)?);
        messages.push(Message::Revoked(space(of)?, Revocation::new(cid, member)));
    }
    for id in &batch.purged {
        messages.push(Message::Purged(space(id)?));
    }
    for id in &batch.mailboxes {
        messages.push(Message::Invitation(MailboxId::from_bytes(fixed(id)?)));
    }
    for change in &batch.ephemeral {
        messages.push(Message::Ephemeral(ephemeral(bytes, change)?));
    }
    for id in &batch.wanted {
        messages.push(Message::PresenceWanted(space(id)?));
    }
    for actor in &batch.disconnected {
        messages.push(Message::Disconnected(ActorDigest(fixed(actor)?)));
    }
    if batch.has_trust_changed {
        messages.push(Message::TrustChanged);
    }
    let hello = batch.hello.as_ref().map(|hello| Hello {
        software: hello.software.to_owned(),
        schema: hello.schema,
        identity: hello.identity.map(<[u8]>::to_vec),
        time: hello.time,
        uptime: hello.uptime,
        leaves: hello.leaves,
    });
    let (node, shard, sequence) = (fixed(batch.node)?, batch.shard, batch.sequence);
    Ok(Received { node, shard, sequence, hello, messages })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unreadable> {
    bytes.try_into().map_err(|_| Unreadable)
}

fn space(bytes: &[u8]) -> Result<SpaceId, Unreadable> {
    fixed(bytes).map(SpaceId::from_bytes)
}

fn changed(batch: &Bytes, change: &BusChange<'_>) -> Result<RemoteChange, Unreadable> {
    let event = change.event.as_ref().map(|event| EncodedEvent {
        key_generation: event.key_generation,
        rewrap_epoch: event.rewrap_epoch,
        frame: batch.slice_ref(event.frame),
        second: event.second.map(|frame| batch.slice_ref(frame)),
    });
    Ok(RemoteChange { space: space(change.space)?, prev: change.prev, cursor: change.cursor, event })
}

fn ephemeral(batch: &Bytes, change: &BusEphemeral<'_>) -> Result<EphemeralChange, Unreadable> {
    let kind = match (change.is_event, change.data) {
        (true, data) => EphemeralKind::Event(batch.slice_ref(data.unwrap_or_default())),
        (false, Some(data)) => EphemeralKind::Present(batch.slice_ref(data)),
        (false, None) => EphemeralKind::Left,
    };
    Ok(EphemeralChange { space: space(change.space)?, peer: PeerName(fixed(change.peer)?), kind })
}

#[cfg(test)]
mod tests;
