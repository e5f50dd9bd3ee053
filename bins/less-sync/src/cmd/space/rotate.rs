//! `less-sync space rotate`

use anyhow::Context as _;
use clap::Args;

use super::rotation::{RotationRequest, rotate};
use super::session::{SpaceSelector, SpaceSession};
use crate::failure::Failure;
use crate::output::{Output, message};
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "All members keep access. A pending rotation is completed instead of starting another one; an interrupted command can be repeated."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    session: SpaceSelector,
    /// Take over a rotation that another member began and will never complete, with a new key
    #[arg(long)]
    take_over: bool,
}

/// Rotates the key of the space, and rewraps the keys of all records and files.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut session = SpaceSession::open(target, &arguments.session).await?;
    let rotated =
        rotate(&mut session, RotationRequest { removes: false, takes_over: arguments.take_over }).await;
    let rotated = session.close(rotated).await?;
    Output::new(json).write(&rotated.line()).context("cannot write the result")?;
    message("the key is rotated; all members keep access");
    Ok(())
}
