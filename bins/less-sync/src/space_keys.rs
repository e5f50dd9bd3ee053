//! Keys of the space that a command works in.

use anyhow::{Context as _, bail};
use less_sync_client::crypto::{DecryptionError, KeyRing};
use less_sync_client::{Access, Change, Connection, PullItem, PullSpace, RecordRow};
use less_sync_core::{Cursor, Epoch, RecordId, SpaceId};
use less_sync_keystore::KeyDirectory;

use crate::failure::Failure;
use crate::people::{name_or, space_id};
use crate::shared_space::SharedSpace;

/// Keys and rights in a space.
pub(crate) enum SpaceKeys {
    /// Shared space of the key directory.
    Shared(Box<SharedSpace>),
    /// Personal space of the user.
    Personal(PersonalKeys),
}

impl SpaceKeys {
    pub(crate) fn shared(&self) -> Option<&SharedSpace> {
        match self {
            Self::Shared(shared) => Some(shared),
            Self::Personal(_) => None,
        }
    }

    /// Name of the space for people, without control characters.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Shared(shared) => name_or(&shared.membership().name, &space_id(shared.space())),
            Self::Personal(_) => "personal".to_owned(),
        }
    }

    /// Space and chain of the user.
    pub(crate) fn access(&self) -> Access<'_> {
        match self {
            Self::Shared(shared) => shared.membership().access(),
            Self::Personal(personal) => personal.ring.space().into(),
        }
    }

    /// Stored keys.
    pub(crate) fn ring(&self) -> &KeyRing {
        match self {
            Self::Shared(shared) => &shared.membership().keys,
            Self::Personal(personal) => &personal.ring,
        }
    }

    /// Prepares writing: fetches the current key of a shared space, and creates the key of a personal one the first time. Returns
    /// the epoch to write under.
    pub(crate) async fn prepare_writing(&mut self, connection: &Connection) -> anyhow::Result<Epoch> {
        match self {
            Self::Shared(shared) => shared.catch_up(connection).await,
            Self::Personal(personal) => personal.ensure_key(connection).await,
        }
    }

    /// Fetches the key of `epoch` unless it is stored already; returns whether it is stored now.
    pub(crate) async fn fetch_key(&mut self, connection: &Connection, epoch: Epoch) -> anyhow::Result<bool> {
        match self {
            Self::Shared(shared) => shared.fetch_key(connection, epoch).await,
            Self::Personal(personal) => Ok(personal.ring.key(epoch).is_ok()),
        }
    }

    /// Epoch that a push names: only shared spaces have key generations.
    pub(crate) fn pushed_epoch(&self) -> Option<Epoch> {
        Some(self.shared()?.membership().keys.newest()?.epoch())
    }

    /// Change that writes `content`, encrypted under the newest key.
    pub(crate) fn seal(&self, id: RecordId, expected: Cursor, content: &[u8]) -> anyhow::Result<Change> {
        let newest = self.ring().newest().context("there is no key for this space")?;
        let sealed = self.ring().seal_record(newest.epoch(), id, content)?;
        Ok(Change::update(id, expected, sealed.blob).with_dek(sealed.dek.as_bytes().to_vec()))
    }
}

/// Record with its decrypted content; tombstones unchanged.
pub(crate) fn open(ring: &KeyRing, row: &RecordRow) -> Result<RecordRow, DecryptionError> {
    let Some(blob) = &row.blob else { return Ok(row.clone()) };
    let content = ring.open_record(row.id, blob, row.dek.as_deref())?;
    Ok(RecordRow { blob: Some(content), dek: None, ..row.clone() })
}

/// Key of a personal space, in the key directory.
pub(crate) struct PersonalKeys {
    directory: KeyDirectory,
    ring: KeyRing,
}

impl PersonalKeys {
    pub(crate) fn load(directory: KeyDirectory, space: SpaceId) -> Result<Self, Failure> {
        let ring = directory.personal_keys(space)?;
        Ok(Self { directory, ring })
    }

    pub(crate) fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Reads the key again, which another process may have created.
    pub(crate) fn reload(&mut self) -> Result<(), Failure> {
        self.ring = self.directory.personal_keys(self.ring.space())?;
        Ok(())
    }

    /// Creates the key the first time. A space with encrypted records has a key on another device: with a second key, neither
    /// device could read the records of the other.
    async fn ensure_key(&mut self, connection: &Connection) -> anyhow::Result<Epoch> {
        let space = self.ring.space();
        if self.ring.newest().is_none() && has_encrypted_records(connection, space).await? {
            bail!(
                "the space {space} has encrypted records, and its key is not in {}: export it on the device that has it with \
                 less-sync key export FILE, and import it here with less-sync key import FILE",
                self.directory.path().display()
            );
        }
        self.ring = self.directory.personal_keys_or_create(space)?;
        Ok(Epoch::FIRST)
    }
}

async fn has_encrypted_records(connection: &Connection, space: SpaceId) -> anyhow::Result<bool> {
    let mut pull = connection.pull(&[PullSpace::from(space, Cursor::ZERO)]).await.context("cannot pull")?;
    let mut found = false;
    while let Some(item) = pull.next().await {
        if let PullItem::Record(row) = item.context("cannot pull")? {
            found |= row.dek.is_some();
        }
    }
    Ok(found)
}
