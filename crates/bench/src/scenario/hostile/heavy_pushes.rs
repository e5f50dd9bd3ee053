//! Pushes of very many tombstones, pipelined: little to send, much to write.

use clap::Args;
use less_sync_core::wire::push::{ChangeParams, PushResult};
use less_sync_core::wire::{DekField, method};
use less_sync_core::{RecordId, SpaceId, frame};

use super::attack::{Attack, Work};
use super::pipeline::{Outcomes, Pipeline};
use crate::connection::{LoadConnection, append, result};
use crate::period::Period;
use crate::pushes;
use crate::server::ServerUnderTest;

/// Load of `hostile heavy-pushes`.
#[derive(Debug, Args)]
pub(super) struct HeavyPushes {
    /// Connections of the attacker
    #[arg(long, default_value_t = 1)]
    attackers: usize,
    /// Pushes of each connection
    #[arg(long, default_value_t = 40)]
    pushes: usize,
    /// Tombstones per push
    #[arg(long, default_value_t = 5_000)]
    changes: usize,
}

impl Attack for HeavyPushes {
    const NAME: &'static str = "heavy-pushes";

    /// Connections, and the framed pushes of each.
    type Ready = Vec<(Pipeline, Vec<Vec<u8>>)>;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Self::Ready> {
        let mut ready = Vec::new();
        let attacker = server.users_named("attacker", 1).await?;
        for user in attacker.iter().cycle().take(self.attackers) {
            let connection = LoadConnection::open(server.address(), &user.token).await?;
            let outcomes = Outcomes::new(is_committed);
            // Encoded before anything is measured: the bystanders share the thread of the attacker.
            let messages = (0..self.pushes).map(|number| self.message(user.space, number)).collect();
            ready.push((Pipeline { connection, window: u64::MAX, outcomes }, messages));
        }
        Ok(ready)
    }

    async fn run(&self, _: &ServerUnderTest, ready: Self::Ready, period: Period) -> anyhow::Result<Work> {
        let attacks = ready.into_iter().map(|(pipeline, messages)| pipeline.run(messages, period));
        let outcomes = futures_util::future::try_join_all(attacks).await?;
        Ok(Work::of_pipelines("pushes", &outcomes))
    }
}

impl HeavyPushes {
    /// Push as a frame.
    fn message(&self, space: SpaceId, number: usize) -> Vec<u8> {
        let ids: Vec<String> =
            (0..self.changes).map(|_| RecordId::from_bytes(rand::random()).to_string()).collect();
        let tombstone = |id| ChangeParams { id, blob: None, expected_cursor: 0, dek: DekField::Absent };
        let space = space.to_string();
        let params = pushes::params(&space, None, ids.iter().map(|id| tombstone(id)).collect());
        let mut framed = Vec::new();
        append(&mut framed, &frame::request(&number.to_string(), method::PUSH, &params));
        framed
    }
}

fn is_committed(response: &[u8]) -> bool {
    result::<PushResult<'_>>(response).is_ok_and(|result| result.ok)
}
