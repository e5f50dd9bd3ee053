//! Replacement of every wrapped key of a space by one call.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use less_sync_core::wire::deks::{
    DeksGetParams, DeksResult, DeksRewrapParams, DeksRewrapResult, RewrapEntry,
};
use less_sync_core::wire::epoch::{EpochBeginParams, EpochBeginResult, EpochCompleteParams};
use less_sync_core::wire::{DekField, Empty, method};
use less_sync_core::{Dek, SpaceId};

use crate::clock;
use crate::connection::{LoadConnection, result};
use crate::figures::{Figures, Latencies, rate};
use crate::period::Period;
use crate::pushes;
use crate::server::ServerUnderTest;

/// Load of `rewrap`.
#[derive(Debug, Args)]
pub struct Load {
    /// Records in the space, whose keys are replaced by one call
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=30_000))]
    deks: u32,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 64)]
    size: usize,
}

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let user = server.user().await?;
    let mut connection = LoadConnection::open(server.address(), &user.token).await?;
    pushes::fill(&mut connection, user.space, load.deks as usize, load.size).await?;
    let mut figures = Figures::new("rewrap");
    server.probe_disk(&mut figures)?;
    let mut rotation = Rotation { connection, space: user.space, epoch: 1 };
    let (mut list, mut rewrap) = (Latencies::new()?, Latencies::new()?);
    let (period, meter) = (Period::start(time), server.meter()?);
    // At least one round runs, however long it takes.
    loop {
        rotation.round(load.deks as usize, &mut list, &mut rewrap).await?;
        if period.is_over() {
            break;
        }
    }
    meter.add_to(&mut figures)?;
    figures.add("deks", load.deks);
    figures.add("rewraps", rewrap.count());
    let spent = Duration::from_secs_f64(rewrap.sum_ms() / 1000.0);
    figures.add_decimal("deks_per_s", rate(rewrap.count() * u64::from(load.deks), spent));
    figures.add_latencies("list", &list);
    figures.add_latencies("rewrap", &rewrap);
    Ok(figures)
}

/// Consecutive rotations of one space.
struct Rotation {
    connection: LoadConnection,
    space: SpaceId,
    epoch: i32,
}

impl Rotation {
    async fn round(
        &mut self,
        expected: usize,
        list: &mut Latencies,
        rewrap: &mut Latencies,
    ) -> anyhow::Result<()> {
        self.epoch += 1;
        self.begin().await?;
        let began = clock::instant();
        let listed = self.list().await?;
        list.record(began.elapsed());
        let rows = result::<DeksResult<'_>>(&listed)?.deks.context("no list of keys")?;
        ensure!(rows.len() == expected, "{} keys of {expected} were listed", rows.len());
        let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
        let dek = self.dek();
        let entry = |(id, observed)| RewrapEntry {
            id,
            dek: DekField::Stated(&dek),
            observed_wrapped_dek: Some(observed),
        };
        let entries = ids.iter().map(String::as_str).zip(rows.iter().map(|row| row.wrapped_dek)).map(entry);
        let space = self.space.to_string();
        let params =
            DeksRewrapParams { space: &space, ucan: None, home_server: None, deks: entries.collect() };
        let began = clock::instant();
        let response = self.connection.call(method::DEKS_REWRAP, &params).await?;
        rewrap.record(began.elapsed());
        let count = result::<DeksRewrapResult>(&response)?.count;
        ensure!(count == expected as u64, "{count} keys of {expected} were replaced");
        self.complete().await
    }

    async fn begin(&mut self) -> anyhow::Result<()> {
        let space = self.space.to_string();
        let params = EpochBeginParams {
            space: &space,
            ucan: None,
            home_server: None,
            epoch: self.epoch,
            set_min_key_generation: false,
        };
        let response = self.connection.call(method::EPOCH_BEGIN, &params).await?;
        let begun: EpochBeginResult<'_> = result(&response)?;
        ensure!(matches!(begun, EpochBeginResult::Begun(_)), "the epoch did not begin");
        Ok(())
    }

    async fn list(&mut self) -> anyhow::Result<Vec<u8>> {
        let space = self.space.to_string();
        let params = DeksGetParams { space: &space, ucan: None, home_server: None, since: 0 };
        self.connection.call(method::DEKS_GET, &params).await
    }

    async fn complete(&mut self) -> anyhow::Result<()> {
        let space = self.space.to_string();
        let params = EpochCompleteParams { space: &space, ucan: None, home_server: None, epoch: self.epoch };
        let response = self.connection.call(method::EPOCH_COMPLETE, &params).await?;
        result::<Empty>(&response).map(drop)
    }

    fn dek(&self) -> [u8; Dek::LENGTH] {
        let mut dek = [0xa5; Dek::LENGTH];
        dek.iter_mut().zip(self.epoch.to_be_bytes()).for_each(|(target, byte)| *target = byte);
        dek
    }
}
