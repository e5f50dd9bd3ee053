//! Connections that watch one space while a load runs.

use std::rc::Rc;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;

use crate::connection::{LoadConnection, ServerAddress};
use crate::figures::Figures;
use crate::period::Period;
use crate::server::{ServerUnderTest, User};
use crate::tracker::{Deliveries, DeliveryTracker};

/// Concurrent dials; the listen backlog of a server is finite.
const DIALS: usize = 64;

/// Opens `count` connections, each subscribed to the space of its user; the users take turns.
pub(crate) async fn dial(
    address: &ServerAddress,
    users: &[User],
    count: usize,
) -> anyhow::Result<Vec<LoadConnection>> {
    let dials = users.iter().cycle().take(count).map(|user| async move {
        let mut connection = LoadConnection::open(address, &user.token).await?;
        connection.subscribe(user.space, user.ucan.as_deref()).await?;
        anyhow::Ok(connection)
    });
    stream::iter(dials).buffer_unordered(DIALS).try_collect().await.context("cannot open the connections")
}

/// Watchers of one space, read until this is dropped.
#[derive(Debug)]
pub(crate) struct Watchers {
    pub(crate) tracker: Rc<DeliveryTracker>,
    _readers: JoinSet<()>,
}

impl Watchers {
    /// Opens `count` connections of `users`, who take turns; `window` is the maximum number of messages in flight to them.
    pub(crate) async fn open(
        address: &ServerAddress,
        users: &[User],
        count: usize,
        window: u16,
    ) -> anyhow::Result<Self> {
        let connections = dial(address, users, count).await?;
        let tracker = DeliveryTracker::new(count, window.into())?;
        let readers = tracker.watch(connections);
        Ok(Self { tracker, _readers: readers })
    }

    /// Runs `load` until the end of `period`, and counts deliveries within it. `observe` starts after the warm-up and
    /// must last until the end of the period.
    pub(crate) async fn observe_load<T>(
        &self,
        period: Period,
        load: impl Future<Output = anyhow::Result<()>>,
        observe: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<(Deliveries, T)> {
        let watch = async {
            period.begin().await;
            self.tracker.clear();
            let observed = observe.await?;
            Ok((self.tracker.deliveries(), observed))
        };
        let ((), measured) = tokio::try_join!(load, watch)?;
        Ok(measured)
    }

    /// As [`Watchers::observe_load`], adding processor time within the period to `figures`.
    pub(crate) async fn measure_load(
        &self,
        server: &ServerUnderTest,
        period: Period,
        load: impl Future<Output = anyhow::Result<()>>,
        figures: &mut Figures,
    ) -> anyhow::Result<Deliveries> {
        let observe = async {
            let meter = server.meter()?;
            period.end().await;
            meter.add_to(figures)
        };
        Ok(self.observe_load(period, load, observe).await?.0)
    }
}
