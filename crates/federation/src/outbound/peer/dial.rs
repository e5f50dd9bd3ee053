//! Dial of a link: trust, key, URL, signature, handshake (federation §7.1, §7.4, §8.3).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::dialer::{DialFailure, LinkSocket};
use super::super::hello::{self, Handshake};
use super::super::link::{Link, LinkEnd, LocalEnd};
use super::super::redial::Outcome;
use super::super::start::start;
use super::super::target::{AcceptsNoLinks, Target};
use super::super::upgrade::{self, SUBPROTOCOLS, SignedScheme};
use super::PeerObject;
use crate::trust::{Peer, Profile, SignatureScheme};

/// Difference of clocks that is logged after a rejected signature (federation §12.2).
const CLOCK_SKEW: Duration = Duration::from_mins(4);

/// Interval of the log entries about failed dials of one peer (federation §18.4).
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Dial that led to no link.
#[derive(Debug)]
pub(super) struct FailedDial {
    pub(super) outcome: Outcome,
    pub(super) retry_after: Option<Duration>,
    cause: String,
}

impl FailedDial {
    fn new(outcome: Outcome, cause: impl Into<String>) -> Self {
        Self { outcome, retry_after: None, cause: cause.into() }
    }

    fn transient(cause: &str) -> Self {
        Self::new(Outcome::Transient, cause)
    }
}

impl PeerObject {
    /// Dials one link and agrees on its terms.
    pub(super) async fn dial(&self) -> Result<Arc<Link>, FailedDial> {
        let deps = &self.shared.deps;
        let peer =
            self.trusted().ok_or_else(|| FailedDial::new(Outcome::Untrusted, "peer is not trusted"))?;
        let within = deps.clock.sleep_until(deps.clock.instant() + deps.timing.dial);
        let socket = tokio::select! {
            biased;
            socket = self.open(&peer) => socket?,
            () = within => return Err(FailedDial::transient("no response in time")),
        };
        let selected = socket.subprotocol.as_deref();
        if !selected.is_some_and(|selected| SUBPROTOCOLS.contains(&selected)) {
            return Err(FailedDial::new(Outcome::Incompatible, "peer selected no offered subprotocol"));
        }
        let number = self.next_link.fetch_add(1, Ordering::Relaxed);
        let link = start(socket, number, self.shared.link_deps(&self.id));
        self.shake(&link, &peer).await?;
        Ok(link)
    }

    async fn open(&self, peer: &Peer) -> Result<LinkSocket, FailedDial> {
        let deps = &self.shared.deps;
        let target = self.target.find(peer, &*deps.fetcher, deps.clock.instant()).await;
        let target = target
            .map_err(|AcceptsNoLinks| FailedDial::new(Outcome::Off, "peer accepts no links by its document"))?
            .ok_or_else(|| FailedDial::new(Outcome::Incompatible, "peer has no URL"))?;
        let scheme = self.scheme(peer);
        let failure = match self.upgrade(&target, scheme).await {
            Ok(socket) => return Ok(socket),
            Err(failure) => failure,
        };
        let is_rejected = matches!(failure, DialFailure::Rejected { status: 401, .. });
        let may_change = peer.signature_scheme == SignatureScheme::Auto && scheme == SignedScheme::Dialled;
        if !(is_rejected && may_change && target.url.scheme() == "wss") {
            return Err(self.explain(&failure));
        }
        // An original listener rebuilds the signed URL with ws, whatever was dialled (federation AU-5).
        let socket =
            self.upgrade(&target, SignedScheme::Ws).await.map_err(|failure| self.explain(&failure))?;
        self.signs_as_ws.store(true, Ordering::Relaxed);
        Ok(socket)
    }

    fn scheme(&self, peer: &Peer) -> SignedScheme {
        match peer.signature_scheme {
            SignatureScheme::Ws => SignedScheme::Ws,
            SignatureScheme::Auto if self.signs_as_ws.load(Ordering::Relaxed) => SignedScheme::Ws,
            SignatureScheme::Auto | SignatureScheme::Dialled => SignedScheme::Dialled,
        }
    }

    async fn upgrade(&self, target: &Target, scheme: SignedScheme) -> Result<LinkSocket, DialFailure> {
        let deps = &self.shared.deps;
        let ring = deps.own_keys.ring();
        let now = deps.clock.now();
        let nonce = deps.random.bits().to_be_bytes();
        let max = deps.timing.max_message;
        let request = ring.primary().and_then(|own| upgrade::request(target, scheme, own, now, nonce, max));
        match request {
            Some(request) => deps.dialer.dial(&request).await,
            None => Err(DialFailure::Unreachable("no signing key".into())),
        }
    }

    /// Class of a failure; the clock of a peer that rejects the signature is compared (FM-20).
    fn explain(&self, failure: &DialFailure) -> FailedDial {
        if let DialFailure::Rejected { status: 401, date: Some(date), .. } = failure {
            let skew = date.seconds().abs_diff(self.shared.deps.clock.now().seconds());
            if skew > CLOCK_SKEW.as_secs() {
                // Event name of federation §18.4.
                tracing::warn!(peer = %self.id, skew_seconds = skew, "federation.clock_skew");
            }
        }
        let retry_after = match failure {
            DialFailure::Rejected { retry_after, .. } => *retry_after,
            DialFailure::Forbidden | DialFailure::Unreachable(_) => None,
        };
        let outcome = Outcome::of_failure(failure);
        FailedDial { outcome, retry_after, cause: less_sync_core::ErrorChain(failure).to_string() }
    }

    async fn shake(&self, link: &Arc<Link>, peer: &Peer) -> Result<(), FailedDial> {
        if peer.profile == Profile::Original {
            return Ok(());
        }
        let (clock, timing) = (&self.shared.deps.clock, &self.shared.deps.timing);
        let features = hello::features(self.shared.has_presence());
        let request = hello::request(&self.shared.own_name(&self.id), &features, clock.now(), timing);
        let attempt = link.call(&link.new_call_id(), &request).await;
        match hello::conclude(attempt, link.terms(), (peer, &features), clock.now(), timing) {
            Handshake::Agreed { max_inflight } => {
                if let Some(max) = max_inflight {
                    link.limit_in_flight(max);
                }
                Ok(())
            }
            Handshake::OtherServer => {
                link.end(LinkEnd::ByUs(LocalEnd::OtherServer));
                Err(FailedDial::new(Outcome::Incompatible, "peer names another server"))
            }
            Handshake::Rejected => {
                link.end(LinkEnd::ByUs(LocalEnd::Idle));
                Err(FailedDial::new(Outcome::Incompatible, "peer rejected the handshake"))
            }
            Handshake::Failed => {
                let ended = link.ended();
                link.end(LinkEnd::Dead);
                let outcome = ended.as_ref().and_then(Outcome::of_end).unwrap_or(Outcome::Transient);
                Err(FailedDial::new(outcome, "handshake failed"))
            }
        }
    }

    /// Logs a failed dial, at most once a minute.
    pub(super) fn log_failure(&self, failed: &FailedDial, wait: Duration, now: Instant) {
        let mut logged = self.logged.lock();
        if logged.is_some_and(|at| now.saturating_duration_since(at) < LOG_INTERVAL) {
            return;
        }
        *logged = Some(now);
        drop(logged);
        let (reason, alert) = (failed.outcome.label(), failed.outcome.is_alert());
        let ring = self.shared.deps.own_keys.ring();
        // The id of the own key tells the operator which key the peer does not accept (FM-18).
        let kid = ring.primary().map(|own| own.key_id.to_string()).unwrap_or_default();
        let (wait_ms, cause) = (wait.as_millis(), &failed.cause);
        // Event name of federation §18.4.
        tracing::warn!(peer = %self.id, reason, alert, kid, cause, wait_ms, "federation.dial_failed");
    }
}
