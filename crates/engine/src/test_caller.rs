//! Callers for the tests of this crate.

use less_sync_auth::{Caller, Scopes};
use less_sync_core::Timestamp;

/// Caller named `user`, of one issuer and app, without scopes, DID, mailbox and space.
pub(crate) fn caller(user: &str) -> Caller {
    Caller {
        issuer: "https://id.example".to_owned(),
        user_id: user.parse().unwrap(),
        client_id: "client".parse().unwrap(),
        scopes: Scopes::default(),
        did: None,
        mailbox_id: None,
        personal_space: None,
        expires_at: Timestamp::from_seconds(1_767_225_600),
        token_id: None,
    }
}
