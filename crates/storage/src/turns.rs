//! Turns of flows on a limited number of places (pure, no I/O).
//!
//! A flow has at most its share of the places at a time, by default all but one, so a flow with many items leaves places to the
//! others. A place that becomes free goes to the next flow in the rotation, whichever flow has waited for longest or with most items.

use std::collections::{HashMap, VecDeque};

use crate::Flow;

/// Places, and the items that wait for one.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    places: usize,
    /// Places that one flow may have.
    share: usize,
    /// Places taken, of all flows.
    taken: usize,
    /// Places taken by each flow; no entry for none.
    held: HashMap<Flow, usize>,
    /// Waiting items of each flow, in the order of their arrival; no entry for none.
    waiting: HashMap<Flow, VecDeque<T>>,
    /// Flows with waiting items, the next one first.
    rotation: VecDeque<Flow>,
}

impl<T> Turns<T> {
    /// So many places, all of them free; at least one. A flow may have all but one.
    #[cfg(test)]
    fn new(places: usize) -> Self {
        Self::with_share(places, places.saturating_sub(1))
    }

    /// So many places, all of them free, of which one flow may have `share`; at least one of both.
    pub(crate) fn with_share(places: usize, share: usize) -> Self {
        Self {
            places: places.max(1),
            share: share.max(1),
            taken: 0,
            held: HashMap::new(),
            waiting: HashMap::new(),
            rotation: VecDeque::new(),
        }
    }

    /// Takes a place for an item of `flow` that arrives now. False if it has to wait.
    pub(crate) fn take(&mut self, flow: Flow) -> bool {
        let may_go = !self.waiting.contains_key(&flow) && self.has_place_for(flow);
        if may_go {
            self.occupy(flow);
        }
        may_go
    }

    /// Adds an item behind those of its flow.
    pub(crate) fn wait(&mut self, flow: Flow, item: T) {
        let rotation = &mut self.rotation;
        let items = self.waiting.entry(flow).or_insert_with(|| {
            rotation.push_back(flow);
            VecDeque::new()
        });
        items.push_back(item);
    }

    /// Frees a place of `flow`.
    pub(crate) fn release(&mut self, flow: Flow) {
        if let Some(held) = self.held.get_mut(&flow) {
            self.taken = self.taken.saturating_sub(1);
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&flow);
            }
        }
    }

    /// Takes a free place for the next waiting item; `None` if no item may have one.
    pub(crate) fn next(&mut self) -> Option<(Flow, T)> {
        let place = self.rotation.iter().position(|flow| self.has_place_for(*flow))?;
        let flow = self.rotation.remove(place)?;
        let items = self.waiting.get_mut(&flow)?;
        let item = items.pop_front();
        if items.is_empty() {
            self.waiting.remove(&flow);
        } else {
            self.rotation.push_back(flow);
        }
        self.occupy(flow);
        item.map(|item| (flow, item))
    }

    /// Places taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Items that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// True if no place is taken and no item waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.taken == 0 && self.rotation.is_empty()
    }

    fn has_place_for(&self, flow: Flow) -> bool {
        self.taken < self.places && self.held.get(&flow).copied().unwrap_or_default() < self.share
    }

    fn occupy(&mut self, flow: Flow) {
        self.taken += 1;
        *self.held.entry(flow).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Flow = Flow::new(1);
    const B: Flow = Flow::new(2);
    const C: Flow = Flow::new(3);

    /// Items that arrive in this order, numbered; those that need not wait are left out.
    fn arrive(turns: &mut Turns<usize>, flows: &[Flow]) {
        for (number, flow) in flows.iter().enumerate() {
            if !turns.take(*flow) {
                turns.wait(*flow, number);
            }
        }
    }

    /// The item that gets the place that `flow` frees.
    fn after(turns: &mut Turns<usize>, flow: Flow) -> Option<usize> {
        turns.release(flow);
        turns.next().map(|(_, item)| item)
    }

    #[test]
    fn flow_leaves_one_place_to_the_others() {
        let mut turns = Turns::new(4);
        arrive(&mut turns, &[A; 100]);
        assert_eq!((turns.taken, turns.next()), (3, None));
        assert!(turns.take(B));
        assert!(!turns.take(C));
    }

    #[test]
    fn flow_has_at_most_its_share() {
        let mut turns = Turns::with_share(8, 2);
        arrive(&mut turns, &[A, A, A, B, B, B, C]);
        assert_eq!((turns.taken, turns.next()), (5, None));
        assert_eq!(after(&mut turns, C), None);
        assert_eq!([A, B].map(|flow| after(&mut turns, flow)), [Some(2), Some(5)]);
    }

    #[test]
    fn flows_take_turns_however_many_items_wait() {
        let mut turns = Turns::new(2);
        arrive(&mut turns, &[A, B, A, A, A, B, C, C]);
        let order = [A, A, B, C, A].map(|flow| after(&mut turns, flow));
        assert_eq!(order, [Some(2), Some(6), Some(5), Some(3), Some(7)]);
    }

    #[test]
    fn only_place_is_shared_in_turn() {
        let mut turns = Turns::new(1);
        arrive(&mut turns, &[A, A, A, B]);
        assert_eq!([A, A, B].map(|flow| after(&mut turns, flow)), [Some(1), Some(3), Some(2)]);
        assert_eq!(after(&mut turns, A), None);
        assert!(turns.is_idle());
    }

    #[test]
    fn item_does_not_overtake_those_of_its_flow() {
        let mut turns = Turns::new(2);
        arrive(&mut turns, &[A, A]);
        turns.release(A);
        assert!(!turns.take(A), "an item of the flow waits");
        assert_eq!(turns.next(), Some((A, 1)));
    }
}
