//! The engine: everything the use cases share.

use std::sync::Arc;

use less_sync_auth::IdentityHashKey;
use less_sync_core::limits;
use less_sync_storage::{MailboxLimits, MemberLimits, PushLimits, Storage};
use tokio::sync::Semaphore;

use crate::action_limits::ActionLimits;
use crate::authorize::Authorizer;
use crate::ports::{Clock, EventSink};

/// Bounds of the use cases.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// Bounds of a push (`MAX_PUSH_RECORDS`, `MAX_RECORD_BLOB_SIZE`, `MAX_PUSH_BYTES`).
    pub push_limits: PushLimits,
    /// Page reads of pulls at once (`MAX_CONCURRENT_PULLS`).
    pub pull_concurrency: usize,
    /// Bounds of a membership log (`MAX_MEMBER_PAYLOAD`, `MEMBERSHIP_LOG_CAP`).
    pub member_limits: MemberLimits,
    /// Shared spaces an actor may create per day (`RATE_LIMIT_SPACES_PER_DAY`).
    pub spaces_per_day: usize,
    /// Entries an actor may append per hour (`RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR`).
    pub appends_per_hour: usize,
    /// The same, of an actor who may administer the space (`RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR_ADMIN`).
    pub appends_per_hour_admin: usize,
    /// Payload of an invitation, in bytes (`MAX_INVITATION_PAYLOAD`).
    pub invitation_payload: usize,
    /// Bounds of a mailbox (`MAX_INVITATIONS_PER_MAILBOX`).
    pub mailbox_limits: MailboxLimits,
    /// Invitations an actor may send per hour (`RATE_LIMIT_INVITATIONS_PER_HOUR`).
    pub invitations_per_hour: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            push_limits: PushLimits {
                records: limits::PUSH_RECORDS,
                blob: limits::RECORD_BLOB,
                bytes: limits::PUSH_BYTES,
            },
            pull_concurrency: 10,
            member_limits: MemberLimits { payload: limits::MEMBERSHIP_PAYLOAD, log: 64 * limits::MIB as u64 },
            spaces_per_day: 200,
            appends_per_hour: 120,
            appends_per_hour_admin: 1200,
            invitation_payload: limits::INVITATION_PAYLOAD,
            mailbox_limits: MailboxLimits { invitations: 500, from_one_peer: 100 },
            invitations_per_hour: 60,
        }
    }
}

/// The use cases, over one store.
pub struct Engine {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) authorizer: Authorizer,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) page_reads: Arc<Semaphore>,
    pub(crate) actions: ActionLimits,
    pub(crate) settings: EngineSettings,
}

impl Engine {
    /// An engine over `storage` that publishes to `events`. With an identity hash key, actions of users are counted in
    /// the store (auth §4.3).
    #[must_use]
    pub fn new(
        storage: Arc<dyn Storage>,
        events: Arc<dyn EventSink>,
        clock: Arc<dyn Clock>,
        identity_hash_key: Option<Arc<IdentityHashKey>>,
        settings: EngineSettings,
    ) -> Self {
        Self {
            authorizer: Authorizer::new(storage.clone(), clock.clone()),
            actions: ActionLimits::new(storage.clone(), identity_hash_key),
            storage,
            events,
            clock,
            page_reads: Arc::new(Semaphore::new(settings.pull_concurrency.max(1))),
            settings,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.settings).finish_non_exhaustive()
    }
}
