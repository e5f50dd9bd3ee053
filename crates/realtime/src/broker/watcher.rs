//! One connection that watches one space (protocol §6.2).

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{ConnectionId, Cursor};

use super::sequencer::{Delivery, Step, Weigh};
use super::{GateGeneration, hint::Hints};
use crate::outbox::{Delivered, Outbox};

/// A committed event as the watchers get it.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    /// The encoded notification; none when nobody but the origin was watching.
    pub(super) frame: Option<Bytes>,
    /// Whoever caused it does not hear of it (protocol G5).
    pub(super) origin: ConnectionId,
}

impl Weigh for Broadcast {
    fn bytes(&self) -> usize {
        self.frame.as_ref().map_or(0, Bytes::len)
    }
}

/// A watcher and where it stands.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) connection: ConnectionId,
    pub(super) outbox: Arc<Outbox>,
    /// Up to where it has been told everything, by its response or by events; unknown until its state was read.
    position: Option<Cursor>,
    /// Present while its events are held back.
    gate: Option<Box<Gated>>,
}

/// Events held back until a response is written.
#[derive(Debug)]
struct Gated {
    generation: GateGeneration,
    held: Vec<Step<Broadcast>>,
    /// Instead of `held`: everything up to here has to be pulled.
    hint: Option<Cursor>,
}

impl Watcher {
    pub(super) fn new(connection: ConnectionId, outbox: Arc<Outbox>, generation: GateGeneration) -> Self {
        let mut watcher = Self { connection, outbox, position: None, gate: None };
        watcher.close_gate(generation);
        watcher
    }

    /// Holds events back from now on, for another response. What was held for an earlier one stays held.
    pub(super) fn close_gate(&mut self, generation: GateGeneration) {
        match &mut self.gate {
            Some(gate) => gate.generation = generation,
            None => self.gate = Some(Box::new(Gated { generation, held: Vec::new(), hint: None })),
        }
    }

    /// Whether its right to watch was established; it may then speak to the others.
    pub(super) fn is_settled(&self) -> bool {
        self.position.is_some()
    }

    /// Whether events are passed on at once.
    pub(super) fn is_live(&self) -> bool {
        self.gate.is_none()
    }

    /// Its response will say `cursor`: what is part of that state it need not hear of. False when a newer gate stands.
    pub(super) fn settle(&mut self, generation: GateGeneration, cursor: Cursor) -> bool {
        let Some(gate) = self.gate.as_mut().filter(|gate| gate.generation == generation) else {
            return false;
        };
        self.position = self.position.max(Some(cursor));
        gate.held.retain(|step| step.cursor > cursor);
        gate.hint = gate.hint.filter(|hint| *hint > cursor);
        true
    }

    /// Its response is written: flushes what was held and goes live. Whatever else was delivered up to `delivered`
    /// and never reached it is covered by a hint. Answers what became of each event.
    pub(super) fn open(
        &mut self,
        generation: GateGeneration,
        delivered: Option<Cursor>,
        hints: &mut Hints,
    ) -> Vec<Delivered> {
        if self.position.is_none() || self.gate.as_ref().is_none_or(|gate| gate.generation != generation) {
            return Vec::new();
        }
        let Some(gate) = self.gate.take() else { return Vec::new() };
        let Gated { held, hint, .. } = *gate;
        let missed = hint.max(delivered);
        let steps = held.into_iter().map(Delivery::Step);
        let rest = missed.map(Delivery::Hint);
        steps.chain(rest).filter_map(|delivery| self.receive(&delivery, 0, hints)).collect()
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
        let frame = self.next_frame(delivery, hints)?;
        Some(self.outbox.durable(Some(hints.space()), frame))
    }

    /// Moves on to what the delivery says; answers the frame to tell it with, if it is news.
    fn next_frame(&mut self, delivery: &Delivery<Broadcast>, hints: &mut Hints) -> Option<Bytes> {
        let to = match delivery {
            Delivery::Step(step) => step.cursor,
            Delivery::Hint(cursor) => *cursor,
        };
        let from = self.position.filter(|position| *position < to)?;
        self.position = Some(to);
        match delivery {
            Delivery::Step(step) if step.prev <= from => {
                if step.event.origin == self.connection {
                    return None;
                }
                Some(step.event.frame.clone().unwrap_or_else(|| hints.frame(to)))
            }
            Delivery::Step(_) | Delivery::Hint(_) => Some(hints.frame(to)),
        }
    }
}

impl Gated {
    fn hold(&mut self, delivery: &Delivery<Broadcast>, limit: usize) {
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
