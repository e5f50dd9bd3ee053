//! Authentication: verifies access tokens and returns the caller (auth §2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::did_proof::DidProof;
use less_sync_auth::jwks::KeyQuery;
use less_sync_auth::jwks::cache::{CacheTimes, Rejection};
use less_sync_auth::{Caller, InvalidToken, P256Key, TokenError, TokenRules, TrustedIssuer, UnverifiedToken};
use less_sync_metrics::{Reading, Registry};

use crate::authentication_metrics::ValidationMetrics;
use crate::issuer_gate::IssuerGate;
use crate::issuer_keys::{IssuerKeys, KeySetDeps};
use crate::ports::Clock;
use crate::signature_cache::SignatureCache;

/// Verifier of access tokens of the trusted issuers. Each issuer has a key set cache of its own, so an issuer that is
/// down does not affect tokens of the others.
pub struct Authenticator {
    issuers: BTreeMap<String, Arc<IssuerKeys>>,
    rules: TokenRules,
    clock: Arc<dyn Clock>,
    signatures: SignatureCache,
    gate: Option<IssuerGate>,
    validations: ValidationMetrics,
}

/// State of the key set cache of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerStatus {
    /// URL of the issuer, as configured.
    pub issuer: String,
    /// Time since the key set was fetched; `None` without a usable key set.
    pub key_set_age: Option<Duration>,
}

impl IssuerStatus {
    /// Returns true if tokens of the issuer can be verified.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        self.key_set_age.is_some()
    }
}

impl Authenticator {
    /// An authenticator that trusts `issuers`, with default lifetimes of the key set caches.
    #[must_use]
    pub fn new(issuers: Vec<TrustedIssuer>, rules: TokenRules, deps: &KeySetDeps) -> Self {
        Self::with_times(issuers, rules, CacheTimes::default(), deps)
    }

    /// An authenticator that trusts `issuers`, with key set caches of these `times`.
    #[must_use]
    pub fn with_times(
        issuers: Vec<TrustedIssuer>,
        rules: TokenRules,
        times: CacheTimes,
        deps: &KeySetDeps,
    ) -> Self {
        let clock = Arc::clone(&deps.clock);
        let keys = move |(index, issuer): (usize, TrustedIssuer)| {
            let keys = IssuerKeys::new(index, issuer.key_set_url().clone(), times, deps.clone());
            (issuer.issuer().to_owned(), keys)
        };
        Self {
            issuers: issuers.into_iter().enumerate().map(keys).collect(),
            rules,
            clock,
            signatures: SignatureCache::default(),
            gate: None,
            validations: ValidationMetrics::default(),
        }
    }

    /// Admits DIDs and mailboxes through `gate`. Without one, every trusted issuer may name any of them.
    #[must_use]
    pub fn with_gate(self, gate: IssuerGate) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Returns true if a proof of the key of a DID has an effect.
    #[must_use]
    pub const fn has_gate(&self) -> bool {
        self.gate.is_some()
    }

    /// Verifies `token` and returns its caller. Waits for a key set fetch only if the cached key set of the issuer lacks
    /// the key of the token, at most 5 s. Cancel safe: dropping the future does not cancel a shared fetch.
    ///
    /// # Errors
    /// [`TokenError`], checked in the order of auth §2.4.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, TokenError> {
        self.authenticate_with(token, None).await
    }

    /// As [`Self::authenticate`], with a proof of the key of the token's DID, which binds the DID to the issuer.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn authenticate_with(
        &self,
        token: &str,
        proof: Option<DidProof<'_>>,
    ) -> Result<Caller, TokenError> {
        let result = self.admitted(token, proof).await;
        self.validations.count(&result);
        result
    }

    async fn admitted(&self, token: &str, proof: Option<DidProof<'_>>) -> Result<Caller, TokenError> {
        let caller = self.verified(token).await?;
        if let Some(gate) = &self.gate {
            gate.admit(&caller, token, proof).await?;
        }
        Ok(caller)
    }

    /// Registers the metrics of validations and key sets. Issuers are named by their position in the configuration.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.validations.register(registry);
        let issuers = || self.issuers.values().map(|keys| (keys.index().to_string(), keys));
        let fetches = issuers().flat_map(|(issuer, keys)| {
            let metrics = keys.fetches();
            [
                ([issuer.clone(), "ok".to_owned()], metrics.ok.clone()),
                ([issuer, "error".to_owned()], metrics.error.clone()),
            ]
        });
        registry.family("jwks_refresh_total", "fetches of key sets", ["issuer", "outcome"], fetches);
        let ages = issuers().map(|(issuer, keys)| {
            let keys = Arc::clone(keys);
            ([issuer], Reading::seconds(move || keys.age().as_secs_f64()))
        });
        let help = "time since the key set was fetched; without one, since the start";
        registry.family("jwks_age_seconds", help, ["issuer"], ages);
    }

    async fn verified(&self, token: &str) -> Result<Caller, TokenError> {
        let token = UnverifiedToken::parse(token)?;
        let keys = self.issuers.get(token.issuer()).ok_or(TokenError::UntrustedIssuer)?;
        let query = KeyQuery::from(token.key_id());
        let key = keys.key(query).await.map_err(rejection)?;
        match self.verify(&token, &key) {
            // A key id would be unknown now if the issuer had replaced its key.
            Err(error @ TokenError::Invalid(InvalidToken::Signature)) if token.key_id().is_none() => {
                match keys.key(query.other_than(&key)).await {
                    Ok(newer) => self.verify(&token, &newer),
                    Err(Rejection::UnknownKey) => Err(error),
                    Err(Rejection::Unavailable) => Err(TokenError::KeySourceUnavailable),
                }
            }
            verified => verified,
        }
    }

    fn verify(&self, token: &UnverifiedToken<'_>, key: &P256Key) -> Result<Caller, TokenError> {
        let is_signature = |signed: &[u8], signature: &[u8]| self.signatures.verifies(key, signed, signature);
        token.verify_by(is_signature, &self.rules, self.clock.now())
    }

    /// Starts a background fetch of the key set of every issuer where one is due. Failures are logged.
    pub fn prefetch(&self) {
        self.issuers.values().for_each(IssuerKeys::refresh_if_due);
    }

    /// Key set state of every issuer, for the readiness check.
    ///
    /// Starts a background refresh where one is due: a server without traffic because of its readiness would otherwise
    /// never become ready again.
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
