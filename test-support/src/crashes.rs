//! Servers that die at any moment, clients that work on and write down what they saw, and a verdict on it.
//!
//! Several devices of each user push, delete and pull in one space, another one watches, and all of them keep a history.
//! Meanwhile something is killed again and again and comes back: a server, the database below it, or what connects several
//! servers. In the end all watchers have to reach the last change, everything is pulled once more and [`less_sync_history`] judges: nothing acknowledged may be lost, nothing may have
//! happened twice or by halves.

mod device;
mod disk;
mod nodes;
mod process;
mod run_state;
mod uploads;
mod watcher;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use less_sync_history::{Recorder, Verdict, check};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::within;
use device::Device;
pub use disk::RefusingDisk;
pub use nodes::Nodes;
pub use process::ServerProcess;
use run_state::{RunState, User};
pub use uploads::{UploadCrashes, Uploaded};

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
        let mut users = Vec::new();
        for number in 0..self.users {
            users.push(server.user(&format!("user-{number}")).await);
        }
        self.run_on(vec![server.address()], users, async |_number| kill(server).await).await
    }

    /// As [`Crashes::run`], with clients on all `nodes` of a deployment. `kill` gets the number of the kill, from 0.
    ///
    /// # Panics
    /// As [`Crashes::run`], and if a watcher does not learn of the last change.
    pub async fn run_on_nodes(
        self,
        nodes: &mut Nodes,
        mut kill: impl AsyncFnMut(&mut Nodes, usize),
    ) -> Verdict {
        let users = (0..self.users).map(|number| nodes.user(&format!("user-{number}"))).collect();
        self.run_on(nodes.addresses(), users, async |number| kill(nodes, number as usize).await).await
    }

    async fn run_on(
        self,
        servers: Vec<watch::Receiver<SocketAddr>>,
        users: Vec<User>,
        mut kill: impl AsyncFnMut(u32),
    ) -> Verdict {
        let file = tempfile::Builder::new().prefix("history-").suffix(".jsonl").tempfile().expect("a file");
        let state = Arc::new(RunState {
            history: Recorder::new(BufWriter::new(file.reopen().expect("a file that opens"))),
            acknowledged: watch::Sender::new(0),
            servers,
            reached: watch::Sender::new(BTreeMap::new()),
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
        });
        let (devices, watchers) = self.clients(&state, &users);
        for number in 0..self.kills {
            state.until_work_was_done().await;
            state.note(format!("kill {}", number + 1));
            kill(number).await;
        }
        state.until_work_was_done().await;
        state.stop.cancel();
        devices.join_all().await;
        for user in users {
            let name = user.name.clone();
            let pull = Box::pin(Device::new(&state, user, 0, 0).pull_everything());
            let cursor = within("the last pull", pull).await;
            state.until_watchers_reach(&name, cursor).await;
        }
        state.end.cancel();
        watchers.join_all().await;
        let state = Arc::into_inner(state).expect("the only reference");
        state.history.into_inner().flush().expect("a history that is written");
        judge(file)
    }

    /// Devices that write, and watchers on every server.
    fn clients(self, state: &Arc<RunState>, users: &[User]) -> (JoinSet<()>, JoinSet<()>) {
        let (mut devices, mut watchers) = (JoinSet::new(), JoinSet::new());
        for user in users {
            for number in 0..state.servers.len() {
                watchers.spawn(watcher::watch(state.clone(), user.clone(), number));
            }
            for number in 0..self.devices {
                let seed = rand::random();
                devices.spawn(Device::new(state, user.clone(), number, seed).work());
            }
        }
        (devices, watchers)
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
