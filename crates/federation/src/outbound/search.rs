//! Search for the homes of spaces that have no row here: candidates, probes, and the pin of the route (federation §11.1, §11.2).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use less_sync_core::cbor::{Decode as _, Encode as _};
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{SubscribeEntry, SubscribeParams, SubscribeResult};
use less_sync_core::{ErrorCode, PeerId, SpaceId};
use less_sync_engine::{HomeError, HomeQuery, HomeSearch, KeyedSemaphores};
use less_sync_storage::{
    HINT_TAG, HomeHint, HomeHints, HomeRoutes, HomeServer, NewStub, StorageError, StubOutcome,
};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::call::{OutboundCall, Repeat};
use super::links::Outbound;

/// Maximum servers that are probed in one search, inclusive.
const CANDIDATES: usize = 4;

/// Servers that are probed at the same time.
const AT_ONCE: usize = 2;

/// Time for the answer of one server.
const PROBE: Duration = Duration::from_secs(5);

/// Time for which a search that found nothing is not repeated.
const MISS: Duration = Duration::from_mins(1);

/// Time for which a server that did not answer is not probed again.
const SILENCE: Duration = Duration::from_secs(5);

/// Maximum entries about failed searches and silent servers, inclusive.
const MEMORIES: usize = 16_384;

/// Prefix of the hashed text of a tag (federation §11.3).
const TAG_LABEL: &[u8] = b"less-sync:space-hint:v1\0";

/// Database of home routes and hints.
#[derive(Clone)]
pub struct HomeStore {
    /// Rows of remote spaces.
    pub routes: Arc<dyn HomeRoutes>,
    /// Candidates by mailbox.
    pub hints: Arc<dyn HomeHints>,
}

impl std::fmt::Debug for HomeStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HomeStore").finish_non_exhaustive()
    }
}

/// Search for homes.
pub(super) struct Searcher {
    outbound: Arc<Outbound>,
    store: HomeStore,
    hasher: RandomState,
    /// Turns of users, with one search each: the requests of a client on one space come together.
    turns: KeyedSemaphores,
    /// Hashes of failed searches and silent servers, with the time of the next attempt.
    failed: Mutex<HashMap<u64, Instant>>,
}

/// Outcome of a search, with the subscription of the probe that succeeded.
pub(super) struct Search {
    pub(super) outcome: HomeSearch,
    pub(super) subscribed: Option<Subscribed>,
}

/// Subscription of a probe.
pub(super) struct Subscribed {
    pub(super) peer: PeerId,
    /// Undecoded result of `subscribe`.
    pub(super) result: Bytes,
    /// Number of the link.
    pub(super) link: u64,
}

impl From<HomeSearch> for Search {
    fn from(outcome: HomeSearch) -> Self {
        Self { outcome, subscribed: None }
    }
}

/// Answer of one candidate.
enum Probe {
    /// Server that holds the space.
    Home(Subscribed),
    /// Server that does not hold the space, or rejects the chain.
    Elsewhere,
    /// Server without an answer.
    Silent,
}

impl Searcher {
    pub(super) fn new(outbound: Arc<Outbound>, store: HomeStore) -> Self {
        Self {
            outbound,
            store,
            hasher: RandomState::new(),
            turns: KeyedSemaphores::new(1),
            failed: Mutex::default(),
        }
    }

    /// Probes the candidates, and pins the first one that holds the space.
    pub(super) async fn find(&self, query: HomeQuery<'_>) -> Result<Search, StorageError> {
        let user = (&query.caller.issuer, &query.caller.user_id);
        let turn = self.turns.get(self.hasher.hash_one(user));
        // The semaphore is never closed; without a permit the search would merely not wait.
        let _turn = turn.acquire().await;
        let miss = self.hasher.hash_one((user, query.space, query.named));
        if self.is_recent(miss) {
            return Ok(HomeSearch::Nowhere.into());
        }
        let candidates = self.candidates(&query).await?;
        let mut probes = stream::iter(candidates)
            .map(|home| async move { (self.probe(home.peer(), query.space, query.ucan).await, home) })
            .buffered(AT_ONCE);
        let mut outcome = HomeSearch::Nowhere;
        while let Some((probe, home)) = probes.next().await {
            match probe {
                Probe::Home(subscribed) => return self.pin(&query, home, subscribed).await,
                Probe::Elsewhere => {}
                Probe::Silent => outcome = HomeSearch::Unavailable,
            }
        }
        if outcome == HomeSearch::Nowhere {
            self.remember(miss, MISS);
        }
        Ok(outcome.into())
    }

    /// The server that the client names, or those that have invited the mailbox of the user.
    async fn candidates(&self, query: &HomeQuery<'_>) -> Result<Vec<HomeServer>, StorageError> {
        if let Some(named) = query.named.and_then(|named| named.parse::<HomeServer>().ok()) {
            if self.outbound.is_own(named.peer()) {
                return Ok(Vec::new());
            }
            if let Some(peer) = self.outbound.trusted(named.peer()) {
                let is_url = named.as_str().contains("://") && *named.peer() == peer;
                return Ok(vec![if is_url { named } else { HomeServer::from(&peer) }]);
            }
        }
        let Some(mailbox) = query.caller.mailbox_id else { return Ok(Vec::new()) };
        let hinted = hinted(&self.store.hints.home_hints(mailbox).await?, tag(query.space));
        let mut candidates: Vec<HomeServer> = Vec::new();
        for peer in hinted.iter().filter_map(|peer| self.outbound.trusted(peer)) {
            if candidates.len() < CANDIDATES && !candidates.iter().any(|known| *known.peer() == peer) {
                candidates.push(HomeServer::from(&peer));
            }
        }
        Ok(candidates)
    }

    async fn probe(&self, peer: &PeerId, space: SpaceId, ucan: &str) -> Probe {
        let silent = self.hasher.hash_one(peer);
        if self.is_recent(silent) {
            return Probe::Silent;
        }
        let call = OutboundCall {
            method: method::SUBSCRIBE,
            params: params(space, ucan),
            timeout: PROBE,
            repeat: Repeat::Always,
            feature: None,
        };
        let clock = self.outbound.clock();
        let answer = tokio::select! {
            biased;
            answer = self.outbound.call_on(peer, call) => Some(answer),
            () = clock.sleep_until(clock.instant() + PROBE) => None,
        };
        let Some(answer) = answer else {
            self.remember(silent, SILENCE);
            return Probe::Silent;
        };
        judged(peer, answer)
    }

    async fn pin(
        &self,
        query: &HomeQuery<'_>,
        home: HomeServer,
        subscribed: Subscribed,
    ) -> Result<Search, StorageError> {
        let stub = NewStub {
            id: query.space,
            client_id: query.caller.client_id.clone(),
            root_public_key: *query.root_key.as_bytes(),
            home,
        };
        match self.store.routes.create_stub(&stub).await? {
            // Event name of federation §18.4.
            StubOutcome::Created => {
                tracing::info!(peer = %stub.home.peer(), space_id = %stub.id, "federation.route_pinned");
            }
            // Another request has pinned it meanwhile, or a client of this server has created the space.
            StubOutcome::Exists(_) => {}
        }
        Ok(Search { outcome: HomeSearch::Pinned, subscribed: Some(subscribed) })
    }

    fn is_recent(&self, key: u64) -> bool {
        self.failed.lock().get(&key).is_some_and(|until| self.outbound.clock().instant() < *until)
    }

    fn remember(&self, key: u64, time: Duration) {
        let now = self.outbound.clock().instant();
        let mut failed = self.failed.lock();
        if failed.len() >= MEMORIES {
            failed.retain(|_, until| now < *until);
        }
        if failed.len() >= MEMORIES {
            failed.clear();
        }
        failed.insert(key, now + time);
    }
}

/// Peers of the hints with the tag of the space; without such a hint those of the hints without a tag.
fn hinted(hints: &[HomeHint], tag: [u8; HINT_TAG]) -> Vec<PeerId> {
    let with = |tag: Option<[u8; HINT_TAG]>| {
        hints.iter().filter(move |hint| hint.tag == tag).map(|hint| hint.peer.clone()).collect::<Vec<_>>()
    };
    let tagged = with(Some(tag));
    if tagged.is_empty() { with(None) } else { tagged }
}

/// Tag of the hints that concern a space (federation §11.3).
fn tag(space: SpaceId) -> [u8; HINT_TAG] {
    let digest = Sha256::new().chain_update(TAG_LABEL).chain_update(space.as_bytes()).finalize();
    let mut tag = [0; HINT_TAG];
    tag.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    tag
}

fn params(space: SpaceId, ucan: &str) -> Bytes {
    let id = space.to_string();
    let entry = SubscribeEntry {
        id: &id,
        since: 0,
        ucan: Some(ucan),
        token: None,
        presence: false,
        catchup: false,
        home_server: None,
    };
    let params = SubscribeParams { spaces: vec![entry] };
    let mut encoded = Vec::with_capacity(params.size_hint());
    params.encode(&mut encoded);
    encoded.into()
}

fn judged(peer: &PeerId, answer: Result<(Bytes, u64), HomeError>) -> Probe {
    let Ok((result, link)) = answer else { return Probe::Silent };
    let Ok(decoded) = SubscribeResult::decode(&result) else { return Probe::Silent };
    if !decoded.spaces.is_empty() {
        return Probe::Home(Subscribed { peer: peer.clone(), result: result.clone(), link });
    }
    match decoded.errors.first().and_then(|error| ErrorCode::parse(error.error)) {
        // Neither says whether the space exists there (federation RT-2).
        Some(ErrorCode::Forbidden | ErrorCode::NotFound) => Probe::Elsewhere,
        _ => Probe::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Federation A.9.
    #[test]
    fn tag_is_that_of_the_vector() {
        let space = "6dfe56d8-7987-439f-b044-ea19e633ef46".parse().unwrap();
        assert_eq!(less_sync_core::hex::encode(&tag(space)), "0086b1cac98bfb8fa10f14ae75b1e87a");
    }

    /// Federation §11.3: a tag keeps the space from the other servers that have invited the mailbox.
    #[test]
    fn tagged_hints_exclude_all_others() {
        fn hosts(hints: &[HomeHint]) -> Vec<String> {
            hinted(hints, [1; HINT_TAG]).iter().map(ToString::to_string).collect()
        }
        let hint = |host: &str, tag| HomeHint { peer: PeerId::from_host(host).unwrap(), tag };
        let other = hint("other", Some([2; HINT_TAG]));
        assert_eq!(hosts(&[other.clone(), hint("a", None), hint("b", Some([1; HINT_TAG]))]), ["b"]);
        assert_eq!(hosts(&[other, hint("a", None)]), ["a"]);
    }
}
