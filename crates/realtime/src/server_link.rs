//! State of a link of another server that its session and handlers share (federation §8).

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use less_sync_core::wire::federation::{FedHello, feature};
use less_sync_core::{Close, ConnectionId, ErrorCode, SpaceId, Timestamp};
use less_sync_engine::{ForwardingServer, IssuedToken, SubscribeTokens, SubscriptionProof};
use parking_lot::Mutex;

use crate::link_limits::LinkLimits;
use crate::outbox::Outbox;
use crate::repeats::{Begun, RepeatKey, RepeatMemory};
use crate::rpc_error::RpcError;
use crate::watched_spaces::WatchedSpaces;

/// Rejection of a capability handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloRejection {
    /// Message of the error response.
    pub message: &'static str,
    /// Close that follows the response.
    pub close: Option<Close>,
}

/// Quota that a request of a server exceeds (federation §16.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Time after which a repeat may be within the quota.
    pub retry_after: Duration,
}

/// Capabilities in the response to `fed.hello` (federation §8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Own name.
    pub server: String,
    /// Optional features of this server.
    pub features: Vec<&'static str>,
    /// True: the peer is a native one, whatever it lacks.
    pub is_native: bool,
}

/// Server at the other end of a link, for a service outside of this crate. All links of a server share its quotas.
pub trait LinkPeer: Send + Sync + 'static {
    /// Authenticated identity.
    fn server(&self) -> &ForwardingServer;

    /// True: the peer counts as native before its `fed.hello`.
    fn is_native(&self) -> bool;

    /// Subscribe tokens of this server; `None`: it issues none, and a presented one is rejected.
    fn tokens(&self) -> Option<&dyn SubscribeTokens>;

    /// Spaces that all links of the server watch.
    fn watched(&self) -> &WatchedSpaces;

    /// Maximum number of watched spaces, inclusive.
    fn max_spaces(&self) -> usize;

    /// Takes note of a request that exceeded the quota of `resource`.
    fn exceeded(&self, resource: &'static str);

    /// Counts a push of `records` with `bytes` of blobs and keys.
    ///
    /// # Errors
    /// [`QuotaExceeded`]; the push is not counted.
    fn charge_push(&self, records: usize, bytes: usize) -> Result<(), QuotaExceeded>;

    /// Counts an invitation.
    ///
    /// # Errors
    /// [`QuotaExceeded`]; the invitation is not counted.
    fn charge_invitation(&self) -> Result<(), QuotaExceeded>;

    /// Takes note of the outcome of an invitation that was counted.
    fn invitation_ended(&self, is_delivered: bool);

    /// Counts a request, or a notification, and returns the time for which its link is not read because of it.
    ///
    /// # Errors
    /// [`QuotaExceeded`]: the time is too long; the call is rejected, and not counted.
    fn charge_call(&self, is_notification: bool) -> Result<Duration, QuotaExceeded>;

    /// Responses to mutations with an idempotency key.
    fn repeats(&self) -> &Arc<RepeatMemory>;

    /// Takes note of the queue of frames to the peer, through which the link can be closed; once, before the first message.
    fn opened(&self, outbox: &Arc<Outbox>);

    /// Responds to `fed.hello`.
    ///
    /// # Errors
    /// [`HelloRejection`]: the peer names another server than it has authenticated as, or another version.
    fn hello(&self, hello: &FedHello<'_>) -> Result<Welcome, HelloRejection>;
}

/// Parts of a link that the caller of [`LinkUpgrade::accept`](crate::LinkUpgrade::accept) provides.
pub struct LinkParts {
    /// The server, whose queue is passed on with [`LinkPeer::opened`].
    pub peer: Arc<dyn LinkPeer>,
    /// Timers and bounds.
    pub limits: LinkLimits,
    /// Close that is sent at once, for a link beyond a limit.
    pub close: Option<Close>,
    /// Value that is dropped at the end of the link.
    pub guard: Box<dyn Any + Send>,
}

impl std::fmt::Debug for LinkParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkParts").field("server", self.peer.server()).finish_non_exhaustive()
    }
}

/// Interval of looks at the expiries of subscriptions (federation §10.5).
const SWEEP: Duration = Duration::from_mins(1);

/// Time before the expiry of a subscription at which its server is warned (federation §10.5).
const WARNING: Duration = Duration::from_mins(10);

/// State of the authorization of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Far from the expiry, or warned already.
    Later,
    /// The server is to be warned, once.
    Soon,
    /// The subscription ends.
    Expired,
}

/// State of one link.
pub(crate) struct ServerLink {
    peer: Arc<dyn LinkPeer>,
    outbox: Arc<Outbox>,
    limits: LinkLimits,
    is_native: AtomicBool,
    has_entry_errors: AtomicBool,
    has_presence: AtomicBool,
    /// Spaces whose coming expiry the peer was warned of.
    warned: Mutex<HashSet<SpaceId>>,
    /// Time of the next look at expiries.
    next_sweep: Mutex<Instant>,
}

impl ServerLink {
    pub(crate) fn new(
        peer: Arc<dyn LinkPeer>,
        outbox: Arc<Outbox>,
        limits: LinkLimits,
        now: Instant,
    ) -> Self {
        let link = Self {
            is_native: AtomicBool::new(false),
            has_entry_errors: AtomicBool::new(false),
            has_presence: AtomicBool::new(false),
            warned: Mutex::default(),
            next_sweep: Mutex::new(now + SWEEP),
            peer,
            outbox,
            limits,
        };
        link.set_native(link.peer.is_native());
        link.outbox.relay_ephemeral(false);
        link
    }

    /// Authenticated identity.
    pub(crate) fn server(&self) -> &ForwardingServer {
        self.peer.server()
    }

    /// Responds to `fed.hello`, and applies what both ends have in common.
    ///
    /// # Errors
    /// [`HelloRejection`].
    pub(crate) fn hello(&self, hello: &FedHello<'_>) -> Result<Welcome, HelloRejection> {
        let welcome = self.peer.hello(hello)?;
        self.set_native(welcome.is_native);
        let both = |feature| hello.features.contains(&feature) && welcome.features.contains(&feature);
        let has_entry_errors = welcome.is_native && both(feature::ERRORS_OF_ENTRIES);
        self.has_entry_errors.store(has_entry_errors, Ordering::Relaxed);
        let has_presence = welcome.is_native && both(feature::PRESENCE);
        self.has_presence.store(has_presence, Ordering::Relaxed);
        self.outbox.relay_ephemeral(has_presence);
        Ok(welcome)
    }

    fn set_native(&self, is_native: bool) {
        self.is_native.store(is_native, Ordering::Relaxed);
        // An original peer does not read between its calls: it loses events, and keeps its link (federation CN-7).
        self.outbox.set_lossy(!is_native);
    }

    /// True if exceeded quotas are errors of the entries of a request.
    pub(crate) fn has_entry_errors(&self) -> bool {
        self.has_entry_errors.load(Ordering::Relaxed)
    }

    /// True if presence and ephemeral events pass the link (federation §15).
    pub(crate) fn has_presence(&self) -> bool {
        self.has_presence.load(Ordering::Relaxed)
    }

    /// Verifies a subscribe token.
    pub(crate) fn verify(&self, token: &str) -> Option<SubscriptionProof> {
        self.peer.tokens()?.verify(self.server(), token)
    }

    /// Issues a subscribe token for a subscription that rests on `proof`.
    pub(crate) fn issue(&self, proof: &SubscriptionProof) -> Option<IssuedToken> {
        self.peer.tokens()?.issue(self.server(), proof)
    }

    /// Counts `spaces` for the link `id`, and returns those beyond the quota of the server.
    pub(crate) fn reserve(
        &self,
        spaces: &[SpaceId],
        id: ConnectionId,
        is_live: impl Fn(SpaceId, ConnectionId) -> bool,
    ) -> Vec<SpaceId> {
        let excess = self.peer.watched().reserve(spaces, id, self.peer.max_spaces(), is_live);
        if !excess.is_empty() {
            self.peer.exceeded("spaces");
        }
        excess
    }

    /// Uncounts `space` for the link `id`.
    pub(crate) fn release(&self, space: SpaceId, id: ConnectionId) {
        self.peer.watched().release(space, id);
        self.warned.lock().remove(&space);
    }

    /// Time of the next look at expiries.
    pub(crate) fn next_sweep(&self) -> Instant {
        *self.next_sweep.lock()
    }

    /// True if a look at expiries is due by `now`; the next one follows after [`SWEEP`].
    pub(crate) fn is_sweep_due(&self, now: Instant) -> bool {
        let mut next = self.next_sweep.lock();
        let is_due = now >= *next;
        if is_due {
            *next = now + SWEEP;
        }
        is_due
    }

    /// State of a subscription that expires at `expires_at`, as of a look at `now`.
    pub(crate) fn expiry(&self, space: SpaceId, expires_at: Timestamp, now: Timestamp) -> Expiry {
        if now.seconds() > expires_at.seconds() {
            return Expiry::Expired;
        }
        if now.plus(WARNING).seconds() < expires_at.seconds() {
            self.warned.lock().remove(&space);
            return Expiry::Later;
        }
        if self.warned.lock().insert(space) { Expiry::Soon } else { Expiry::Later }
    }

    /// Counts a push.
    ///
    /// # Errors
    /// The error response of a push beyond the quota.
    pub(crate) fn charge_push(&self, records: usize, bytes: usize) -> Result<(), RpcError> {
        let charged = self.peer.charge_push(records, bytes);
        charged.map_err(|exceeded| rate_limited("record push quota exceeded", exceeded))
    }

    /// Counts an invitation.
    ///
    /// # Errors
    /// The error response of an invitation beyond the quota.
    pub(crate) fn charge_invitation(&self) -> Result<(), RpcError> {
        let charged = self.peer.charge_invitation();
        charged.map_err(|exceeded| rate_limited("invitation quota exceeded", exceeded))
    }

    /// Takes note of the outcome of an invitation that was counted.
    pub(crate) fn invitation_ended(&self, is_delivered: bool) {
        self.peer.invitation_ended(is_delivered);
    }

    /// Counts a call, and returns the time for which the link is not read because of it.
    ///
    /// # Errors
    /// The error response of a call far beyond the rate.
    pub(crate) fn charge_call(&self, is_notification: bool) -> Result<Duration, RpcError> {
        let charged = self.peer.charge_call(is_notification);
        charged.map_err(|exceeded| rate_limited("rate limited", exceeded))
    }

    /// Begins a mutation with an idempotency key.
    pub(crate) fn begin(&self, key: RepeatKey, now: Instant) -> Begun {
        self.peer.repeats().begin(key, now)
    }

    /// Timers and bounds.
    pub(crate) fn limits(&self) -> &LinkLimits {
        &self.limits
    }

    /// True for a native peer.
    pub(crate) fn is_native(&self) -> bool {
        self.is_native.load(Ordering::Relaxed)
    }

    /// Time without input after which the link is dead.
    pub(crate) fn idle_timeout(&self) -> Duration {
        if self.is_native() { self.limits.idle } else { self.limits.idle_original }
    }
}

fn rate_limited(message: &'static str, exceeded: QuotaExceeded) -> RpcError {
    let QuotaExceeded { retry_after } = exceeded;
    RpcError { retry_after: Some(retry_after), ..RpcError::new(ErrorCode::RateLimited, message) }
}
