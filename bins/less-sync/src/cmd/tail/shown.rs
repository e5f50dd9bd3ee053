//! Content of an update: a record, a file, members, or a peer.

use less_sync_client::crypto::Live;
use less_sync_client::{FileRow, MembershipEntry, RecordRow};
use less_sync_core::{Cursor, SpaceId};

use crate::content;
use crate::fields::Fields;
use crate::output::Output;
use crate::people::{Change, printable};

/// Content of an update.
pub(super) enum Shown {
    /// Decrypted record, with the size of its ciphertext.
    Record { space: SpaceId, row: RecordRow, sealed: Option<usize> },
    /// Stored or deleted file.
    File { space: SpaceId, cursor: Cursor, file: FileRow },
    /// Entries of the membership log, with the size of their ciphertext.
    Membership { space: SpaceId, cursor: Cursor, entries: usize, sealed: usize },
    /// Presence or event of a peer, with the size of its ciphertext. No content if it was not decrypted.
    Peer { space: SpaceId, kind: Live, peer: String, content: Option<Vec<u8>>, sealed: usize },
    /// End of a presence.
    Left { space: SpaceId, peer: String },
}

impl Shown {
    pub(super) fn membership(space: SpaceId, cursor: Cursor, entries: &[MembershipEntry]) -> Self {
        let sealed = entries.iter().map(|entry| entry.payload.len()).sum();
        Self::Membership { space, cursor, entries: entries.len(), sealed }
    }

    pub(super) fn space(&self) -> SpaceId {
        match self {
            Self::Record { space, .. }
            | Self::File { space, .. }
            | Self::Membership { space, .. }
            | Self::Peer { space, .. }
            | Self::Left { space, .. } => *space,
        }
    }

    /// Description for people.
    pub(super) fn change(&self) -> Change {
        match self {
            Self::Record { row, sealed, .. } => Change::record(row, *sealed),
            Self::File { cursor, file, .. } => Change::file(*cursor, file),
            Self::Membership { cursor, entries, sealed, .. } => {
                Change::membership(*cursor, *entries, *sealed)
            }
            Self::Peer { kind, peer, content, sealed, .. } => {
                let what = match kind {
                    Live::Presence => "is here",
                    Live::Event => "event",
                };
                Change::peer(what, content.as_deref().and_then(printable), peer, *sealed)
            }
            Self::Left { peer, .. } => Change::peer("left", None, peer, 0),
        }
    }

    /// Line beside the frames; `None` for an update whose frame says everything.
    pub(super) fn fields(&self, output: Output) -> Option<Fields> {
        let line = |kind| Fields::new().with("kind", kind).with("space", self.space().to_string());
        Some(match self {
            Self::Record { row, .. } => {
                let line = line("record")
                    .with("record", row.id.to_string())
                    .with("cursor", row.cursor.get())
                    .with_some("size", row.blob.as_ref().map(bytes::Bytes::len))
                    .with_some("deleted", row.is_deleted().then_some(true));
                content::add(line, row, output)
            }
            Self::File { cursor, file, .. } => line("file")
                .with("file", file.id.to_string())
                .with("record", file.record_id.to_string())
                .with("cursor", cursor.get())
                .with_some("size", (!file.deleted).then_some(file.size))
                .with_some("deleted", file.deleted.then_some(true)),
            Self::Peer { kind, peer, content: Some(content), .. } => {
                let kind = match kind {
                    Live::Presence => "presence",
                    Live::Event => "event",
                };
                line(kind).with("peer", peer.as_str()).with_some("text", printable(content))
            }
            Self::Peer { content: None, .. } | Self::Membership { .. } | Self::Left { .. } => return None,
        })
    }
}
