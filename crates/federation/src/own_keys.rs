//! Signing keys of this server: creation at the start, loading, and the published key set (federation §6).

use std::sync::Arc;

use arc_swap::ArcSwap;
use less_sync_auth::federation::key_set::{KidForm, key_set_document};
use less_sync_auth::federation::sealing::{SEAL_NONCE_BYTES, SealingKey, UnreadableSeed, open_seed};
use less_sync_auth::federation::{InvalidKeyId, KeyId, PeerKey, SigningKey};
use less_sync_core::CanonicalDomain;
use less_sync_storage::{
    AddedKey, FederationKey, FederationKeyError, FederationKeys, KeyPlacement, NewFederationKey,
    StorageError, StoredSeed,
};

/// Error of loading the signing keys.
#[derive(Debug, thiserror::Error)]
pub enum OwnKeysError {
    /// Id that is not the id of a federation key.
    #[error("stored federation key id \"{kid}\" is invalid")]
    KeyId {
        /// Id as stored.
        kid: String,
        /// Cause.
        #[source]
        source: InvalidKeyId,
    },
    /// Seed that cannot be read.
    #[error("stored federation key \"{kid}\" cannot be read")]
    Seed {
        /// Id of the key.
        kid: String,
        /// Cause.
        #[source]
        source: UnreadableSeed,
    },
    /// Public key that is not that of the seed.
    #[error("stored federation key pair mismatch for \"{kid}\"")]
    Mismatch {
        /// Id of the key.
        kid: String,
    },
    /// Failure of the database.
    #[error("cannot read the federation keys")]
    Storage(#[source] StorageError),
}

/// Key that signs requests of this server.
#[expect(missing_debug_implementations, reason = "keys are not shown (auth S-12)")]
pub struct SigningIdentity {
    /// Id of the key.
    pub key_id: KeyId,
    /// Key.
    pub key: SigningKey,
}

/// Active keys at one time.
#[expect(missing_debug_implementations, reason = "keys are not shown (auth S-12)")]
#[derive(Default)]
pub struct KeyRing {
    published: Vec<(KeyId, PeerKey)>,
    primary: Option<SigningIdentity>,
}

impl KeyRing {
    /// Opens the active ones of the stored keys, which are in the order of their creation.
    ///
    /// # Errors
    /// [`OwnKeysError`] for the first unreadable or inconsistent key.
    pub fn open(stored: &[FederationKey], sealing: Option<&SealingKey>) -> Result<Self, OwnKeysError> {
        let mut ring = Self::default();
        for stored in stored.iter().filter(|stored| stored.is_active) {
            let kid = || stored.kid.clone();
            let key_id: KeyId =
                stored.kid.parse().map_err(|source| OwnKeysError::KeyId { kid: kid(), source })?;
            let key = open_seed(&stored.kid, stored.seed.as_bytes(), sealing)
                .map_err(|source| OwnKeysError::Seed { kid: kid(), source })?;
            if stored.public != key.public().as_bytes() {
                return Err(OwnKeysError::Mismatch { kid: kid() });
            }
            ring.published.push((key_id.clone(), key.public()));
            if stored.is_primary {
                ring.primary = Some(SigningIdentity { key_id, key });
            }
        }
        Ok(ring)
    }

    /// Published keys, oldest first.
    #[must_use]
    pub fn published(&self) -> &[(KeyId, PeerKey)] {
        &self.published
    }

    /// Key that signs; `None` turns outbound federation off.
    #[must_use]
    pub const fn primary(&self) -> Option<&SigningIdentity> {
        self.primary.as_ref()
    }
}

/// Seed and nonce of a new key, both random.
pub type KeyEntropy = ([u8; 32], [u8; SEAL_NONCE_BYTES]);

/// Makes a key with the id `key_id`, its seed sealed when there is a sealing key.
#[must_use]
pub fn new_key(key_id: &KeyId, (seed, nonce): KeyEntropy, sealing: Option<&SealingKey>) -> NewFederationKey {
    let key = SigningKey::from_seed(&seed);
    let stored = sealing.map_or_else(|| seed.to_vec(), |sealing| sealing.seal(key_id.as_str(), &key, nonce));
    NewFederationKey {
        kid: key_id.as_str().to_owned(),
        seed: StoredSeed::new(stored),
        public: key.public().as_bytes().to_vec(),
    }
}

/// Placement of a key that is added only when no active primary of `domain` exists (federation KY-8).
#[must_use]
pub fn unless_primary_of(domain: &CanonicalDomain) -> KeyPlacement {
    KeyPlacement::PrimaryUnlessOf(KeyId::key_set_url(domain))
}

/// Signing keys of this server, loaded from the database and loaded again while it runs.
pub struct OwnKeys {
    storage: Arc<dyn FederationKeys>,
    sealing: Option<Arc<SealingKey>>,
    form: KidForm,
    ring: ArcSwap<KeyRing>,
}

impl OwnKeys {
    /// Loads the active keys.
    ///
    /// # Errors
    /// [`OwnKeysError`]; a damaged key ends the start (federation §6.2).
    pub async fn load(
        storage: Arc<dyn FederationKeys>,
        sealing: Option<Arc<SealingKey>>,
        form: KidForm,
    ) -> Result<Self, OwnKeysError> {
        let own = Self { storage, sealing, form, ring: ArcSwap::default() };
        own.reload().await?;
        Ok(own)
    }

    /// Adds a first key with `fragment` for `domain`, unless an active primary of it exists (federation KY-8), and loads it.
    ///
    /// # Errors
    /// Failures of the database, and those of [`Self::reload`].
    pub async fn ensure(
        &self,
        domain: &CanonicalDomain,
        key_id: &KeyId,
        entropy: KeyEntropy,
    ) -> Result<(), EnsureError> {
        let key = new_key(key_id, entropy, self.sealing.as_deref());
        if let AddedKey::Inserted { .. } = self.storage.add_key(&key, &unless_primary_of(domain)).await? {
            tracing::info!(key_id = %key_id, "federation signing key created");
        }
        self.reload().await?;
        Ok(())
    }

    /// Loads the keys again. Returns true when they changed. After a failure the previous keys stay in use.
    ///
    /// # Errors
    /// [`OwnKeysError`].
    pub async fn reload(&self) -> Result<bool, OwnKeysError> {
        let stored = self.storage.federation_keys().await.map_err(OwnKeysError::Storage)?;
        let ring = KeyRing::open(&stored, self.sealing.as_deref())?;
        let previous = self.ring.load();
        let id = |ring: &KeyRing| ring.primary().map(|primary| primary.key_id.clone());
        let (before, after) = (id(&previous), id(&ring));
        let has_changed = before != after || previous.published() != ring.published();
        if before != after
            && let Some(key_id) = after
        {
            // Event name of federation §18.4.
            tracing::info!(key_id = %key_id, "federation.key_promoted");
        }
        self.ring.store(Arc::new(ring));
        Ok(has_changed)
    }

    /// Keys in use now.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// Published key set as JSON.
    #[must_use]
    pub fn document(&self) -> Vec<u8> {
        key_set_document(self.ring.load().published(), self.form)
    }
}

impl std::fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnKeys").field("published", &self.ring.load().published()).finish_non_exhaustive()
    }
}

/// Error of creating the first key.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// The key cannot be stored.
    #[error("cannot store a federation key")]
    Add(#[from] FederationKeyError),
    /// The keys cannot be loaded.
    #[error(transparent)]
    Load(#[from] OwnKeysError),
}

#[cfg(test)]
mod tests {
    use less_sync_storage::DatabaseTime;

    use super::*;

    const KID: &str = "https://a.example/.well-known/jwks.json#k";

    fn stored(kid: &str, seed: Vec<u8>, public: Vec<u8>) -> FederationKey {
        FederationKey {
            kid: kid.to_owned(),
            seed: StoredSeed::new(seed),
            public,
            created_at: DatabaseTime::from_micros(0),
            is_active: true,
            is_primary: true,
            deactivated_at: None,
        }
    }

    fn error(key: FederationKey) -> String {
        KeyRing::open(&[key], None).err().unwrap().to_string()
    }

    /// Federation §6.2.
    #[test]
    fn damaged_pairs_are_named() {
        let public = SigningKey::from_seed(&[7; 32]).public().as_bytes().to_vec();
        assert_eq!(
            error(stored(KID, vec![8; 32], public.clone())),
            format!("stored federation key pair mismatch for \"{KID}\"")
        );
        assert_eq!(
            error(stored(KID, vec![7; 32], vec![])),
            format!("stored federation key pair mismatch for \"{KID}\"")
        );
        assert_eq!(
            error(stored(KID, vec![7; 31], public.clone())),
            format!("stored federation key \"{KID}\" cannot be read")
        );
        assert_eq!(error(stored("k", vec![7; 32], public)), "stored federation key id \"k\" is invalid");
    }

    #[test]
    fn inactive_keys_are_neither_opened_nor_published() {
        let inactive =
            FederationKey { is_active: false, is_primary: false, ..stored("damaged", vec![], vec![]) };
        let ring = KeyRing::open(&[inactive], None).map_err(|error| error.to_string()).unwrap();
        assert!(ring.published().is_empty() && ring.primary().is_none());
    }

    #[test]
    fn new_keys_are_sealed_when_there_is_a_sealing_key() {
        let sealing: SealingKey = "07".repeat(32).parse().unwrap();
        let key_id: KeyId = KID.parse().unwrap();
        let new = new_key(&key_id, ([7; 32], [1; 12]), Some(&sealing));
        assert_eq!(new.seed.as_bytes().len(), 61);
        let sealed = stored(KID, new.seed.as_bytes().to_vec(), new.public);
        let ring = KeyRing::open(&[sealed], Some(&sealing)).map_err(|error| error.to_string()).unwrap();
        assert_eq!(ring.primary().unwrap().key.public(), SigningKey::from_seed(&[7; 32]).public());
    }
}
