//! State of a run, shared by its clients: the history, the number of acknowledged pushes, and the addresses of the servers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::time::Duration;

use less_sync_core::{Cursor, SpaceId};
use less_sync_history::{Event, Recorder};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Maximum number of pushes acknowledged between two kills.
const ACKNOWLEDGED_BETWEEN_KILLS: u64 = 40;

/// Maximum time from the start of the server, or the return of its database, to the next acknowledged push.
pub(super) const RECOVERY: Duration = Duration::from_mins(1);

/// State shared by the clients.
#[derive(Debug)]
pub(super) struct RunState {
    pub(super) history: Recorder<BufWriter<File>>,
    pub(super) acknowledged: watch::Sender<u64>,
    /// Addresses of the nodes of one deployment.
    pub(super) servers: Vec<watch::Receiver<SocketAddr>>,
    /// Cursor that each watcher has reached, by user and number.
    pub(super) reached: watch::Sender<BTreeMap<(String, usize), Cursor>>,
    /// Ends the devices that write.
    pub(super) stop: CancellationToken,
    /// Ends the watchers.
    pub(super) end: CancellationToken,
}

/// A user.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) space: SpaceId,
}

impl RunState {
    /// Waits for a random number of pushes to be acknowledged, of all clients together.
    pub(super) async fn until_work_was_done(&self) {
        let more = StdRng::seed_from_u64(rand::random()).random_range(1..=ACKNOWLEDGED_BETWEEN_KILLS);
        let mut acknowledged = self.acknowledged.subscribe();
        let target = *acknowledged.borrow_and_update() + more;
        let done = tokio::time::timeout(RECOVERY, acknowledged.wait_for(|count| *count >= target)).await;
        assert!(done.is_ok(), "no {more} pushes were acknowledged within {RECOVERY:?}");
    }

    pub(super) fn note(&self, text: String) {
        self.record(&Event::Note { text });
    }

    pub(super) fn record(&self, event: &Event) {
        self.history.record(event).expect("a history that can be written");
    }

    /// Waits until every watcher of a user has reached the cursor.
    pub(super) async fn until_watchers_reach(&self, user: &str, cursor: Cursor) {
        let mut reached = self.reached.subscribe();
        let are_there = |reached: &BTreeMap<(String, usize), Cursor>| {
            let mut own = reached.iter().filter(|((of, _), _)| of == user);
            own.all(|(_, at)| *at >= cursor)
        };
        let waited = tokio::time::timeout(RECOVERY, reached.wait_for(are_there)).await;
        assert!(waited.is_ok(), "watchers stay behind {cursor:?} of {user}: {:?}", *self.reached.borrow());
    }

    /// Waits until a server is started again, or for a moment: it may be back already.
    pub(super) async fn until_it_may_be_back(&self, site: usize) {
        const MOMENT: Duration = Duration::from_millis(20);
        let mut server = self.servers[site].clone();
        server.mark_unchanged();
        let _either = tokio::time::timeout(MOMENT, server.changed()).await;
    }
}
