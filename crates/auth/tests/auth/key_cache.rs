//! Key set cache beyond the timelines of the vectors: slow fetches, bounds, `max-age`.
#![expect(clippy::unwrap_used, reason = "the keys of these tests are good ones")]

use std::time::{Duration, Instant};

use less_sync_auth::KeySet;
use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_auth::jwks::cache::{
    CacheTimes, FetchFailed, FetchOrigin, KeyCache, Lookup, NextTry, Rejection,
};

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
fn start() -> Instant {
    Instant::now()
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn keys(names: &[&str]) -> KeySet {
    let keys: Vec<_> = names.iter().map(|name| IssuerKey::from_bytes(*name, &[7; 32]).unwrap()).collect();
    KeySet::parse(jwks_document(&keys).to_string().as_bytes()).unwrap()
}

/// A cache that has loaded key `a`.
fn loaded(at: Instant, max_age: Option<Duration>) -> KeyCache {
    let mut cache = KeyCache::new(CacheTimes::default());
    assert_eq!(cache.lookup("a", at), Lookup::Fetch);
    cache.fetched(Ok((keys(&["a"]), max_age)), at);
    assert!(cache.after_fetch("a", FetchOrigin::Own, Ok(()), at).is_ok());
    cache
}

fn starts_refresh(cache: &mut KeyCache, now: Instant) -> bool {
    matches!(cache.lookup("a", now), Lookup::Found { refresh: true, .. })
}

#[test]
fn all_who_come_while_a_fetch_is_under_way_wait_for_it() {
    let now = start();
    let mut cache = KeyCache::new(CacheTimes::default());
    assert_eq!(cache.lookup("a", now), Lookup::Fetch);
    assert_eq!(cache.lookup("a", now), Lookup::Wait);
    assert_eq!(cache.lookup("b", now), Lookup::Wait);
    cache.fetched(Ok((keys(&["a"]), None)), now);
    assert!(cache.after_fetch("a", FetchOrigin::Own, Ok(()), now).is_ok());
    assert!(cache.after_fetch("a", FetchOrigin::Joined, Ok(()), now).is_ok());
}

/// A fetch that was in flight before may lack a key that was published meanwhile.
#[test]
fn a_key_is_unknown_only_by_a_fetch_that_began_for_it() {
    let now = start();
    let mut cache = loaded(now, None);
    assert_eq!(cache.lookup("b", now), Lookup::Fetch);
    assert_eq!(cache.lookup("b", now), Lookup::Wait);
    cache.fetched(Ok((keys(&["a"]), None)), now);
    assert_eq!(cache.after_fetch("b", FetchOrigin::Own, Ok(()), now), Err(Rejection::UnknownKey));
    assert_eq!(cache.after_fetch("b", FetchOrigin::Joined, Ok(()), now), Err(Rejection::Unavailable));
}

/// A key id that is named before its publication delays its first token by 10 s at most, and rejects none.
#[test]
fn a_key_id_that_was_unknown_is_asked_for_again_after_ten_seconds() {
    let now = start();
    let mut cache = loaded(now, None);
    assert_eq!(cache.lookup("b", now), Lookup::Fetch);
    cache.fetched(Ok((keys(&["a"]), None)), now);
    assert_eq!(cache.after_fetch("b", FetchOrigin::Own, Ok(()), now), Err(Rejection::UnknownKey));
    assert_eq!(cache.lookup("b", now), Lookup::Rejected(Rejection::Unavailable));
    assert_eq!(cache.lookup("b", now + seconds(9)), Lookup::Rejected(Rejection::Unavailable));
    assert_eq!(cache.lookup("b", now + seconds(10)), Lookup::Fetch);
    cache.fetched(Ok((keys(&["a", "b"]), None)), now + seconds(10));
    assert!(cache.after_fetch("b", FetchOrigin::Own, Ok(()), now + seconds(10)).is_ok());
}

#[test]
fn a_known_key_is_found_while_another_is_being_asked_for() {
    let now = start();
    let mut cache = loaded(now, None);
    assert_eq!(cache.lookup("b", now), Lookup::Fetch);
    assert!(matches!(cache.lookup("a", now), Lookup::Found { refresh: false, .. }));
}

#[test]
fn a_failed_fetch_never_makes_a_key_unknown() {
    let now = start();
    let mut cache = loaded(now, None);
    assert_eq!(cache.lookup("b", now), Lookup::Fetch);
    cache.fetched(Err(FetchFailed), now);
    let found = cache.after_fetch("b", FetchOrigin::Own, Err(FetchFailed), now);
    assert_eq!(found, Err(Rejection::Unavailable));
    assert_eq!(cache.lookup("b", now + seconds(9)), Lookup::Rejected(Rejection::Unavailable));
    assert_eq!(cache.lookup("b", now + seconds(10)), Lookup::Fetch);
}

#[test]
fn a_background_refresh_is_one_at_a_time_and_shares_the_fetch_under_way() {
    let mut now = start();
    let mut cache = loaded(now, None);
    now += seconds(3601);
    assert!(starts_refresh(&mut cache, now));
    assert!(!starts_refresh(&mut cache, now));
    assert_eq!(cache.next_try(now), NextTry::Fetch);
    assert_eq!(cache.lookup("b", now), Lookup::Wait);
    cache.fetched(Err(FetchFailed), now);

    now += seconds(1);
    assert_eq!(cache.lookup("b", now), Lookup::Fetch);
    assert_eq!(cache.next_try(now), NextTry::Wait);
    cache.fetched(Ok((keys(&["a", "b"]), None)), now);
    assert_eq!(cache.next_try(now), NextTry::Unneeded);
    cache.refresh_ended();
    assert!(!starts_refresh(&mut cache, now));
}

#[test]
fn a_refresh_that_never_ends_is_not_joined_by_another() {
    let now = start();
    let mut cache = loaded(now, None);
    assert!(starts_refresh(&mut cache, now + seconds(3601)));
    assert!(!starts_refresh(&mut cache, now + seconds(7200)));
    cache.refresh_ended();
    assert!(starts_refresh(&mut cache, now + seconds(7200)));
}

#[test]
fn a_refresh_is_due_without_a_token_too() {
    let now = start();
    let mut cache = KeyCache::new(CacheTimes::default());
    assert!(cache.refresh_if_due(now));
    assert!(!cache.refresh_if_due(now));
    cache.refresh_ended();
    assert!(!cache.refresh_if_due(now + seconds(29)));
    assert!(cache.refresh_if_due(now + seconds(30)));
    assert!(!loaded(now, None).refresh_if_due(now + seconds(3600)));
}

#[test]
fn max_age_shortens_freshness_within_bounds() {
    for (max_age, fresh) in [(0, 300), (299, 300), (301, 301), (3600, 3600), (86_400, 3600)] {
        let now = start();
        let mut cache = loaded(now, Some(seconds(max_age)));
        assert!(!starts_refresh(&mut cache, now + seconds(fresh)), "{max_age}");
        assert!(starts_refresh(&mut cache, now + seconds(fresh + 1)), "{max_age}");
    }
}

/// S-14: however many keys are asked for, fetches stay rare.
#[test]
fn ten_thousand_unknown_keys_in_a_minute_cause_a_fetch_every_ten_seconds() {
    let mut now = start();
    let mut cache = loaded(now, None);
    let mut fetches = 0;
    for number in 0..10_000 {
        let key_id = format!("x{number}");
        if cache.lookup(key_id.as_str(), now) == Lookup::Fetch {
            fetches += 1;
            assert_eq!(cache.lookup(format!("w{number}").as_str(), now), Lookup::Wait);
            cache.fetched(Ok((keys(&["a"]), None)), now);
        }
        now += Duration::from_millis(6);
    }
    assert_eq!(fetches, 6);
}

#[test]
fn a_removed_key_stops_working_at_once() {
    let now = start();
    let mut cache = loaded(now, None);
    assert_eq!(cache.lookup("b", now), Lookup::Fetch);
    cache.fetched(Ok((keys(&["b"]), None)), now);
    assert_eq!(cache.lookup("a", now + seconds(1)), Lookup::Rejected(Rejection::Unavailable));
    assert_eq!(cache.lookup("a", now + seconds(10)), Lookup::Fetch);
    cache.fetched(Ok((keys(&["b"]), None)), now + seconds(10));
    let found = cache.after_fetch("a", FetchOrigin::Own, Ok(()), now + seconds(10));
    assert_eq!(found, Err(Rejection::UnknownKey));
}
