//! Cache of verified UCAN chains (auth §6.6, protocol §4.1).
//!
//! A client sends the same chain with every request. The signatures and the attenuation of a chain never change, so they
//! are verified once; time, audience, permission and the root key of the space are compared on every request, and
//! revocations are looked up by the transaction that reads or writes the space. Failures are never cached (auth S-14).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::RootKey;
use less_sync_auth::ucan::{
    self, Audience, Expectations, InvalidUcan, MAX_UCAN_BYTES, UcanError, VerifiedChain,
};
use less_sync_core::{SpaceId, Timestamp};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::generation_cache::{Bounds, GenerationCache};
use crate::signature_cache::SignatureCache;
use crate::verification::Signatures;

/// Locks of the cache; the first byte of the chain's hash selects one.
const SHARDS: usize = 16;

/// Bounds per shard: 9984 chains in all shards and generations, below 20 MiB.
const BOUNDS: Bounds = Bounds { entries: 312, bytes: 625 * 1024, lifetime: Duration::from_mins(10) };

/// Bounded cache of verified chains, shared by all connections of a process. Holds no token text.
pub(crate) struct ChainCache {
    shards: [Mutex<Shard>; SHARDS],
    /// Members of a space carry the same root token inside different chains.
    signatures: SignatureCache,
}

type Shard = GenerationCache<ChainKey, Arc<VerifiedChain>, Timestamp>;

/// Hash of the chain's text, with the space and root key that it was verified for. The root key is part of it since a
/// deleted space may be created again with another one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ChainKey {
    text: [u8; 32],
    space: SpaceId,
    root_key: RootKey,
}

impl ChainCache {
    /// Looks up the chain inside `token`. Costs one SHA-256 of the text.
    pub(crate) fn look_up(&self, token: &str, expected: &Expectations<'_>, now: Timestamp) -> LookUp {
        if token.len() > MAX_UCAN_BYTES {
            return LookUp::Decided(Err(InvalidUcan::TooLong.into()));
        }
        let key = ChainKey::new(token, expected);
        let cached = self.shard(&key).lock().get(&key, now).cloned();
        match cached {
            Some(chain) => LookUp::Decided(chain.check(expected, now).map(|()| chain)),
            None => LookUp::Missing(key),
        }
    }

    /// Verifies the chain inside `token`, which is missing under `key`, by [`ucan::verify_by`] with `signatures`, and caches it.
    ///
    /// # Errors
    /// [`UcanError`], but nothing about revocation.
    pub(crate) fn verify(
        &self,
        key: &ChainKey,
        token: &str,
        expected: &Expectations<'_>,
        now: Timestamp,
        signatures: &mut Signatures,
    ) -> Result<Arc<VerifiedChain>, UcanError> {
        let is_signature = |key: &_, signed: &[u8], signature: &[u8]| {
            signatures.verifies(&self.signatures, key, signed, signature)
        };
        let chain = Arc::new(ucan::verify_by(is_signature, token, expected, now)?);
        let heap_bytes = size_of::<VerifiedChain>() + chain.audience().as_str().len();
        self.shard(key).lock().insert(key.clone(), Arc::clone(&chain), heap_bytes, now);
        Ok(chain)
    }

    /// Verifies the chain inside `token` against its own root, for a space that is not in the store: as
    /// [`ucan::verify_to_own_root`]. Only the signatures are cached.
    ///
    /// # Errors
    /// [`UcanError`], but nothing about the root key of the space or revocation.
    pub(crate) fn verify_to_own_root(
        &self,
        token: &str,
        audience: Audience<'_>,
        space: SpaceId,
        now: Timestamp,
        signatures: &mut Signatures,
    ) -> Result<RootKey, UcanError> {
        let is_signature = |key: &_, signed: &[u8], signature: &[u8]| {
            signatures.verifies(&self.signatures, key, signed, signature)
        };
        ucan::verify_to_own_root(is_signature, token, audience, space, now)
    }

    fn shard(&self, key: &ChainKey) -> &Mutex<Shard> {
        let [first, rest @ ..] = &self.shards;
        let [byte, ..] = key.text;
        rest.get(usize::from(byte) % SHARDS).unwrap_or(first)
    }
}

/// Outcome of [`ChainCache::look_up`].
pub(crate) enum LookUp {
    /// The chain is cached, or too long.
    Decided(Result<Arc<VerifiedChain>, UcanError>),
    /// The chain is to be verified.
    Missing(ChainKey),
}

impl ChainKey {
    fn new(token: &str, expected: &Expectations<'_>) -> Self {
        Self { text: Sha256::digest(token).into(), space: expected.space, root_key: expected.root_key }
    }
}

impl Default for ChainCache {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| Mutex::new(GenerationCache::new(BOUNDS)));
        Self { shards, signatures: SignatureCache::default() }
    }
}

impl fmt::Debug for ChainCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainCache")
    }
}

#[cfg(test)]
mod tests;
