//! Caller identity from a verified access token.

use std::fmt;

use less_sync_core::{ClientId, Did, SpaceId, Timestamp, UserId};

use crate::{MailboxId, Scopes};

/// Client as described by its verified access token (auth §1.1). `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// Issuer of the token: one of the trusted issuers, without trailing slashes.
    pub issuer: String,
    /// User id within the issuer.
    pub user_id: UserId,
    /// Client id of the app.
    pub client_id: ClientId,
    /// Scopes granted to the app.
    pub scopes: Scopes,
    /// DID that a UCAN must name as its audience, if any.
    pub did: Option<Did>,
    /// Mailbox of the caller. The first token of an installation has none.
    pub mailbox_id: Option<MailboxId>,
    /// Personal space, in which the caller has all rights. Always present unless ids are taken from the claim.
    pub personal_space: Option<SpaceId>,
    /// Expiry from the `exp` claim. The token stays valid for the leeway beyond it.
    pub expires_at: Timestamp,
    /// Token id from the `jti` claim.
    pub token_id: Option<String>,
}

impl Caller {
    /// Compares user, app, issuer, mailbox and personal space: the identity that a refresh must not
    /// change (auth §2.6).
    #[must_use]
    pub fn same_identity(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.user_id == other.user_id
            && self.client_id == other.client_id
            && self.mailbox_id == other.mailbox_id
            && self.personal_space == other.personal_space
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            issuer: "https://id.example".into(),
            user_id: "user-1".parse().unwrap(),
            client_id: "client-1".parse().unwrap(),
            scopes: Scopes::new("sync"),
            did: Some(Did::of_key("1")),
            mailbox_id: "9f".repeat(32).parse().ok(),
            personal_space: Some(SpaceId::from_bytes([1; 16])),
            expires_at: Timestamp::from_seconds(1),
            token_id: Some("jti-1".into()),
        }
    }

    /// S-11.
    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", caller()), "Caller([redacted])");
    }

    /// B-31 and A-05.
    #[test]
    fn identity_is_issuer_user_client_mailbox_and_personal_space() {
        let differ = [
            Caller { issuer: "https://other.example".into(), ..caller() },
            Caller { user_id: "user-2".parse().unwrap(), ..caller() },
            Caller { client_id: "client-2".parse().unwrap(), ..caller() },
            Caller { mailbox_id: None, ..caller() },
            Caller { personal_space: None, ..caller() },
        ];
        assert!(differ.iter().all(|other| !caller().same_identity(other)));
    }

    #[test]
    fn scope_did_expiry_and_token_may_change() {
        let refreshed = Caller {
            scopes: Scopes::new("sync files"),
            did: None,
            expires_at: Timestamp::from_seconds(2),
            token_id: None,
            ..caller()
        };
        assert!(caller().same_identity(&refreshed));
    }
}
