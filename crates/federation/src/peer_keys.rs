//! Keys of peers: static ones, and those of their published key sets (federation §6.3).

mod key_set_cache;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_auth::federation::peer_key_set::PeerKeySet;
use less_sync_auth::federation::{KeyId, PeerKey};
use less_sync_core::{ErrorChain, PeerId};
use less_sync_engine::{Clock, Random, Spawner};
use parking_lot::Mutex;
use url::Url;

use crate::discovery::{self, DiscoveryDocument, url_on_peer};
use crate::fetch::{Fetch, FetchError, Fetcher};
use crate::trust::{KeySetLocation, Peer, TrustLevel, TrustStore};
use key_set_cache::{KeySetCache, Plan};

/// Maximum length of a key set, in bytes.
const MAX_KEY_SET_BYTES: usize = 1024 * 1024;

/// Path of a key set on the server of a peer.
const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// Delays before the retries of a refresh, each varied by [`SPREAD`].
const RETRIES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Variation of the delays, as a fraction.
const SPREAD: f64 = 0.25;

/// Maximum time that an upgrade waits for a refresh.
const PATIENCE: Duration = Duration::from_secs(10);

/// Source of the keys of peers.
#[async_trait]
pub trait PeerKeys: Send + Sync {
    /// Keys with the id `key_id`, the text as received. Static keys come first and need no request.
    async fn find(&self, key_id: &str) -> Vec<PeerKey>;
}

/// Dependencies of the lookup.
#[derive(Clone)]
pub struct PeerKeyDeps {
    /// Listed peers.
    pub trust: Arc<TrustStore>,
    /// Fetcher of documents.
    pub fetcher: Arc<dyn Fetcher>,
    /// Time source.
    pub clock: Arc<dyn Clock>,
    /// Owner of refreshes, which outlive the upgrade that started them.
    pub spawner: Arc<dyn Spawner>,
    /// Source of the variation of delays.
    pub random: Arc<dyn Random>,
    /// True with `FEDERATION_KEY_DISCOVERY=jwks`.
    pub has_discovery: bool,
}

impl std::fmt::Debug for PeerKeyDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerKeyDeps").field("has_discovery", &self.has_discovery).finish_non_exhaustive()
    }
}

/// Lookup of the keys of listed peers, with one cache per peer.
///
/// Strangers cause no request: key sets are fetched for listed peers only, from URLs that never come from a key id (federation
/// ID-3, KY-5).
#[derive(Debug)]
pub struct PeerKeyLookup(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    deps: PeerKeyDeps,
    caches: Mutex<HashMap<PeerId, Arc<KeySetCache>>>,
}

impl PeerKeyLookup {
    /// Lookup without cached key sets.
    #[must_use]
    pub fn new(deps: PeerKeyDeps) -> Self {
        Self(Arc::new(Shared { deps, caches: Mutex::default() }))
    }

    /// Starts the refresh of a cache in the background.
    fn refresh(&self, peer: Peer, cache: Arc<KeySetCache>) {
        let shared = self.0.clone();
        let refresh = async move { shared.refresh(&peer, &cache).await };
        self.0.deps.spawner.spawn("peer key refresh", Box::pin(refresh));
    }
}

#[async_trait]
impl PeerKeys for PeerKeyLookup {
    async fn find(&self, key_id: &str) -> Vec<PeerKey> {
        let deps = &self.0.deps;
        let trust = deps.trust.snapshot();
        let known = trust.static_keys(key_id);
        let Ok(id) = key_id.parse::<KeyId>() else { return known };
        let peer = trust.peer(id.peer()).filter(|peer| peer.trust != TrustLevel::Blocked);
        let Some(peer) = peer.filter(|peer| known.is_empty() && peer.has_key_set(deps.has_discovery)) else {
            return known;
        };
        let cache = self.0.cache(id.peer());
        let now = deps.clock.instant();
        match cache.plan(&id, now) {
            Plan::Use(keys) => return keys,
            Plan::Join => {}
            Plan::Refresh => self.refresh(peer.clone(), cache.clone()),
        }
        tokio::select! {
            biased;
            () = cache.refreshed() => {}
            () = deps.clock.sleep_until(now + PATIENCE) => {}
        }
        cache.usable(&id, deps.clock.instant())
    }
}

impl Shared {
    fn cache(&self, peer: &PeerId) -> Arc<KeySetCache> {
        self.caches.lock().entry(peer.clone()).or_default().clone()
    }

    /// Fetches the key set, with retries, and ends the refresh of the cache.
    async fn refresh(&self, peer: &Peer, cache: &KeySetCache) {
        let mut delays = RETRIES.into_iter();
        let fetched = loop {
            match self.key_set(peer).await {
                Ok(keys) => break Some(keys),
                Err(error) => {
                    tracing::debug!(peer = %peer.id(), error = %ErrorChain(&error), "failed to fetch the key set of a peer");
                    let Some(delay) = delays.next() else { break None };
                    let delay = self.deps.random.jittered(delay, SPREAD);
                    self.deps.clock.sleep_until(self.deps.clock.instant() + delay).await;
                }
            }
        };
        if let Some(keys) = &fetched {
            for kid in keys.ambiguous() {
                tracing::warn!(peer = %peer.id(), kid, "peer publishes different keys under one id");
            }
        }
        let age = cache.end_refresh(fetched, self.deps.clock.instant());
        if let Some(age) = age {
            // Event name of federation §18.4.
            tracing::warn!(peer = %peer.id(), age_seconds = age.as_secs(), "federation.jwks_stale");
        }
    }

    async fn key_set(&self, peer: &Peer) -> Result<PeerKeySet, KeySetError> {
        let (url, is_pinned) = match &peer.key_set {
            KeySetLocation::Pinned(url) => (url.clone(), true),
            KeySetLocation::Discovered | KeySetLocation::Off => self.discovered(peer).await?,
        };
        let fetch = Fetch { url, max_bytes: MAX_KEY_SET_BYTES, is_pinned };
        Ok(PeerKeySet::parse(&self.deps.fetcher.fetch(&fetch).await?.body)?)
    }

    /// URL of the key set by the discovery document of the peer, else the well-known one on its server (federation KY-5).
    async fn discovered(&self, peer: &Peer) -> Result<(Url, bool), KeySetError> {
        let host = |url: &Url| url.host_str().and_then(|host| PeerId::from_host(host).ok());
        let is_own =
            |url: &Url| host(url).is_some_and(|host| host == *peer.id() || peer.aliases.contains(&host));
        for path in discovery::PATHS {
            let Some(url) = discovery_url(peer, path) else { continue };
            let fetch =
                Fetch { url, max_bytes: discovery::MAX_DOCUMENT_BYTES, is_pinned: peer.ws_url.is_some() };
            let fetched = self.deps.fetcher.fetch(&fetch).await;
            let document = fetched.ok().and_then(|fetched| DiscoveryDocument::parse(&fetched.body).ok());
            if let Some(document) = document.filter(|document| is_own(&document.key_set_url)) {
                return Ok((document.key_set_url, peer.ws_url.is_some()));
            }
        }
        let url = url_on_peer(&peer.domain, peer.ws_url.as_ref(), KEY_SET_PATH).ok_or(KeySetError::NoUrl)?;
        Ok((url, peer.ws_url.is_some()))
    }
}

/// URL of the discovery document: on the first alias, else on the server of the peer (federation DI-8).
pub(crate) fn discovery_url(peer: &Peer, path: &str) -> Option<Url> {
    match peer.aliases.first() {
        Some(alias) => Url::parse(&format!("https://{}{path}", alias.url_host())).ok(),
        None => url_on_peer(&peer.domain, peer.ws_url.as_ref(), path),
    }
}

/// Failure to get a key set.
#[derive(Debug, thiserror::Error)]
enum KeySetError {
    #[error("cannot fetch the key set")]
    Fetch(#[from] FetchError),
    #[error("invalid key set")]
    Invalid(#[from] less_sync_auth::federation::peer_key_set::InvalidPeerKeySet),
    #[error("peer has no URL")]
    NoUrl,
}
