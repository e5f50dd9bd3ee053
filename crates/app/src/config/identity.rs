//! Pseudonymization key of rate-limit entries (operations §2, auth §4.3).

use std::fmt;
use std::sync::Arc;

use less_sync_auth::{IdentityHashKey, InvalidIdentityHashKey};
use zeroize::Zeroizing;

use super::reader::Reader;

const NAME: &str = "IDENTITY_HASH_KEY";

/// Pseudonymization of users in rate-limit entries. `Debug` shows no key.
#[derive(Clone, Default)]
pub struct IdentityConfig {
    /// HMAC key (`IDENTITY_HASH_KEY`). Without it rate limits are counted per process, in memory.
    pub hash_key: Option<Arc<IdentityHashKey>>,
}

impl IdentityConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let text = reader.text(NAME).map(Zeroizing::new).filter(|text| !text.trim().is_empty());
        reader.show(NAME, if text.is_some() { "set" } else { "unset" });
        let Some(text) = text else { return Self::default() };
        match text.parse::<IdentityHashKey>() {
            Ok(key) => Self { hash_key: Some(Arc::new(key)) },
            Err(InvalidIdentityHashKey::Digits) => {
                reader.problem(format!("{NAME} must be valid hex"));
                Self::default()
            }
            Err(InvalidIdentityHashKey::Length(bytes)) => {
                reader.problem(format!("{NAME} must be 64 hex characters (32 bytes), got {bytes} bytes"));
                Self::default()
            }
        }
    }
}

impl fmt::Debug for IdentityConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityConfig").field("is_set", &self.hash_key.is_some()).finish()
    }
}
