//! All peers that this server dials.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::PeerId;
use less_sync_engine::{Clock, FileCall, FileRelayError, FileReply, HomeError, RemoteResponse, Spawner};
use less_sync_metrics::Registry;
use parking_lot::Mutex;

use super::call::OutboundCall;
use super::event_metrics::{CountInterests, EventMetrics};
use super::link::Link;
use super::listener::LinkListener;
use super::metrics::OutboundMetrics;
use super::peer::{CallStream, PeerObject};
use super::shared::{OutboundDeps, OutboundSettings, Shared};
use crate::trust::Peer;

/// Time for the calls in flight when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Interval at which they are counted.
const DRAIN_CHECK: Duration = Duration::from_millis(100);

/// Links to peers. Peer objects are made for trusted peers only, so their number is bounded by the configuration.
pub struct Outbound {
    shared: Arc<Shared>,
    peers: Mutex<HashMap<PeerId, Arc<PeerObject>>>,
}

impl Outbound {
    /// Manager without links; nothing is dialled before the first call.
    #[must_use]
    pub fn new(deps: OutboundDeps, settings: OutboundSettings) -> Arc<Self> {
        let metrics = OutboundMetrics::new(&deps.trust.snapshot());
        Arc::new(Self { shared: Arc::new(Shared::new(deps, metrics, settings)), peers: Mutex::default() })
    }

    /// Returns true when links are dialled: there is a signing key and a peer that may be dialled (federation TR-1).
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        let deps = &self.shared.deps;
        deps.own_keys.ring().primary().is_some() && deps.trust.snapshot().peers().any(Peer::may_be_dialled)
    }

    /// Returns true for an identity of this server (federation ID-7).
    #[must_use]
    pub fn is_own(&self, peer: &PeerId) -> bool {
        let ring = self.shared.deps.own_keys.ring();
        self.shared.configured_name() == Some(peer)
            || ring.published().iter().any(|(key_id, _)| key_id.peer() == peer)
    }

    /// Peer that may be dialled, by its identity or an alias.
    #[must_use]
    pub fn trusted(&self, name: &PeerId) -> Option<PeerId> {
        let trust = self.shared.deps.trust.snapshot();
        let peer = trust.peer(name).or_else(|| trust.peers().find(|peer| peer.aliases.contains(name)))?;
        peer.may_be_dialled().then(|| peer.id().clone())
    }

    /// Calls `peer`: dials if needed, and repeats the call at most once, within 25 s.
    ///
    /// # Errors
    /// [`HomeError`].
    pub async fn call(&self, peer: &PeerId, call: OutboundCall) -> Result<Bytes, HomeError> {
        self.begin(peer, call).await?.await
    }

    /// As [`Self::call`], with the response apart: requests are sent in the order of these calls.
    ///
    /// # Errors
    /// [`HomeError`] of a call that was certainly not sent.
    pub async fn begin(&self, peer: &PeerId, call: OutboundCall) -> Result<RemoteResponse, HomeError> {
        if self.trusted(peer).as_ref() != Some(peer) {
            return Err(HomeError::Untrusted);
        }
        self.peer(peer).begin(call).await
    }

    /// Time source.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.deps.clock
    }

    /// Returns true when this server has an identity of its own.
    pub(super) fn has_name(&self) -> bool {
        self.shared.configured_name().is_some() || !self.shared.deps.own_keys.ring().published().is_empty()
    }

    /// Relays a request for a file to `peer`.
    ///
    /// # Errors
    /// [`FileRelayError`].
    pub(super) async fn file(&self, peer: &PeerId, call: FileCall) -> Result<FileReply, FileRelayError> {
        if self.trusted(peer).as_ref() != Some(peer) {
            return Err(FileRelayError::Unavailable);
        }
        self.peer(peer).file(call).await
    }

    /// Calls `peer` for a streamed response.
    ///
    /// # Errors
    /// [`HomeError`] of a call that was certainly not sent.
    pub(super) async fn stream(&self, peer: &PeerId, call: OutboundCall) -> Result<CallStream, HomeError> {
        if self.trusted(peer).as_ref() != Some(peer) {
            return Err(HomeError::Untrusted);
        }
        self.peer(peer).stream(call).await
    }

    /// As [`Self::call`], with the number of the link that carried the response.
    ///
    /// # Errors
    /// [`HomeError`].
    pub(super) async fn call_on(&self, peer: &PeerId, call: OutboundCall) -> Result<(Bytes, u64), HomeError> {
        if self.trusted(peer).as_ref() != Some(peer) {
            return Err(HomeError::Untrusted);
        }
        self.peer(peer).begin_on(call).await?.await
    }

    /// Sends a notification over the open link to `peer`, if there is one.
    pub(super) fn notify(&self, peer: &PeerId, method: &str, params: &Bytes) {
        if let Some(link) = self.link(peer) {
            link.notify(method, params);
        }
    }

    /// Number of the open link to `peer`.
    pub(super) fn current_link(&self, peer: &PeerId) -> Option<u64> {
        self.link(peer).map(|link| link.number())
    }

    /// Returns true while the link to `peer` is open, and the peer is of profile native.
    pub(super) fn is_native(&self, peer: &PeerId) -> bool {
        self.link(peer).is_some_and(|link| link.terms().is_native())
    }

    /// Returns true when presence and events are exchanged with homes that do so, too.
    pub(super) fn has_presence(&self) -> bool {
        self.shared.has_presence()
    }

    /// Returns true while the link to `peer` is open, and both servers have the feature.
    pub(super) fn has_feature(&self, peer: &PeerId, feature: &str) -> bool {
        self.link(peer).is_some_and(|link| link.terms().has(feature))
    }

    /// Time of the next dial of `peer`; `None`: at once.
    pub(super) fn next_dial(&self, peer: &PeerId) -> Option<Instant> {
        self.peers.lock().get(peer)?.next_dial()
    }

    fn link(&self, peer: &PeerId) -> Option<Arc<Link>> {
        self.peers.lock().get(peer)?.link()
    }

    /// Passes what happens on links on to `listener`; to be called once, before the first call.
    pub(super) fn listen(&self, listener: Weak<dyn LinkListener>) {
        self.shared.listen(listener);
    }

    /// Owner of background tasks.
    pub(super) fn spawner(&self) -> &dyn Spawner {
        &*self.shared.deps.spawner
    }

    /// Counters of live events.
    pub(super) fn event_metrics(&self) -> &EventMetrics {
        &self.shared.event_metrics
    }

    fn peer(&self, id: &PeerId) -> Arc<PeerObject> {
        let mut peers = self.peers.lock();
        peers.entry(id.clone()).or_insert_with(|| PeerObject::new(id.clone(), self.shared.clone())).clone()
    }

    /// Closes the links to peers that are not trusted any more, and fails their calls (federation §5.5).
    pub fn enforce_trust(&self) {
        let mut peers = self.peers.lock();
        peers.values().for_each(|peer| peer.enforce_trust());
        peers.retain(|id, _| self.trusted(id).is_some());
        drop(peers);
        if let Some(listener) = self.shared.listener() {
            listener.trust_changed();
        }
    }

    /// Closes all links because the server stops, once their calls have ended or after five seconds (federation §8.5).
    pub async fn shut_down(&self) {
        let clock = &self.shared.deps.clock;
        let last = clock.instant() + DRAIN;
        while clock.instant() < last && self.pending_calls() > 0 {
            clock.sleep_until((clock.instant() + DRAIN_CHECK).min(last)).await;
        }
        self.peers.lock().values().for_each(|peer| peer.shut_down());
    }

    fn pending_calls(&self) -> usize {
        self.peers.lock().values().map(|peer| peer.pending_calls()).sum()
    }

    /// Number of open links.
    #[must_use]
    pub fn open_links(&self) -> usize {
        self.peers.lock().values().map(|peer| peer.open_links()).sum()
    }

    /// Registers the metrics of outbound links (federation §18.3).
    pub fn register_metrics(self: &Arc<Self>, registry: &mut Registry) {
        let (outbound, pending) = (self.clone(), self.clone());
        let pending_of: Arc<dyn Fn(&PeerId) -> usize + Send + Sync> =
            Arc::new(move |id: &PeerId| pending.peers.lock().get(id).map_or(0, |peer| peer.pending_calls()));
        self.shared.metrics.register(registry, &pending_of, Arc::new(move || outbound.open_links()));
        let shared = self.shared.clone();
        let interests: CountInterests =
            Arc::new(move |id, state| shared.listener().map_or(0, |listener| listener.interests(id, state)));
        self.shared.event_metrics.register(registry, &interests);
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}
