//! One connection that watches one space (protocol §6.2).

use std::sync::Arc;

use bytes::Bytes;
use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{ConnectionId, Cursor, SpaceId};

use super::ending::Ended;
use super::hint::Hints;
use super::sequencer::{Delivery, Step, Weigh};
use crate::outbox::{Delivered, Outbox};
use crate::subscription_id::SubscriptionId;

/// A committed event as the watchers get it.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    /// The encoded notification; none when nobody but the origin was watching.
    pub(super) frame: Option<Bytes>,
    /// A second notification about the same event, for those who get the first.
    pub(super) second: Option<Bytes>,
    /// Whoever caused it does not hear of it (protocol G5).
    pub(super) origin: Option<ConnectionId>,
}

impl Weigh for Broadcast {
    fn bytes(&self) -> usize {
        self.frame.iter().chain(&self.second).map(Bytes::len).sum()
    }
}

/// A watcher and where it stands.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) connection: ConnectionId,
    pub(super) outbox: Arc<Outbox>,
    /// Up to where it has been told everything, by its response or by events; unknown until its state was read.
    position: Option<Cursor>,
    /// What its right to watch rests on; nothing in a personal space, and nothing until its state was read.
    chain: Option<Arc<VerifiedChain>>,
    /// Present while its events are held back.
    gate: Option<Box<Gated>>,
}

/// Events held back until a response is written.
#[derive(Debug)]
struct Gated {
    generation: SubscriptionId,
    held: Vec<Step<Broadcast>>,
    /// Instead of `held`: everything up to here has to be pulled.
    hint: Option<Cursor>,
    /// Revocations in the space before the gate was closed.
    revocations: u64,
    /// Somebody else's right was revoked meanwhile.
    notice: Option<Bytes>,
    /// Its own right has ended: instead of everything that was held it gets this, and is gone.
    farewell: Option<Bytes>,
}

/// What a watcher was told with its response, and what its right rests on.
#[derive(Debug)]
pub(super) struct Footing {
    /// Up to here it need not be told anything.
    pub(super) told: Cursor,
    /// Up to here it is told with its response, or has to pull.
    pub(super) state: Cursor,
    pub(super) chain: Option<Arc<VerifiedChain>>,
}

impl Watcher {
    pub(super) fn new(
        connection: ConnectionId,
        outbox: Arc<Outbox>,
        generation: SubscriptionId,
        revocations: u64,
    ) -> Self {
        let mut watcher = Self { connection, outbox, position: None, chain: None, gate: None };
        watcher.close_gate(generation, revocations);
        watcher
    }

    /// Holds events back from now on, for another response. What was held for an earlier one stays held.
    /// `revocations`: how many there have been in the space.
    pub(super) fn close_gate(&mut self, generation: SubscriptionId, revocations: u64) {
        if let Some(gate) = &mut self.gate {
            (gate.generation, gate.revocations) = (generation, revocations);
            return;
        }
        let (held, hint, notice, farewell) = (Vec::new(), None, None, None);
        let gate = Gated { generation, held, hint, revocations, notice, farewell };
        self.gate = Some(Box::new(gate));
    }

    /// Whether its right to watch was established and has not ended; it may then speak to the others.
    pub(super) fn is_settled(&self) -> bool {
        self.position.is_some() && !self.is_leaving()
    }

    /// Whether its right has ended, which it is told when its response is written.
    pub(super) fn is_leaving(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.farewell.is_some())
    }

    /// Whether its right rests on a chain of which this is true.
    pub(super) fn rests_on(&self, such: impl FnOnce(&VerifiedChain) -> bool) -> bool {
        self.chain.as_deref().is_some_and(such)
    }

    /// Whether events are passed on at once.
    pub(super) fn is_live(&self) -> bool {
        self.gate.is_none()
    }

    /// Its response will show the state of `footing`: what is part of that it need not hear of. Answers `None` when a
    /// newer gate stands, and false when a chain was read that may have been revoked since: there have been other
    /// `revocations` than when the gate was closed.
    pub(super) fn settle(
        &mut self,
        generation: SubscriptionId,
        footing: Footing,
        revocations: u64,
    ) -> Option<bool> {
        let gate = self.gate.as_mut().filter(|gate| gate.generation == generation)?;
        let Footing { told, state, chain } = footing;
        if chain.is_some() && gate.revocations != revocations {
            return Some(false);
        }
        gate.held.retain(|step| step.cursor > state);
        gate.hint = gate.hint.filter(|hint| *hint > state);
        gate.farewell = None;
        // Whoever asked for more than is replayed is to be sent a hint, wherever the subscription stood before.
        self.position = if told < state { Some(told) } else { self.position.max(Some(told)) };
        self.chain = chain;
        Some(true)
    }

    /// Passes on that somebody's right was revoked; it keeps its own.
    pub(super) fn notice(&mut self, space: SpaceId, frame: Bytes) -> Option<Delivered> {
        match &mut self.gate {
            Some(gate) => {
                gate.notice = Some(frame);
                None
            }
            None => Some(self.outbox.durable(Some(space), frame)),
        }
    }

    /// Its right has ended, and `farewell` is what it hears last of the space: now, or after the response that it waits
    /// for. Nothing that is queued or held goes out before.
    pub(super) fn end(&mut self, space: SpaceId, farewell: Bytes) -> Ended {
        if let Some(gate) = &mut self.gate {
            (gate.held, gate.hint) = (Vec::new(), None);
            gate.farewell = Some(farewell);
            return Ended::Later;
        }
        self.outbox.purge(space);
        self.outbox.durable(None, farewell);
        Ended::Now
    }

    /// Its response is written: flushes what was held and goes live. Whatever else was delivered up to `delivered`
    /// and never reached it is covered by a hint. Answers what became of each event; `None` when its right has ended
    /// meanwhile, which it has been told.
    pub(super) fn open(
        &mut self,
        generation: SubscriptionId,
        delivered: Option<Cursor>,
        hints: &mut Hints,
    ) -> Option<Vec<Delivered>> {
        if self.position.is_none() || self.gate.as_ref().is_none_or(|gate| gate.generation != generation) {
            return Some(Vec::new());
        }
        let Some(gate) = self.gate.take() else { return Some(Vec::new()) };
        let Gated { held, hint, notice, farewell, .. } = *gate;
        if let Some(farewell) = farewell {
            self.end(hints.space(), farewell);
            return None;
        }
        let missed = hint.max(delivered);
        let steps = held.into_iter().map(Delivery::Step);
        let rest = missed.map(Delivery::Hint);
        let told = steps.chain(rest).filter_map(|delivery| self.receive(&delivery, 0, hints));
        let mut told: Vec<Delivered> = told.collect();
        told.extend(notice.and_then(|frame| self.notice(hints.space(), frame)));
        Some(told)
    }

    /// Takes the next delivery of the space, holding back at most `limit`. None when there was nothing to queue.
    pub(super) fn receive(
        &mut self,
        delivery: &Delivery<Broadcast>,
        limit: usize,
        hints: &mut Hints,
    ) -> Option<Delivered> {
        if let Some(gate) = &mut self.gate {
            gate.hold(delivery, limit);
            return None;
        }
        let (frame, second) = self.next_frames(delivery, hints)?;
        let delivered = self.outbox.durable(Some(hints.space()), frame);
        Some(second.map_or(delivered, |second| self.outbox.durable(Some(hints.space()), second)))
    }

    /// Moves on to what the delivery says; answers the frames to tell it with, if it is news.
    fn next_frames(
        &mut self,
        delivery: &Delivery<Broadcast>,
        hints: &mut Hints,
    ) -> Option<(Bytes, Option<Bytes>)> {
        let to = match delivery {
            Delivery::Step(step) => step.cursor,
            Delivery::Hint(cursor) => *cursor,
        };
        let from = self.position.filter(|position| *position < to)?;
        self.position = Some(to);
        match delivery {
            Delivery::Step(step) if step.prev <= from => {
                if step.event.origin == Some(self.connection) {
                    return None;
                }
                let Broadcast { frame, second, .. } = &step.event;
                let frame = frame.clone().unwrap_or_else(|| hints.frame(to));
                Some((frame, second.clone()))
            }
            Delivery::Step(_) | Delivery::Hint(_) => Some((hints.frame(to), None)),
        }
    }
}

impl Gated {
    fn hold(&mut self, delivery: &Delivery<Broadcast>, limit: usize) {
        if self.farewell.is_some() {
            return;
        }
        match delivery {
            Delivery::Step(step) if self.hint.is_none() && self.held.len() < limit => {
                self.held.push(step.clone());
            }
            Delivery::Step(Step { cursor, .. }) | Delivery::Hint(cursor) => {
                self.held = Vec::new();
                self.hint = Some(*cursor);
            }
        }
    }
}
