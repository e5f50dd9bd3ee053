//! Events: notifications of the server.

use bytes::Bytes;
use less_sync_core::cbor::Decode;
use less_sync_core::wire::{event as wire, method};
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::queue::Consumer;
use crate::rows::{FileRow, MembershipEntry, RecordRow};

/// Notification of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Committed push of records.
    Sync(SyncEvent),
    /// Append to the membership log.
    Membership(MembershipEvent),
    /// Upload or deletion of files.
    Files(FilesEvent),
    /// Revocation of the client's access to a space.
    Revoked {
        /// Id of the space.
        space: SpaceId,
        /// Reason, such as `ucan_revoked`.
        reason: String,
    },
    /// Ended subscriptions; subscribe again with fresh credentials.
    Resubscribe {
        /// Ids of the spaces, at least one.
        spaces: Vec<SpaceId>,
    },
    /// New invitation in the mailbox.
    Invitation,
    /// Presence of a peer.
    Presence(PeerEvent),
    /// End of a peer's presence.
    PresenceLeave {
        /// Id of the space.
        space: SpaceId,
        /// Pseudonym of the peer.
        peer: String,
    },
    /// Ephemeral event of a peer.
    Ephemeral(PeerEvent),
    /// Gap: notifications dropped because the event queue was full. Pull to catch up.
    Lagged {
        /// Number of dropped notifications.
        lost: u64,
    },
    /// Unknown or undecodable notification.
    Unknown {
        /// Method name.
        method: String,
    },
}

/// Committed push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEvent {
    /// Id of the space.
    pub space: SpaceId,
    /// Cursor of the space before the push.
    pub prev: Cursor,
    /// Cursor of the push.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Epoch of the pending rewrap.
    pub rewrap_epoch: Option<Epoch>,
    /// Records in push order.
    pub records: Vec<RecordRow>,
}

/// Append to the membership log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipEvent {
    /// Id of the space.
    pub space: SpaceId,
    /// Cursor of the append.
    pub cursor: Cursor,
    /// Appended entries, at least one.
    pub entries: Vec<MembershipEntry>,
}

/// Upload or deletion of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesEvent {
    /// Id of the space.
    pub space: SpaceId,
    /// Cursor of the change.
    pub cursor: Cursor,
    /// Changed files, at least one.
    pub files: Vec<FileRow>,
}

/// Presence or ephemeral event of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEvent {
    /// Id of the space.
    pub space: SpaceId,
    /// Pseudonym of the peer.
    pub peer: String,
    /// Payload.
    pub data: Bytes,
}

/// Undecoded notification, or a gap, in the event queue.
#[derive(Debug)]
pub(crate) enum QueuedEvent {
    Notification { method: Bytes, params: Option<Bytes> },
    Lost(u64),
}

/// Records a dropped notification in a full queue: extends the gap at its end, or adds one.
pub(crate) fn mark_gap(newest: Option<&mut QueuedEvent>) -> Option<QueuedEvent> {
    match newest? {
        QueuedEvent::Lost(lost) => {
            *lost += 1;
            None
        }
        QueuedEvent::Notification { .. } => Some(QueuedEvent::Lost(1)),
    }
}

/// Events of one connection. Dropping this discards them.
#[derive(Debug)]
pub struct Events(Consumer<QueuedEvent>);

impl Events {
    pub(crate) fn new(queued: Consumer<QueuedEvent>) -> Self {
        Self(queued)
    }

    /// Next event; `None` after the end of the connection. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.pop().await.map(decode_event)
    }
}

fn decode_event(queued: QueuedEvent) -> Event {
    match queued {
        QueuedEvent::Lost(lost) => Event::Lagged { lost },
        QueuedEvent::Notification { method, params } => {
            let name = std::str::from_utf8(&method).unwrap_or_default();
            decode(name, &params.unwrap_or_default())
                .unwrap_or_else(|| Event::Unknown { method: name.to_owned() })
        }
    }
}

fn decode(name: &str, params: &Bytes) -> Option<Event> {
    Some(match name {
        method::SYNC => Event::Sync(sync(params)?),
        method::MEMBERSHIP => Event::Membership(membership(params)?),
        method::FILE => Event::Files(files(params)?),
        method::REVOKED => {
            let revoked: wire::Revoked<'_> = read(params)?;
            Event::Revoked { space: revoked.space, reason: revoked.reason.to_owned() }
        }
        method::RESUBSCRIBE => Event::Resubscribe { spaces: read::<wire::Resubscribe>(params)?.spaces },
        method::INVITATION => Event::Invitation,
        method::PRESENCE => {
            let said: wire::Presence<'_> = read(params)?;
            Event::Presence(peer_event(params, said.space, said.peer, said.data))
        }
        method::PRESENCE_LEAVE => {
            let left: wire::PresenceLeave<'_> = read(params)?;
            Event::PresenceLeave { space: left.space, peer: left.peer.to_owned() }
        }
        method::EVENT => {
            let said: wire::EphemeralEvent<'_> = read(params)?;
            Event::Ephemeral(peer_event(params, said.space, said.peer, said.data))
        }
        _ => return None,
    })
}

fn read<'a, T: Decode<'a>>(params: &'a Bytes) -> Option<T> {
    T::decode(params).ok()
}

fn peer_event(params: &Bytes, space: SpaceId, peer: &str, data: &[u8]) -> PeerEvent {
    PeerEvent { space, peer: peer.to_owned(), data: params.slice_ref(data) }
}

fn sync(params: &Bytes) -> Option<SyncEvent> {
    let sync: wire::Sync<'_> = read(params)?;
    let slicer = |part: &[u8]| params.slice_ref(part);
    Some(SyncEvent {
        space: sync.space,
        prev: sync.prev,
        cursor: sync.cursor,
        key_generation: sync.key_generation,
        rewrap_epoch: sync.rewrap_epoch,
        records: sync.records.iter().map(|record| RecordRow::notified(record, &slicer)).collect(),
    })
}

fn membership(params: &Bytes) -> Option<MembershipEvent> {
    let appended: wire::MembershipEvent<'_> = read(params)?;
    let slicer = |part: &[u8]| params.slice_ref(part);
    Some(MembershipEvent {
        space: appended.space,
        cursor: appended.cursor,
        entries: appended.entries.iter().map(|entry| MembershipEntry::of(entry, &slicer)).collect(),
    })
}

fn files(params: &Bytes) -> Option<FilesEvent> {
    let changed: wire::FileEvent<'_> = read(params)?;
    let slicer = |part: &[u8]| params.slice_ref(part);
    Some(FilesEvent {
        space: changed.space,
        cursor: changed.cursor,
        files: changed.files.iter().map(|file| FileRow::notified(file, &slicer)).collect(),
    })
}
