//! Lanes of a connection: one pair for a client, and one pair per space for a link of another server (federation CN-3).

use less_sync_core::SpaceId;

use super::lanes::Lanes;
use crate::call::{Call, Place};

/// Accepted calls that have not finished. Calls of different spaces run concurrently; the bound of the backlog bounds them.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Lanes of all calls of a client, and of those calls of a server that name no space or several.
    own: Lanes,
    /// Lanes of spaces that have a call.
    by_space: Vec<(SpaceId, Lanes)>,
}

impl Schedule {
    pub(super) fn accept(&mut self, call: Call) {
        let Some(space) = call.place().space else { return self.own.accept(call) };
        if let Some((_, lanes)) = self.by_space.iter_mut().find(|(of, _)| *of == space) {
            return lanes.accept(call);
        }
        let mut lanes = Lanes::default();
        lanes.accept(call);
        self.by_space.push((space, lanes));
    }

    /// Removes the next call that may start now; the call counts as running.
    pub(super) fn start(&mut self) -> Option<Call> {
        self.own.start().or_else(|| self.by_space.iter_mut().find_map(|(_, lanes)| lanes.start()))
    }

    /// Takes a running call of `place` out of its lane, whose other calls need not wait for it.
    pub(super) fn leave(&mut self, place: Place) {
        self.own.leave(place.lane);
    }

    /// Removes a finished call of `place`, whose message had `bytes`.
    pub(super) fn finished(&mut self, place: Place, bytes: usize) {
        if place.is_elsewhere {
            return self.own.finished_elsewhere(bytes);
        }
        let Some(space) = place.space else { return self.own.finished(place.lane, bytes) };
        let Some(index) = self.by_space.iter().position(|(of, _)| *of == space) else { return };
        if let Some((_, lanes)) = self.by_space.get_mut(index) {
            lanes.finished(place.lane, bytes);
            if lanes.backlog() > 0 {
                return;
            }
        }
        self.by_space.swap_remove(index);
        if self.by_space.is_empty() {
            // An idle connection holds no queue memory.
            self.by_space = Vec::new();
        }
    }

    /// Removes the waiting stream with the request id `id`; false if there is none.
    pub(super) fn withdraw_stream(&mut self, id: &str) -> bool {
        let withdrawn = self.own.withdraw_stream(id)
            || self.by_space.iter_mut().any(|(_, lanes)| lanes.withdraw_stream(id));
        self.by_space.retain(|(_, lanes)| lanes.backlog() > 0);
        withdrawn
    }

    /// Drops the calls that have not started.
    pub(super) fn abandon(&mut self) {
        self.all_mut().for_each(Lanes::abandon);
        self.by_space.retain(|(_, lanes)| lanes.backlog() > 0);
    }

    /// True while a call runs.
    pub(super) fn is_running(&self) -> bool {
        self.all().any(Lanes::is_running)
    }

    /// Total size of the messages of the calls in [`Schedule::backlog`], in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.all().map(Lanes::bytes).sum()
    }

    /// Number of accepted calls that have not finished.
    pub(super) fn backlog(&self) -> usize {
        self.all().map(Lanes::backlog).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Lanes> {
        std::iter::once(&self.own).chain(self.by_space.iter().map(|(_, lanes)| lanes))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Lanes> {
        std::iter::once(&mut self.own).chain(self.by_space.iter_mut().map(|(_, lanes)| lanes))
    }
}
