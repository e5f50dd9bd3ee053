//! Ephemeral events to many watchers of one space.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::presence::EventSendParams;

use crate::connection::{LoadConnection, append};
use crate::figures::Figures;
use crate::period::Period;
use crate::server::ServerUnderTest;
use crate::tracker::DeliveryTracker;
use crate::watchers::Watchers;

/// Load of `events`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections that watch the space
    #[arg(long, default_value_t = 100)]
    watchers: usize,
    /// Maximum events in flight, not yet delivered to every watcher; the server queues 128 per watcher
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Size of an event, in bytes
    #[arg(long, default_value_t = 64)]
    size: usize,
}

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let user = server.user().await?;
    let watchers = Watchers::open(server, &user, load.watchers, load.window).await?;
    // Only a subscriber may send events; its own events are not delivered to it.
    let mut sender = LoadConnection::open(server.address(), &user.token).await?;
    sender.subscribe(user.space, None).await?;
    let mut figures = Figures::new("events");
    let data = vec![0x5a; load.size];
    let params = EventSendParams { space: &user.space.to_string(), data: &data };
    let event = frame::notification(method::EVENT_SEND, &params);
    let period = Period::start(time);
    let send = send(sender, &event, &watchers.tracker, period);
    let deliveries = watchers.measure_load(server, period, send, &mut figures).await?;
    figures.add("watchers", load.watchers);
    figures.add("window", load.window);
    figures.add("event_bytes", load.size);
    deliveries.add_to(&mut figures, "events", period);
    Ok(figures)
}

/// Sends events as long as the window has room.
async fn send(
    mut connection: LoadConnection,
    event: &[u8],
    tracker: &DeliveryTracker,
    period: Period,
) -> anyhow::Result<()> {
    let mut out = Vec::new();
    while !period.is_over() {
        out.clear();
        while tracker.try_send() {
            append(&mut out, event);
        }
        connection.send_framed(&out).await.context("sender connection closed")?;
        tokio::select! {
            () = tracker.until_window_opens() => {}
            () = period.end() => {}
        }
        ensure!(tracker.closed() == 0, "the server closed the connection of a watcher");
    }
    // A server may drop ephemeral events for a slow watcher. The figures of such a run would mean nothing.
    ensure!(
        tracker.settle().await,
        "events were lost: {} of {} outstanding",
        tracker.outstanding(),
        tracker.sent()
    );
    Ok(())
}
