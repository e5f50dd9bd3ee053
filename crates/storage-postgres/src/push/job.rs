//! A queued push and the sender of its outcome.

use less_sync_core::{Cid, RecordId, SpaceId};
use less_sync_storage::{Access, Flow, Push, PushError, Pushed};
use tokio::sync::oneshot;

/// Maximum number of changes per statement (storage T5).
pub(super) const STATEMENT_ROWS: usize = 2_000;
/// Maximum sum of the blobs per statement, in bytes.
pub(super) const STATEMENT_BYTES: usize = 8 * 1024 * 1024;

/// Changes of one flow in a batch, as long as other flows have pushes for it.
pub(super) const SHARE_ROWS: usize = STATEMENT_ROWS / 8;
/// Blob bytes of one flow in a batch, in the same way.
pub(super) const SHARE_BYTES: usize = STATEMENT_BYTES / 8;

/// A push that is queued or being committed.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) space: SpaceId,
    pub(super) access: Access,
    pub(super) push: Push,
    reply: oneshot::Sender<Result<Pushed, PushError>>,
}

impl Job {
    pub(super) fn new(access: Access, push: Push, reply: oneshot::Sender<Result<Pushed, PushError>>) -> Self {
        Self { space: access.space(), access, push, reply }
    }

    /// The flow whose turn the push takes.
    pub(super) fn flow(&self) -> Flow {
        self.access.flow()
    }

    pub(super) fn rows(&self) -> usize {
        self.push.changes().len()
    }

    /// Sum of the blobs, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.push.bytes()
    }

    /// True if the push exceeds the share of a flow in a batch: it has a statement of its own, or several.
    pub(super) fn is_heavy(&self) -> bool {
        self.rows() > SHARE_ROWS || self.bytes() > SHARE_BYTES
    }

    /// True if the push exceeds one statement.
    pub(super) fn is_oversized(&self) -> bool {
        self.rows() > STATEMENT_ROWS || self.bytes() > STATEMENT_BYTES
    }

    /// True if the push has no changes.
    pub(super) fn is_empty(&self) -> bool {
        self.push.changes().is_empty()
    }

    /// Cids of the chain, to be looked up among the revocations; `None` for access by a token alone.
    pub(super) fn cids(&self) -> Option<Vec<String>> {
        self.access.chain().map(|chain| chain.cids().iter().map(Cid::to_hex).collect())
    }

    pub(super) fn records(&self) -> impl Iterator<Item = RecordId> {
        self.push.changes().iter().map(|change| change.id)
    }

    /// True if the ticket was dropped.
    pub(super) fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    pub(super) fn resolve(self, outcome: Result<Pushed, PushError>) {
        // The ticket may have been dropped meanwhile.
        drop(self.reply.send(outcome));
    }
}
