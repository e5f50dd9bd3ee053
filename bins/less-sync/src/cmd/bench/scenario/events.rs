//! Ephemeral events to many watchers of one space.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::presence::EventSendParams;

use crate::cmd::bench::figures::{Figures, rate};
use crate::cmd::bench::link::{Link, append};
use crate::cmd::bench::loads::Span;
use crate::cmd::bench::subject::Subject;
use crate::cmd::bench::watchers::{Board, Crowd};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections that watch the space
    #[arg(long, default_value_t = 100)]
    watchers: usize,
    /// Events that not every watcher has yet; the server holds 128 for one of them
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=128))]
    window: u16,
    /// Size of an event, in bytes
    #[arg(long, default_value_t = 64)]
    size: usize,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let user = subject.user().await?;
    let crowd = Crowd::gather(subject, &user, arguments.watchers, arguments.window).await?;
    // Whoever sends must watch, too, and does not hear itself.
    let mut sender = Link::open(subject.address(), &user.token).await?;
    sender.subscribe(user.space, None).await?;
    let mut figures = Figures::new("events");
    let data = vec![0x5a; arguments.size];
    let params = EventSendParams { space: &user.space.to_string(), data: &data };
    let event = frame::notification(method::EVENT_SEND, &params);
    let span = Span::of(time);
    let send = send(sender, &event, &crowd.board, span);
    let ((), tally) = tokio::try_join!(send, crowd.measure(subject, span, &mut figures))?;
    figures.add("watchers", arguments.watchers);
    figures.add("window", arguments.window);
    figures.add("event_bytes", arguments.size);
    figures.add("events", tally.last.count());
    figures.add_decimal("events_per_s", rate(tally.last.count(), span.time()));
    figures.add("deliveries", tally.deliveries);
    figures.add_decimal("deliveries_per_s", rate(tally.deliveries, span.time()));
    figures.add_latencies("delivery", &tally.each);
    figures.add_latencies("last_delivery", &tally.last);
    Ok(figures)
}

/// Sends as long as the window has room.
async fn send(mut link: Link, event: &[u8], board: &Board, span: Span) -> anyhow::Result<()> {
    let mut out = Vec::new();
    while !span.is_over() {
        out.clear();
        while board.may_send() {
            append(&mut out, event);
        }
        link.send_framed(&out).await.context("the sender lost its connection")?;
        tokio::select! {
            () = board.room() => {}
            () = span.end() => {}
        }
        ensure!(board.closed() == 0, "the server closed the connection of a watcher");
    }
    // A server may drop ephemeral events for a slow watcher; then the figures of this run mean nothing.
    ensure!(
        board.settle().await,
        "events were lost: {} of {} outstanding",
        board.outstanding(),
        board.sent()
    );
    Ok(())
}
