//! State of a run, shared by its clients: the history, the number of acknowledged pushes, and the address of the server.

use std::fs::File;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::time::Duration;

use less_sync_core::SpaceId;
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
    pub(super) server: watch::Receiver<SocketAddr>,
    pub(super) stop: CancellationToken,
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

    /// Waits until the server has another address, or for a moment: it may be back at the same one.
    pub(super) async fn until_it_may_be_back(&self) {
        const MOMENT: Duration = Duration::from_millis(20);
        let mut server = self.server.clone();
        server.mark_unchanged();
        let _either = tokio::time::timeout(MOMENT, server.changed()).await;
    }
}
