//! Servers that die at any moment, clients that work on and write down what they saw, and a verdict on it.
//!
//! Several devices of each user push, delete and pull in one space, another one watches, and all of them keep a history.
//! Meanwhile something is killed again and again and comes back: the server, or the database below it. In the end
//! everything is pulled once more and [`less_sync_history`] judges: nothing acknowledged may be lost, nothing may have
//! happened twice or by halves.

mod device;
mod process;
mod run_state;
mod uploads;
mod watcher;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use less_sync_history::{Recorder, Verdict, check};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::within;
use device::Device;
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
        let file = tempfile::Builder::new().prefix("history-").suffix(".jsonl").tempfile().expect("a file");
        let state = Arc::new(RunState {
            history: Recorder::new(BufWriter::new(file.reopen().expect("a file that opens"))),
            acknowledged: watch::Sender::new(0),
            server: server.address(),
            stop: CancellationToken::new(),
        });
        let users = self.users(server).await;
        let clients = self.clients(&state, &users);
        for number in 1..=self.kills {
            state.until_work_was_done().await;
            state.note(format!("kill {number}"));
            kill(server).await;
        }
        state.until_work_was_done().await;
        state.stop.cancel();
        clients.join_all().await;
        for user in users {
            let pull = Box::pin(Device::new(&state, user, 0, 0).pull_everything());
            within("the last pull", pull).await;
        }
        let state = Arc::into_inner(state).expect("the only reference");
        state.history.into_inner().flush().expect("a history that is written");
        judge(file)
    }

    async fn users(self, server: &ServerProcess) -> Vec<User> {
        let mut users = Vec::new();
        for number in 0..self.users {
            users.push(server.user(&format!("user-{number}")).await);
        }
        users
    }

    fn clients(self, state: &Arc<RunState>, users: &[User]) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for user in users {
            clients.spawn(watcher::watch(state.clone(), user.clone()));
            for number in 0..self.devices {
                let seed = rand::random();
                clients.spawn(Device::new(state, user.clone(), number, seed).work());
            }
        }
        clients
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
