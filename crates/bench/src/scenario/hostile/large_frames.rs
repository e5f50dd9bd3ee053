//! Pushes of several mebibytes that conflict: much to receive and to check, nothing to store.

use clap::Args;
use less_sync_core::wire::push::{ChangeParams, PushResult};
use less_sync_core::wire::{DekField, method};
use less_sync_core::{RecordId, SpaceId, frame};

use super::attack::{Attack, Work};
use super::repetition::{Repetition, Width};
use crate::connection::result;
use crate::period::Period;
use crate::pushes;
use crate::server::ServerUnderTest;

/// Size of one record, in bytes.
const RECORD_BYTES: usize = 512 * 1024;

/// Load of `hostile large-frames`.
#[derive(Debug, Args)]
pub(super) struct LargeFrames {
    /// Connections of the attacker
    #[arg(long, default_value_t = 4)]
    attackers: usize,
    /// Pushes of each connection
    #[arg(long, default_value_t = 200)]
    pushes: usize,
    /// Pushes in flight per connection
    #[arg(long, default_value_t = 4)]
    window: u64,
    /// Records of 512 KiB in each push
    #[arg(long, default_value_t = 10)]
    records: usize,
}

impl Attack for LargeFrames {
    const NAME: &'static str = "large-frames";

    type Ready = Repetition;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Repetition> {
        let user = server.user().await?;
        let width = Width { connections: self.attackers, window: self.window };
        let is_received = |response: &[u8]| result::<PushResult<'_>>(response).is_ok();
        Repetition::open(server, &user, width, &self.message(user.space), is_received).await
    }

    async fn run(&self, _: &ServerUnderTest, ready: Repetition, period: Period) -> anyhow::Result<Work> {
        Ok(Work::of_pipelines("pushes", &ready.run(self.pushes, period).await?))
    }
}

impl LargeFrames {
    /// Push of updates to records that do not exist.
    fn message(&self, space: SpaceId) -> bytes::Bytes {
        let blob = vec![0xa5; RECORD_BYTES];
        let ids: Vec<String> =
            (0..self.records).map(|_| RecordId::from_bytes(rand::random()).to_string()).collect();
        let update = |id| ChangeParams { id, blob: Some(&*blob), expected_cursor: 1, dek: DekField::Absent };
        let space = space.to_string();
        let params = pushes::params(&space, None, ids.iter().map(|id| update(id)).collect());
        frame::request("1", method::PUSH, &params)
    }
}
