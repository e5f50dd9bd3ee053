//! `less-sync space rotate`

use anyhow::Context as _;
use clap::Args;

use super::rotation::{Rotated, RotationRequest, list_members, rotate};
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
    let rotated = rotate_and_list(&mut session, arguments.take_over).await;
    let rotated = session.close(rotated).await?;
    Output::new(json).write(&rotated.line()).context("cannot write the result")?;
    message("the key is rotated; all members keep access");
    Ok(())
}

async fn rotate_and_list(session: &mut SpaceSession, takes_over: bool) -> anyhow::Result<Rotated> {
    let rotated = rotate(session, &RotationRequest { removes: None, takes_over }).await?;
    let listed = list_members(session, rotated.epoch()).await;
    listed.context("the key is rotated, but the membership log does not list the members under it")?;
    Ok(rotated)
}
