//! Listings of the wrapped keys of a space whose records have none: much to visit, nothing to send.

use clap::Args;
use less_sync_core::wire::deks::{DeksGetParams, DeksResult};
use less_sync_core::wire::method;
use less_sync_core::{RecordId, frame};

use super::attack::{Attack, Work};
use super::repetition::{Repetition, Width};
use crate::connection::{LoadConnection, result};
use crate::period::Period;
use crate::pushes;
use crate::server::ServerUnderTest;
use crate::shared_space::SharedSpace;

/// Records per push while the space is filled.
const BATCH: usize = 1000;

/// Load of `hostile key-listings`.
#[derive(Debug, Args)]
pub(super) struct KeyListings {
    /// Connections of the attacker
    #[arg(long, default_value_t = 4)]
    attackers: usize,
    /// Records without a key in the space
    #[arg(long, default_value_t = 200_000)]
    records: usize,
    /// Listings of each connection
    #[arg(long, default_value_t = 10_000)]
    listings: usize,
    /// Listings in flight per connection
    #[arg(long, default_value_t = 8)]
    window: u64,
}

impl Attack for KeyListings {
    const NAME: &'static str = "key-listings";

    type Ready = Repetition;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Repetition> {
        let owner = SharedSpace::create(server).await?.owner(server).await?;
        let mut filler = LoadConnection::open(server.address(), &owner.token).await?;
        for filled in (0..self.records).step_by(BATCH) {
            let count = BATCH.min(self.records - filled);
            let ids: Vec<_> = (0..count).map(|_| RecordId::from_bytes(rand::random())).collect();
            pushes::create_without_keys(&mut filler, &owner, &ids).await?;
        }
        let id = owner.space.to_string();
        let params = DeksGetParams { space: &id, ucan: owner.ucan.as_deref(), home_server: None, since: 0 };
        let request = frame::request("1", method::DEKS_GET, &params);
        let width = Width { connections: self.attackers, window: self.window };
        let is_listed = |response: &[u8]| result::<DeksResult<'_>>(response).is_ok();
        Repetition::open(server, &owner, width, &request, is_listed).await
    }

    async fn run(&self, _: &ServerUnderTest, ready: Repetition, period: Period) -> anyhow::Result<Work> {
        Ok(Work::of_pipelines("listings", &ready.run(self.listings, period).await?))
    }
}
