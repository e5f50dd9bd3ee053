//! Key sets of issuers (auth §3.1).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::json::Object;
use crate::token::is_key_id;
use crate::{P256Key, base64url};

/// Octets of a key set document. Who fetches one stops reading after that many.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

const MAX_ENTRIES: usize = 256;
const MEMBERS: &[&str] = &["kty", "crv", "x", "y", "kid", "use", "alg", "key_ops"];

/// The usable keys of one issuer by name, immutable.
#[derive(Clone)]
pub struct KeySet {
    keys: HashMap<String, Arc<P256Key>>,
    skipped: usize,
}

/// A document that counts as a failed fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetInvalid {
    /// Larger than [`MAX_DOCUMENT_BYTES`].
    #[error("key set document is too large")]
    TooLarge,
    /// Not a JSON object with a list of keys.
    #[error("key set document has no list of keys")]
    Malformed,
    /// More entries than any issuer needs.
    #[error("key set document has too many keys")]
    TooManyKeys,
    /// No entry is an ES256 key for signatures with a name.
    #[error("key set document has no usable key")]
    NoUsableKey,
}

impl KeySet {
    /// Reads a document. Its entries are judged one by one: those that are not ours to use are skipped, and of
    /// several with one name the last usable one wins.
    ///
    /// # Errors
    /// [`KeySetInvalid`]: keep the set that was there before.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetInvalid> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(KeySetInvalid::TooLarge);
        }
        let entries = entries(document).ok_or(KeySetInvalid::Malformed)?;
        if entries.len() > MAX_ENTRIES {
            return Err(KeySetInvalid::TooManyKeys);
        }
        let usable: Vec<_> = entries.iter().filter_map(|entry| usable_key(entry.get())).collect();
        if usable.is_empty() {
            return Err(KeySetInvalid::NoUsableKey);
        }
        let skipped = entries.len() - usable.len();
        Ok(Self { keys: usable.into_iter().collect(), skipped })
    }

    /// The key called `key_id`.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&Arc<P256Key>> {
        self.keys.get(key_id)
    }

    /// How many entries of the document were not usable.
    #[must_use]
    pub const fn skipped(&self) -> usize {
        self.skipped
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys.len()).field("skipped", &self.skipped).finish()
    }
}

fn entries(document: &[u8]) -> Option<Vec<&RawValue>> {
    let text = str::from_utf8(document).ok()?;
    Object::read(text, &["keys"]).ok()?.get("keys").ok()?
}

/// The name and the key, if `entry` is an EC P-256 key that may verify ES256 signatures.
fn usable_key(entry: &str) -> Option<(String, Arc<P256Key>)> {
    let entry = Object::read(entry, MEMBERS).ok()?;
    let text = |name| entry.get::<String>(name).ok();
    let required = |name| text(name).flatten();
    let absent_or =
        |name, value: &str| text(name).is_some_and(|found| found.is_none_or(|found| found == value));
    let may_verify = entry
        .get::<Vec<String>>("key_ops")
        .is_ok_and(|found| found.is_none_or(|operations| operations.iter().any(|each| each == "verify")));
    if required("kty")? != "EC" || required("crv")? != "P-256" {
        return None;
    }
    if !absent_or("use", "sig") || !absent_or("alg", "ES256") || !may_verify {
        return None;
    }
    let key_id = required("kid").filter(|key_id| is_key_id(key_id))?;
    let coordinate = |name| base64url::decode(&required(name)?);
    let key = P256Key::from_coordinates(&coordinate("x")?, &coordinate("y")?)?;
    Some((key_id, Arc::new(key)))
}
