//! `less-sync space invite`

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use less_sync_client::sharing::{Act, Address, Admission, Offer};
use less_sync_core::{Permission, Timestamp};

use super::log;
use super::room::{Room, RoomArgument, permission, word};
use crate::clock;
use crate::line::Line;
use crate::output::Output;
use crate::report::{Failure, say};
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "The address is what `less-sync identity` prints for them. An invitation waits for seven days."
)]
pub(crate) struct Arguments {
    /// Their address
    address: Address,
    #[command(flatten)]
    room: RoomArgument,
    /// What they may do: read, write, or admin, which is to invite and revoke, too
    #[arg(long = "as", value_name = "RIGHT", default_value = "write", value_parser = permission)]
    permission: Permission,
    /// For how long
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
    /// What to call them until they say it themselves
    #[arg(long, default_value = "")]
    name: String,
}

/// Gives somebody rights and the key, sealed for nobody but them.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut room = Room::open(target, &arguments.room).await?;
    let invited = invite(&mut room, arguments).await;
    let line = room.close(invited).await?;
    Output::new(json).write(&line).context("cannot write the result")?;
    say("invited; they accept with: less-sync space accept");
    Ok(())
}

async fn invite(room: &mut Room, arguments: &Arguments) -> anyhow::Result<Line> {
    let Arguments { address, permission, .. } = arguments;
    let state = room.shared.state(&room.connection).await?;
    if state.rewrap_epoch.is_some() {
        bail!(
            "the keys of the space are being changed; once that is complete, invite again (less-sync space rotate completes it)"
        );
    }
    room.shared.catch_up(&room.connection).await?;
    let membership = room.shared.membership();
    let own = membership.verify(room.shared.identity.did(), clock::timestamp());
    let own = own.context("your rights in this space are no longer good")?;
    ensure!(
        own.permission().covers(*permission),
        "you cannot give more than you have, which is {}",
        word(own.permission())
    );
    let wished = clock::timestamp().seconds() + i64::from(arguments.days) * 86_400;
    let expires_at = Timestamp::from_seconds(wished).min(own.expires_at());
    let proof = membership.ucan.0.as_str();
    let ucan =
        room.shared.identity.grant(address.did(), *permission, room.shared.space(), expires_at, Some(proof));
    let admission = Admission {
        did: address.did().to_owned(),
        name: arguments.name.clone(),
        ucan: ucan.clone(),
        joined: false,
    };
    // The log first: what is not in it, nobody can revoke.
    log::append(room, None, |_| Some(Act::Admit(vec![admission.clone()]))).await?;
    // A rotation that begins from now on counts them in; one that was faster has left us its key.
    room.shared.catch_up(&room.connection).await?;
    let offer = Offer::seal(&room.shared.identity, room.shared.membership(), address, &ucan);
    let offer = offer.context("there is no key for this space")?;
    let invitation = room.connection.invite(address.mailbox(), &offer).await;
    let invitation = invitation.context("cannot leave the invitation in their mailbox")?;
    Ok(Line::new()
        .with("invitation", invitation.id.to_string())
        .with("member", address.did())
        .with("permission", word(*permission))
        .with("expires", clock::moment(expires_at)))
}
