//! Changing the key of a space, and going on where a change was interrupted.
//!
//! The new key is kept before the epoch begins, and the shares of it are left before anything is written under it: at
//! every point somebody has what it takes to go on. Only whoever began an epoch leaves its shares, so that it has one
//! key.

use std::time::Duration;

use anyhow::{Context as _, bail};
use less_sync_client::crypto::SpaceKey;
use less_sync_client::sharing::{
    Act, MOST_ADMISSIONS, RewrapError, Rewrapped, adopt, rewrap_all, seal_share,
};
use less_sync_client::{Begun, Share};
use less_sync_core::{Epoch, limits};

use super::log;
use super::room::Room;
use crate::clock;
use crate::keys::Rotation;
use crate::line::Line;
use crate::report::say;
use crate::shared::explain;

/// Rotations of others that are completed before ours is given up.
const PATIENCE: usize = 5;

/// Looks for a key that somebody may be about to leave, and the time between two of them.
const LOOKS: usize = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// What shall be reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Whether somebody is shut out: keys of older epochs are rejected from the beginning on.
    pub(super) shuts_out: bool,
    /// Whether a rotation whose key nobody has left is given a new one.
    pub(super) takes_over: bool,
}

/// A rotation that is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotated {
    epoch: Epoch,
    done: Rewrapped,
    resumed: bool,
}

impl Rotated {
    pub(super) fn line(&self) -> Line {
        Line::new()
            .with("epoch", self.epoch.get())
            .with("records", self.done.records)
            .with("files", self.done.files)
            .with_some("resumed", self.resumed.then_some(true))
    }
}

/// Rotates to a new key. A rotation that is under way is completed instead, or before, if it was not one that shuts
/// out whom we want out.
pub(super) async fn rotate(room: &mut Room, wish: Wish) -> anyhow::Result<Rotated> {
    for _ in 0..PATIENCE {
        let state = room.shared.state(&room.connection).await?;
        if let Some(pending) = state.rewrap_epoch {
            let removes = room
                .shared
                .stored
                .rotation
                .as_ref()
                .is_some_and(|ours| ours.key.epoch() == pending && ours.begun && ours.removes);
            say(&format!("completing the change to the key of epoch {pending}, which was interrupted"));
            let rotated = complete(room, pending, wish.takes_over, true).await?;
            if removes || !wish.shuts_out {
                return Ok(rotated);
            }
        } else if let Some(epoch) = begin(room, state.key_generation, wish.shuts_out).await? {
            return complete(room, epoch, false, false).await;
        }
    }
    bail!("others are changing the keys at the same time: try again")
}

/// Completes a rotation that is under way, if there is one.
pub(super) async fn complete_pending(room: &mut Room, takes_over: bool) -> anyhow::Result<()> {
    let state = room.shared.state(&room.connection).await?;
    match state.rewrap_epoch {
        Some(pending) => complete(room, pending, takes_over, true).await.map(drop),
        None => Ok(()),
    }
}

/// Begins the epoch after `current`; `None` when somebody else was first.
async fn begin(room: &mut Room, current: Epoch, removes: bool) -> anyhow::Result<Option<Epoch>> {
    let epoch = Epoch::new(current.get().saturating_add(1)).context("the space has run out of epochs")?;
    // Everything older has to be rewrapped, so its keys have to be here.
    room.shared.catch_up(&room.connection).await?;
    let key = SpaceKey::random(room.shared.space(), epoch);
    check_share(room, &key)?;
    room.shared.update(|stored| stored.rotation = Some(Rotation { key, removes, begun: false }))?;
    let access = room.shared.membership().access();
    let begun = room.connection.begin_epoch(access, epoch, removes).await;
    match begun.map_err(|error| explain(error, "cannot begin to change the key"))? {
        Begun::Ours => {
            room.shared.update(|stored| {
                if let Some(rotation) = &mut stored.rotation {
                    rotation.begun = true;
                }
            })?;
            Ok(Some(epoch))
        }
        Begun::Conflict { .. } => {
            room.shared.update(|stored| stored.rotation = None)?;
            Ok(None)
        }
    }
}

/// Whether we can leave shares at all, before it is too late.
fn check_share(room: &Room, key: &SpaceKey) -> anyhow::Result<()> {
    let proof = &room.shared.membership().ucan.0;
    seal_share(&room.shared.identity, proof, key, room.shared.identity.did())?;
    Ok(())
}

async fn complete(room: &mut Room, epoch: Epoch, takes_over: bool, resumed: bool) -> anyhow::Result<Rotated> {
    if let Ok(before) = Epoch::new(epoch.get() - 1) {
        // What is to be rewrapped is under it.
        room.shared.learn(&room.connection, before).await?;
    }
    let key = key_of(room, epoch, takes_over).await?;
    room.shared.remember(key)?;
    list_members(room, epoch).await?;
    let membership = room.shared.membership();
    let done = rewrap_all(&room.connection, membership.access(), &membership.keys, epoch).await;
    let done = done.map_err(advice)?;
    room.shared.update(|stored| stored.rotation = None)?;
    Ok(Rotated { epoch, done, resumed })
}

/// The key of an epoch that has begun: the one that was left for us, or the one that is ours to leave.
async fn key_of(room: &mut Room, epoch: Epoch, takes_over: bool) -> anyhow::Result<SpaceKey> {
    let ours = room.shared.stored.rotation.as_ref();
    let ours = ours.filter(|ours| ours.key.epoch() == epoch && (ours.begun || takes_over));
    let may_be_on_its_way = ours.is_none() && !takes_over;
    if let Some(key) = left_for_us(room, epoch, if may_be_on_its_way { LOOKS } else { 1 }).await? {
        return Ok(key);
    }
    let key = match ours {
        Some(ours) => ours.key.clone(),
        None if takes_over => SpaceKey::random(room.shared.space(), epoch),
        None => bail!(
            "somebody began to change the keys and has not left the new one yet; if they never will, run: less-sync space rotate --take-over"
        ),
    };
    if ours.is_none() {
        let rotation = Rotation { key: key.clone(), removes: false, begun: true };
        room.shared.update(|stored| stored.rotation = Some(rotation))?;
    }
    leave_shares(room, &key).await?;
    Ok(key)
}

/// The key that an administrator left for us, if there is one by the last look.
async fn left_for_us(room: &Room, epoch: Epoch, looks: usize) -> anyhow::Result<Option<SpaceKey>> {
    let (membership, identity) = (room.shared.membership(), &room.shared.identity);
    for look in 1..=looks {
        let left = adopt(&room.connection, identity, membership, epoch, clock::timestamp()).await;
        let left = left.context("cannot get the new key")?;
        if left.is_some() || look == looks {
            return Ok(left);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}

/// Leaves the key for everybody who is in, ourselves included.
async fn leave_shares(room: &Room, key: &SpaceKey) -> anyhow::Result<()> {
    let roster = log::roster(room).await?;
    let (own, now) = (room.shared.identity.did(), clock::timestamp());
    let others = roster.members().filter(|member| member.did != own && member.permission(now).is_some());
    let dids = std::iter::once(own).chain(others.map(|member| member.did.as_str()));
    let proof = &room.shared.membership().ucan.0;
    let shares: Vec<Share> =
        dids.map(|did| seal_share(&room.shared.identity, proof, key, did)).collect::<Result<_, _>>()?;
    if shares.len() > limits::KEY_SHARES {
        bail!("a space with more than {} members cannot change its key", limits::KEY_SHARES);
    }
    let put = room.connection.put_epoch_keys(room.shared.membership().access(), key.epoch(), &shares).await;
    put.map_err(|error| explain(error, "cannot leave the new key for the members"))
}

/// Says under the new key who is in, for those who will have only that.
async fn list_members(room: &Room, epoch: Epoch) -> anyhow::Result<()> {
    loop {
        let left = log::roster(room).await?.to_be_listed(epoch);
        if left.is_empty() {
            return Ok(());
        }
        let dids: Vec<String> =
            left.into_iter().take(MOST_ADMISSIONS).map(|admission| admission.did).collect();
        log::append(room, None, |roster| {
            let mut again = roster.to_be_listed(epoch);
            again.retain(|admission| dids.contains(&admission.did));
            again.truncate(MOST_ADMISSIONS);
            (!again.is_empty()).then_some(Act::Admit(again))
        })
        .await?;
    }
}

/// What to do about a record that stands in the way.
fn advice(error: RewrapError) -> anyhow::Error {
    let hint = match &error {
        RewrapError::Unreadable { id, .. } => {
            format!(
                "{id} stands in the way: have it written again, or delete it (less-sync push --delete {id}), then rotate again"
            )
        }
        RewrapError::List(_) | RewrapError::Call(_) | RewrapError::Busy => {
            "the change of the key is not complete: run less-sync space rotate to go on".to_owned()
        }
    };
    anyhow::Error::new(error).context(hint)
}
