//! One writer, many watchers of one space.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::cmd::bench::figures::{Figures, rate};
use crate::cmd::bench::link::Link;
use crate::cmd::bench::loads::{Acks, Span, Writes};
use crate::cmd::bench::subject::Subject;
use crate::cmd::bench::watchers::{self, Board};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections that watch the space
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
    /// Pushes that not every watcher has yet
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=128))]
    window: u64,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 512)]
    size: usize,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let user = subject.user().await?;
    let users = std::slice::from_ref(&user);
    let links = watchers::dial(subject.address(), users, arguments.watchers).await?;
    let writer = Link::open(subject.address(), &user.token).await?;
    let board = Board::new(arguments.watchers)?;
    let _watching = board.watch(links);
    let mut figures = Figures::new("fan_out");
    subject.probe_disk(&mut figures)?;
    let span = Span::of(time);
    let load = Writes::new(user.space, 1, arguments.size);
    let write = write(writer, load, &board, arguments.window, span);
    let watch = async {
        span.begin().await;
        board.clear();
        let meter = subject.meter()?;
        span.end().await;
        meter.add_to(&mut figures)?;
        Ok(board.tally())
    };
    let ((), tally) = tokio::try_join!(write, watch)?;
    ensure!(board.settle().await, "not everything was delivered: {} outstanding", board.outstanding());
    figures.add("watchers", arguments.watchers);
    figures.add("window", arguments.window);
    figures.add("record_bytes", arguments.size);
    figures.add("pushes", tally.last.count());
    figures.add_decimal("pushes_per_s", rate(tally.last.count(), span.time()));
    figures.add("deliveries", tally.deliveries);
    figures.add_decimal("deliveries_per_s", rate(tally.deliveries, span.time()));
    figures.add_latencies("delivery", &tally.each);
    figures.add_latencies("last_delivery", &tally.last);
    Ok(figures)
}

/// Pushes as long as the window has room.
pub(super) async fn write(
    mut link: Link,
    mut writes: Writes,
    board: &Board,
    window: u64,
    span: Span,
) -> anyhow::Result<()> {
    let mut out = Vec::new();
    let mut acks = Acks::default();
    while !span.is_over() {
        out.clear();
        while board.outstanding() < window {
            board.sending();
            writes.append(&mut out);
        }
        link.send_framed(&out).await.context("the writer lost its connection")?;
        tokio::select! {
            () = board.changed() => {}
            read = link.read(&mut acks) => read.context("the writer lost its connection")?,
            () = span.end() => {}
        }
        acks.check()?;
        acks.cursors.clear();
        ensure!(board.closed() == 0, "the server closed the connection of a watcher");
    }
    // The answers to come keep the connection open until everything is delivered.
    ensure!(board.settle().await, "not everything was delivered: {} outstanding", board.outstanding());
    Ok(())
}
