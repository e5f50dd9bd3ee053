//! Flows of fair queueing: whose turn an operation takes.

use less_sync_core::{MailboxId, SpaceId};

/// Flow of fair queueing: the operations that share one turn in the queues of a store, usually those of one user. Flows
/// take turns by the weight of their operations, so a user with many or heavy ones delays others by one of them at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow(u64);

impl Flow {
    /// Flow of operations that belong to no user, such as purges.
    pub const SERVER: Self = Self(0);

    /// Flow with this number; equal numbers share a turn. Number 0 is [`Flow::SERVER`].
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Flow of one space, for callers without a user.
    #[must_use]
    pub fn of_space(space: SpaceId) -> Self {
        Self::of_id(space.as_bytes())
    }

    /// Flow of one mailbox, for callers without a user.
    #[must_use]
    pub fn of_mailbox(mailbox: MailboxId) -> Self {
        Self::of_id(mailbox.as_bytes())
    }

    /// Flow of an id of random bytes.
    fn of_id(bytes: &[u8]) -> Self {
        let parts = bytes.as_chunks::<8>().0.iter();
        Self(parts.fold(0, |flow, part| flow ^ u64::from_be_bytes(*part)))
    }
}
