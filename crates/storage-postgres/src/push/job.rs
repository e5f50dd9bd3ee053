//! One push of one caller.

use less_sync_core::{Cid, RecordId, SpaceId};
use less_sync_storage::{Access, Push, PushError, Pushed};
use tokio::sync::oneshot;

/// What one statement takes at most (storage T5).
pub(super) const STATEMENT_ROWS: usize = 2_000;
/// The same for the bytes of its blobs.
pub(super) const STATEMENT_BYTES: usize = 8 * 1024 * 1024;

/// A push that waits for its turn or is being committed.
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

    pub(super) fn rows(&self) -> usize {
        self.push.changes().len()
    }

    /// Sum of the blobs, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.push.bytes()
    }

    /// Too big for one statement.
    pub(super) fn is_big(&self) -> bool {
        self.rows() > STATEMENT_ROWS || self.bytes() > STATEMENT_BYTES
    }

    /// Writes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.push.changes().is_empty()
    }

    /// The cids that it has to be looked up for; `None` when it rests on a token alone.
    pub(super) fn cids(&self) -> Option<Vec<String>> {
        self.access.chain().map(|chain| chain.cids().iter().map(Cid::to_hex).collect())
    }

    pub(super) fn records(&self) -> impl Iterator<Item = RecordId> {
        self.push.changes().iter().map(|change| change.id)
    }

    /// Whether nobody waits for the outcome any more.
    pub(super) fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    pub(super) fn answer(self, outcome: Result<Pushed, PushError>) {
        // Whoever asked may have gone meanwhile.
        drop(self.reply.send(outcome));
    }
}
