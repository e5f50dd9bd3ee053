//! Keys that sign requests of this server to its peers (storage §3.16, federation §6.4).

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::error::rejections;
use crate::{DatabaseTime, StorageError};

/// Private part of a signing key as stored: a bare seed, or a sealed one. Zeroized on drop; `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSeed(Zeroizing<Vec<u8>>);

impl StoredSeed {
    /// Wraps the stored bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Stored bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for StoredSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredSeed([redacted])")
    }
}

/// Signing key to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFederationKey {
    /// Key id: a URL with a fragment.
    pub kid: String,
    /// Private part.
    pub seed: StoredSeed,
    /// Public key, 32 bytes.
    pub public: Vec<u8>,
}

/// Role of a key that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlacement {
    /// Published; signs only when there is no active primary.
    Staged,
    /// Published; signs from now on in place of the current primary.
    Primary,
    /// As [`Self::Primary`], but nothing is added while the active primary has an id that is this URL and a fragment.
    PrimaryUnlessOf(String),
}

/// Outcome of adding a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddedKey {
    /// The key was added.
    Inserted {
        /// True when it signs.
        is_primary: bool,
    },
    /// The key was there with the same public key; nothing changed.
    Unchanged,
    /// An active primary of the URL was there; nothing changed.
    HasPrimary(FederationKey),
}

/// Stored signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationKey {
    /// Key id: a URL with a fragment.
    pub kid: String,
    /// Private part.
    pub seed: StoredSeed,
    /// Public key, 32 bytes unless the row is damaged.
    pub public: Vec<u8>,
    /// Time of its creation.
    pub created_at: DatabaseTime,
    /// True when the key is published.
    pub is_active: bool,
    /// True when the key signs. At most one key is primary, and it is active.
    pub is_primary: bool,
    /// Time of its last deactivation.
    pub deactivated_at: Option<DatabaseTime>,
}

impl FederationKey {
    /// Returns true when the id is `url` with a fragment.
    #[must_use]
    pub fn is_of(&self, url: &str) -> bool {
        self.kid.rsplit_once('#').is_some_and(|(own, _)| own == url)
    }
}

rejections! {
    FederationKeyError:
    /// Rejections of operations on signing keys.
    FederationKeyRejection {
        /// No key has this id.
        #[error("no federation key has this id")]
        NotFound,
        /// Another public key is stored under this id.
        #[error("another federation key has this id")]
        Mismatch,
        /// The key was created too recently: peers may not know it yet.
        #[error("federation key is too young")]
        TooYoung,
        /// The key is the one that signs.
        #[error("federation key is the primary")]
        IsPrimary,
    }
}

/// Signing keys. They belong to no space; operations on them are serialised.
#[async_trait]
pub trait FederationKeys: Send + Sync {
    /// Adds `key` in the role of `placement`. A stored seed is never overwritten. Of concurrent first keys exactly one becomes
    /// primary.
    ///
    /// # Errors
    /// [`FederationKeyRejection::Mismatch`] for a known id with another public key; nothing changes.
    async fn add_key(
        &self,
        key: &NewFederationKey,
        placement: &KeyPlacement,
    ) -> Result<AddedKey, FederationKeyError>;

    /// Makes the key the primary, and active again, in place of the current one. Concurrent promotions are serialised; the last
    /// one counts.
    ///
    /// # Errors
    /// [`FederationKeyRejection::NotFound`], and [`FederationKeyRejection::TooYoung`] when the key was created less than
    /// `minimum_age` ago and is not the primary; nothing changes.
    async fn promote_key(&self, kid: &str, minimum_age: Duration) -> Result<(), FederationKeyError>;

    /// Withdraws the key: it is neither published nor signs. A repeat changes nothing.
    ///
    /// # Errors
    /// [`FederationKeyRejection::NotFound`], and [`FederationKeyRejection::IsPrimary`] for the primary unless `force` is set;
    /// nothing changes.
    async fn deactivate_key(&self, kid: &str, force: bool) -> Result<(), FederationKeyError>;

    /// All keys by (`created_at`, `kid`), the inactive ones too.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn federation_keys(&self) -> Result<Vec<FederationKey>, StorageError>;

    /// Deletes the keys that were deactivated at least `age` ago, and returns their number.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn delete_inactive_keys(&self, age: Duration) -> Result<u64, StorageError>;
}
