//! Shard of the broker: the channels of a part of the spaces, under one lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use less_sync_core::{ConnectionId, SpaceId};

use super::channel::SpaceChannel;
use super::deps::{Context, Deps};
use crate::outbox::Outbox;
use crate::presence::PresenceAges;
use crate::subscription_id::SubscriptionId;

/// Channels of a part of the spaces.
#[derive(Debug, Default)]
pub(super) struct Shard {
    channels: HashMap<SpaceId, SpaceChannel>,
    /// Presence entries of all channels by age, so that a sweep touches expired entries only.
    ages: PresenceAges,
    last_id: u64,
}

impl Shard {
    /// Registers `connection` with the channel of `space`, which is created if need be.
    pub(super) fn register(
        &mut self,
        space: SpaceId,
        connection: ConnectionId,
        outbox: &Arc<Outbox>,
        deps: &Deps,
    ) -> SubscriptionId {
        self.last_id += 1;
        let id = SubscriptionId(self.last_id);
        let channel = self.channels.entry(space).or_insert_with(|| {
            deps.metrics.spaces_watched.inc();
            deps.deployment.watched(space);
            SpaceChannel::new(space)
        });
        channel.register(connection, outbox, id, &Context { deps, ages: &mut self.ages });
        id
    }

    /// The channel of `space`; none if the space has no subscriber.
    pub(super) fn channel(&self, space: SpaceId) -> Option<&SpaceChannel> {
        self.channels.get(&space)
    }

    /// All channels with their spaces.
    pub(super) fn channels(&self) -> impl Iterator<Item = (SpaceId, &SpaceChannel)> {
        self.channels.iter().map(|(space, channel)| (*space, channel))
    }

    /// Runs `operation` on the channel of `space`, and frees the channel if it is left without a subscriber. None if there
    /// is no channel.
    pub(super) fn update<R>(
        &mut self,
        space: SpaceId,
        deps: &Deps,
        operation: impl FnOnce(&mut SpaceChannel, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let channel = self.channels.get_mut(&space)?;
        let result = operation(channel, &mut Context { deps, ages: &mut self.ages });
        if channel.is_empty() {
            self.free(space, deps);
        }
        Some(result)
    }

    /// Removes the oldest presence entry if it was set at `until` or earlier, and announces that. False if there is none.
    pub(super) fn expire_one(&mut self, until: Instant, deps: &Deps) -> bool {
        let Some((space, presenter)) = self.ages.pop_expired(until) else { return false };
        // Also to the connection of the entry, which may still show itself as present.
        self.update(space, deps, |channel, context| channel.clear_presence(presenter, None, context));
        true
    }

    fn free(&mut self, space: SpaceId, deps: &Deps) {
        self.channels.remove(&space);
        deps.metrics.spaces_watched.dec();
        deps.deployment.unwatched(space);
        // Frees memory after a crowd has left. A table of 64 is small enough to keep, and the distance between the bounds
        // makes up for the rehashing.
        if self.channels.capacity() > 64 && self.channels.capacity() > 8 * self.channels.len() {
            self.channels.shrink_to(2 * self.channels.len());
        }
    }
}
