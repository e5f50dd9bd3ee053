//! Watchers that never read, beside a writer who keeps their queues full.

use clap::Args;

use super::attack::{Attack, Work};
use super::pipeline::{Outcomes, Pipeline};
use crate::connection::LoadConnection;
use crate::period::Period;
use crate::pushes::PushGenerator;
use crate::server::{ServerUnderTest, User};

/// Kernel receive buffer of a watcher, in bytes: data queues in the server.
const RECEIVE_BUFFER: u32 = 4096;

/// Load of `hostile slow-subscribers`.
#[derive(Debug, Args)]
pub(super) struct SlowSubscribers {
    /// Connections that watch the space and never read
    #[arg(long, default_value_t = 8)]
    watchers: usize,
    /// Pushes of the writer
    #[arg(long, default_value_t = 20_000)]
    pushes: usize,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 8192)]
    size: usize,
}

/// Attacker, and the connections that do not read.
pub(super) struct Ready {
    attacker: User,
    writer: LoadConnection,
    watchers: Vec<LoadConnection>,
}

impl Attack for SlowSubscribers {
    const NAME: &'static str = "slow-subscribers";

    type Ready = Ready;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Ready> {
        let attacker = server.user().await?;
        let writer = LoadConnection::open(server.address(), &attacker.token).await?;
        let mut watchers = Vec::with_capacity(self.watchers);
        for _ in 0..self.watchers {
            let mut watcher = LoadConnection::dial(server.address(), Some(RECEIVE_BUFFER)).await?;
            watcher.authenticate(&attacker.token).await?;
            watcher.subscribe(attacker.space, None).await?;
            watchers.push(watcher);
        }
        Ok(Ready { attacker, writer, watchers })
    }

    async fn run(&self, _: &ServerUnderTest, ready: Ready, period: Period) -> anyhow::Result<Work> {
        let Ready { attacker, writer, watchers } = ready;
        let mut generator = PushGenerator::new(attacker.space, 1, self.size);
        let requests = (0..self.pushes).map(|_| {
            let mut framed = Vec::new();
            generator.append(&mut framed);
            framed
        });
        let pipeline = Pipeline { connection: writer, window: 32, outcomes: Outcomes::new(|_| true) };
        let outcomes = pipeline.run(requests, period).await?;
        drop(watchers);
        Ok(Work::of_pipelines("pushes", &[outcomes]))
    }
}
