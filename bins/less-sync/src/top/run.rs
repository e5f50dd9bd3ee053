//! Loop of the dashboard: keys, polls, drawing, and the terminal around them.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use crossterm::event::{Event, EventStream};
use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::{FutureExt as _, StreamExt as _};
use ratatui::DefaultTerminal;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::dashboard::Dashboard;
use super::keys;
use super::lists::List;
use super::poll::{Poll, poll};
use super::theme::Theme;
use super::view;
use crate::admin::{AdminClient, AdminTarget};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Time between two polls of the server, in seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
}

/// Shows the dashboard until the user quits. A server that does not answer is polled again.
pub(crate) async fn run(target: AdminTarget, arguments: &Arguments) -> Result<(), Failure> {
    let client = AdminClient::new(target)?;
    if !std::io::stdout().is_terminal() {
        return Err(Failure::usage(anyhow!(
            "top needs a terminal: less-sync admin rates --json prints figures for programs"
        )));
    }
    // From here on a panic restores the terminal before it is reported.
    let mut terminal = ratatui::try_init().context("cannot set up the terminal")?;
    let every = Duration::from_secs(arguments.interval);
    let outcome = show(&mut terminal, &client, every).await;
    ratatui::restore();
    Ok(outcome?)
}

async fn show(terminal: &mut DefaultTerminal, client: &AdminClient, every: Duration) -> anyhow::Result<()> {
    let mut dashboard = Dashboard::new(client.base().to_owned());
    let (theme, mut events) = (Theme::of_environment(), EventStream::new());
    let mut ended = std::pin::pin!(ended());
    let mut polling: OptionFuture<BoxFuture<'_, anyhow::Result<Poll>>> = None.into();
    let mut next_poll = Instant::now();
    let mut detailing: OptionFuture<BoxFuture<'_, Option<Value>>> = None.into();
    loop {
        terminal.draw(|frame| view::draw(frame, &dashboard, theme)).context("cannot draw")?;
        tokio::select! {
            biased;
            () = &mut ended => return Ok(()),
            event = events.next() => match event {
                Some(Ok(Event::Key(key))) => {
                    let list = dashboard.list;
                    if keys::command(key).is_some_and(|command| !dashboard.apply(command)) {
                        return Ok(());
                    }
                    // An answer to an earlier question is dropped.
                    let wanted = dashboard.wanted_detail();
                    detailing = wanted.map(|path| detail(client, path).boxed()).into();
                    if dashboard.list != list && dashboard.list == List::Spaces {
                        // Spaces are polled only while they are shown.
                        next_poll = Instant::now();
                    }
                }
                // A resize draws anew.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("cannot read the keyboard"),
                None => return Ok(()),
            },
            Some(whole) = &mut detailing => {
                dashboard.complete_detail(whole);
                detailing = None.into();
            }
            Some(polled) = &mut polling => {
                match polled {
                    Ok(poll) => dashboard.update(poll),
                    Err(error) => dashboard.lost(reason(&error)),
                }
                polling = None.into();
                next_poll = Instant::now() + every;
            }
            () = sleep_until(next_poll), if !dashboard.is_paused => {
                polling = Some(poll(client, dashboard.list == List::Spaces).boxed()).into();
                // Until the poll has ended.
                next_poll = Instant::now() + Duration::from_hours(1);
            }
        }
    }
}

/// The answer of a route about one row; `None` if the row is gone.
async fn detail(client: &AdminClient, path: String) -> Option<Value> {
    client.get(&path, &[]).await.ok()
}

/// Ends with a signal that ends the process, so that the terminal is restored first. Ctrl-C is a key here.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut terminate), Ok(mut hangup)] = signals else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// First two texts of an error, in one line.
fn reason(error: &anyhow::Error) -> String {
    error.chain().take(2).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
