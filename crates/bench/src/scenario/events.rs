//! Ephemeral events to many watchers of one space.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::presence::EventSendParams;

use crate::clock;
use crate::connection::{LoadConnection, append};
use crate::figures::Figures;
use crate::launch::Limits;
use crate::period::Period;
use crate::server::{ServerUnderTest, User};
use crate::shared_space::SharedSpace;
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
    /// Events per second at most [default: what limits as shipped admit of one connection; unlimited if they are raised]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

/// Ephemeral frames per second that limits as shipped admit of one connection (`WS_EPHEMERAL_RATE`).
const SHIPPED_RATE: u32 = 25_000;

/// Ephemeral frames per second that the charge for receivers always leaves.
const LEAST_RATE: u32 = 240;

/// Receivers of a frame that cost nothing, and those beyond that cost as much as another frame.
const FREE_RECEIVERS: usize = 128;
const RECEIVERS_PER_FRAME: usize = 32;

/// Events per second that limits as shipped admit of a connection with so many receivers; newer ones supersede those beyond
/// (protocol §1.10).
fn permitted_rate(receivers: usize) -> u32 {
    let charged = receivers.saturating_sub(FREE_RECEIVERS) / RECEIVERS_PER_FRAME;
    let charged = u32::try_from(charged).unwrap_or(u32::MAX).saturating_add(1);
    (SHIPPED_RATE / charged).max(LEAST_RATE)
}

impl Load {
    /// Rate of the load under these limits; `None` if neither the limits nor the options bound it.
    ///
    /// # Errors
    /// The chosen rate exceeds what limits as shipped admit: the run would end with lost events.
    fn rate(&self, limits: Limits) -> anyhow::Result<Option<u32>> {
        let permitted = permitted_rate(self.watchers);
        match limits {
            Limits::Raised => Ok(self.rate),
            Limits::Unknown => Ok(self.rate.or(Some(permitted))),
            Limits::Shipped => {
                let rate = self.rate.unwrap_or(permitted);
                ensure!(
                    rate <= permitted,
                    "--rate {rate} exceeds the {permitted} events per second that limits as shipped admit of one connection \
                     with {} watchers; newer events would supersede the others, and count as lost",
                    self.watchers
                );
                Ok(Some(rate))
            }
        }
    }
}

/// Connections per user, as shipped limits allow them.
const CONNECTIONS_PER_USER: usize = 10;

/// Users for `connections` connections to one space: the owner of a personal one, or members of a shared one.
async fn users(server: &ServerUnderTest, connections: usize) -> anyhow::Result<Vec<User>> {
    if connections <= CONNECTIONS_PER_USER {
        return server.users(1).await;
    }
    let space = SharedSpace::create(server).await?;
    let mut users = Vec::new();
    for number in 0..connections.div_ceil(CONNECTIONS_PER_USER) {
        users.push(space.member(server, &format!("bench-member-{number}"), 2).await?);
    }
    Ok(users)
}

/// Measures deliveries of events, by default at the rate that `limits` admit.
pub(crate) async fn run(
    server: &ServerUnderTest,
    load: &Load,
    limits: Limits,
    time: Duration,
) -> anyhow::Result<Figures> {
    let rate = load.rate(limits)?;
    let users = users(server, load.watchers + 1).await?;
    let watchers = Watchers::open(server.address(), &users, load.watchers, load.window).await?;
    // The users take turns, so the last one has a connection left.
    let user = users.last().context("no user")?;
    // Only a subscriber may send events; its own events are not delivered to it.
    let mut sender = LoadConnection::open(server.address(), &user.token).await?;
    sender.subscribe(user.space, user.ucan.as_deref()).await?;
    let mut figures = Figures::new("events");
    let data = vec![0x5a; load.size];
    let params = EventSendParams { space: &user.space.to_string(), data: &data };
    let event = frame::notification(method::EVENT_SEND, &params);
    let period = Period::start(time);
    let send = send(sender, &event, &watchers.tracker, rate, period);
    let deliveries = watchers.measure_load(server, period, send, &mut figures).await?;
    figures.add("watchers", load.watchers);
    figures.add("window", load.window);
    figures.add("event_bytes", load.size);
    if let Some(rate) = rate {
        figures.add("max_events_per_s", rate);
    }
    deliveries.add_to(&mut figures, "events", period);
    Ok(figures)
}

/// Sends events as long as the window has room, at most `rate` per second.
async fn send(
    mut connection: LoadConnection,
    event: &[u8],
    tracker: &DeliveryTracker,
    rate: Option<u32>,
    period: Period,
) -> anyhow::Result<()> {
    /// Interval in which events of a rate are sent together.
    const PACE: Duration = Duration::from_millis(1);
    let (mut out, began) = (Vec::new(), clock::instant());
    while !period.is_over() {
        out.clear();
        let elapsed = clock::instant().saturating_duration_since(began).as_micros();
        let is_due =
            |sent: u64| rate.is_none_or(|rate| u128::from(sent) * 1_000_000 < elapsed * u128::from(rate));
        while is_due(tracker.sent()) && tracker.try_send() {
            append(&mut out, event);
        }
        connection.send_framed(&out).await.context("sender connection closed")?;
        let pause = async {
            if rate.is_some() {
                tokio::time::sleep(PACE).await;
            }
            tracker.until_window_opens().await;
        };
        tokio::select! {
            () = pause => {}
            () = period.end() => {}
        }
        ensure!(tracker.closed() == 0, "the server closed the connection of a watcher");
    }
    // A server may drop ephemeral events for a slow watcher. The figures of such a run would mean nothing.
    ensure!(
        tracker.settle().await,
        "events were lost: {} of {} were not delivered to every watcher. The server supersedes those beyond the rate of a \
         connection (WS_EPHEMERAL_RATE, see --rate), and drops those that a slow watcher has no room for",
        tracker.outstanding(),
        tracker.sent()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(watchers: usize, rate: Option<u32>) -> Load {
        Load { watchers, window: 32, size: 64, rate }
    }

    #[test]
    fn permitted_rate_falls_with_receivers_down_to_a_minimum() {
        let rates = [1, 128, 159, 160, 1_000, 100_000].map(permitted_rate);
        assert_eq!(rates, [25_000, 25_000, 25_000, 12_500, 892, 240]);
    }

    #[test]
    fn load_keeps_to_the_permitted_rate_unless_limits_are_raised() {
        assert_eq!(load(8, None).rate(Limits::Shipped).unwrap(), Some(25_000));
        assert_eq!(load(8, None).rate(Limits::Unknown).unwrap(), Some(25_000));
        assert_eq!(load(8, None).rate(Limits::Raised).unwrap(), None);
        assert_eq!(load(8, Some(50_000)).rate(Limits::Unknown).unwrap(), Some(50_000));
        assert_eq!(load(8, Some(100)).rate(Limits::Shipped).unwrap(), Some(100));
    }

    #[test]
    fn rate_above_the_permitted_one_is_rejected_with_both() {
        let rejected = load(160, Some(12_501)).rate(Limits::Shipped).unwrap_err().to_string();
        assert!(rejected.contains("--rate 12501") && rejected.contains("12500 events"), "{rejected}");
    }
}
