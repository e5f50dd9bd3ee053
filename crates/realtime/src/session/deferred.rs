//! Presence and event frames beyond their rate: the newest of each space and kind waits for its turn (protocol §1.10).

use std::collections::VecDeque;

use less_sync_core::SpaceId;
use less_sync_core::wire::federation::ForwardedPresenceClear;
use less_sync_core::wire::method::Method;

use less_sync_engine::ports::PeerName;

use crate::call::Call;

/// Maximum frames that wait, inclusive; beyond it the oldest is dropped.
const MAX_CALLS: usize = 64;

/// Maximum size of a frame that waits, in bytes, inclusive. Data of the maximum size fits with its envelope.
const MAX_BYTES: usize = 8 * 1024;

/// Kinds of ephemeral frames. Only frames of the same kind replace each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `presence.set` and `presence.clear`: states of which only the newest counts.
    Presence,
    /// `event.send`.
    Event,
}

/// Frames with equal keys replace each other. A server sends those of many peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    space: SpaceId,
    peer: Option<PeerName>,
    kind: Kind,
}

/// Waiting frames, in the order in which their space and kind first exceeded the rate.
#[derive(Debug, Default)]
pub(super) struct Deferred(VecDeque<(Key, Call)>);

impl Deferred {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a frame in place of a waiting one of its space and kind; returns the number of frames that are lost by it.
    pub(super) fn add(&mut self, call: Call) -> u64 {
        let Some(key) = key(&call) else { return 0 };
        if call.message().len() > MAX_BYTES {
            return 1;
        }
        if let Some((_, waiting)) = self.0.iter_mut().find(|(of, _)| *of == key) {
            *waiting = call;
            return 1;
        }
        let is_full = self.0.len() == MAX_CALLS;
        if is_full {
            self.0.pop_front();
        }
        self.0.push_back((key, call));
        u64::from(is_full)
    }

    /// Removes the frame whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Call> {
        let (_, call) = self.0.pop_front()?;
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        Some(call)
    }
}

/// Space and kind of a frame; `None` if it names no space, and is to be ignored.
fn key(call: &Call) -> Option<Key> {
    // The params of the other methods have this member, too.
    let ForwardedPresenceClear { space, peer } = call.params().ok()?;
    let kind = if call.method == Some(Method::EventSend) { Kind::Event } else { Kind::Presence };
    Some(Key { space: space.parse().ok()?, peer: peer.and_then(PeerName::parse), kind })
}
