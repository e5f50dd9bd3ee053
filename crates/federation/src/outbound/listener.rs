//! Receiver of what happens on outbound links beside the responses to calls.

use less_sync_core::PeerId;

use super::notice::Notice;

/// Receiver of notifications and of changes of links. No function blocks.
pub(super) trait LinkListener: Send + Sync {
    /// Receives a notification of `peer`.
    fn notified(&self, peer: &PeerId, notice: Notice<'_>);

    /// A link to `peer` has opened or ended.
    fn link_changed(&self, peer: &PeerId);

    /// Trust in any peer may have changed.
    fn trust_changed(&self);

    /// Number of interests at `peer` in the state with this name.
    fn interests(&self, peer: &PeerId, state: &str) -> usize;

    /// Returns true while the link to `peer` is needed between calls (federation PM-13).
    fn needs_link(&self, peer: &PeerId) -> bool;
}
