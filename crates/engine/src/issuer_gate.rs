//! Issuer gate: a DID or mailbox belongs to the issuer that first presented it (auth §2.7).
//!
//! Every trusted issuer can sign any DID and any mailbox id into a token. With several of them, the first one keeps the id,
//! in the database; only the holder of the key of a DID, or an operator, moves it to another one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_auth::did_proof::DidProof;
use less_sync_auth::{Caller, InvalidToken, TokenError};
use less_sync_core::ErrorChain;
use less_sync_storage::{BindingKey, IssuerBindings, StorageError};
use parking_lot::Mutex;

use crate::ports::Clock;

/// Lifetime of a cached binding: the longest time that another process uses an old one.
const LIFETIME: Duration = Duration::from_mins(1);

/// Maximum cached bindings, about 4 MiB.
const MAX_CACHED: usize = 16_384;

/// Gate for the ids in verified tokens.
pub struct IssuerGate {
    bindings: Arc<dyn IssuerBindings>,
    clock: Arc<dyn Clock>,
    /// Issuers of ids that passed recently, with the time of the read.
    cached: Mutex<HashMap<BindingKey, (Box<str>, Instant)>>,
}

impl IssuerGate {
    /// Creates a gate over the bindings in `bindings`.
    #[must_use]
    pub fn new(bindings: Arc<dyn IssuerBindings>, clock: Arc<dyn Clock>) -> Self {
        Self { bindings, clock, cached: Mutex::default() }
    }

    /// Admits `caller` of the verified `token` if its issuer may present its DID and its mailbox, and binds those that are
    /// new. A valid proof of the key moves the DID to the issuer.
    ///
    /// # Errors
    /// [`InvalidToken::ForeignDid`], [`InvalidToken::ForeignMailbox`]; [`TokenError::BindingUnavailable`].
    pub(crate) async fn admit(
        &self,
        caller: &Caller,
        token: &str,
        proof: Option<DidProof<'_>>,
    ) -> Result<(), TokenError> {
        if let Some(did) = &caller.did {
            let key = BindingKey::of_did(did);
            if !self.is_own(key, &caller.issuer).await? {
                if !proof.is_some_and(|proof| proof.verifies(did, token)) {
                    tracing::info!("access token rejected: its DID is bound to another issuer");
                    return Err(InvalidToken::ForeignDid.into());
                }
                self.bindings
                    .rebind_issuer(key, &caller.issuer)
                    .await
                    .map_err(|error| unavailable(&error))?;
                tracing::info!("DID bound to another issuer by a proof of its key");
                self.cache(key, &caller.issuer);
            }
        }
        if let Some(mailbox) = caller.mailbox_id
            && !self.is_own(BindingKey::of_mailbox(mailbox), &caller.issuer).await?
        {
            tracing::info!("access token rejected: its mailbox is bound to another issuer");
            return Err(InvalidToken::ForeignMailbox.into());
        }
        Ok(())
    }

    /// Returns true if the id is bound to `issuer`, after this call at the latest.
    async fn is_own(&self, key: BindingKey, issuer: &str) -> Result<bool, TokenError> {
        let now = self.clock.instant();
        if let Some((cached, since)) = self.cached.lock().get(&key)
            && **cached == *issuer
            && now.saturating_duration_since(*since) < LIFETIME
        {
            return Ok(true);
        }
        let is_own =
            self.bindings.bind_issuer(key, issuer).await.map_err(|error| unavailable(&error))? == issuer;
        // A foreign id is not cached: its owner must not be delayed after a reassignment.
        if is_own {
            self.cache(key, issuer);
        }
        Ok(is_own)
    }

    fn cache(&self, key: BindingKey, issuer: &str) {
        let now = self.clock.instant();
        let mut cached = self.cached.lock();
        if cached.len() >= MAX_CACHED {
            cached.retain(|_, (_, since)| now.saturating_duration_since(*since) < LIFETIME);
        }
        if cached.len() >= MAX_CACHED {
            cached.clear();
        }
        cached.insert(key, (issuer.into(), now));
    }
}

impl std::fmt::Debug for IssuerGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuerGate").finish_non_exhaustive()
    }
}

fn unavailable(error: &StorageError) -> TokenError {
    tracing::error!(error = %ErrorChain(error), "failed to read the issuer of a DID or mailbox");
    TokenError::BindingUnavailable
}
