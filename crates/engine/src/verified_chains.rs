//! Chains of UCANs that were verified before (auth §6.6, protocol §4.1).
//!
//! A client sends the same chain with every request. Who signed what for whom never changes, so it is computed once;
//! time, audience, level and the key of the space are compared every time, and revocations are looked up by whoever
//! reads or writes the space. Failures are never remembered (auth S-14).

use std::collections::HashMap;
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

use crate::verified_signatures::VerifiedSignatures;

/// How long a chain is remembered.
const LIFETIME: Duration = Duration::from_mins(10);

const SHARDS: usize = 16;

/// Chains per generation of a shard; two generations are kept, so 9 984 chains in all.
const GENERATION: usize = 312;

/// Bytes of an audience worth remembering; a `did:key` has 57. Entries stay below 2 KiB, and all of them below
/// 20 MiB.
const MAX_AUDIENCE_BYTES: usize = 1024;

/// A bounded memory of verified chains, shared by all connections of a process.
///
/// It holds no text of a token. `Debug` shows nothing.
#[derive(Default)]
pub struct VerifiedChains {
    shards: [Mutex<Generations>; SHARDS],
    /// Members of a space carry the same root token inside different chains.
    signatures: VerifiedSignatures,
}

/// The text of the chain by its hash, and what it was verified for. With the key of the space in it, a space that was
/// made anew begins anew.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    text: [u8; 32],
    space: SpaceId,
    root_key: RootKey,
}

struct Remembered {
    chain: Arc<VerifiedChain>,
    since: Timestamp,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Asked, Remembered>,
    old: HashMap<Asked, Remembered>,
}

impl VerifiedChains {
    /// Verifies the chain inside `token`, as [`ucan::verify`] does: the answer is the same whether it is remembered or
    /// not. Costs up to eight signatures the first time and a hash of the text after that.
    ///
    /// # Errors
    /// [`UcanError`], but nothing about revocation.
    pub fn verify(
        &self,
        token: &str,
        expected: &Expectations<'_>,
        now: Timestamp,
    ) -> Result<Arc<VerifiedChain>, UcanError> {
        if token.len() > MAX_UCAN_BYTES {
            return Err(InvalidUcan::TooLong.into());
        }
        let key = Asked::of(token, expected);
        if let Some(chain) = self.shard(&key).lock().get(&key, now) {
            chain.check(expected, now)?;
            return Ok(chain);
        }
        let chain = Arc::new(self.compute(token, expected, now)?);
        if chain.audience().len() <= MAX_AUDIENCE_BYTES {
            let remembered = Remembered { chain: Arc::clone(&chain), since: now };
            self.shard(&key).lock().insert(key, remembered);
        }
        Ok(chain)
    }

    /// Whether the chain inside `token` is one in itself, for a space that is not there: as
    /// [`ucan::verify_to_own_root`], of which only the signatures are remembered.
    ///
    /// # Errors
    /// [`UcanError`], but nothing about the key of the space or revocation.
    pub fn verify_to_own_root(
        &self,
        token: &str,
        audience: Audience<'_>,
        space: SpaceId,
        now: Timestamp,
    ) -> Result<(), UcanError> {
        let judge =
            |key: &_, signed: &[u8], signature: &[u8]| self.signatures.verifies(key, signed, signature);
        ucan::verify_to_own_root(judge, token, audience, space, now)
    }

    fn compute(
        &self,
        token: &str,
        expected: &Expectations<'_>,
        now: Timestamp,
    ) -> Result<VerifiedChain, UcanError> {
        let judge =
            |key: &_, signed: &[u8], signature: &[u8]| self.signatures.verifies(key, signed, signature);
        ucan::verify_by(judge, token, expected, now)
    }

    fn shard(&self, key: &Asked) -> &Mutex<Generations> {
        let [first, rest @ ..] = &self.shards;
        let [byte, ..] = key.text;
        rest.get(usize::from(byte) % SHARDS).unwrap_or(first)
    }
}

impl Asked {
    fn of(token: &str, expected: &Expectations<'_>) -> Self {
        Self { text: Sha256::digest(token).into(), space: expected.space, root_key: expected.root_key }
    }
}

impl Remembered {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.since <= now && now.since(self.since) < LIFETIME
    }
}

impl Generations {
    /// Forgets what it finds too old.
    fn get(&mut self, key: &Asked, now: Timestamp) -> Option<Arc<VerifiedChain>> {
        let generation = if self.young.contains_key(key) { &mut self.young } else { &mut self.old };
        let remembered = generation.get(key)?;
        if remembered.is_fresh(now) {
            return Some(Arc::clone(&remembered.chain));
        }
        generation.remove(key);
        None
    }

    fn insert(&mut self, key: Asked, remembered: Remembered) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, remembered);
    }
}

impl fmt::Debug for VerifiedChains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedChains")
    }
}

#[cfg(test)]
mod tests;
