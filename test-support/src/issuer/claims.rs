//! Claims of an access token.

use std::time::Duration;

use less_sync_core::Timestamp;
use serde_json::{Map, Value, json};

use crate::never_logged;

/// Claims of an access token (auth §2.3), as a builder.
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Claims of a valid token: one hour, scope `sync files`, client `client-1`, no mailbox.
    pub(super) fn ordinary(issuer: &str, user: &str, now: Timestamp) -> Self {
        Self(Map::new())
            .with("iss", issuer)
            .with("sub", user)
            .with("client_id", "client-1")
            .with("scope", "sync files")
            .with("iat", now.seconds())
            .with("exp", now.plus(Duration::from_hours(1)).seconds())
    }

    /// Scans the logs for the user, the mailbox and the DID.
    pub(super) fn never_log(&self) {
        for claim in ["sub", "mailbox_id", "did"] {
            self.0.get(claim).and_then(Value::as_str).into_iter().for_each(never_logged);
        }
    }

    /// Replaces or adds a claim, valid or not.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Sets the OAuth client.
    #[must_use]
    pub fn client(self, client_id: &str) -> Self {
        self.with("client_id", client_id)
    }

    /// Sets the scope, tokens separated by spaces.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.with("scope", scope)
    }

    /// Sets the mailbox: 64 hexadecimal characters when it is to be valid.
    #[must_use]
    pub fn mailbox(self, mailbox_id: &str) -> Self {
        self.with("mailbox_id", mailbox_id)
    }

    /// Sets the audience.
    #[must_use]
    pub fn audience(self, audience: &str) -> Self {
        self.with("aud", json!([audience]))
    }

    /// Sets the expiry.
    #[must_use]
    pub fn expires_at(self, at: Timestamp) -> Self {
        self.with("exp", at.seconds())
    }

    pub(super) fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}
