//! Peers who tell each other where they are.

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

use crate::cmd::bench::figures::{Figures, rate};
use crate::cmd::bench::frames::Sink;
use crate::cmd::bench::link::{Link, append};
use crate::cmd::bench::loads::Span;
use crate::cmd::bench::subject::Subject;
use crate::cmd::bench::watchers;

/// How long nothing may arrive before updates count as lost.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections that watch one space and are present in it; the server takes 100
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=100))]
    peers: u16,
    /// Updates that not all of the others have yet
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Size of an update, in bytes
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(8..=1024))]
    size: u16,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let user = subject.user().await?;
    let users = std::slice::from_ref(&user);
    let links = watchers::dial(subject.address(), users, arguments.peers.into()).await?;
    let others = u64::from(arguments.peers) - 1;
    let room = Rc::new(Room {
        others,
        delivered: Cell::new(0),
        sent: Cell::new(0),
        window: Semaphore::new(arguments.window.into()),
    });
    let span = Span::of(time);
    let mut peers = JoinSet::new();
    for link in links {
        let peer =
            Peer { link, room: room.clone(), space: user.space.to_string(), size: arguments.size.into() };
        peers.spawn_local(peer.run(span));
    }
    span.begin().await;
    let (before, meter) = (room.delivered.get(), subject.meter()?);
    span.end().await;
    let deliveries = room.delivered.get() - before;
    let mut figures = Figures::new("presence");
    meter.add_to(&mut figures)?;
    while let Some(peer) = peers.join_next().await {
        peer.context("a peer panicked")??;
    }
    ensure!(room.outstanding() == 0, "updates were lost: {} of {}", room.outstanding(), room.sent.get());
    figures.add("peers", arguments.peers);
    figures.add("window", arguments.window);
    figures.add("update_bytes", arguments.size);
    figures.add("updates", room.sent.get());
    figures.add("deliveries", deliveries);
    figures.add_decimal("updates_per_s", rate(deliveries / others, span.time()));
    figures.add_decimal("deliveries_per_s", rate(deliveries, span.time()));
    Ok(figures)
}

/// What the peers have told each other.
struct Room {
    others: u64,
    delivered: Cell<u64>,
    sent: Cell<u64>,
    /// One permit for every update that may be on its way.
    window: Semaphore,
}

impl Room {
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
    link: Link,
    room: Rc<Room>,
    space: String,
    size: usize,
}

impl Peer {
    /// Speaks when the window has room, one update at a time, and listens until everything is told.
    async fn run(mut self, span: Span) -> anyhow::Result<()> {
        let mut heard = Heard::default();
        loop {
            let speaks = !span.is_over();
            if !speaks && self.room.outstanding() == 0 {
                return Ok(());
            }
            tokio::select! {
                read = self.link.read(&mut heard) => read.context("a peer lost its connection")?,
                permit = self.room.window.acquire(), if speaks => {
                    permit.context("the room was closed")?.forget();
                    let message = self.update();
                    self.link.send_framed(&message).await.context("a peer lost its connection")?;
                }
                () = span.end(), if speaks => {}
                // The last deliveries may be somebody else's to hear.
                () = tokio::time::sleep(PAUSE), if !speaks => heard.waited += PAUSE,
            }
            if let Some(code) = heard.closed {
                bail!("the server closed the connection of a peer: {code}");
            }
            self.room.deliver(std::mem::take(&mut heard.count));
            if heard.waited > PATIENCE {
                return Ok(());
            }
        }
    }

    /// Another one every time: what does not change need not be told.
    fn update(&self) -> Vec<u8> {
        self.room.sent.set(self.room.sent.get() + 1);
        let mut data = vec![0x5a; self.size];
        data.iter_mut().zip(self.room.sent.get().to_be_bytes()).for_each(|(target, byte)| *target = byte);
        let params = PresenceSetParams { space: &self.space, data: &data };
        let mut out = Vec::new();
        append(&mut out, &frame::notification(method::PRESENCE_SET, &params));
        out
    }
}

/// Between two looks at whether the others are done.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Heard {
    count: u64,
    closed: Option<u16>,
    waited: Duration,
}

impl Sink for Heard {
    fn notification(&mut self) {
        self.count += 1;
    }

    fn chunk(&mut self, _payload_bytes: u64) {}

    fn response(&mut self, _payload: &[u8]) {}

    fn ping(&mut self, _payload: &[u8]) {}

    fn close(&mut self, code: u16) {
        self.closed = Some(code);
    }
}
