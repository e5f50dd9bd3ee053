//! Bindings of DIDs and mailboxes to the issuers whose tokens may name them (auth §2.7, storage §3.19).

use std::fmt;

use async_trait::async_trait;
use less_sync_core::{Did, MailboxId};
use sha2::{Digest, Sha256};

use crate::StorageError;

/// Maximum length of an issuer, in bytes.
pub const MAX_ISSUER_BYTES: usize = 2048;

/// Key of a binding: SHA-256 of the kind and the text of an id, which itself is not stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BindingKey([u8; 32]);

impl BindingKey {
    /// Key of a DID.
    #[must_use]
    pub fn of_did(did: &Did) -> Self {
        Self::of("did", did.as_str())
    }

    /// Key of a mailbox.
    #[must_use]
    pub fn of_mailbox(mailbox: MailboxId) -> Self {
        Self::of("mailbox", &mailbox.to_hex())
    }

    fn of(kind: &str, id: &str) -> Self {
        Self(Sha256::new().chain_update(kind).chain_update([0]).chain_update(id).finalize().into())
    }

    /// Raw value, 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for BindingKey {
    /// Writes the type name only: the value stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BindingKey([redacted])")
    }
}

/// Bindings. They belong to no space, last for ever, and are changed by an operator or by a proof of the key of a DID.
#[async_trait]
pub trait IssuerBindings: Send + Sync {
    /// Binds `key` to `issuer` unless it is bound, and returns the issuer that it is bound to. Of concurrent callers one
    /// wins, and all get its issuer. Costs a read when the key is bound. `issuer` has at most [`MAX_ISSUER_BYTES`].
    ///
    /// # Errors
    /// Failures of the database only.
    async fn bind_issuer(&self, key: BindingKey, issuer: &str) -> Result<String, StorageError>;

    /// Binds `key` to `issuer`, whichever it was bound to. Idempotent.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn rebind_issuer(&self, key: BindingKey, issuer: &str) -> Result<(), StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_kind_and_id() {
        let mailbox = MailboxId::from_bytes([7; 32]);
        let did = Did::try_from(mailbox.to_hex()).unwrap();
        let keys = [
            BindingKey::of_did(&did),
            BindingKey::of_mailbox(mailbox),
            BindingKey::of_did(&Did::of_key("1")),
        ];
        assert!(keys[0] != keys[1] && keys[0] != keys[2]);
        assert_eq!(keys[0], BindingKey::of_did(&did));
        assert_eq!(format!("{:?}", keys[0]), "BindingKey([redacted])");
    }
}
