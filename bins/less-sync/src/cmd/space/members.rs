//! `less-sync space members`

use anyhow::Context as _;
use clap::Args;
use less_sync_client::sharing::Member;

use super::log;
use super::room::{Room, RoomArgument, word};
use crate::clock;
use crate::line::Line;
use crate::output::Output;
use crate::report::{Failure, say};
use crate::target::Target;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    room: RoomArgument,
}

/// Prints who is in the space, and who is invited.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut room = Room::open(target, &arguments.room).await?;
    let caught_up = room.shared.catch_up(&room.connection).await;
    let roster = match caught_up {
        Ok(_) => log::roster(&room).await,
        Err(error) => Err(error),
    };
    let own = room.shared.identity.did().to_owned();
    let roster = room.close(roster).await?;
    let output = Output::new(json);
    for member in roster.members() {
        output.write(&line(member, &own)).context("cannot write the result")?;
    }
    match roster.skipped() {
        0 => {}
        skipped => say(&format!(
            "{skipped} entries of the membership log are not what members write, and were passed over"
        )),
    }
    Ok(())
}

fn line(member: &Member, own: &str) -> Line {
    let permission = member.permission(clock::timestamp());
    let name = Some(member.name.as_str()).filter(|name| !name.is_empty());
    Line::new()
        .with("member", member.did.as_str())
        .with_some("name", name)
        .with("permission", permission.map_or("expired", word))
        .with("joined", member.joined)
        .with_some("you", (member.did == own).then_some(true))
        .with_some("expires", member.expires_at().map(clock::moment))
}
