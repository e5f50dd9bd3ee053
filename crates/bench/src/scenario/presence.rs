//! Presence updates among the peers of one space.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::presence::PresenceSetParams;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::connection::{LoadConnection, append};
use crate::figures::{Figures, rate};
use crate::frames::FrameHandler;
use crate::period::Period;
use crate::server::ServerUnderTest;
use crate::tasks::join_all;
use crate::watchers;

/// Time after the end of the load without a delivery, after which updates count as lost.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Load of `presence`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections that watch one space and are present in it; the server allows 100
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=100))]
    peers: u16,
    /// Maximum updates in flight, not yet delivered to every other peer
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Size of an update, in bytes
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(8..=1024))]
    size: u16,
}

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let user = server.user().await?;
    let users = std::slice::from_ref(&user);
    let connections = watchers::dial(server.address(), users, load.peers.into()).await?;
    let others = u64::from(load.peers) - 1;
    let exchange = Rc::new(Exchange {
        others,
        delivered: Cell::new(0),
        sent: Cell::new(0),
        window: Semaphore::new(load.window.into()),
    });
    let period = Period::start(time);
    let mut peers = JoinSet::new();
    for connection in connections {
        let peer = Peer {
            connection,
            exchange: exchange.clone(),
            space: user.space.to_string(),
            size: load.size.into(),
        };
        peers.spawn_local(peer.run(period));
    }
    period.begin().await;
    let (before, meter) = (exchange.delivered.get(), server.meter()?);
    period.end().await;
    let deliveries = exchange.delivered.get() - before;
    let mut figures = Figures::new("presence");
    meter.add_to(&mut figures)?;
    join_all(peers, "a peer").await?;
    ensure!(
        exchange.outstanding() == 0,
        "updates were lost: {} of {}",
        exchange.outstanding(),
        exchange.sent.get()
    );
    figures.add("peers", load.peers);
    figures.add("window", load.window);
    figures.add("update_bytes", load.size);
    figures.add("updates", exchange.sent.get());
    figures.add("deliveries", deliveries);
    figures.add_decimal("updates_per_s", rate(deliveries / others, period.time()));
    figures.add_decimal("deliveries_per_s", rate(deliveries, period.time()));
    Ok(figures)
}

/// Updates sent and delivered among all peers.
struct Exchange {
    others: u64,
    delivered: Cell<u64>,
    sent: Cell<u64>,
    /// Permits, one for each update that may be in flight.
    window: Semaphore,
}

impl Exchange {
    fn outstanding(&self) -> u64 {
        self.sent.get().saturating_sub(self.delivered.get() / self.others)
    }

    fn deliver(&self, count: u64) {
        let before = self.delivered.get() / self.others;
        self.delivered.set(self.delivered.get() + count);
        let complete = self.delivered.get() / self.others - before;
        self.window.add_permits(usize::try_from(complete).unwrap_or(0));
    }
}

struct Peer {
    connection: LoadConnection,
    exchange: Rc<Exchange>,
    space: String,
    size: usize,
}

impl Peer {
    /// Sends one update at a time when the window has exchange, and reads until every update is delivered.
    async fn run(mut self, period: Period) -> anyhow::Result<()> {
        let mut received = Received::default();
        loop {
            let sends = !period.is_over();
            if !sends && self.exchange.outstanding() == 0 {
                return Ok(());
            }
            tokio::select! {
                read = self.connection.read(&mut received) => read.context("peer connection closed")?,
                permit = self.exchange.window.acquire(), if sends => {
                    permit.context("the exchange was closed")?.forget();
                    let message = self.update();
                    self.connection.send_framed(&message).await.context("peer connection closed")?;
                }
                () = period.end(), if sends => {}
                // The last deliveries may go to other peers, so the exchange is polled as well.
                () = tokio::time::sleep(PAUSE), if !sends => received.waited += PAUSE,
            }
            if let Some(code) = received.closed {
                bail!("the server closed the connection of a peer: {code}");
            }
            self.exchange.deliver(std::mem::take(&mut received.count));
            if received.waited > TIMEOUT {
                return Ok(());
            }
        }
    }

    /// Encodes the next update. Each one differs: the server does not forward an unchanged one.
    fn update(&self) -> Vec<u8> {
        self.exchange.sent.set(self.exchange.sent.get() + 1);
        let mut data = vec![0x5a; self.size];
        data.iter_mut().zip(self.exchange.sent.get().to_be_bytes()).for_each(|(target, byte)| *target = byte);
        let params = PresenceSetParams { space: &self.space, data: &data };
        let mut out = Vec::new();
        append(&mut out, &frame::notification(method::PRESENCE_SET, &params));
        out
    }
}

/// Interval of polling the exchange after the end of the load.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Received {
    count: u64,
    closed: Option<u16>,
    waited: Duration,
}

impl FrameHandler for Received {
    fn notification(&mut self) {
        self.count += 1;
    }

    fn close(&mut self, code: u16) {
        self.closed = Some(code);
    }
}
