//! Subscriptions that the homes of their spaces have to accept.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::wire::subscribe::SubscribeEntry;
use less_sync_core::{Cursor, SpaceId};
use less_sync_engine::{HomeError, HomeHandle, HomePosition, RemoteWatch, SubscriptionBasis};

use crate::broker::{Position, SubscriptionStart};
use crate::context::Context;
use crate::subscription_id::SubscriptionId;

/// Subscription that the home of its space has to accept.
pub(super) struct Elsewhere {
    pub(super) space: SpaceId,
    pub(super) id: SubscriptionId,
    /// True for a subscription that was live before.
    pub(super) again: bool,
    pub(super) home: HomeHandle,
    chain: Arc<VerifiedChain>,
    ucan: Arc<str>,
    since: Cursor,
    /// True: the client is owed everything after `since`.
    is_caught_up: bool,
}

impl Elsewhere {
    pub(super) fn new(
        space: SpaceId,
        id: SubscriptionId,
        again: bool,
        entry: &SubscribeEntry<'_>,
        home: HomeHandle,
        chain: Arc<VerifiedChain>,
    ) -> Self {
        let since = Cursor::new(entry.since).unwrap_or(Cursor::MAX);
        let ucan = entry.ucan.unwrap_or_default().into();
        Self { space, id, again, home, chain, ucan, since, is_caught_up: entry.catchup }
    }

    /// The same subscription under a newer registration.
    pub(super) fn registered_as(self, id: SubscriptionId) -> Self {
        Self { id, ..self }
    }

    /// Start of the subscription at `position`, the state of the space at its home.
    pub(super) fn start(&self, position: Position) -> SubscriptionStart {
        let caught_up_to = if self.is_caught_up { self.since.min(position.cursor) } else { position.cursor };
        SubscriptionStart { position, caught_up_to, basis: SubscriptionBasis::Chain(self.chain.clone()) }
    }
}

/// Entries by the server that holds their spaces.
pub(super) fn by_home(entries: Vec<Elsewhere>) -> Vec<Vec<Elsewhere>> {
    let mut groups: Vec<Vec<Elsewhere>> = Vec::new();
    for entry in entries {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| first.home == entry.home)) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

/// Subscribes at one server.
pub(super) async fn watch(
    context: &Context,
    entries: Vec<Elsewhere>,
) -> Vec<(Elsewhere, Result<HomePosition, HomeError>)> {
    let Some(home) = entries.first().map(|entry| entry.home.clone()) else { return Vec::new() };
    let connection = context.connection_id();
    let watch = |entry: &Elsewhere| RemoteWatch {
        space: entry.space,
        connection,
        since: entry.since,
        ucan: entry.ucan.clone(),
        expires_at: entry.chain.expires_at(),
    };
    let outcomes = home.watch(entries.iter().map(watch).collect()).await;
    entries.into_iter().zip(outcomes).collect()
}
