//! How often an actor may do what others have to bear (protocol §1.10, auth §4.3).
//!
//! With an identity hash key all servers of a database share the counters. Without one each process counts for itself,
//! under a key of its own, and nothing is stored.

use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::{Caller, IdentityHashKey};
use less_sync_core::Timestamp;
use less_sync_storage::{ActorHash, Permit, RateAction, RateLimit, RateLimits, StorageError};

use crate::EngineError;
use crate::budget::{Budget, Reservation};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Counters of actions. What fails does not count.
pub(crate) struct ActionLimits {
    stored: Option<Stored>,
    invitations: Budget,
    appends: Budget,
    spaces: Budget,
}

struct Stored {
    counters: Arc<dyn RateLimits>,
    key: Arc<IdentityHashKey>,
}

/// An action that was counted. It counts until it is given back.
#[must_use = "an action that fails is given back"]
pub(crate) enum Counted<'a> {
    Stored(&'a dyn RateLimits, Permit),
    Local(Reservation<'a>),
}

impl ActionLimits {
    /// Counters under `key`, in the store; without a key, in this process.
    pub(crate) fn new(counters: Arc<dyn RateLimits>, key: Option<Arc<IdentityHashKey>>) -> Self {
        Self {
            stored: key.map(|key| Stored { counters, key }),
            invitations: Budget::new(HOUR),
            appends: Budget::new(HOUR),
            spaces: Budget::new(DAY),
        }
    }

    /// Counts an action of `caller`, if fewer than `limit` lie within its window.
    ///
    /// # Errors
    /// [`EngineError::RateLimited`], which is not counted; failures of the store.
    pub(crate) async fn count(
        &self,
        action: RateAction,
        caller: &Caller,
        limit: usize,
        now: Timestamp,
    ) -> Result<Counted<'_>, EngineError> {
        let budget = self.budget(action);
        let Some(Stored { counters, key }) = &self.stored else {
            let reserved = budget.reserve(caller, limit, now);
            return reserved.map(Counted::Local).ok_or(EngineError::RateLimited { limit });
        };
        let actor = ActorHash::from_bytes(key.actor(caller));
        let window = budget.window();
        match counters.acquire(action, actor, RateLimit { actions: limit, window }).await {
            Ok(permit) => Ok(Counted::Stored(counters.as_ref(), permit)),
            Err(StorageError::RateLimited { .. }) => Err(EngineError::RateLimited { limit }),
            Err(error) => Err(error.into()),
        }
    }

    fn budget(&self, action: RateAction) -> &Budget {
        match action {
            RateAction::Invitation => &self.invitations,
            RateAction::MembershipAppend => &self.appends,
            RateAction::SpaceCreate => &self.spaces,
        }
    }
}

impl Counted<'_> {
    /// Lets a success count and gives a failure back.
    pub(crate) async fn settle<T, E>(self, outcome: Result<T, E>) -> Result<T, E> {
        match self {
            Self::Local(reservation) if outcome.is_ok() => reservation.keep(),
            Self::Local(reservation) => drop(reservation),
            Self::Stored(..) if outcome.is_ok() => {}
            Self::Stored(counters, permit) => {
                if let Err(error) = counters.release(permit).await {
                    // The actor has one action less until it leaves the window.
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "an action that failed could not be given back");
                }
            }
        }
        outcome
    }
}
