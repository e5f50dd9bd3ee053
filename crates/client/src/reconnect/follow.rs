//! Ordering of live events per space: next event, duplicate, or gap (protocol §5.5).

use std::collections::BTreeMap;

use less_sync_core::wire::method;
use less_sync_core::{Cursor, SpaceId};

use crate::event::Event;

/// Cursors of the device in its followed spaces.
#[derive(Debug, Default)]
pub(super) struct Follower {
    cursors: BTreeMap<SpaceId, Cursor>,
}

/// Action for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Deliver the event.
    Deliver,
    /// Drop the event as a duplicate.
    Drop,
    /// Pull this space, which is missing changes; the pull includes those of this event.
    Pull(SpaceId),
    /// Pull all spaces, any of which may be missing changes.
    PullAll,
    /// Subscribe again to these spaces.
    Resubscribe(Vec<SpaceId>),
}

impl Follower {
    pub(super) fn new(cursors: impl IntoIterator<Item = (SpaceId, Cursor)>) -> Self {
        Self { cursors: cursors.into_iter().collect() }
    }

    /// Cursor of the device; `None` for a space that is not followed.
    pub(super) fn cursor(&self, space: &SpaceId) -> Option<Cursor> {
        self.cursors.get(space).copied()
    }

    pub(super) fn spaces(&self) -> impl Iterator<Item = SpaceId> {
        self.cursors.keys().copied()
    }

    /// Sets the cursor after the commit of a pull; lower than before after a rewind.
    pub(super) fn committed(&mut self, space: SpaceId, cursor: Cursor) {
        if let Some(known) = self.cursors.get_mut(&space) {
            *known = cursor;
        }
    }

    /// Classifies an event, and advances the cursor if it is the next one.
    pub(super) fn classify(&mut self, event: &Event) -> Verdict {
        match event {
            Event::Sync(sync) => self.next_is(sync.space, Some(sync.prev), sync.cursor),
            Event::Membership(grown) => self.next_is(grown.space, None, grown.cursor),
            Event::Files(changed) => self.next_is(changed.space, None, changed.cursor),
            Event::Lagged { .. } => Verdict::PullAll,
            Event::Resubscribe { spaces } => Verdict::Resubscribe(spaces.clone()),
            Event::Unknown { method } if is_durable(method) => Verdict::PullAll,
            Event::Unknown { .. }
            | Event::Revoked { .. }
            | Event::Invitation
            | Event::Presence(_)
            | Event::PresenceLeave { .. }
            | Event::Ephemeral(_) => Verdict::Deliver,
        }
    }

    /// Compares an event with the cursor of its space. Events without `prev` are next if their cursor is the successor. One
    /// at the same cursor may belong to the last push (files deleted with their record), so it is delivered.
    fn next_is(&mut self, space: SpaceId, prev: Option<Cursor>, cursor: Cursor) -> Verdict {
        let Some(known) = self.cursors.get_mut(&space) else { return Verdict::Deliver };
        if cursor < *known || (cursor == *known && prev.is_some()) {
            return Verdict::Drop;
        }
        if cursor == *known {
            return Verdict::Deliver;
        }
        let is_next = prev.map_or(known.next() == Some(cursor), |prev| prev == *known);
        if !is_next {
            return Verdict::Pull(space);
        }
        *known = cursor;
        Verdict::Deliver
    }
}

fn is_durable(name: &str) -> bool {
    matches!(name, method::SYNC | method::MEMBERSHIP | method::FILE)
}

#[cfg(test)]
mod tests {
    use less_sync_core::{Cursor, Epoch, SpaceId};

    use super::{Follower, Verdict};
    use crate::event::{Event, FilesEvent, SyncEvent};

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
    const OTHER: SpaceId = SpaceId::from_bytes([2; 16]);

    fn at(number: u64) -> Cursor {
        Cursor::new(number).unwrap()
    }

    fn sync(space: SpaceId, prev: u64, cursor: u64) -> Event {
        Event::Sync(SyncEvent {
            space,
            prev: at(prev),
            cursor: at(cursor),
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            records: Vec::new(),
        })
    }

    fn files(cursor: u64) -> Event {
        Event::Files(FilesEvent { space: SPACE, cursor: at(cursor), files: Vec::new() })
    }

    #[test]
    fn events_are_delivered_in_order_dropped_when_old_and_pulled_over_gaps() {
        for (event, verdict, after) in [
            (sync(SPACE, 5, 6), Verdict::Deliver, 6),
            (sync(SPACE, 4, 5), Verdict::Drop, 5),
            (sync(SPACE, 0, 1), Verdict::Drop, 5),
            (sync(SPACE, 6, 7), Verdict::Pull(SPACE), 5),
            (sync(SPACE, 8, 8), Verdict::Pull(SPACE), 5),
            (sync(SPACE, 5, 5), Verdict::Drop, 5),
            (sync(OTHER, 70, 71), Verdict::Deliver, 5),
            (files(6), Verdict::Deliver, 6),
            (files(5), Verdict::Deliver, 5),
            (files(4), Verdict::Drop, 5),
            (files(7), Verdict::Pull(SPACE), 5),
            (Event::Lagged { lost: 3 }, Verdict::PullAll, 5),
            (Event::Unknown { method: "sync".to_owned() }, Verdict::PullAll, 5),
            (Event::Unknown { method: "new".to_owned() }, Verdict::Deliver, 5),
            (Event::Resubscribe { spaces: vec![SPACE] }, Verdict::Resubscribe(vec![SPACE]), 5),
            (Event::Invitation, Verdict::Deliver, 5),
        ] {
            let mut follower = Follower::new([(SPACE, at(5))]);
            assert_eq!(follower.classify(&event), verdict, "{event:?}");
            assert_eq!(follower.cursor(&SPACE), Some(at(after)), "{event:?}");
        }
    }

    #[test]
    fn a_commit_moves_the_cursor_even_back_after_a_rewind() {
        let mut follower = Follower::new([(SPACE, at(5))]);
        follower.committed(SPACE, at(2));
        assert_eq!(follower.classify(&sync(SPACE, 2, 3)), Verdict::Deliver);
        follower.committed(OTHER, at(9));
        assert_eq!(follower.cursor(&OTHER), None);
    }
}
