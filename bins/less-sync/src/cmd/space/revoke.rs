//! `less-sync space revoke`

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use less_sync_client::sharing::{Act, Member};
use less_sync_core::Epoch;

use super::log;
use super::room::{Room, RoomArgument};
use super::rotation::{Rotated, Wish, complete_pending, rotate};
use crate::line::Line;
use crate::output::Output;
use crate::report::{Failure, say};
use crate::shared::explain;
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "They are cut off at once. They keep what they have read; what is written from now on they cannot. Run it again if it was interrupted."
)]
pub(crate) struct Arguments {
    /// Whom: their did:key, or their address
    member: String,
    #[command(flatten)]
    room: RoomArgument,
    /// Give a new key to a change of keys that somebody began and will never complete
    #[arg(long)]
    take_over: bool,
}

/// Ends somebody's rights, and changes the key so that they cannot read what is written from now on.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut room = Room::open(target, &arguments.room).await?;
    let did = arguments.member.split('@').next().unwrap_or_default().to_owned();
    let revoked = revoke(&mut room, &did, arguments.take_over).await;
    let rotated = room.close(revoked).await?;
    let line = rotated.map_or_else(Line::new, |rotated| rotated.line()).with("revoked", did);
    Output::new(json).write(&line).context("cannot write the result")?;
    say(if rotated.is_some() {
        "they are out, and the key is changed"
    } else {
        "they were out already, and the key was changed"
    });
    Ok(())
}

/// `None` when everything was done before.
async fn revoke(room: &mut Room, did: &str, takes_over: bool) -> anyhow::Result<Option<Rotated>> {
    ensure!(did != room.shared.identity.did(), "you cannot shut yourself out");
    room.shared.catch_up(&room.connection).await?;
    let roster = log::roster(room).await?;
    match (roster.member(did), roster.removal(did)) {
        (Some(member), _) => {
            let others = roster.dependents(did);
            cut(room, member).await?;
            // A key that they may have been given already must not stay the newest one.
            complete_pending(room, takes_over).await?;
            log::append(room, None, |roster| roster.member(did).map(removal)).await?;
            others.into_iter().for_each(warn);
        }
        (None, Some(epoch)) if is_over(room, epoch).await? => return Ok(None),
        (None, Some(_)) => {}
        (None, None) => bail!("nobody with this key is in the space: {did}"),
    }
    rotate(room, Wish { shuts_out: true, takes_over }).await.map(Some)
}

/// Ends their rights on the server; from here on they see nothing new.
async fn cut(room: &Room, member: &Member) -> anyhow::Result<()> {
    let access = room.shared.membership().access();
    for token in &member.tokens {
        let revoked = room.connection.revoke(access, token.cid, Some(&member.did)).await;
        revoked.map_err(|error| explain(error, "cannot revoke their rights"))?;
    }
    Ok(())
}

fn removal(member: &Member) -> Act {
    let cids = member.tokens.iter().map(|token| token.cid.to_hex()).collect();
    Act::Remove { did: member.did.clone(), cids }
}

/// Whether the key has changed since they were removed.
async fn is_over(room: &Room, removed: Epoch) -> anyhow::Result<bool> {
    let state = room.shared.state(&room.connection).await?;
    Ok(state.rewrap_epoch.is_none() && state.key_generation > removed)
}

fn warn(member: &Member) {
    let name = if member.name.is_empty() { &member.did } else { &member.name };
    // Names are what others say of themselves.
    let name = name.escape_debug();
    say(&format!("{name} was let in by them, and is out too: invite them again if they shall stay"));
}
