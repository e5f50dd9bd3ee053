//! Scheduling of write operations (pure, no I/O): deficit round robin over flows, heavy operations alone.
//!
//! Each pass over the flows grants each of them [`QUANTUM`] bytes of credit, for which its first operations join the batch.
//! Credit that is not enough is kept until it is, so over time every flow gets the same share of what is written. A *heavy*
//! operation has a transaction of its own, and after it those that are not heavy go first: however many heavy ones wait,
//! any other operation waits for one of them and one batch.

use std::collections::{HashMap, VecDeque};

use less_sync_core::SpaceId;
use less_sync_storage::Flow;

use super::load::Load;

/// Credit of a flow in each pass, in bytes.
const QUANTUM: usize = 256 * 1024;

/// Weight above which an operation is heavy, in bytes.
const HEAVY: usize = 1024 * 1024;

/// Weight after which a batch takes no more operations, in bytes.
const BATCH_WEIGHT: usize = 2 * 1024 * 1024;

/// Maximum number of operations per batch.
const BATCH_OPERATIONS: usize = 512;

/// Item that a schedule can drop before its turn.
pub(super) trait Withdrawable {
    /// True if the receiver of the outcome was dropped.
    fn is_withdrawn(&self) -> bool;
}

#[derive(Debug)]
struct Entry<T> {
    /// Position among all entries of the schedule.
    number: u64,
    load: Load,
    item: T,
}

/// Waiting operations of one flow.
#[derive(Debug)]
struct Turn<T> {
    waiting: VecDeque<Entry<T>>,
    /// Bytes that the flow may still write in this pass.
    credit: usize,
}

/// Waiting operations of all flows.
#[derive(Debug)]
pub(super) struct Schedule<T> {
    turns: HashMap<Flow, Turn<T>>,
    /// Flows with waiting operations, the next one first.
    rotation: VecDeque<Flow>,
    /// Numbers of the waiting operations of each space, ascending: the first one of a space may run.
    order: HashMap<SpaceId, VecDeque<u64>>,
    next_number: u64,
    waiting: usize,
    /// True if the last batch was a heavy operation.
    after_heavy: bool,
}

/// Batch under construction.
#[derive(Debug)]
struct Batch<T> {
    items: Vec<T>,
    weight: usize,
    /// True while heavy operations must wait.
    light_only: bool,
    /// True if some operation waits for credit alone: another pass will reach it.
    wants_credit: bool,
    is_heavy: bool,
}

/// Result of one turn of a flow.
enum Visit {
    /// The flow has no waiting operations any more.
    Emptied,
    /// The flow waits for its next turn.
    Waits,
    /// The batch is complete; the turn of the flow goes on in the next one.
    Complete,
}

impl<T: Withdrawable> Schedule<T> {
    pub(super) fn new() -> Self {
        Self {
            turns: HashMap::new(),
            rotation: VecDeque::new(),
            order: HashMap::new(),
            next_number: 0,
            waiting: 0,
            after_heavy: false,
        }
    }

    /// Number of waiting operations.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Adds an operation behind those of its flow and of its space.
    pub(super) fn add(&mut self, load: Load, item: T) {
        let number = self.next_number;
        self.next_number += 1;
        self.waiting += 1;
        if let Some(space) = load.space {
            self.order.entry(space).or_default().push_back(number);
        }
        let rotation = &mut self.rotation;
        let turn = self.turns.entry(load.flow).or_insert_with(|| {
            rotation.push_back(load.flow);
            Turn { waiting: VecDeque::new(), credit: 0 }
        });
        turn.waiting.push_back(Entry { number, load, item });
    }

    /// Takes the operations of the next transaction; none if none waits.
    pub(super) fn take(&mut self) -> Vec<T> {
        let mut batch = Batch {
            items: Vec::new(),
            weight: 0,
            light_only: std::mem::take(&mut self.after_heavy),
            wants_credit: false,
            is_heavy: false,
        };
        // Ends: the oldest operation of all is the first of its flow and of its space, so each pass brings it closer.
        while !self.rotation.is_empty() {
            batch.wants_credit = false;
            if self.pass(&mut batch) || !batch.wants_credit && !batch.items.is_empty() {
                break;
            }
            batch.light_only &= batch.wants_credit;
        }
        self.after_heavy = batch.is_heavy;
        batch.items
    }

    /// Gives every flow one turn; true if the batch is complete.
    fn pass(&mut self, batch: &mut Batch<T>) -> bool {
        for _ in 0..self.rotation.len() {
            let Some(flow) = self.rotation.pop_front() else { break };
            match self.visit(flow, batch) {
                Visit::Emptied => drop(self.turns.remove(&flow)),
                Visit::Waits => self.rotation.push_back(flow),
                Visit::Complete => {
                    self.rotation.push_front(flow);
                    return true;
                }
            }
        }
        false
    }

    fn visit(&mut self, flow: Flow, batch: &mut Batch<T>) -> Visit {
        let Some(turn) = self.turns.get_mut(&flow) else { return Visit::Emptied };
        // No more than the first operation needs: credit is not saved up behind an operation that waits for its space.
        let needed = turn.waiting.front().map_or(0, |first| first.load.weight);
        turn.credit = turn.credit.saturating_add(QUANTUM).min(needed.max(QUANTUM));
        while let Some(first) = turn.waiting.front() {
            let Load { space, weight, .. } = first.load;
            if space.is_some_and(|space| !is_first(&self.order, space, first.number)) {
                return Visit::Waits;
            }
            if !first.item.is_withdrawn() {
                if weight > HEAVY && batch.light_only {
                    return Visit::Waits;
                }
                if weight > turn.credit {
                    // A batch is not held back for an operation that could not join it.
                    batch.wants_credit |= weight <= HEAVY || batch.items.is_empty();
                    return Visit::Waits;
                }
                if !batch.has_room(weight) {
                    return Visit::Complete;
                }
            }
            let Some(first) = turn.waiting.pop_front() else { break };
            self.waiting -= 1;
            if let Some(space) = space {
                advance(&mut self.order, space);
            }
            // Dropped callers have withdrawn their operations. One that is dropped after this check is too late: its
            // operation runs, and may or may not take effect.
            if !first.item.is_withdrawn() {
                turn.credit = turn.credit.saturating_sub(weight);
                batch.add(first.item, weight);
            }
            if batch.is_heavy {
                // In its turn still: if nothing else waits, it is removed by the next pass.
                return Visit::Complete;
            }
        }
        Visit::Emptied
    }
}

/// True if no earlier operation of the space waits.
fn is_first(order: &HashMap<SpaceId, VecDeque<u64>>, space: SpaceId, number: u64) -> bool {
    order.get(&space).is_none_or(|numbers| numbers.front() == Some(&number))
}

/// Removes the first operation of the space from its order.
fn advance(order: &mut HashMap<SpaceId, VecDeque<u64>>, space: SpaceId) {
    if let Some(numbers) = order.get_mut(&space) {
        numbers.pop_front();
        if numbers.is_empty() {
            order.remove(&space);
        }
    }
}

impl<T> Batch<T> {
    /// A heavy operation fits an empty batch only.
    fn has_room(&self, weight: usize) -> bool {
        self.items.is_empty()
            || (weight <= HEAVY && self.weight < BATCH_WEIGHT && self.items.len() < BATCH_OPERATIONS)
    }

    fn add(&mut self, item: T, weight: usize) {
        self.items.push(item);
        self.weight = self.weight.saturating_add(weight);
        self.is_heavy = weight > HEAVY;
    }
}

#[cfg(test)]
mod tests;
