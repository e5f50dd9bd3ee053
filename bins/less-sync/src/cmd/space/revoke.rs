//! `less-sync space revoke`

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use less_sync_client::sharing::{Act, Member};
use less_sync_core::{Did, Epoch};

use super::log;
use super::rotation::{Rotated, RotationRequest, list_members, rotate};
use super::session::{SpaceSelector, SpaceSession};
use crate::advised::advised;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, message};
use crate::shared_space::explain;
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "The member is disconnected immediately and cannot read later changes; content that they already have stays with them. An interrupted command can be repeated."
)]
pub(crate) struct Arguments {
    /// did:key or address of the member
    member: String,
    #[command(flatten)]
    session: SpaceSelector,
    /// Take over a rotation that another member began and will never complete, with a new key
    #[arg(long)]
    take_over: bool,
}

/// Revokes the rights of a member, and rotates the key, so that they cannot read later changes.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut session = SpaceSession::open(target, &arguments.session).await?;
    let did = Did::try_from(arguments.member.split('@').next().unwrap_or_default());
    let did = did.map_err(|_| anyhow!("the member is missing: a did:key or an address"))?;
    let revoked = revoke(&mut session, &did, arguments.take_over).await;
    let rotated = session.close(revoked).await?;
    let line = rotated.map_or_else(Fields::new, |rotated| rotated.line()).with("revoked", did.as_str());
    Output::new(json).write(&line).context("cannot write the result")?;
    message(if rotated.is_some() {
        "the member is removed, and the key is rotated"
    } else {
        "the member was removed and the key rotated before"
    });
    Ok(())
}

/// Removes the member and rotates the key; `None` if both was done before.
async fn revoke(session: &mut SpaceSession, did: &Did, takes_over: bool) -> anyhow::Result<Option<Rotated>> {
    ensure!(did != session.shared.identity.did(), "you cannot remove yourself");
    let request = RotationRequest { removes: Some(did.clone()), takes_over };
    session.shared.catch_up(&session.connection).await?;
    let roster = log::roster(session).await?;
    match (roster.member(did), roster.removal(did)) {
        (Some(member), _) => {
            let others = roster.dependents(did);
            revoke_tokens(session, member).await?;
            // The key before the log: a full log does not keep the key with the removed member.
            let rotated = rotate(session, &request).await?;
            let entered = enter(session, did, rotated).await;
            entered.context("the rights are revoked and the key is rotated, but the membership log does not say so: repeat the command")?;
            others.into_iter().for_each(warn);
            return Ok(Some(rotated));
        }
        (None, Some(epoch)) if is_rotated(session, epoch).await? => return Ok(None),
        // Entered by an earlier version, which rotated the key afterwards.
        (None, Some(_)) => {}
        (None, None) => {
            let text = format!("the space has no member {}", did.as_str());
            return Err(advised(text, "less-sync space members lists the members"));
        }
    }
    let rotated = rotate(session, &request).await?;
    list_members(session, rotated.epoch()).await?;
    Ok(Some(rotated))
}

/// Enters the removal into the membership log, under the key before the rotation, and then the members under the new one.
async fn enter(session: &SpaceSession, did: &Did, rotated: Rotated) -> anyhow::Result<()> {
    let keys = &session.shared.membership().keys;
    let before = rotated.before().and_then(|before| keys.key(before).ok()).or(keys.newest());
    let before = before.context("there is no key for this space")?;
    log::append_under(session, before, None, |roster| roster.member(did).map(removal)).await?;
    list_members(session, rotated.epoch()).await
}

/// Revokes all tokens of the member on the server, which ends their subscriptions.
async fn revoke_tokens(session: &SpaceSession, member: &Member) -> anyhow::Result<()> {
    let access = session.shared.membership().access();
    for token in &member.tokens {
        let revoked = session.connection.revoke(access, token.cid, Some(&member.did)).await;
        revoked.map_err(|error| explain(error, "cannot revoke the rights of the member"))?;
    }
    Ok(())
}

fn removal(member: &Member) -> Act {
    let cids = member.tokens.iter().map(|token| token.cid.to_hex()).collect();
    Act::Remove { did: member.did.as_str().to_owned(), cids }
}

/// Returns whether the key was rotated after the removal, and no rotation is pending.
async fn is_rotated(session: &SpaceSession, removed: Epoch) -> anyhow::Result<bool> {
    let state = session.shared.state(&session.connection).await?;
    Ok(state.rewrap_epoch.is_none() && state.key_generation > removed)
}

fn warn(member: &Member) {
    let name = if member.name.is_empty() { member.did.as_str() } else { &member.name };
    // Names are chosen by members, so control characters are escaped.
    let name = name.escape_debug();
    message(&format!(
        "{name} was invited by the removed member and lost access, too: invite them again if they should stay"
    ));
}
