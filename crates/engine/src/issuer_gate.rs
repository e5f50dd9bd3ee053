//! Issuer gate: tokens name only those DIDs and mailboxes that their issuer holds (auth §2.7).
//!
//! Any trusted issuer can sign a token with any DID, and would act with the chains of that DID. The issuer that first
//! presented a DID or a mailbox keeps it, in the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_auth::{Caller, InvalidToken, TokenError};
use less_sync_storage::{BoundId, IssuerBindings};
use parking_lot::Mutex;

use crate::generation_cache::{Bounds, GenerationCache};
use crate::ports::Clock;

/// Held identities that are remembered, some 2 MiB. A reassignment takes effect everywhere after their lifetime.
const BOUNDS: Bounds = Bounds { entries: 8192, bytes: 1024 * 1024, lifetime: Duration::from_secs(30) };

/// An identity and the issuer that holds it.
type Holding = (BoundId, Arc<str>);

/// Check of the identities in tokens against the bindings of the database.
pub(crate) struct IssuerGate {
    bindings: Arc<dyn IssuerBindings>,
    clock: Arc<dyn Clock>,
    held: Mutex<GenerationCache<Holding, (), Instant>>,
}

impl IssuerGate {
    pub(crate) fn new(bindings: Arc<dyn IssuerBindings>, clock: Arc<dyn Clock>) -> Self {
        Self { bindings, clock, held: Mutex::new(GenerationCache::new(BOUNDS)) }
    }

    /// Verifies that the issuer of `caller` holds the DID and the mailbox of the token; unbound ones are bound to it.
    ///
    /// # Errors
    /// [`InvalidToken::ForeignIdentity`]; [`TokenError::KeySourceUnavailable`] if the database cannot be asked, which says
    /// nothing about the token.
    pub(crate) async fn check(&self, caller: &Caller) -> Result<(), TokenError> {
        let ids = identities(caller);
        let issuer: Arc<str> = caller.issuer.as_str().into();
        if self.holds(&ids, &issuer) {
            return Ok(());
        }
        match self.bindings.bind_issuer(&ids, &issuer).await {
            Ok(true) => {
                self.remember(ids, &issuer);
                Ok(())
            }
            Ok(false) => Err(InvalidToken::ForeignIdentity.into()),
            Err(error) => {
                tracing::warn!(error = %less_sync_core::ErrorChain(&error), "failed to look up issuer bindings");
                Err(TokenError::KeySourceUnavailable)
            }
        }
    }

    fn holds(&self, ids: &[BoundId], issuer: &Arc<str>) -> bool {
        let (held, now) = (self.held.lock(), self.clock.instant());
        ids.iter().all(|id| held.get(&(*id, Arc::clone(issuer)), now).is_some())
    }

    fn remember(&self, ids: Vec<BoundId>, issuer: &Arc<str>) {
        let (mut held, now) = (self.held.lock(), self.clock.instant());
        for id in ids {
            held.insert((id, Arc::clone(issuer)), (), issuer.len(), now);
        }
    }
}

fn identities(caller: &Caller) -> Vec<BoundId> {
    let did = caller.did.as_deref().map(BoundId::did);
    did.into_iter().chain(caller.mailbox_id.map(BoundId::mailbox)).collect()
}
