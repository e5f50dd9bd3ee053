//! `less-sync space rotate`

use anyhow::Context as _;
use clap::Args;

use super::room::{Room, RoomArgument};
use super::rotation::{Wish, rotate};
use crate::output::Output;
use crate::report::{Failure, say};
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "Everybody stays in. What was interrupted is completed instead; run it again as often as need be."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    room: RoomArgument,
    /// Give a new key to a change that somebody began and will never complete
    #[arg(long)]
    take_over: bool,
}

/// Changes the key of the space, and wraps the keys of all records with the new one.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut room = Room::open(target, &arguments.room).await?;
    let rotated = rotate(&mut room, Wish { shuts_out: false, takes_over: arguments.take_over }).await;
    let rotated = room.close(rotated).await?;
    Output::new(json).write(&rotated.line()).context("cannot write the result")?;
    say("the key is changed; everybody in the space reads on as before");
    Ok(())
}
