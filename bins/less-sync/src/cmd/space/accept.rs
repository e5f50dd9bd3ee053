//! `less-sync space accept`

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use less_sync_client::crypto::Identity;
use less_sync_client::sharing::{Act, Membership, Offer};
use less_sync_client::{AppendKind, Connection, Invitation};
use less_sync_core::{ErrorCode, InvitationId};

use super::log;
use super::room::{Room, word};
use crate::clock;
use crate::keys::{KeyDirectory, StoredSpace};
use crate::line::Line;
use crate::output::Output;
use crate::report::{Failure, say};
use crate::shared::Shared;
use crate::target::{Insider, Target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which invitation [default: the only one]
    invitation: Option<InvitationId>,
    /// What you want to be called in the space [default: the user of your access token]
    #[arg(long)]
    name: Option<String>,
}

/// An invitation that we can open.
struct Openable {
    invitation: Invitation,
    offer: Offer,
}

/// Keeps rights and key of an invitation, and tells the others that we are in.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    let identity = keys.identity_or_new()?;
    let insider = target.open_as(&identity).await?;
    let output = Output::new(json);
    let chosen = choose(&insider.connection, &identity, arguments.invitation, output).await?;
    accept(&keys, insider, chosen, arguments, output).await
}

async fn choose(
    connection: &Connection,
    identity: &Identity,
    asked: Option<InvitationId>,
    output: Output,
) -> anyhow::Result<Openable> {
    let waiting = match asked {
        Some(id) => {
            vec![connection.invitation(id).await.with_context(|| format!("cannot get the invitation {id}"))?]
        }
        None => all(connection).await.context("cannot look into the mailbox")?,
    };
    let (mut openable, mut rejected) = (Vec::new(), Vec::new());
    for invitation in waiting {
        match Offer::open(identity, &invitation.payload, clock::timestamp()) {
            Ok(offer) => openable.push(Openable { invitation, offer }),
            Err(why) => rejected.push(
                anyhow::Error::new(why)
                    .context(format!("the invitation {} cannot be accepted", invitation.id)),
            ),
        }
    }
    match (openable.len(), rejected.pop()) {
        (0, None) => bail!("there are no invitations for you"),
        (0, Some(why)) => return Err(why),
        (1, _) => {}
        (several, _) => {
            openable
                .iter()
                .try_for_each(|open| output.write(&line(open)))
                .context("cannot write the result")?;
            bail!("{several} invitations wait for you: say which one to accept");
        }
    }
    openable.pop().context("there are no invitations for you")
}

/// A mailbox holds 500 at most (protocol §1.10), which are a few pages.
async fn all(connection: &Connection) -> anyhow::Result<Vec<Invitation>> {
    let mut waiting: Vec<Invitation> = Vec::new();
    loop {
        let page = connection.invitations(waiting.last().map(|last| last.id)).await?;
        if page.is_empty() || waiting.len() > 10_000 {
            return Ok(waiting);
        }
        waiting.extend(page);
    }
}

async fn accept(
    keys: &KeyDirectory,
    insider: Insider,
    chosen: Openable,
    arguments: &Arguments,
    output: Output,
) -> Result<(), Failure> {
    let space = chosen.offer.membership.space();
    let known = keys.space(space)?;
    keys.keep(&merged(known.clone(), chosen.offer.membership.clone())?)?;
    let room =
        Room { shared: Shared::with(keys, keys.known_space(Some(space))?)?, connection: insider.connection };
    let name = arguments.name.clone().or(insider.claims.user).unwrap_or_default();
    let joined =
        log::append(&room, Some(AppendKind::Accept), |_| Some(Act::Join { name: name.clone() })).await;
    if joined.is_err() && known.is_none() {
        keys.forget(space)?;
    }
    let thrown_away = match &joined {
        Ok(()) => room.connection.delete_invitation(chosen.invitation.id).await,
        Err(_) => Ok(()),
    };
    room.close(joined.context("the invitation is not good any more")).await?;
    match thrown_away {
        Err(error) if !error.is(ErrorCode::NotFound) => say("the invitation is still in your mailbox"),
        Ok(()) | Err(_) => {}
    }
    output.write(&line(&chosen)).context("cannot write the result")?;
    say(&format!("you are in; see what is there with: less-sync pull --space {space}"));
    Ok(())
}

/// New rights for a space that we know add to its keys.
fn merged(known: Option<StoredSpace>, offered: Membership) -> Result<StoredSpace, Failure> {
    let Some(mut known) = known else { return Ok(offered.into()) };
    if known.membership.root_key != offered.root_key {
        return Err(anyhow!("the invitation is for another space that bears the id of one of yours").into());
    }
    for key in offered.keys.keys() {
        // One that we have is the one that was used; nobody replaces it.
        if known.membership.keys.key(key.epoch()).is_err() {
            known.membership.keys.insert(key.clone());
        }
    }
    known.membership.ucan = offered.ucan;
    Ok(known)
}

fn line(chosen: &Openable) -> Line {
    let Openable { invitation, offer } = chosen;
    Line::new()
        .with("space", offer.membership.space().to_string())
        .with("name", offer.membership.name.as_str())
        .with("permission", word(offer.permission))
        .with("from", offer.from.as_str())
        .with("expires", clock::moment(offer.expires_at))
        .with("invitation", invitation.id.to_string())
}
