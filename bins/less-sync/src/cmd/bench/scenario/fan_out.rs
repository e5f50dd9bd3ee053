//! One writer, many watchers of one space.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use futures_util::future::try_join_all;

use crate::cmd::bench::figures::{Figures, rate};
use crate::cmd::bench::link::Link;
use crate::cmd::bench::loads::{Acks, Span, Writes};
use crate::cmd::bench::subject::Subject;
use crate::cmd::bench::watchers::{Board, Crowd};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections that watch the space
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
    /// Pushes that not every watcher has yet
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Connections that push, each with its part of the window
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    writers: u16,
    /// Size of a record, in bytes
    #[arg(long, default_value_t = 512)]
    size: usize,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let user = subject.user().await?;
    let crowd = Crowd::gather(subject, &user, arguments.watchers, arguments.window).await?;
    let board = &crowd.board;
    let mut writers = Vec::new();
    for _ in 0..arguments.writers {
        writers.push(Link::open(subject.address(), &user.token).await?);
    }
    let mut figures = Figures::new("fan_out");
    subject.probe_disk(&mut figures)?;
    let span = Span::of(time);
    let share = arguments.window.div_ceil(arguments.writers);
    let write = try_join_all(
        writers
            .into_iter()
            .map(|writer| write(writer, Writes::new(user.space, 1, arguments.size), board, share, span)),
    );
    let (_, tally) = tokio::try_join!(write, crowd.measure(subject, span, &mut figures))?;
    ensure!(board.settle().await, "not everything was delivered: {} outstanding", board.outstanding());
    figures.add("watchers", arguments.watchers);
    figures.add("window", arguments.window);
    figures.add("writers", arguments.writers);
    figures.add("record_bytes", arguments.size);
    figures.add("pushes", tally.last.count());
    figures.add_decimal("pushes_per_s", rate(tally.last.count(), span.time()));
    figures.add("deliveries", tally.deliveries);
    figures.add_decimal("deliveries_per_s", rate(tally.deliveries, span.time()));
    figures.add_latencies("delivery", &tally.each);
    figures.add_latencies("last_delivery", &tally.last);
    Ok(figures)
}

/// Pushes as long as the window has room, and no more at once than this writer's share of it.
pub(super) async fn write(
    mut link: Link,
    mut writes: Writes,
    board: &Board,
    share: u16,
    span: Span,
) -> anyhow::Result<()> {
    let mut out = Vec::new();
    let mut acks = Acks::default();
    let mut unanswered = 0;
    while !span.is_over() {
        out.clear();
        while unanswered < share && board.may_send() {
            writes.append(&mut out);
            unanswered += 1;
        }
        link.send_framed(&out).await.context("the writer lost its connection")?;
        tokio::select! {
            () = board.room(), if unanswered < share => {}
            read = link.read(&mut acks) => read.context("the writer lost its connection")?,
            () = span.end() => {}
        }
        acks.check()?;
        unanswered = unanswered.saturating_sub(u16::try_from(acks.cursors.len()).unwrap_or(u16::MAX));
        acks.cursors.clear();
        ensure!(board.closed() == 0, "the server closed the connection of a watcher");
    }
    // The answers to come keep the connection open until everything is delivered.
    ensure!(board.settle().await, "not everything was delivered: {} outstanding", board.outstanding());
    Ok(())
}
