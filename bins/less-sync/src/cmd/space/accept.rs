//! `less-sync space accept`

use anyhow::{Context as _, bail};
use clap::Args;
use less_sync_client::crypto::Identity;
use less_sync_client::sharing::{AcceptError, Act, Membership, Offer};
use less_sync_client::{AppendKind, Connection, Invitation};
use less_sync_core::{ErrorCode, InvitationId};

use super::log;
use super::session::{SpaceSession, permission_name};
use crate::advised::advised;
use crate::clock;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message};
use crate::shared_space::SharedSpace;
use crate::target::{IdentityConnection, Target};
use less_sync_keystore::{KeyDirectory, StoredSpace};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Id of the invitation [default: the only one]
    invitation: Option<InvitationId>,
    /// Display name in the space [default: the user id of your access token]
    #[arg(long)]
    name: Option<String>,
}

/// Invitation that was decrypted and verified.
struct OpenInvitation {
    invitation: Invitation,
    offer: Offer,
}

/// Stores rights and key of an invitation, and appends the acceptance to the membership log.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    let identity = keys.identity_or_create()?;
    let connected = target.open_as(&identity).await?;
    let output = Output::new(json);
    let chosen = choose(&connected.connection, &identity, arguments.invitation, output).await?;
    accept(&keys, connected, chosen, arguments, output).await
}

async fn choose(
    connection: &Connection,
    identity: &Identity,
    selected: Option<InvitationId>,
    output: Output,
) -> anyhow::Result<OpenInvitation> {
    let received = match selected {
        Some(id) => {
            vec![
                connection
                    .invitation(id)
                    .await
                    .with_context(|| format!("cannot fetch the invitation {id}"))?,
            ]
        }
        None => all(connection).await.context("cannot list the invitations")?,
    };
    let (mut opened, mut rejected) = (Vec::new(), Vec::new());
    for invitation in received {
        match Offer::open(identity, &invitation.payload, clock::timestamp()) {
            Ok(offer) => opened.push(OpenInvitation { invitation, offer }),
            Err(why) => rejected.push(
                anyhow::Error::new(why).context(format!("cannot accept the invitation {}", invitation.id)),
            ),
        }
    }
    match (opened.len(), rejected.pop()) {
        (0, None) => return Err(no_invitations()),
        (0, Some(why)) => return Err(why),
        (1, _) => {}
        (several, _) => {
            opened
                .iter()
                .try_for_each(|open| output.write(&line(open)))
                .context("cannot write the result")?;
            bail!("there are {several} invitations: give the id of one");
        }
    }
    opened.pop().ok_or_else(no_invitations)
}

fn no_invitations() -> anyhow::Error {
    let step = "give the sender your address, which less-sync identity prints";
    advised("there are no invitations for you", step)
}

/// All invitations of the mailbox, page by page; a server keeps 500 at most (protocol §1.10).
async fn all(connection: &Connection) -> anyhow::Result<Vec<Invitation>> {
    let mut received: Vec<Invitation> = Vec::new();
    loop {
        let page = connection.invitations(received.last().map(|last| last.id)).await?;
        if page.is_empty() || received.len() > 10_000 {
            return Ok(received);
        }
        received.extend(page);
    }
}

async fn accept(
    keys: &KeyDirectory,
    connected: IdentityConnection,
    chosen: OpenInvitation,
    arguments: &Arguments,
    output: Output,
) -> Result<(), Failure> {
    let (space, line) = (chosen.offer.space(), line(&chosen));
    let known = keys.space(space)?.map(|stored| stored.membership);
    let membership = membership(keys, &connected.connection, chosen.offer, known.as_ref()).await?;
    store(keys, known.is_some(), membership)?;
    let session =
        SpaceSession { shared: SharedSpace::load(keys, Some(space))?, connection: connected.connection };
    let name = arguments.name.clone().or(connected.claims.user).unwrap_or_default();
    let joined =
        log::append(&session, Some(AppendKind::Accept), |_| Some(Act::Join { name: name.clone() })).await;
    if joined.is_err() && known.is_none() {
        keys.remove(space)?;
    }
    let deleted = match &joined {
        Ok(()) => session.connection.delete_invitation(chosen.invitation.id).await,
        Err(_) => Ok(()),
    };
    session.close(joined.context("the invitation is no longer valid")).await?;
    match deleted {
        Err(error) if !error.is(ErrorCode::NotFound) => {
            message("failed to delete the invitation from your mailbox");
        }
        Ok(()) | Err(_) => {}
    }
    output.write(&line).context("cannot write the result")?;
    message(&format!("joined; read the space with: less-sync pull --space {space}"));
    Ok(())
}

/// Membership after the acceptance of `offer`.
async fn membership(
    keys: &KeyDirectory,
    connection: &Connection,
    offer: Offer,
    known: Option<&Membership>,
) -> anyhow::Result<Membership> {
    let identity = keys.identity_or_create()?;
    let accepted = offer.accept(connection, &identity, known, clock::timestamp()).await;
    accepted.map_err(|error| {
        let is_revoked = matches!(error, AcceptError::Revoked);
        let error = anyhow::Error::new(error);
        if is_revoked { error.context("the invitation is no longer valid") } else { error }
    })
}

/// Stores the rights and the keys of a new or known space; a pending rotation stays.
fn store(keys: &KeyDirectory, is_known: bool, accepted: Membership) -> Result<(), Failure> {
    if !is_known {
        return Ok(keys.save(&StoredSpace::from(accepted))?);
    }
    keys.update(accepted.space(), |stored| {
        // Another process may have stored keys in the meantime.
        for key in accepted.keys.keys() {
            if stored.membership.keys.key(key.epoch()).is_err() {
                stored.membership.keys.insert(key.clone());
            }
        }
        stored.membership.ucan = accepted.ucan.clone();
    })?;
    Ok(())
}

fn line(chosen: &OpenInvitation) -> Fields {
    let OpenInvitation { invitation, offer } = chosen;
    Fields::new()
        .with("space", offer.space().to_string())
        .with("name", offer.name())
        .with("permission", permission_name(offer.permission))
        .with("from", offer.from.as_str())
        .with("expires", clock::format_timestamp(offer.expires_at))
        .with("invitation", invitation.id.to_string())
}
