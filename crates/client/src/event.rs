//! What the server says unasked.

use bytes::Bytes;
use less_sync_core::cbor::Decode;
use less_sync_core::wire::{event as wire, method};
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::queue::Consumer;
use crate::rows::{FileRow, MembershipEntry, RecordRow};

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Records were pushed.
    Sync(SyncEvent),
    /// The membership log grew.
    Membership(MembershipEvent),
    /// Files came or went.
    Files(FilesEvent),
    /// Somebody's access to the space was revoked.
    Revoked {
        /// Where.
        space: SpaceId,
        /// Such as `ucan_revoked`.
        reason: String,
    },
    /// These subscriptions are gone; subscribe again with fresh credentials.
    Resubscribe {
        /// At least one.
        spaces: Vec<SpaceId>,
    },
    /// There is something new in the mailbox.
    Invitation,
    /// What a peer says about itself.
    Presence(PeerEvent),
    /// A peer is no longer present.
    PresenceLeave {
        /// Where.
        space: SpaceId,
        /// Pseudonym.
        peer: String,
    },
    /// What a peer said once.
    Ephemeral(PeerEvent),
    /// This many notifications were lost because nobody took them out of the queue: pull to catch up.
    Lagged {
        /// How many.
        lost: u64,
    },
    /// A notification that this client does not know, or cannot decode.
    Unknown {
        /// Its name.
        method: String,
    },
}

/// A committed push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEvent {
    /// Where.
    pub space: SpaceId,
    /// Cursor of the space before the push.
    pub prev: Cursor,
    /// Cursor of the push.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Pending rewrap.
    pub rewrap_epoch: Option<Epoch>,
    /// In push order.
    pub records: Vec<RecordRow>,
}

impl SyncEvent {
    /// Whether this only says that there is something to pull (protocol §2.7).
    #[must_use]
    pub fn is_pull_hint(&self) -> bool {
        self.prev == self.cursor && self.records.is_empty()
    }
}

/// New entries of the membership log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipEvent {
    /// Where.
    pub space: SpaceId,
    /// Cursor of the append.
    pub cursor: Cursor,
    /// At least one.
    pub entries: Vec<MembershipEntry>,
}

/// Files that were uploaded or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesEvent {
    /// Where.
    pub space: SpaceId,
    /// Cursor of the change.
    pub cursor: Cursor,
    /// At least one.
    pub files: Vec<FileRow>,
}

/// Something that a peer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEvent {
    /// Where.
    pub space: SpaceId,
    /// Pseudonym.
    pub peer: String,
    /// What they said.
    pub data: Bytes,
}

/// A notification as the reader left it.
#[derive(Debug)]
pub(crate) enum Heard {
    Notification { method: Bytes, params: Option<Bytes> },
    Lost(u64),
}

/// What a full queue does: remember how many did not fit.
pub(crate) fn mark_gap(newest: Option<&mut Heard>) -> Option<Heard> {
    match newest? {
        Heard::Lost(lost) => {
            *lost += 1;
            None
        }
        Heard::Notification { .. } => Some(Heard::Lost(1)),
    }
}

/// The notifications of one connection. Dropped, they pass by unheard.
#[derive(Debug)]
pub struct Events(Consumer<Heard>);

impl Events {
    pub(crate) fn new(heard: Consumer<Heard>) -> Self {
        Self(heard)
    }

    /// The next notification; `None` after the end of the connection. Safe to cancel.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.pop().await.map(event)
    }
}

fn event(heard: Heard) -> Event {
    match heard {
        Heard::Lost(lost) => Event::Lagged { lost },
        Heard::Notification { method, params } => {
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
            Event::Presence(said_by(params, said.space, said.peer, said.data))
        }
        method::PRESENCE_LEAVE => {
            let left: wire::PresenceLeave<'_> = read(params)?;
            Event::PresenceLeave { space: left.space, peer: left.peer.to_owned() }
        }
        method::EVENT => {
            let said: wire::EphemeralEvent<'_> = read(params)?;
            Event::Ephemeral(said_by(params, said.space, said.peer, said.data))
        }
        _ => return None,
    })
}

fn read<'a, T: Decode<'a>>(params: &'a Bytes) -> Option<T> {
    T::decode(params).ok()
}

fn said_by(params: &Bytes, space: SpaceId, peer: &str, data: &[u8]) -> PeerEvent {
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
        records: sync.records.iter().map(|record| RecordRow::heard(record, &slicer)).collect(),
    })
}

fn membership(params: &Bytes) -> Option<MembershipEvent> {
    let grown: wire::MembershipEvent<'_> = read(params)?;
    let slicer = |part: &[u8]| params.slice_ref(part);
    Some(MembershipEvent {
        space: grown.space,
        cursor: grown.cursor,
        entries: grown.entries.iter().map(|entry| MembershipEntry::of(entry, &slicer)).collect(),
    })
}

fn files(params: &Bytes) -> Option<FilesEvent> {
    let changed: wire::FileEvent<'_> = read(params)?;
    let slicer = |part: &[u8]| params.slice_ref(part);
    Some(FilesEvent {
        space: changed.space,
        cursor: changed.cursor,
        files: changed.files.iter().map(|file| FileRow::heard(file, &slicer)).collect(),
    })
}
