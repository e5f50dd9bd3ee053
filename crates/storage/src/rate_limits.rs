//! Rate limits that all servers of a database share (storage §3.15).

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::StorageError;
use crate::error::rejections;

/// Kind of counted action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RateAction {
    /// Sending an invitation.
    Invitation,
    /// Appending to a membership log.
    MembershipAppend,
    /// Creating a shared space.
    SpaceCreate,
}

impl RateAction {
    /// Every action there is.
    pub const ALL: [Self; 3] = [Self::Invitation, Self::MembershipAppend, Self::SpaceCreate];

    /// The name under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::MembershipAppend => "membership_append",
            Self::SpaceCreate => "space_create",
        }
    }
}

/// Keyed hash of the user whose actions are counted; it identifies the user only with the key. `Debug` shows
/// nothing of the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorHash([u8; 32]);

impl ActorHash {
    /// The hash with these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The form of the database: 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        less_sync_core::hex::encode(&self.0)
    }
}

impl fmt::Debug for ActorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActorHash([redacted])")
    }
}

/// Rate limit: number of actions within a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Maximum number of actions.
    pub actions: usize,
    /// Length of the sliding window: an action counts for this long.
    pub window: Duration,
}

/// An action that was counted. Given back when it fails; kept by forgetting about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an action that failed gives its permit back"]
pub struct Permit {
    /// Actor of the permit.
    pub actor: ActorHash,
    /// Id of the permit, random, created by the database.
    pub id: [u8; 16],
}

rejections! {
    RateLimitError:
    /// Rejections of a counted action.
    RateLimitRejection {
        /// The actor has used up the limit of this window.
        #[error("rate limited, retry after {retry_after:?}")]
        Exceeded {
            /// Time until the oldest action leaves the window; at least a second.
            retry_after: Duration,
        },
    }
}

/// Counters of actions, on the clock of the database.
#[async_trait]
pub trait RateLimits: Send + Sync {
    /// Counts an action if fewer than `limit` lie within its window; both at once, so callers that race never get more
    /// than the limit together.
    ///
    /// # Errors
    /// [`RateLimitRejection::Exceeded`], which is not counted.
    async fn acquire(
        &self,
        action: RateAction,
        actor: ActorHash,
        limit: RateLimit,
    ) -> Result<Permit, RateLimitError>;

    /// Gives a permit back: the action failed and does not count. A repeat changes nothing.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn release(&self, permit: Permit) -> Result<(), StorageError>;

    /// Actions within the window that ends now.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn count_actions(
        &self,
        action: RateAction,
        actor: ActorHash,
        window: Duration,
    ) -> Result<usize, StorageError>;

    /// Deletes up to `batch` actions that were taken longer than `age` ago, oldest first, and returns how many. Fewer than
    /// `batch`: there are no more (storage §3.18). `age` is the longest window of all.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn purge_actions(&self, age: Duration, batch: usize) -> Result<usize, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_their_column_and_differ() {
        let names: std::collections::BTreeSet<&str> = RateAction::ALL.map(RateAction::as_str).into();
        assert_eq!(names.len(), RateAction::ALL.len());
        assert!(names.iter().all(|name| name.len() <= 32));
    }

    #[test]
    fn hash_is_written_in_hex_and_not_shown() {
        let actor = ActorHash::from_bytes([0x0f; 32]);
        assert_eq!(actor.to_hex(), "0f".repeat(32));
        assert_eq!(format!("{actor:?}"), "ActorHash([redacted])");
    }
}
