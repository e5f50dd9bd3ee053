//! The engine: storage, ports and limits shared by all use cases.

use std::sync::Arc;

use less_sync_auth::IdentityHashKey;
use less_sync_core::limits;
use less_sync_metrics::Registry;
use less_sync_storage::{
    FairSemaphore, INVITATION_LIFETIME, MailboxLimits, MemberLimits, PushLimits, Storage,
};

use crate::action_limits::ActionLimits;
use crate::authorize::Authorizer;
use crate::held_blobs::HeldBlobs;
use crate::invitation_relay::InvitationRelay;
use crate::live_nodes::LiveNodes;
use crate::log_share::LogShares;
use crate::owners::Owners;
use crate::ports::{Clock, MailboxNotices, SpaceEvents};
use crate::quota_rejections::QuotaRejections;
use crate::random::Random;
use crate::space_router::SpaceRouter;

/// Page reads at once are divided by this for the share of one user. More of them make no flood of pulls faster where the
/// database has the same processors, but each is a process there that the commits of others wait behind.
const PULL_SHARE: usize = 4;

/// Limits of the use cases.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// Limits of one push (`MAX_PUSH_RECORDS`, `MAX_RECORD_BLOB_SIZE`, `MAX_PUSH_BYTES`).
    pub push_limits: PushLimits,
    /// Maximum concurrent page reads of pulls in this process, at least 1 (`MAX_CONCURRENT_PULLS`); of these a quarter per user.
    pub pull_concurrency: usize,
    /// Limits of a membership log (`MAX_MEMBER_PAYLOAD`, `MEMBERSHIP_LOG_CAP`).
    pub member_limits: MemberLimits,
    /// Maximum shared spaces created per actor and day (`RATE_LIMIT_SPACES_PER_DAY`).
    pub spaces_per_day: usize,
    /// Maximum membership entries appended per actor and hour (`RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR`).
    pub appends_per_hour: usize,
    /// Maximum membership entries appended per hour by an administrator of the space
    /// (`RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR_ADMIN`).
    pub appends_per_hour_admin: usize,
    /// Maximum payload of an invitation, in bytes, inclusive (`MAX_INVITATION_PAYLOAD`).
    pub invitation_payload: usize,
    /// Limits of a mailbox (`MAX_INVITATIONS_PER_MAILBOX`, `WS_INVITATION_TTL`).
    pub mailbox_limits: MailboxLimits,
    /// Maximum invitations sent per actor and hour (`RATE_LIMIT_INVITATIONS_PER_HOUR`).
    pub invitations_per_hour: usize,
    /// True: owners of spaces are recorded, as keyed hashes (`MAX_USER_BYTES` is set). Needs an identity hash key.
    pub records_owners: bool,
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
            mailbox_limits: MailboxLimits {
                invitations: 500,
                from_one_peer: 100,
                lifetime: INVITATION_LIFETIME,
            },
            invitations_per_hour: 60,
            records_owners: false,
        }
    }
}

/// Adapters and ports that an engine uses.
#[derive(Clone)]
pub struct EngineDeps {
    /// Database.
    pub storage: Arc<dyn Storage>,
    /// Receiver of the events of committed changes.
    pub events: Arc<dyn SpaceEvents>,
    /// Receiver of notices about new invitations.
    pub mailbox_notices: Arc<dyn MailboxNotices>,
    /// Deliverer of invitations to other servers.
    pub relay: Arc<dyn InvitationRelay>,
    /// Router of spaces that other servers hold.
    pub router: Arc<dyn SpaceRouter>,
    /// Wall-clock and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Source of the ids that the server assigns.
    pub random: Arc<dyn Random>,
    /// Nodes that share the limits counted in memory.
    pub nodes: LiveNodes,
}

/// The use cases of spaces, over one database.
pub struct Engine {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) authorizer: Authorizer,
    pub(crate) events: Arc<dyn SpaceEvents>,
    pub(crate) mailbox_notices: Arc<dyn MailboxNotices>,
    pub(crate) relay: Arc<dyn InvitationRelay>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) page_reads: FairSemaphore,
    pub(crate) held_blobs: HeldBlobs,
    pub(crate) actions: ActionLimits,
    pub(crate) log_shares: LogShares,
    pub(crate) owners: Owners,
    pub(crate) quota_rejections: QuotaRejections,
    pub(crate) settings: EngineSettings,
    pub(crate) nodes: LiveNodes,
}

impl Engine {
    /// An engine over `deps`. With an identity hash key, rate-limited actions are counted in the database and shared by
    /// all servers; without one, per process in memory (auth §4.3).
    #[must_use]
    pub fn new(
        deps: EngineDeps,
        identity_hash_key: Option<Arc<IdentityHashKey>>,
        settings: EngineSettings,
    ) -> Self {
        let EngineDeps { storage, events, mailbox_notices, relay, router, clock, random, nodes } = deps;
        let owners = Owners::new(identity_hash_key.clone().filter(|_| settings.records_owners));
        Self {
            authorizer: Authorizer::new(storage.clone(), clock.clone(), owners.clone(), router),
            actions: ActionLimits::new(storage.clone(), identity_hash_key, nodes.clone()),
            log_shares: LogShares::new(nodes.clone()),
            owners,
            quota_rejections: QuotaRejections::default(),
            storage,
            events,
            mailbox_notices,
            relay,
            clock,
            random,
            page_reads: FairSemaphore::with_share(
                settings.pull_concurrency,
                settings.pull_concurrency / PULL_SHARE,
            ),
            held_blobs: HeldBlobs::default(),
            settings,
            nodes,
        }
    }

    /// Registers the metrics of the use cases; those of files have their own.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.quota_rejections.register(registry);
        self.actions.register(registry);
    }
}

impl std::fmt::Debug for EngineDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineDeps").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.settings).finish_non_exhaustive()
    }
}
