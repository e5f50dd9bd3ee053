//! Owners of spaces, as the store records them (storage §3.20, auth §4.3).

use std::sync::Arc;

use less_sync_auth::{Caller, IdentityHashKey};
use less_sync_storage::OwnerHash;

/// Hashing of the owners of spaces; `None` for each unless owners are recorded.
#[derive(Clone, Default)]
pub(crate) struct Owners(Option<Arc<IdentityHashKey>>);

impl Owners {
    /// Owners hashed with `key`; without one they are not recorded.
    pub(crate) fn new(key: Option<Arc<IdentityHashKey>>) -> Self {
        Self(key)
    }

    /// The caller as an owner; `None` if owners are not recorded.
    pub(crate) fn of(&self, caller: &Caller) -> Option<OwnerHash> {
        self.0.as_ref().map(|key| OwnerHash::from_bytes(key.owner(caller)))
    }
}
