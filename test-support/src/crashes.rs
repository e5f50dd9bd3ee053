//! Servers that die at any moment, clients that work on and write down what they saw, and a verdict on it.
//!
//! Several devices of each user push, delete and pull in one space, another one watches, and all of them keep a history.
//! Meanwhile something is killed again and again and comes back: the server, or the database below it. In the end
//! everything is pulled once more and [`less_sync_history`] judges: nothing acknowledged may be lost, nothing may have
//! happened twice or by halves.

mod device;
mod process;
mod uploads;
mod watcher;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::SpaceId;
use less_sync_history::{Event, Recorder, Verdict, check};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::within;
use device::Device;
pub use process::ServerProcess;
pub use uploads::{UploadCrashes, Uploaded};

/// Pushes that are acknowledged between two kills, at most.
const ACKNOWLEDGED_BETWEEN_KILLS: u64 = 40;

/// Maximum time from the start of the server, or the return of its database, to the next acknowledged push.
const RECOVERY: Duration = Duration::from_mins(1);

/// Extent of a run.
#[derive(Clone, Copy, Debug)]
pub struct Crashes {
    /// Number of kills.
    pub kills: u32,
    /// Users, each with a space.
    pub users: u32,
    /// Devices of each, all of which write.
    pub devices: u32,
}

/// State shared by the clients.
#[derive(Debug)]
struct World {
    history: Recorder<BufWriter<File>>,
    acknowledged: watch::Sender<u64>,
    server: watch::Receiver<SocketAddr>,
    stop: CancellationToken,
}

/// A user.
#[derive(Clone, Debug)]
struct User {
    name: String,
    token: String,
    space: SpaceId,
}

impl Crashes {
    /// Lets clients work on `server` while `kill` is called, which kills something and brings it back. The history stays in
    /// a file when it shows a violation.
    ///
    /// # Panics
    /// If the server does not recover, or the history cannot be written.
    pub async fn run(
        self,
        server: &mut ServerProcess,
        mut kill: impl AsyncFnMut(&mut ServerProcess),
    ) -> Verdict {
        let file = tempfile::Builder::new().prefix("history-").suffix(".jsonl").tempfile().expect("a file");
        let world = Arc::new(World {
            history: Recorder::new(BufWriter::new(file.reopen().expect("a file that opens"))),
            acknowledged: watch::Sender::new(0),
            server: server.address(),
            stop: CancellationToken::new(),
        });
        let users = self.users(server).await;
        let clients = self.clients(&world, &users);
        for number in 1..=self.kills {
            world.until_work_was_done().await;
            world.note(format!("kill {number}"));
            kill(server).await;
        }
        world.until_work_was_done().await;
        world.stop.cancel();
        clients.join_all().await;
        for user in users {
            let pull = Box::pin(Device::new(&world, user, 0, 0).pull_everything());
            within("the last pull", pull).await;
        }
        let world = Arc::into_inner(world).expect("a world that nobody uses any more");
        world.history.into_inner().flush().expect("a history that is written");
        judge(file)
    }

    async fn users(self, server: &ServerProcess) -> Vec<User> {
        let mut users = Vec::new();
        for number in 0..self.users {
            users.push(server.user(&format!("user-{number}")).await);
        }
        users
    }

    fn clients(self, world: &Arc<World>, users: &[User]) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for user in users {
            clients.spawn(watcher::watch(world.clone(), user.clone()));
            for number in 0..self.devices {
                let seed = rand::random();
                clients.spawn(Device::new(world, user.clone(), number, seed).work());
            }
        }
        clients
    }
}

impl World {
    /// Waits for a random number of pushes to be acknowledged, of all clients together.
    async fn until_work_was_done(&self) {
        let more = StdRng::seed_from_u64(rand::random()).random_range(1..=ACKNOWLEDGED_BETWEEN_KILLS);
        let mut acknowledged = self.acknowledged.subscribe();
        let target = *acknowledged.borrow_and_update() + more;
        let done = tokio::time::timeout(RECOVERY, acknowledged.wait_for(|count| *count >= target)).await;
        assert!(done.is_ok(), "no {more} pushes were acknowledged within {RECOVERY:?}");
    }

    fn note(&self, text: String) {
        self.record(&Event::Note { text });
    }

    fn record(&self, event: &Event) {
        self.history.record(event).expect("a history that can be written");
    }

    /// Waits until the server is somewhere else, or for a moment: it may be back at the same place.
    async fn until_it_may_be_back(&self) {
        const MOMENT: Duration = Duration::from_millis(20);
        let mut server = self.server.clone();
        server.mark_unchanged();
        let _either = tokio::time::timeout(MOMENT, server.changed()).await;
    }
}

fn judge(file: tempfile::NamedTempFile) -> Verdict {
    let verdict =
        check(BufReader::new(file.reopen().expect("a file that opens"))).expect("a history that is one");
    if !verdict.violations.is_empty() {
        let kept: Result<(File, PathBuf), _> = file.keep();
        let (_, path) = kept.expect("a file that stays");
        panic!("{} shows {:#?}", path.display(), verdict.violations);
    }
    verdict
}
