//! Ports of the engine: clock, task spawner, events of spaces, mailbox notices, other nodes of the deployment.

mod deployment;
mod fanout_bus;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use less_sync_core::{ConnectionId, Cursor, Epoch, MailboxId, SpaceId, Timestamp};
use less_sync_storage::{Change, DeletedFile, FileEntry, MemberEntry};

use crate::Revocation;
pub use deployment::{
    ActorDigest, Deployment, EncodedEvent, EphemeralChange, EphemeralKind, PeerName, RemoteChange,
    RemoteEvents, SingleNode,
};
pub use fanout_bus::{BusError, BusLimits, BusShard, BusTopic, FanoutBus, SHARDS};

/// A boxed future without a borrow.
pub type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wall-clock and monotonic time. A port, so that tests move the clock instead of sleeping.
pub trait Clock: Send + Sync {
    /// Wall-clock time, for claims and expiry.
    fn now(&self) -> Timestamp;

    /// Monotonic time, for durations.
    fn instant(&self) -> Instant;

    /// Completes once [`Clock::instant`] has reached `at`.
    fn sleep_until(&self, at: Instant) -> Job;
}

/// Supervised background tasks, for work that must outlive its caller.
pub trait Spawner: Send + Sync {
    /// Spawns `job` under `name`; it runs until it completes or the process stops.
    fn spawn(&self, name: &'static str, job: Job);

    /// Spawns `job` under `name`; it runs until it completes, also while the process stops. For short work that would
    /// otherwise be left half done: a stopping process waits for it within the grace period of its shutdown.
    fn spawn_to_completion(&self, name: &'static str, job: Job);
}

/// Committed change of a space, or its removal, for its live subscribers.
#[derive(Clone, Debug)]
pub enum SpaceEvent {
    /// A push of records.
    Pushed(PushedEvent),
    /// A new entry of the membership log.
    Appended(AppendedEvent),
    /// An upload or a deletion of a file.
    FileChanged(FileEvent),
    /// A revocation of a UCAN. Does not move the cursor.
    Revoked(RevokedEvent),
    /// The removal of the space has begun or ended: its subscriptions end.
    Purged(SpaceId),
}

/// Committed push.
#[derive(Clone, Debug)]
pub struct PushedEvent {
    /// Space of the records.
    pub space: SpaceId,
    /// Cursor of the space before the push.
    pub prev: Cursor,
    /// Cursor of the space, and of every changed record, after the push.
    pub cursor: Cursor,
    /// Key generation of the space at the time of the push.
    pub key_generation: Epoch,
    /// Pending rewrap of the space at the time of the push.
    pub rewrap_epoch: Option<Epoch>,
    /// Changed records, in the order of the push.
    pub changes: Arc<[Change]>,
    /// Files deleted together with their records.
    pub deleted_files: Vec<DeletedFile>,
    /// Connection that pushed; excluded from the fan-out (protocol G5).
    pub origin: ConnectionId,
}

/// Committed entry of the membership log.
#[derive(Clone, Debug)]
pub struct AppendedEvent {
    /// Space of the log.
    pub space: SpaceId,
    /// Cursor of the space before the append.
    pub prev: Cursor,
    /// Key generation of the space at the time of the append.
    pub key_generation: Epoch,
    /// Pending rewrap of the space at the time of the append.
    pub rewrap_epoch: Option<Epoch>,
    /// Appended entry; its cursor is the cursor of the space after the append.
    pub entry: MemberEntry,
    /// Connection that appended; excluded from the fan-out (protocol G5).
    pub origin: ConnectionId,
}

/// Committed upload or deletion of a file.
#[derive(Clone, Debug)]
pub struct FileEvent {
    /// Space of the file.
    pub space: SpaceId,
    /// Cursor of the space before the change.
    pub prev: Cursor,
    /// Key generation of the space at the time of the change.
    pub key_generation: Epoch,
    /// Pending rewrap of the space at the time of the change.
    pub rewrap_epoch: Option<Epoch>,
    /// State of the file after the change; its cursor is the cursor of the space after the change. Files are changed over
    /// HTTP, so the event has no originating connection and goes to every subscriber (http §7.3).
    pub file: FileEntry,
}

/// Committed revocation of a UCAN.
#[derive(Clone, Debug)]
pub struct RevokedEvent {
    /// Space for which the UCAN is revoked.
    pub space: SpaceId,
    /// The revocation, which decides which chains it ends.
    pub revocation: Revocation,
    /// Connection that revoked; excluded from the notice (protocol G5). `None` for a revocation by another process.
    pub origin: Option<ConnectionId>,
}

/// Port for live events of spaces: fan-out to subscribed connections.
pub trait SpaceEvents: Send + Sync {
    /// Publishes an event of a committed mutation. Never blocks. Events of one space may be published out of order when
    /// several callers race; the implementation restores the order by `prev` and `cursor` (decision 0013).
    fn publish(&self, event: SpaceEvent);
}

/// Port for notices to connected owners of mailboxes.
pub trait MailboxNotices: Send + Sync {
    /// Schedules a notice about a new invitation in `mailbox`, to be sent after a random delay (auth P-7). Never blocks.
    fn invitation_stored(&self, mailbox: MailboxId);
}
