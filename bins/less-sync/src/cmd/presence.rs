//! `less-sync presence`

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use less_sync_client::Peer;
use less_sync_client::crypto::Live;
use less_sync_core::SpaceId;

use crate::failure::Failure;
use crate::fields::Fields;
use crate::live::LiveSpace;
use crate::output::{Output, message, write_bare};
use crate::people::{Change, People, Prefix, printable};
use crate::target::{SpaceArgument, Target};

/// Time between two announcements of the own presence, which expires after 45 s (protocol §4.19).
const HEARTBEAT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(
    after_help = "Without a text, prints who is present. With one, you are present until the command is interrupted. `less-sync tail` shows how presence changes."
)]
pub(crate) struct Arguments {
    /// State that the others see, such as "reading"
    text: Option<String>,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Prints the present peers, or announces the own presence.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut live = LiveSpace::open(target, &arguments.space).await?;
    let outcome = match &arguments.text {
        Some(text) => announce(&mut live, text).await,
        None => print(&live, Output::new(json)).map_err(Failure::from),
    };
    let closed = live.close().await;
    outcome?;
    Ok(closed?)
}

async fn announce(live: &mut LiveSpace, text: &str) -> Result<(), Failure> {
    let sealed = live.seal(Live::Presence, text).await?;
    let (connection, space) = (&live.opened.connection, live.opened.space);
    message(&format!("present in {}; ends with Ctrl-C", live.opened.keys.name()));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        connection.set_presence(space, &sealed).await.context("cannot announce the presence")?;
        tokio::select! {
            signal = &mut interrupted => {
                signal.context("cannot listen for signals")?;
                return connection.clear_presence(space).await.context("cannot end the presence").map_err(Failure::from);
            }
            ended = connection.until_ended() => {
                return Err(anyhow::Error::new(ended).context("the connection was lost").into());
            }
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
}

fn print(live: &LiveSpace, output: Output) -> anyhow::Result<()> {
    let people = People::of_stdout(std::iter::empty());
    for peer in &live.state.peers {
        let content = live.opened.keys.ring().open_live(Live::Presence, &peer.data).ok();
        let text = content.as_deref().and_then(printable);
        if output.is_json() {
            output.write(&fields(live.opened.space, peer, text))
        } else {
            let change = Change::peer("is here", text, &peer.peer, peer.data.len());
            write_bare(&people.line(Prefix::default(), &change))
        }
        .context("cannot write the result")?;
    }
    if live.state.peers.is_empty() {
        message(&format!("nobody else is present in {}", live.opened.keys.name()));
    }
    Ok(())
}

fn fields(space: SpaceId, peer: &Peer, text: Option<&str>) -> Fields {
    Fields::new()
        .with("kind", "presence")
        .with("space", space.to_string())
        .with("peer", peer.peer.as_str())
        .with_some("text", text)
}
