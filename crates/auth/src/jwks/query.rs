//! Key that a token requires of the key set of its issuer.

use std::sync::Arc;

use crate::{KeySet, P256Key};

/// Query for a key: the one that a token names, or the only one of the issuer for a token without a key id.
#[derive(Clone, Copy, Debug)]
pub struct KeyQuery<'q> {
    key_id: Option<&'q str>,
    rejected: Option<&'q P256Key>,
}

impl<'q> KeyQuery<'q> {
    /// Excludes `key`, which does not verify the token. Without a key id, nothing else shows that the issuer has
    /// replaced its key.
    #[must_use]
    pub fn other_than(self, key: &'q P256Key) -> Self {
        Self { rejected: Some(key), ..self }
    }

    /// Key in `set`.
    #[must_use]
    pub fn find(self, set: &KeySet) -> Option<&Arc<P256Key>> {
        set.key(self.key_id).filter(|key| self.rejected.is_none_or(|rejected| ***key != *rejected))
    }
}

impl<'q> From<Option<&'q str>> for KeyQuery<'q> {
    fn from(key_id: Option<&'q str>) -> Self {
        Self { key_id, rejected: None }
    }
}

impl<'q> From<&'q str> for KeyQuery<'q> {
    fn from(key_id: &'q str) -> Self {
        Some(key_id).into()
    }
}
