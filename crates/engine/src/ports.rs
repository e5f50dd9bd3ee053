//! What the engine needs of the world around it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use less_sync_core::{ConnectionId, Cursor, Epoch, MailboxId, SpaceId, Timestamp};
use less_sync_storage::{Change, DeletedFile, FileEntry, MemberEntry};

use crate::Revocation;

/// A boxed future without a borrow.
pub type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Time, so that rules about it can be tested without waiting.
pub trait Clock: Send + Sync {
    /// Wall-clock time, for claims and expiry.
    fn now(&self) -> Timestamp;

    /// Monotonic time, for durations.
    fn instant(&self) -> Instant;

    /// Completes once [`Clock::instant`] has reached `at`.
    fn sleep_until(&self, at: Instant) -> Job;
}

/// Runs work that must outlive its caller, under supervision.
pub trait Spawner: Send + Sync {
    /// Runs `job` until it ends or the process stops.
    fn spawn(&self, name: &'static str, job: Job);
}

/// Something that happened in a space, after it was committed.
#[derive(Clone, Debug)]
pub enum SpaceEvent {
    /// Records were pushed.
    Pushed(PushedEvent),
    /// The membership log grew.
    Appended(AppendedEvent),
    /// A file was uploaded or deleted.
    FileChanged(FileEvent),
    /// A token was revoked. Moves no cursor.
    Revoked(RevokedEvent),
}

/// A committed push.
#[derive(Clone, Debug)]
pub struct PushedEvent {
    /// Where.
    pub space: SpaceId,
    /// Cursor of the space before the push.
    pub prev: Cursor,
    /// Cursor of the space, and of every changed record, after it.
    pub cursor: Cursor,
    /// Key generation of the space at that moment.
    pub key_generation: Epoch,
    /// Pending rewrap at that moment.
    pub rewrap_epoch: Option<Epoch>,
    /// What changed, in the order of the push.
    pub changes: Arc<[Change]>,
    /// Files that went with their records.
    pub deleted_files: Vec<DeletedFile>,
    /// The connection that pushed; it does not hear of it (protocol G5).
    pub origin: ConnectionId,
}

/// A committed entry of the membership log.
#[derive(Clone, Debug)]
pub struct AppendedEvent {
    /// Where.
    pub space: SpaceId,
    /// Cursor of the space before the append.
    pub prev: Cursor,
    /// Key generation of the space at that moment.
    pub key_generation: Epoch,
    /// Pending rewrap at that moment.
    pub rewrap_epoch: Option<Epoch>,
    /// The entry; its cursor is that of the space after the append.
    pub entry: MemberEntry,
    /// The connection that appended; it does not hear of it (protocol G5).
    pub origin: ConnectionId,
}

/// A committed upload or deletion of a file.
#[derive(Clone, Debug)]
pub struct FileEvent {
    /// Where.
    pub space: SpaceId,
    /// Cursor of the space before.
    pub prev: Cursor,
    /// Key generation of the space at that moment.
    pub key_generation: Epoch,
    /// Pending rewrap at that moment.
    pub rewrap_epoch: Option<Epoch>,
    /// The file as it is now; its cursor is that of the space after the change. It came over HTTP, so every watcher
    /// hears of it, those of the uploader included (http §7.3).
    pub file: FileEntry,
}

/// A committed revocation.
#[derive(Clone, Debug)]
pub struct RevokedEvent {
    /// Where.
    pub space: SpaceId,
    /// What it ends.
    pub revocation: Revocation,
    /// The connection that revoked; it does not hear of it (protocol G5).
    pub origin: ConnectionId,
}

/// Takes events to whoever watches a space, and notices to whoever owns a mailbox.
pub trait EventSink: Send + Sync {
    /// Hands over an event of a committed mutation. Never blocks. Events of one space may arrive out of order
    /// when several callers race; the sink restores the order by `prev` and `cursor` (decision 0013).
    fn publish(&self, event: SpaceEvent);

    /// Has the owner of a mailbox told that something new is in it, some time later (auth P-7). Never blocks.
    fn invited(&self, mailbox: MailboxId);
}
