//! A shared space in use: rights, keys, and what they open.

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use less_sync_client::crypto::{Identity, SpaceKey, Unreadable};
use less_sync_client::sharing::{Membership, adopt};
use less_sync_client::{CallError, Code, Connection, PullSpace, RecordRow, Watch, WatchedSpace};
use less_sync_core::{Cursor, Epoch, ErrorCode, Permission, SpaceId};

use crate::clock;
use crate::keys::{KeyDirectory, StoredSpace};
use crate::report::Failure;

/// A space of the key directory, and who we are in it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) keys: KeyDirectory,
    pub(crate) identity: Identity,
    pub(crate) stored: StoredSpace,
}

impl Shared {
    /// What the directory knows of `space`; `None` when it is not one of ours.
    pub(crate) fn find(keys: &KeyDirectory, space: SpaceId) -> Result<Option<Self>, Failure> {
        match keys.space(space)? {
            Some(stored) => Self::with(keys, stored).map(Some),
            None => Ok(None),
        }
    }

    /// A space that is known.
    pub(crate) fn with(keys: &KeyDirectory, stored: StoredSpace) -> Result<Self, Failure> {
        let nobody = || anyhow!("there is no identity in {}", keys.path().display());
        let identity = keys.identity()?.ok_or_else(nobody)?;
        Ok(Self { keys: keys.clone(), identity, stored })
    }

    pub(crate) fn membership(&self) -> &Membership {
        &self.stored.membership
    }

    pub(crate) fn space(&self) -> SpaceId {
        self.membership().space()
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch { ucan: Some(self.membership().ucan.0.clone()), ..Watch::from(self.space()) }
    }

    pub(crate) fn pull_space(&self, since: Cursor) -> PullSpace {
        PullSpace { ucan: Some(self.membership().ucan.0.clone()), ..PullSpace::from(self.space(), since) }
    }

    /// The rights that we have, as far as they can be known here.
    pub(crate) fn permission(&self) -> anyhow::Result<Permission> {
        let chain = self.membership().verify(self.identity.did(), clock::timestamp());
        Ok(chain.context("your rights in this space are no longer good")?.permission())
    }

    /// What the server says of the space.
    pub(crate) async fn state(&self, connection: &Connection) -> anyhow::Result<WatchedSpace> {
        let mut answer = connection.subscribe(&[self.watch()]).await.context("cannot ask for the space")?;
        match (answer.spaces.pop(), answer.rejected.pop()) {
            (Some(state), _) => Ok(state),
            (None, Some((_, code))) => Err(rejected(self.space(), &code)),
            (None, None) => bail!("the server does not show this space"),
        }
    }

    /// Fetches the keys that the space is using and we do not have yet; answers the epoch to write under.
    pub(crate) async fn catch_up(&mut self, connection: &Connection) -> anyhow::Result<Epoch> {
        let state = self.state(connection).await?;
        let current = state.key_generation;
        if let (Some(_), Ok(before)) = (state.rewrap_epoch, Epoch::new(current.get() - 1)) {
            // Some records are still under the key before.
            self.learn(connection, before).await?;
        }
        if self.learn(connection, current).await? {
            return Ok(current);
        }
        // Between the beginning of a rotation and its shares, the key before is still good.
        let newest = self.membership().keys.newest().map(SpaceKey::epoch);
        let newest = newest.filter(|epoch| state.rewrap_epoch.is_some() && epoch.get() + 1 == current.get());
        newest.with_context(|| {
            format!("nobody has left the key of epoch {current} for you: ask to be invited again")
        })
    }

    /// Whether we have the key of `epoch`, after asking for it if need be.
    pub(crate) async fn learn(&mut self, connection: &Connection, epoch: Epoch) -> anyhow::Result<bool> {
        if self.membership().keys.key(epoch).is_ok() {
            return Ok(true);
        }
        let adopted = adopt(connection, &self.identity, self.membership(), epoch, clock::timestamp()).await;
        match adopted.with_context(|| format!("cannot get the key of epoch {epoch}"))? {
            Some(key) => self.remember(key).map(|()| true),
            None => Ok(false),
        }
    }

    /// Keeps a key for good.
    pub(crate) fn remember(&mut self, key: SpaceKey) -> anyhow::Result<()> {
        self.update(|stored| stored.membership.keys.insert(key))
    }

    /// Changes what is known of the space, here and in the directory.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut StoredSpace)) -> anyhow::Result<()> {
        self.stored = self.keys.update(self.space(), change).map_err(Failure::into_error)?;
        Ok(())
    }

    /// The record with its content in the place of the ciphertext; tombstones as they are.
    pub(crate) fn open(&self, row: &RecordRow) -> Result<RecordRow, Unreadable> {
        let Some(blob) = &row.blob else { return Ok(row.clone()) };
        let content: Bytes = self.membership().keys.open_record(row.id, blob, row.dek.as_deref())?;
        Ok(RecordRow { blob: Some(content), dek: None, ..row.clone() })
    }
}

/// Why the server does not let us into a space.
fn rejected(space: SpaceId, code: &Code) -> anyhow::Error {
    if code.is(ErrorCode::Forbidden) {
        return anyhow!("you have no rights in the space {space}: they were revoked, or have run out");
    }
    anyhow!("the server does not show the space {space}: {code}")
}

/// The same of a call.
pub(crate) fn explain(error: CallError, doing: &'static str) -> anyhow::Error {
    let is_forbidden = error.is(ErrorCode::Forbidden);
    let error = anyhow::Error::new(error).context(doing);
    if is_forbidden { error.context("you have no right to do this in the space (any more)") } else { error }
}
