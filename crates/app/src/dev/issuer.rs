//! The built-in issuer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_auth::personal_space::personal_space_id;
use less_sync_auth::{PersonalSpaceNamespaces, TokenRules, TrustedIssuer};
use less_sync_core::{MailboxId, SpaceId, Timestamp};
use less_sync_engine::{Clock, FetchMode, FetchedKeySet, KeySetError, KeySetSource};
use serde_json::json;
use url::Url;

use super::key_file;

/// An accounts service for one machine: whoever asks gets a token.
pub(crate) struct DevIssuer {
    key: IssuerKey,
    issuer: String,
    audience: Option<String>,
    namespaces: PersonalSpaceNamespaces,
    max_lifetime: Duration,
    clock: Arc<dyn Clock>,
}

/// What a token shall say.
pub(super) struct Wish<'w> {
    pub(super) user: &'w str,
    pub(super) client: &'w str,
    pub(super) scope: &'w str,
    pub(super) ttl: Duration,
    /// Whom UCANs must name; as a `did:key`.
    pub(super) did: Option<&'w str>,
    /// Where invitations arrive.
    pub(super) mailbox: Option<MailboxId>,
}

/// A token and what one needs to know of it.
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) expires_at: Timestamp,
    pub(super) personal_space: SpaceId,
}

impl DevIssuer {
    /// The issuer of the server at `address`, with the key in `directory`.
    ///
    /// # Errors
    /// The key can be neither read nor made.
    pub(crate) fn open(
        directory: &Path,
        address: SocketAddr,
        rules: &TokenRules,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            key: key_file::load_or_create(directory)?,
            issuer: format!("http://{address}/dev"),
            audience: rules.audiences.first().cloned(),
            namespaces: rules.personal_space.namespaces.clone(),
            max_lifetime: rules.max_lifetime.unwrap_or(Duration::from_hours(24)),
            clock,
        })
    }

    /// The issuer as the server is to trust it.
    pub(crate) fn trusted(&self) -> anyhow::Result<TrustedIssuer> {
        Ok(TrustedIssuer::parse(&self.issuer)?)
    }

    pub(crate) fn name(&self) -> &str {
        &self.issuer
    }

    /// The key set document.
    pub(super) fn key_set(&self) -> String {
        jwks_document([&self.key]).to_string()
    }

    /// A token, for no longer than the server would accept it.
    pub(super) fn grant(&self, wish: &Wish<'_>) -> Granted {
        let now = self.clock.now();
        let expires_at = Timestamp::from_seconds(now.plus(wish.ttl.min(self.max_lifetime)).seconds());
        let personal_space = personal_space_id(self.namespaces.first(), &self.issuer, wish.user, wish.client);
        let mut claims = json!({
            "iss": self.issuer, "sub": wish.user, "client_id": wish.client, "scope": wish.scope,
            "iat": now.seconds(), "exp": expires_at.seconds(), "personal_space_id": personal_space.to_string(),
        });
        for (name, value) in [
            ("aud", self.audience.clone()),
            ("did", wish.did.map(str::to_owned)),
            ("mailbox_id", wish.mailbox.as_ref().map(MailboxId::to_hex)),
        ] {
            if let (Some(value), Some(claims)) = (value, claims.as_object_mut()) {
                claims.insert(name.to_owned(), json!(value));
            }
        }
        Granted { token: self.key.sign(&claims), expires_at, personal_space }
    }

    /// An ordinary token for the user `dev`.
    pub(crate) fn sample_token(&self) -> String {
        self.grant(&Wish::default()).token
    }
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            user: "dev",
            client: "less-sync-dev",
            scope: "sync files",
            ttl: Duration::from_hours(1),
            did: None,
            mailbox: None,
        }
    }
}

/// The server asks itself: no network in between.
#[async_trait]
impl KeySetSource for DevIssuer {
    async fn fetch(&self, _url: &Url, _how: FetchMode) -> Result<FetchedKeySet, KeySetError> {
        Ok(FetchedKeySet { body: Bytes::from(self.key_set()), max_age: None })
    }
}

impl std::fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevIssuer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
