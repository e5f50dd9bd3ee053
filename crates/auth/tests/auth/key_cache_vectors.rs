//! The timelines of the key set cache.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a vector that cannot be read is a failure")]

use std::time::{Duration, Instant};

use less_sync_auth::KeySet;
use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_auth::jwks::cache::{
    CacheTimes, FetchFailed, FetchOrigin, KeyCache, Lookup, NextTry, Rejection,
};
use serde_json::Value;

/// Issuer, its key endpoint, and a driver that performs at once every action that the cache requests.
struct Timeline {
    cache: KeyCache,
    start: Instant,
    fetches: u64,
}

type FetchResult = Result<(KeySet, Option<Duration>), FetchFailed>;

impl Timeline {
    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn new(times: CacheTimes) -> Self {
        Self { cache: KeyCache::new(times), start: Instant::now(), fetches: 0 }
    }

    fn request(&mut self, seconds: u64, key_id: &str, server: &Value) -> &'static str {
        let now = self.start + Duration::from_secs(seconds);
        let result = match self.cache.lookup(key_id, now) {
            Lookup::Found { refresh, .. } => {
                self.refresh_if(refresh, server, now);
                Ok(())
            }
            Lookup::Rejected(rejection) => Err(rejection),
            Lookup::Fetch => {
                let outcome = self.fetch(server, now);
                self.cache.after_fetch(key_id, FetchOrigin::Own, outcome, now).map(drop)
            }
            Lookup::Wait => panic!("nothing is under way"),
        };
        match result {
            Ok(()) => "hit",
            Err(Rejection::UnknownKey) => "unknown_kid",
            Err(Rejection::Unavailable) => "unavailable",
        }
    }

    fn refresh_if(&mut self, wanted: bool, server: &Value, now: Instant) {
        if wanted {
            assert_eq!(self.cache.next_try(now), NextTry::Fetch);
            let _ = self.fetch(server, now);
            self.cache.refresh_ended();
        }
    }

    fn fetch(&mut self, server: &Value, now: Instant) -> Result<(), FetchFailed> {
        self.fetches += 1;
        let response = fetch_result(server);
        let outcome = response.as_ref().map(drop).map_err(|failed| *failed);
        self.cache.fetched(response, now);
        outcome
    }
}

fn fetch_result(server: &Value) -> FetchResult {
    if server["status"] != 200 {
        return Err(FetchFailed);
    }
    let names = server["keys"].as_array().unwrap().iter();
    let keys: Vec<_> =
        names.map(|name| IssuerKey::from_bytes(name.as_str().unwrap(), &[7; 32]).unwrap()).collect();
    let document = jwks_document(&keys).to_string();
    KeySet::parse(document.as_bytes()).map(|set| (set, None)).map_err(|_| FetchFailed)
}

fn times(parameters: &Value) -> CacheTimes {
    let seconds = |name: &str| Duration::from_secs(parameters[name].as_u64().unwrap());
    CacheTimes {
        fresh: seconds("ttl_seconds"),
        usable: seconds("max_stale_seconds"),
        between_refreshes: seconds("retry_interval_seconds"),
        between_unknown_keys: seconds("unknown_kid_min_interval_seconds"),
        between_first_loads: seconds("cold_retry_seconds"),
    }
}

#[test]
fn every_timeline_runs_as_its_vector_says() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../vectors/jwt.json")).unwrap();
    let times = times(&vectors["jwks_cache"]["parameters"]);
    assert_eq!(times, CacheTimes::default());
    let sequences = vectors["jwks_cache"]["sequences"].as_array().unwrap();
    assert_eq!(sequences.len(), 11);
    for sequence in sequences {
        let mut timeline = Timeline::new(times);
        for step in sequence["steps"].as_array().unwrap() {
            let found =
                timeline.request(step["t"].as_u64().unwrap(), step["kid"].as_str().unwrap(), &step["server"]);
            assert_eq!(found, step["expected"], "{} {step}", sequence["name"]);
            assert_eq!(timeline.fetches, step["fetches_total"], "{} {step}", sequence["name"]);
        }
    }
}
