//! `less-sync event`

use clap::Args;
use less_sync_client::crypto::Live;

use crate::failure::Failure;
use crate::live::LiveSpace;
use crate::target::{SpaceArgument, Target};

#[derive(Debug, Args)]
#[command(
    after_help = "Events reach those who watch the space at this moment, and are stored nowhere. `less-sync tail` shows them."
)]
pub(crate) struct Arguments {
    /// Text of the event
    text: String,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Sends an event to the other watchers of a space.
pub(crate) async fn run(target: &Target, arguments: &Arguments) -> Result<(), Failure> {
    let mut live = LiveSpace::open(target, &arguments.space).await?;
    let sent = match live.seal(Live::Event, &arguments.text).await {
        Ok(sealed) => {
            let sent = live.opened.connection.send_event(live.opened.space, &sealed).await;
            sent.map_err(|ended| anyhow::Error::new(ended).into())
        }
        Err(failure) => Err(failure),
    };
    let closed = live.close().await;
    sent?;
    Ok(closed?)
}
