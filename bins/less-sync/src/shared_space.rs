//! Shared space of the key directory: rights, keys, and decryption of its records.

use anyhow::{Context as _, anyhow};
use less_sync_client::crypto::{Identity, SpaceKey};
use less_sync_client::sharing::{Membership, adopt};
use less_sync_client::{CallError, Code, Connection, Watch, WatchedSpace};
use less_sync_core::{Epoch, ErrorCode, Permission, SpaceId};
use less_sync_keystore::{KeyDirectory, StoredSpace};

use crate::advised::{INVITE_AGAIN, advised, advised_by, no_access};
use crate::clock;
use crate::failure::Failure;

/// Space of the key directory, and the identity of the user in it.
#[derive(Debug)]
pub(crate) struct SharedSpace {
    keys: KeyDirectory,
    pub(crate) identity: Identity,
    pub(crate) stored: StoredSpace,
}

impl SharedSpace {
    /// Loads `space` from the directory; `None` if it is not a space of the directory.
    pub(crate) fn find(keys: &KeyDirectory, space: SpaceId) -> Result<Option<Self>, Failure> {
        match keys.space(space)? {
            Some(stored) => Self::with(keys, stored).map(Some),
            None => Ok(None),
        }
    }

    /// Loads the named space, or the only one of the directory.
    pub(crate) fn load(keys: &KeyDirectory, named: Option<SpaceId>) -> Result<Self, Failure> {
        Self::with(keys, keys.space_or_only(named)?)
    }

    fn with(keys: &KeyDirectory, stored: StoredSpace) -> Result<Self, Failure> {
        let missing = || {
            let text = format!("there is no identity in {}", keys.path().display());
            advised(text, "create one with less-sync identity, or give --keys")
        };
        let identity = keys.identity()?.ok_or_else(missing)?;
        Ok(Self { keys: keys.clone(), identity, stored })
    }

    pub(crate) fn membership(&self) -> &Membership {
        &self.stored.membership
    }

    pub(crate) fn space(&self) -> SpaceId {
        self.membership().space()
    }

    /// Subscription to the space.
    pub(crate) fn watch(&self) -> Watch {
        Watch { ucan: Some(self.membership().ucan.0.clone()), ..Watch::from(self.space()) }
    }

    /// Permission of the user by the stored chain. A revocation is known to the server and the log only.
    pub(crate) fn permission(&self) -> anyhow::Result<Permission> {
        let chain = self.membership().verify(self.identity.did(), clock::timestamp());
        let invalid =
            |cause| advised_by("the rights in this space have expired or are invalid", INVITE_AGAIN, cause);
        Ok(chain.map_err(invalid)?.permission())
    }

    /// Fetches the state of the space from the server.
    pub(crate) async fn state(&self, connection: &Connection) -> anyhow::Result<WatchedSpace> {
        let subscribed = connection.subscribe(&[self.watch()]).await;
        let mut subscribed = subscribed.context("cannot fetch the state of the space")?;
        match (subscribed.spaces.pop(), subscribed.rejected.pop()) {
            (Some(state), _) => Ok(state),
            (None, Some((_, code))) => Err(rejected(self.space(), &code)),
            (None, None) => Err(no_access()),
        }
    }

    /// Fetches missing keys that the space uses; returns the epoch to write under.
    pub(crate) async fn catch_up(&mut self, connection: &Connection) -> anyhow::Result<Epoch> {
        let state = self.state(connection).await?;
        let current = state.key_generation;
        if let (Some(_), Ok(before)) = (state.rewrap_epoch, Epoch::new(current.get() - 1)) {
            // During a rewrap some records are still encrypted under the previous key.
            self.fetch_key(connection, before).await?;
        }
        if self.fetch_key(connection, current).await? {
            return Ok(current);
        }
        // Between the beginning of a rotation and the upload of its key shares, the previous key is valid.
        let newest = self.membership().keys.newest().map(SpaceKey::epoch);
        let newest = newest.filter(|epoch| state.rewrap_epoch.is_some() && epoch.get() + 1 == current.get());
        newest.with_context(|| {
            format!("there is no share of the key of epoch {current} for you: ask to be invited again")
        })
    }

    /// Fetches and stores the key of `epoch` unless it is stored already; returns whether it is stored now.
    pub(crate) async fn fetch_key(&mut self, connection: &Connection, epoch: Epoch) -> anyhow::Result<bool> {
        if self.membership().keys.key(epoch).is_ok() {
            return Ok(true);
        }
        let adopted = adopt(connection, &self.identity, self.membership(), epoch, clock::timestamp()).await;
        match adopted.with_context(|| format!("cannot fetch the key of epoch {epoch}"))? {
            Some(key) => self.store_key(key).map(|()| true),
            None => Ok(false),
        }
    }

    /// Stores a key in the directory.
    pub(crate) fn store_key(&mut self, key: SpaceKey) -> anyhow::Result<()> {
        self.update(|stored| stored.membership.keys.insert(key))
    }

    /// Changes the space in the directory and in this value.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut StoredSpace)) -> anyhow::Result<()> {
        self.stored = self.keys.update(self.space(), change)?;
        Ok(())
    }
}

/// Error for a space whose subscription the server rejected.
fn rejected(space: SpaceId, code: &Code) -> anyhow::Error {
    if code.is(ErrorCode::Forbidden) {
        return advised(
            format!("no access to space {space}: the rights were revoked or have expired"),
            INVITE_AGAIN,
        );
    }
    anyhow!("cannot subscribe to space {space}: {code}")
}

/// Error of a call in a shared space, with `context`, and an explanation if the server rejected the rights.
pub(crate) fn explain(error: CallError, context: &'static str) -> anyhow::Error {
    let is_forbidden = error.is(ErrorCode::Forbidden);
    let error = anyhow::Error::new(error).context(context);
    if is_forbidden { error.context("permission denied in this space") } else { error }
}
