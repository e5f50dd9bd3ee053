//! Who is calling: from the text of a token to a caller (auth §2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::jwks::cache::{CacheTimes, Rejection};
use less_sync_auth::{Caller, InvalidToken, TokenError, TokenRules, TrustedIssuer, UnverifiedToken};

use crate::issuer_keys::{IssuerKeys, World};
use crate::key_set_source::KeySetSource;
use crate::ports::{Clock, Spawner};
use crate::signature_cache::SignatureCache;

/// Verifies access tokens of the trusted issuers. Each issuer has its own keys, its own cache and its own failures.
pub struct Authenticator {
    issuers: BTreeMap<String, Arc<IssuerKeys>>,
    rules: TokenRules,
    clock: Arc<dyn Clock>,
    signatures: SignatureCache,
}

/// Whether tokens of an issuer can be verified now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerStatus {
    /// The issuer, as configured.
    pub issuer: String,
    /// How long ago its key set was fetched; `None` without a usable one.
    pub key_set_age: Option<Duration>,
}

impl IssuerStatus {
    /// Whether there is a usable key set.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        self.key_set_age.is_some()
    }
}

impl Authenticator {
    /// An authenticator that trusts `issuers`, with the usual times of the key set caches.
    #[must_use]
    pub fn new(
        issuers: Vec<TrustedIssuer>,
        rules: TokenRules,
        source: Arc<dyn KeySetSource>,
        clock: Arc<dyn Clock>,
        spawner: Arc<dyn Spawner>,
    ) -> Self {
        Self::with_times(issuers, rules, CacheTimes::default(), source, clock, spawner)
    }

    /// An authenticator whose key set caches have these `times`.
    #[must_use]
    pub fn with_times(
        issuers: Vec<TrustedIssuer>,
        rules: TokenRules,
        times: CacheTimes,
        source: Arc<dyn KeySetSource>,
        clock: Arc<dyn Clock>,
        spawner: Arc<dyn Spawner>,
    ) -> Self {
        let world = World { source, clock: Arc::clone(&clock), spawner };
        let keys = |(index, issuer): (usize, TrustedIssuer)| {
            let keys = IssuerKeys::new(index, issuer.key_set_url().clone(), times, world.clone());
            (issuer.issuer().to_owned(), keys)
        };
        Self {
            issuers: issuers.into_iter().enumerate().map(keys).collect(),
            rules,
            clock,
            signatures: SignatureCache::default(),
        }
    }

    /// The caller that `token` describes. Waits for a fetch only if the issuer has not published the token's key
    /// before, and never longer than 5 s. Dropping the future cancels nothing that others wait for.
    ///
    /// # Errors
    /// [`TokenError`], decided in the order of auth §2.4.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, TokenError> {
        let token = UnverifiedToken::parse(token)?;
        let keys = self.issuers.get(token.issuer()).ok_or(TokenError::UntrustedIssuer)?;
        let key = keys.key(token.key_id()).await.map_err(rejection)?;
        let is_signature =
            |signed: &[u8], signature: &[u8]| self.signatures.verifies(&key, signed, signature);
        token.verify_by(is_signature, &self.rules, self.clock.now())
    }

    /// Begins to fetch the key sets of all issuers in the background. Failures are logged.
    pub fn prefetch(&self) {
        self.issuers.values().for_each(IssuerKeys::refresh_if_due);
    }

    /// The issuers and whether their tokens can be verified, for readiness.
    ///
    /// Begins a background refresh where one is due, so that a server that gets no traffic because it is not ready
    /// finds its way back.
    #[must_use]
    pub fn issuers_status(&self) -> Vec<IssuerStatus> {
        self.prefetch();
        let status = |(issuer, keys): (&String, &Arc<IssuerKeys>)| IssuerStatus {
            issuer: issuer.clone(),
            key_set_age: keys.usable_age(),
        };
        self.issuers.iter().map(status).collect()
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("issuers", &self.issuers.len()).finish_non_exhaustive()
    }
}

fn rejection(rejection: Rejection) -> TokenError {
    match rejection {
        Rejection::UnknownKey => InvalidToken::UnknownKey.into(),
        Rejection::Unavailable => TokenError::KeySourceUnavailable,
    }
}
