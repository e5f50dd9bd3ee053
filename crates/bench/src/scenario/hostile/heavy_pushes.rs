//! Pushes of very many tombstones, pipelined: little to send, much to write.

use anyhow::Context as _;
use clap::Args;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::wire::{DekField, method};
use less_sync_core::{RecordId, SpaceId, frame};

use super::attack::{Attack, Work};
use crate::connection::{LoadConnection, append, result};
use crate::frames::FrameHandler;
use crate::period::Period;
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

    type Ready = Vec<Pipeline>;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Self::Ready> {
        let mut pipelines = Vec::new();
        for user in server.users_named("attacker", 1).await?.iter().cycle().take(self.attackers) {
            let connection = LoadConnection::open(server.address(), &user.token).await?;
            // Encoded before anything is measured: the bystanders share the thread of the attacker.
            let messages = (0..self.pushes).map(|number| self.message(user.space, number)).collect();
            pipelines.push(Pipeline { connection, messages, outcomes: Outcomes::default() });
        }
        Ok(pipelines)
    }

    async fn run(&self, _: &ServerUnderTest, ready: Self::Ready, period: Period) -> anyhow::Result<Work> {
        let attacks = ready.into_iter().map(|pipeline| pipeline.run(period));
        let outcomes = futures_util::future::try_join_all(attacks).await?;
        let total = |count: fn(&Outcomes) -> u64| outcomes.iter().map(count).sum();
        Ok(Work::default()
            .with("pushes_sent", total(|outcomes| outcomes.sent))
            .with("pushes_committed", total(|outcomes| outcomes.committed))
            .with("pushes_rejected", total(|outcomes| outcomes.rejected)))
    }
}

impl HeavyPushes {
    /// Push as a frame.
    fn message(&self, space: SpaceId, number: usize) -> Vec<u8> {
        let ids: Vec<String> =
            (0..self.changes).map(|_| RecordId::from_bytes(rand::random()).to_string()).collect();
        let tombstone = |id| ChangeParams { id, blob: None, expected_cursor: 0, dek: DekField::Absent };
        let space = space.to_string();
        let params = PushParams {
            space: &space,
            ucan: None,
            epoch: None,
            home_server: None,
            changes: ids.iter().map(|id| tombstone(id)).collect(),
        };
        let mut framed = Vec::new();
        append(&mut framed, &frame::request(&number.to_string(), method::PUSH, &params));
        framed
    }
}

/// Connection of the attacker, and the pushes that it sends, as frames.
#[derive(Debug)]
pub(super) struct Pipeline {
    connection: LoadConnection,
    messages: Vec<Vec<u8>>,
    outcomes: Outcomes,
}

impl Pipeline {
    /// Sends all pushes without waiting for a response, and reads until the last one or the end of the period.
    async fn run(mut self, period: Period) -> anyhow::Result<Outcomes> {
        for message in std::mem::take(&mut self.messages) {
            if self.outcomes.closed || !self.send(&message, period).await? {
                break;
            }
            self.outcomes.sent += 1;
        }
        while self.outcomes.completed() < self.outcomes.sent && !self.outcomes.closed {
            tokio::select! {
                read = self.connection.read(&mut self.outcomes) => read.context("attacker connection closed")?,
                () = period.end() => break,
            }
        }
        Ok(self.outcomes)
    }

    /// Sends one push; `false` at the end of the period. A server that has stopped reading blocks this until then.
    async fn send(&mut self, message: &[u8], period: Period) -> anyhow::Result<bool> {
        if period.is_over() {
            return Ok(false);
        }
        tokio::select! {
            sent = self.connection.send_framed(message) => sent.context("attacker connection closed")?,
            () = period.end() => return Ok(false),
        }
        Ok(true)
    }
}

/// Pushes sent and completed on one connection.
#[derive(Debug, Default)]
struct Outcomes {
    sent: u64,
    committed: u64,
    rejected: u64,
    closed: bool,
}

impl Outcomes {
    fn completed(&self) -> u64 {
        self.committed + self.rejected
    }
}

impl FrameHandler for Outcomes {
    fn response(&mut self, payload: &[u8]) {
        match result::<PushResult<'_>>(payload) {
            Ok(PushResult { ok: true, .. }) => self.committed += 1,
            Ok(_) | Err(_) => self.rejected += 1,
        }
    }

    fn close(&mut self, _code: u16) {
        self.closed = true;
    }
}
