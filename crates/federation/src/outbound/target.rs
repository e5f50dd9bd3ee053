//! URL of a link: that of the peers file, else of the discovery document, else by the form of the address (federation §2.4,
//! ID-5).

use std::time::{Duration, Instant};

use less_sync_core::{CanonicalDomain, PeerId};
use parking_lot::Mutex;
use url::Url;

use crate::discovery::{self, DiscoveryDocument, InvalidDiscovery, is_loopback};
use crate::fetch::{Fetch, Fetched, Fetcher};
use crate::peer_keys::discovery_url;
use crate::trust::Peer;

/// Path of links.
const PATH: &str = "/api/v1/federation/ws";

/// Lifetime of a discovery document without a `max-age` (federation DI-4).
const FRESH: Duration = Duration::from_hours(1);

/// Bounds of the lifetime of a document, inclusive.
const LIFETIMES: std::ops::RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(24);

/// Time for which a document is used when it cannot be refreshed.
const STALE: Duration = Duration::from_hours(24);

/// Time after a failure in which no request is made.
const NEGATIVE: Duration = Duration::from_mins(1);

/// Server to be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    /// True for an address that no operator has named: it must be public.
    pub(super) is_guarded: bool,
}

/// Peer that accepts no links, by its discovery document (federation DI-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AcceptsNoLinks;

/// Discovery document of one peer, and when it was fetched.
#[derive(Debug, Default)]
pub(super) struct TargetCache(Mutex<Cached>);

#[derive(Clone, Debug, Default)]
struct Cached {
    found: Option<Found>,
    failed: Option<Instant>,
}

/// Outcome of a fetch.
#[derive(Clone, Debug)]
struct Found {
    links: Result<Url, AcceptsNoLinks>,
    at: Instant,
    lifetime: Duration,
}

impl TargetCache {
    /// Finds the URL of the links of `peer`. A document that cannot be fetched counts as absent.
    pub(super) async fn find(
        &self,
        peer: &Peer,
        fetcher: &dyn Fetcher,
        now: Instant,
    ) -> Result<Option<Target>, AcceptsNoLinks> {
        if let Some(url) = &peer.ws_url {
            return Ok(Some(Target { url: url.clone(), is_guarded: false }));
        }
        let by_form = by_form(&peer.domain).map(|url| Target { url, is_guarded: false });
        if is_loopback(peer.id()) {
            return Ok(by_form);
        }
        let cached = self.0.lock().clone();
        let age = |at: Instant| now.saturating_duration_since(at);
        let is_due = cached.found.as_ref().is_none_or(|found| age(found.at) >= found.lifetime)
            && cached.failed.is_none_or(|at| age(at) >= NEGATIVE);
        let found = if is_due { self.refresh(peer, fetcher, now).await } else { cached.found };
        match found.filter(|found| age(found.at) < found.lifetime + STALE).map(|found| found.links) {
            Some(Ok(url)) => Ok(Some(Target { url, is_guarded: true })),
            Some(Err(off)) => Err(off),
            None => Ok(by_form),
        }
    }

    async fn refresh(&self, peer: &Peer, fetcher: &dyn Fetcher, now: Instant) -> Option<Found> {
        let document = fetch(peer, fetcher).await;
        let mut cached = self.0.lock();
        match document {
            Some((links, max_age)) => {
                let lifetime = max_age.unwrap_or(FRESH).clamp(*LIFETIMES.start(), *LIFETIMES.end());
                *cached = Cached { found: Some(Found { links, at: now, lifetime }), failed: None };
            }
            None => cached.failed = Some(now),
        }
        cached.found.clone()
    }
}

/// Fetches the document of a peer, and its `max-age`. The server that it names must be the peer itself (federation DI-8).
async fn fetch(
    peer: &Peer,
    fetcher: &dyn Fetcher,
) -> Option<(Result<Url, AcceptsNoLinks>, Option<Duration>)> {
    for path in discovery::PATHS {
        let Some(url) = discovery_url(peer, path) else { continue };
        let fetch = Fetch { url, max_bytes: discovery::MAX_DOCUMENT_BYTES, is_pinned: false };
        let Ok(Fetched { body, max_age }) = fetcher.fetch(&fetch).await else { continue };
        match DiscoveryDocument::parse(&body) {
            Ok(document) if names(peer, &document.link_url) => {
                return Some((Ok(document.link_url), max_age));
            }
            Err(InvalidDiscovery::Disabled) => return Some((Err(AcceptsNoLinks), max_age)),
            Ok(_)
            | Err(InvalidDiscovery::Malformed | InvalidDiscovery::Version | InvalidDiscovery::LinkUrl) => {}
        }
    }
    None
}

fn names(peer: &Peer, url: &Url) -> bool {
    let host = url.host_str().and_then(|host| PeerId::from_host(host).ok());
    host.is_some_and(|host| host == *peer.id() || peer.aliases.contains(&host))
}

/// URL by the form of the address: ws for loopback hosts, wss for all others.
fn by_form(domain: &CanonicalDomain) -> Option<Url> {
    let scheme = if is_loopback(domain.peer()) { "ws" } else { "wss" };
    Url::parse(&format!("{scheme}://{domain}{PATH}")).ok()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::fetch::FetchError;

    /// Document, and its `max-age`.
    struct Documents(Option<String>, Option<Duration>);

    #[async_trait]
    impl Fetcher for Documents {
        async fn fetch(&self, _fetch: &Fetch) -> Result<Fetched, FetchError> {
            let body = self.0.clone().map(Bytes::from).ok_or(FetchError::TimedOut)?;
            Ok(Fetched { body, max_age: self.1 })
        }
    }

    fn peer(domain: &str) -> Peer {
        Peer::new(domain.parse().unwrap())
    }

    fn document(host: &str, federation: bool) -> Documents {
        let text = format!(
            r#"{{"version":1,"federation":{federation},"sync_endpoint":"https://x/api/v1",
                "federation_ws":"wss://{host}/moved"}}"#
        );
        Documents(Some(text), None)
    }

    async fn found(peer: &Peer, documents: &Documents) -> Result<Option<String>, AcceptsNoLinks> {
        let target = TargetCache::default().find(peer, documents, std_now()).await?;
        Ok(target.map(|target| target.url.to_string()))
    }

    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn std_now() -> Instant {
        Instant::now()
    }

    /// Federation §2.4.
    #[tokio::test]
    async fn id_5_url_of_the_peers_file_precedes_the_document_and_the_form() {
        let none = Documents(None, None);
        for (domain, url) in [
            ("b.example", "wss://b.example/api/v1/federation/ws"),
            ("b.example:8443", "wss://b.example:8443/api/v1/federation/ws"),
            ("localhost:7000", "ws://localhost:7000/api/v1/federation/ws"),
            ("127.0.0.2:7000", "ws://127.0.0.2:7000/api/v1/federation/ws"),
            ("[::1]:7000", "ws://[::1]:7000/api/v1/federation/ws"),
        ] {
            assert_eq!(found(&peer(domain), &none).await.unwrap().as_deref(), Some(url));
        }
        let moved = document("b.example:9", true);
        assert_eq!(
            found(&peer("b.example"), &moved).await.unwrap().as_deref(),
            Some("wss://b.example:9/moved")
        );
        let pinned = Peer { ws_url: Some("wss://p.example/x".parse().unwrap()), ..peer("b.example") };
        assert_eq!(found(&pinned, &moved).await.unwrap().as_deref(), Some("wss://p.example/x"));
    }

    /// Federation DI-6, DI-8.
    #[tokio::test]
    async fn di_8_document_of_another_server_is_not_used() {
        let foreign = document("evil.example", true);
        let own = "wss://b.example/api/v1/federation/ws";
        assert_eq!(found(&peer("b.example"), &foreign).await.unwrap().as_deref(), Some(own));
        assert_eq!(found(&peer("b.example"), &document("b.example", false)).await, Err(AcceptsNoLinks));
    }

    /// Federation DI-4, FM-32: an outage of the document changes nothing for a day.
    #[tokio::test]
    async fn di_4_document_is_fetched_hourly_and_used_for_a_day() {
        let (cache, peer, start) = (TargetCache::default(), peer("b.example"), std_now());
        let at = async |hours: u64, documents: &Documents| {
            let now = start + Duration::from_hours(hours);
            cache.find(&peer, documents, now).await.unwrap().unwrap().url.to_string()
        };
        assert_eq!(at(0, &document("b.example", true)).await, "wss://b.example/moved");
        assert_eq!(at(0, &document("b.example:9", true)).await, "wss://b.example/moved");
        assert_eq!(at(1, &document("b.example:9", true)).await, "wss://b.example:9/moved");
        assert_eq!(at(25, &Documents(None, None)).await, "wss://b.example:9/moved");
        assert_eq!(at(26, &Documents(None, None)).await, "wss://b.example/api/v1/federation/ws");
    }

    /// Federation DI-4: the lifetime is that of the response, within five minutes and a day.
    #[tokio::test]
    async fn di_4_lifetime_is_the_max_age_of_the_response() {
        for (max_age, minutes) in [(0, 5), (1800, 30), (1_000_000, 1440)] {
            let (cache, peer, start) = (TargetCache::default(), peer("b.example"), std_now());
            let max_age = Some(Duration::from_secs(max_age));
            let first = Documents(document("b.example", true).0, max_age);
            let at = async |after: Duration, documents: &Documents| {
                let found = cache.find(&peer, documents, start + after).await;
                found.unwrap().unwrap().url.to_string()
            };
            assert_eq!(at(Duration::ZERO, &first).await, "wss://b.example/moved");
            let (lifetime, moved) = (Duration::from_mins(minutes), document("b.example:9", true));
            assert_eq!(at(lifetime.mul_f32(0.99), &moved).await, "wss://b.example/moved");
            assert_eq!(at(lifetime, &moved).await, "wss://b.example:9/moved");
        }
    }
}
