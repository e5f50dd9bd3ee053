//! Changes of other nodes of the deployment: read from the database, and published to the subscribers here.
//!
//! A message of another node names a space and a cursor. The rows up to it are read once for all subscribers, and become the
//! events that the other node has sent to its own. A message that is lost shows in a comparison with the database.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use less_sync_core::{Cursor, ErrorChain, SpaceId};
use less_sync_engine::{CatchUp, Engine};
use less_sync_storage::{Revocations, Row, Space, Spaces};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::broker::{Broker, Position};
use crate::comparison::Comparison;

/// Maximum number of concurrent reads.
const READS: usize = 16;

/// Reader of the changes of other nodes.
pub struct RemoteChanges {
    broker: Arc<Broker>,
    engine: Arc<Engine>,
    comparison: Comparison,
    pending: Mutex<Pending>,
    added: Notify,
    compare: Notify,
}

/// Spaces to be read: at most those that are watched.
#[derive(Debug, Default)]
struct Pending {
    /// Cursor that is known to be committed, by space.
    waiting: HashMap<SpaceId, Cursor>,
    running: HashSet<SpaceId>,
}

impl Pending {
    /// Takes a space that is not being read.
    fn begin(&mut self) -> Option<(SpaceId, Cursor)> {
        let next = self.waiting.iter().find(|(space, _)| !self.running.contains(space));
        let (space, cursor) = next.map(|(space, cursor)| (*space, *cursor))?;
        self.waiting.remove(&space);
        self.running.insert(space);
        Some((space, cursor))
    }
}

impl RemoteChanges {
    /// A reader without work.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        engine: Arc<Engine>,
        spaces: Arc<dyn Spaces>,
        revocations: Arc<dyn Revocations>,
    ) -> Arc<Self> {
        let comparison = Comparison { broker: broker.clone(), spaces, revocations };
        Arc::new(Self {
            broker,
            engine,
            comparison,
            pending: Mutex::default(),
            added: Notify::new(),
            compare: Notify::new(),
        })
    }

    /// Notes that a change of `space` up to `cursor` is committed, to be read if the space is watched and the change was not
    /// delivered.
    pub(crate) fn add(&self, space: SpaceId, cursor: Cursor) {
        if self.broker.note_committed(space, cursor) {
            let mut pending = self.pending.lock();
            let waiting = pending.waiting.entry(space).or_insert(cursor);
            *waiting = cursor.max(*waiting);
            drop(pending);
            self.added.notify_one();
        }
    }

    /// Looks a space up anew with the next request: another node removes it.
    pub(crate) fn forget(&self, space: SpaceId) {
        self.engine.forget_space(space);
    }

    /// Compares all watched spaces with the database soon.
    pub(crate) fn compare(&self) {
        self.compare.notify_one();
    }

    /// Runs until `stop` completes.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.read_forever() => {}
            () = self.compare_forever() => {}
        }
    }

    async fn read_forever(&self) {
        // Reads that a restart has cut off.
        self.pending.lock().running.clear();
        let mut reads = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = self.added.notified() => {}
                Some(space) = reads.next() => {
                    self.pending.lock().running.remove(&space);
                }
            }
            while reads.len() < READS
                && let Some((space, cursor)) = self.begin()
            {
                reads.push(self.read(space, cursor));
            }
        }
    }

    fn begin(&self) -> Option<(SpaceId, Cursor)> {
        self.pending.lock().begin()
    }

    /// Reads what is committed up to `cursor` and not delivered, and publishes it.
    async fn read(&self, space: SpaceId, cursor: Cursor) -> SpaceId {
        let Some(since) = self.broker.delivered(space).filter(|delivered| *delivered < cursor) else {
            return space;
        };
        match self.engine.missed(space, since).await {
            Ok(Some((state, CatchUp::Rows(rows)))) => self.publish(&state, &rows),
            Ok(Some((state, CatchUp::TooMuch))) => {
                self.broker.repair(space, Position::from(&state));
            }
            // Removed; the message about that ends the subscriptions.
            Ok(None) => {}
            // The position check sends a pull hint.
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to read a change of another node");
            }
        }
        space
    }

    /// Publishes rows that were read, between events of this node that wait for them.
    fn publish(&self, state: &Space, rows: &[Row]) {
        self.broker.publish_rows(state.id, Position::from(state), rows);
        // Rows of the last changes were written again meanwhile, and are beyond this state.
        self.broker.repair(state.id, Position::from(state));
    }

    async fn compare_forever(&self) {
        loop {
            self.compare.notified().await;
            // A failure is logged, and the next comparison comes.
            let (_ended, behind) =
                (self.comparison.end_revoked().await, self.comparison.spaces_behind().await);
            for (space, position) in behind.unwrap_or_default() {
                self.add(space, position.cursor);
            }
        }
    }
}

impl std::fmt::Debug for RemoteChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteChanges").finish_non_exhaustive()
    }
}
