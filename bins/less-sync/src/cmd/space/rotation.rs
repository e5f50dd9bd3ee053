//! Rotation of the key of a space, resumable after an interruption at any point.
//!
//! The order of the steps makes a rotation resumable: the new key is stored in the key directory before the epoch
//! begins, and its shares are uploaded before anything is encrypted under it. Only the member that began an epoch uploads
//! shares, so that an epoch has exactly one key; another member may take over explicitly.

use std::time::Duration;

use anyhow::{Context as _, bail};
use less_sync_client::crypto::SpaceKey;
use less_sync_client::sharing::{Act, MAX_ADMISSIONS, RewrapError, Rewrapped, adopt, rewrap_all, seal_share};
use less_sync_client::{Begun, Share};
use less_sync_core::{Did, Epoch, limits};
use less_sync_keystore::PendingRotation;

use super::log;
use super::session::SpaceSession;
use crate::clock;
use crate::fields::Fields;
use crate::output::message;
use crate::shared_space::explain;

/// Maximum attempts to begin a rotation while others rotate concurrently.
const MAX_ATTEMPTS: usize = 5;

/// Polls for a key share that another member may be about to upload, and the interval between two of them.
const POLLS: usize = 5;
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Requested rotation.
#[derive(Clone, Debug)]
pub(super) struct RotationRequest {
    /// Removed member, who gets no share of the new key. Writes under older epochs are rejected from the beginning of the
    /// rotation, then.
    pub(super) removes: Option<Did>,
    /// True to take over a pending rotation without key shares, with a new key.
    pub(super) takes_over: bool,
}

/// Completed rotation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotated {
    epoch: Epoch,
    done: Rewrapped,
    resumed: bool,
}

impl Rotated {
    /// Epoch of the new key.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Epoch before the rotation.
    pub(super) fn before(&self) -> Option<Epoch> {
        Epoch::new(self.epoch.get() - 1).ok()
    }

    pub(super) fn line(&self) -> Fields {
        Fields::new()
            .with("epoch", self.epoch.get())
            .with("records", self.done.records)
            .with("files", self.done.files)
            .with_some("resumed", self.resumed.then_some(true))
    }
}

/// Rotates to a new key, without an entry of the membership log. A pending rotation is completed instead; for a removal, another
/// one follows unless the pending one was started for the same removal.
pub(super) async fn rotate(session: &mut SpaceSession, request: &RotationRequest) -> anyhow::Result<Rotated> {
    for _ in 0..MAX_ATTEMPTS {
        let state = session.shared.state(&session.connection).await?;
        if let Some(pending) = state.rewrap_epoch {
            let ours = session.shared.stored.rotation.as_ref();
            let is_same = ours.is_some_and(|ours| {
                ours.key.epoch() == pending && ours.begun && ours.removes == request.removes
            });
            message(&format!("completing the pending rotation to epoch {pending}"));
            let rotated = complete(session, pending, request.takes_over, true).await?;
            if is_same || request.removes.is_none() {
                return Ok(rotated);
            }
        } else if let Some(epoch) = begin(session, state.key_generation, request.removes.as_ref()).await? {
            return complete(session, epoch, false, false).await;
        }
    }
    bail!("other members rotate the key concurrently: try again")
}

/// Begins the epoch after `current`; `None` if another member was first.
async fn begin(
    session: &mut SpaceSession,
    current: Epoch,
    removes: Option<&Did>,
) -> anyhow::Result<Option<Epoch>> {
    let epoch = Epoch::new(current.get().saturating_add(1)).context("the space has no further epoch")?;
    // Rewrapping needs the keys of all older epochs in use.
    session.shared.catch_up(&session.connection).await?;
    let key = SpaceKey::random(session.shared.space(), epoch);
    check_share(session, &key)?;
    let rotation = PendingRotation { key, removes: removes.cloned(), begun: false };
    session.shared.update(|stored| stored.rotation = Some(rotation))?;
    let access = session.shared.membership().access();
    let begun = session.connection.begin_epoch(access, epoch, removes.is_some()).await;
    match begun.map_err(|error| explain(error, "cannot begin the rotation"))? {
        Begun::Ours => {
            session.shared.update(|stored| {
                if let Some(rotation) = &mut stored.rotation {
                    rotation.begun = true;
                }
            })?;
            Ok(Some(epoch))
        }
        Begun::Conflict { .. } => {
            session.shared.update(|stored| stored.rotation = None)?;
            Ok(None)
        }
    }
}

/// Verifies that key shares can be created, before the epoch begins: afterwards the space would be stuck without them.
fn check_share(session: &SpaceSession, key: &SpaceKey) -> anyhow::Result<()> {
    let proof = &session.shared.membership().ucan.0;
    seal_share(&session.shared.identity, proof, key, session.shared.identity.did())?;
    Ok(())
}

async fn complete(
    session: &mut SpaceSession,
    epoch: Epoch,
    takes_over: bool,
    resumed: bool,
) -> anyhow::Result<Rotated> {
    if let Ok(before) = Epoch::new(epoch.get() - 1) {
        // Keys to rewrap are wrapped under the previous epoch.
        session.shared.fetch_key(&session.connection, before).await?;
    }
    let key = key_of(session, epoch, takes_over).await?;
    session.shared.store_key(key)?;
    let membership = session.shared.membership();
    let done = rewrap_all(&session.connection, membership.access(), &membership.keys, epoch).await;
    let done = done.map_err(advice)?;
    session.shared.update(|stored| stored.rotation = None)?;
    Ok(Rotated { epoch, done, resumed })
}

/// Key of an epoch that has begun: from the own key share, or generated here and then shared.
async fn key_of(session: &mut SpaceSession, epoch: Epoch, takes_over: bool) -> anyhow::Result<SpaceKey> {
    let ours = session.shared.stored.rotation.as_ref();
    let ours = ours.filter(|ours| ours.key.epoch() == epoch && (ours.begun || takes_over));
    // Another member began the epoch and may be about to upload the shares.
    let may_arrive = ours.is_none() && !takes_over;
    if let Some(key) = shared_key(session, epoch, if may_arrive { POLLS } else { 1 }).await? {
        return Ok(key);
    }
    let key = match ours {
        Some(ours) => ours.key.clone(),
        None if takes_over => SpaceKey::random(session.shared.space(), epoch),
        None => bail!(
            "another member began a rotation and has not shared its key yet; if they never will, run: less-sync space rotate --take-over"
        ),
    };
    if ours.is_none() {
        let rotation = PendingRotation { key: key.clone(), removes: None, begun: true };
        session.shared.update(|stored| stored.rotation = Some(rotation))?;
    }
    upload_shares(session, &key).await?;
    Ok(key)
}

/// Key from the own share of the epoch; `None` if there is no share after `polls` polls.
async fn shared_key(session: &SpaceSession, epoch: Epoch, polls: usize) -> anyhow::Result<Option<SpaceKey>> {
    let (membership, identity) = (session.shared.membership(), &session.shared.identity);
    for poll in 1..=polls {
        let shared = adopt(&session.connection, identity, membership, epoch, clock::timestamp()).await;
        let shared = shared.context("cannot fetch the new key")?;
        if shared.is_some() || poll == polls {
            return Ok(shared);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(None)
}

/// Uploads key shares for all members, ourselves included, but not for the one that the rotation removes: the membership log says so
/// only afterwards.
async fn upload_shares(session: &SpaceSession, key: &SpaceKey) -> anyhow::Result<()> {
    let roster = log::roster(session).await?;
    let removed = session.shared.stored.rotation.as_ref().and_then(|rotation| rotation.removes.as_ref());
    let (own, now) = (session.shared.identity.did(), clock::timestamp());
    let is_kept = |did: &Did| did != own && Some(did) != removed;
    let others = roster.members().filter(|member| is_kept(&member.did) && member.permission(now).is_some());
    let dids = std::iter::once(own).chain(others.map(|member| &member.did));
    let proof = &session.shared.membership().ucan.0;
    let shares: Vec<Share> =
        dids.map(|did| seal_share(&session.shared.identity, proof, key, did)).collect::<Result<_, _>>()?;
    if shares.len() > limits::KEY_SHARES {
        bail!("cannot rotate the key of a space with more than {} members", limits::KEY_SHARES);
    }
    let put =
        session.connection.put_epoch_keys(session.shared.membership().access(), key.epoch(), &shares).await;
    put.map_err(|error| explain(error, "cannot upload the key shares"))
}

/// Repeats the admissions of all members under the new key, for future members, who cannot read older entries.
pub(super) async fn list_members(session: &SpaceSession, epoch: Epoch) -> anyhow::Result<()> {
    loop {
        let left = log::roster(session).await?.to_be_listed(epoch);
        if left.is_empty() {
            return Ok(());
        }
        let dids: Vec<String> =
            left.into_iter().take(MAX_ADMISSIONS).map(|admission| admission.did).collect();
        log::append(session, None, |roster| {
            let mut again = roster.to_be_listed(epoch);
            again.retain(|admission| dids.contains(&admission.did));
            again.truncate(MAX_ADMISSIONS);
            (!again.is_empty()).then_some(Act::Admit(again))
        })
        .await?;
    }
}

/// Error of a rewrap, with advice for the user.
fn advice(error: RewrapError) -> anyhow::Error {
    let hint = match &error {
        RewrapError::Undecryptable { id, .. } => {
            format!(
                "{id} blocks the rotation: write it again or delete it (less-sync push --delete {id}), then rotate again"
            )
        }
        RewrapError::List(_) | RewrapError::Call(_) | RewrapError::Busy => {
            "the rotation is incomplete: run less-sync space rotate to continue".to_owned()
        }
    };
    anyhow::Error::new(error).context(hint)
}
