//! Unusable entries of a key set document, for the log of the operator.

use std::fmt;

/// Maximum number of entries that are named in a log line.
const NAMED: usize = 8;

/// Reason for which an entry is skipped. The first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// Entry that is not an object, or has a member twice.
    #[error("not an object, or with a repeated member")]
    Malformed,
    /// `kid` that is not a text of 1 to 256 bytes.
    #[error("kid is not a text of 1 to 256 bytes")]
    KeyId,
    /// `kty` other than `EC`.
    #[error("kty is not EC")]
    KeyType,
    /// `crv` other than `P-256`.
    #[error("crv is not P-256")]
    Curve,
    /// `use` other than `sig`.
    #[error("use is not sig")]
    Use,
    /// `alg` other than `ES256`.
    #[error("alg is not ES256")]
    Algorithm,
    /// `key_ops` without `verify`.
    #[error("key_ops is not a list with verify")]
    Operations,
    /// `x` and `y` that are not the coordinates of a point of the curve in base64url.
    #[error("x and y are no point of P-256")]
    Point,
    /// Usable key without a key id, beside another usable key.
    #[error("no key id beside other keys")]
    NoKeyId,
}

/// Entry that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Position in the document, from 0.
    pub position: usize,
    /// Key id, if the entry has one.
    pub key_id: Option<String>,
    /// Reason.
    pub reason: SkipReason,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.position)?;
        if let Some(key_id) = &self.key_id {
            write!(f, " {key_id:?}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Entries of one document that were skipped. `Display` names the first eight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedKeys(pub(super) Vec<SkippedKey>);

impl SkippedKeys {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true when every entry of the document is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for SkippedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no entries");
        }
        for (index, key) in self.0.iter().take(NAMED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{key}")?;
        }
        match self.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_entries_are_named() {
        let key = |position| SkippedKey { position, key_id: None, reason: SkipReason::KeyType };
        let named = SkippedKey { key_id: Some("k\n1".to_owned()), ..key(0) };
        assert_eq!(
            SkippedKeys(vec![named, key(1)]).to_string(),
            r#"key 0 "k\n1": kty is not EC; key 1: kty is not EC"#
        );
        let many = SkippedKeys((0..10).map(key).collect()).to_string();
        assert!(many.ends_with("key 7: kty is not EC; and 2 more"), "{many}");
        assert_eq!(SkippedKeys::default().to_string(), "no entries");
    }
}
