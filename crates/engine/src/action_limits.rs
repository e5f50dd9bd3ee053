//! Rate limits of actions per actor (protocol §1.10, auth §4.3).
//!
//! With an identity hash key, actions are counted in the database and all of its servers share the counts. Without one,
//! each process counts in memory, by a hash under a key of its own and up to its share of the limit, and nothing is stored.

use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::IdentityHashKey;
use less_sync_core::Timestamp;
use less_sync_metrics::{Counter, Registry};
use less_sync_storage::{ActorHash, Permit, RateAction, RateLimit, RateLimitRejection, RateLimits};

use crate::EngineError;
use crate::actor::Actor;
use crate::budget::{Budget, Reservation};
use crate::live_nodes::LiveNodes;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Counters of rate-limited actions. Failed actions do not count.
pub(crate) struct ActionLimits {
    stored: Option<Stored>,
    nodes: LiveNodes,
    invitations: Budget,
    appends: Budget,
    spaces: Budget,
    /// Rejected actions, in the order of [`RateAction::ALL`].
    rejected: [Counter; RateAction::ALL.len()],
}

struct Stored {
    counters: Arc<dyn RateLimits>,
    key: Arc<IdentityHashKey>,
}

/// A counted action. Must be settled with the outcome, since a failed action does not count.
#[must_use = "settle with the outcome of the action"]
pub(crate) enum Counted<'a> {
    Stored(&'a dyn RateLimits, Permit),
    Local(Reservation<'a>),
}

impl ActionLimits {
    /// Counters in the database, of actors hashed with `key`; in memory without a key, each of `nodes` for itself.
    pub(crate) fn new(
        counters: Arc<dyn RateLimits>,
        key: Option<Arc<IdentityHashKey>>,
        nodes: LiveNodes,
    ) -> Self {
        Self {
            stored: key.map(|key| Stored { counters, key }),
            nodes,
            invitations: Budget::new(HOUR),
            appends: Budget::new(HOUR),
            spaces: Budget::new(DAY),
            rejected: Default::default(),
        }
    }

    /// Counts an action of `actor` unless `limit` actions lie within the window already.
    ///
    /// # Errors
    /// [`EngineError::RateLimited`]; a rejected action is not counted. Failures of the database.
    pub(crate) async fn count<R>(
        &self,
        action: RateAction,
        actor: &Actor<'_>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Counted<'_>, EngineError<R>> {
        let counted = self.try_count(action, actor, limit, now).await;
        if matches!(counted, Err(EngineError::RateLimited { .. })) {
            let mut actions = RateAction::ALL.into_iter().zip(&self.rejected);
            if let Some((_, rejected)) = actions.find(|(known, _)| *known == action) {
                rejected.inc();
            }
        }
        counted
    }

    /// Registers the counters of rejected actions.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let actions = RateAction::ALL.into_iter().zip(&self.rejected);
        let actions = actions.map(|(action, rejected)| ([action.as_str()], rejected.clone()));
        registry.family("rate_limited_total", "actions rejected by a rate limit", ["action"], actions);
    }

    async fn try_count<R>(
        &self,
        action: RateAction,
        actor: &Actor<'_>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Counted<'_>, EngineError<R>> {
        let budget = self.budget(action);
        let Some(Stored { counters, key }) = &self.stored else {
            let limit = self.nodes.share(limit);
            let reserved = budget.reserve(actor, limit, now);
            return reserved.map(Counted::Local).ok_or(EngineError::RateLimited { limit });
        };
        let actor = ActorHash::from_bytes(key.named(&actor.issuer, actor.user));
        let window = budget.window();
        match counters.acquire(action, actor, RateLimit { actions: limit, window }).await {
            Ok(permit) => Ok(Counted::Stored(counters.as_ref(), permit)),
            Err(error) => Err(match error.rejection() {
                Ok(RateLimitRejection::Exceeded { .. }) => EngineError::RateLimited { limit },
                Err(error) => error.widen().into(),
            }),
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
    /// Keeps the count of a successful action and releases that of a failed one.
    pub(crate) async fn settle<T, E>(self, outcome: Result<T, E>) -> Result<T, E> {
        match self {
            Self::Local(reservation) if outcome.is_ok() => reservation.commit(),
            Self::Local(reservation) => drop(reservation),
            Self::Stored(..) if outcome.is_ok() => {}
            Self::Stored(counters, permit) => {
                if let Err(error) = counters.release(permit).await {
                    // The actor stays one action short until the count leaves the window; no reason to replace the
                    // outcome of the action itself by this error.
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "failed to release a rate-limit permit");
                }
            }
        }
        outcome
    }
}
