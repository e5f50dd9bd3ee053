//! Authentication against issuers that respond, hang, fail and rotate their keys.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a harness that cannot be built is a failure")]

mod bindings;
mod harness;

use std::time::Duration;

use harness::{A, B, Endpoint, Harness, at_once, settle};
use less_sync_auth::{InvalidToken, TokenError};
use less_sync_engine::{FetchMode, IssuerStatus};
use tokio::task::JoinSet;

const UNKNOWN_KEY: TokenError = TokenError::Invalid(InvalidToken::UnknownKey);
const UNAVAILABLE: TokenError = TokenError::KeySourceUnavailable;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A harness with keys `a` and `b` of issuer A loaded.
async fn loaded() -> Harness {
    load(Harness::new()).await
}

async fn load(harness: Harness) -> Harness {
    harness.issuers.set(A, Endpoint::Serves(&["a", "b"]));
    harness.authenticate(A, "a").await.unwrap();
    harness
}

#[tokio::test]
async fn a_hundred_callers_share_one_fetch() {
    let harness = Harness::new();
    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    harness.issuers.hold(true);
    let mut clients = JoinSet::new();
    (0..100).for_each(|_| harness.start(&mut clients, A, "a"));
    settle().await;
    assert_eq!(harness.issuers.fetches(A), 1);
    assert!(clients.try_join_next().is_none());

    harness.issuers.hold(false);
    let results = clients.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 100);
    assert_eq!(harness.issuers.modes(A), [FetchMode::Foreground]);
}

#[tokio::test]
async fn cancelled_caller_does_not_cancel_the_fetch() {
    let harness = Harness::new();
    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    harness.issuers.hold(true);
    let mut first = JoinSet::new();
    harness.start(&mut first, A, "a");
    settle().await;
    let mut second = JoinSet::new();
    harness.start(&mut second, A, "a");
    settle().await;
    first.shutdown().await;

    harness.issuers.hold(false);
    assert!(second.join_next().await.unwrap().unwrap().is_ok());
    assert_eq!(harness.issuers.fetches(A), 1);
}

#[tokio::test]
async fn stale_set_is_used_while_a_refresh_is_in_flight() {
    let harness = loaded().await;
    harness.issuers.set(A, Endpoint::Hangs);
    harness.advance(seconds(3601)).await;
    for _ in 0..20 {
        at_once(harness.authenticate(A, "a")).await.unwrap();
    }
    settle().await;
    assert_eq!(harness.issuers.modes(A), [FetchMode::Foreground, FetchMode::Background]);
}

#[tokio::test]
async fn background_refresh_replaces_the_whole_set() {
    let harness = loaded().await;
    harness.issuers.set(A, Endpoint::Serves(&["b", "c"]));
    harness.advance(seconds(3601)).await;
    harness.authenticate(A, "a").await.unwrap();
    settle().await;
    assert!(at_once(harness.authenticate(A, "c")).await.is_ok());
    assert_eq!(harness.authenticate(A, "a").await, Err(UNKNOWN_KEY));
    assert_eq!(at_once(harness.authenticate(A, "a")).await, Err(UNAVAILABLE));
}

/// A refresh is a fetch and three retries, after 1, 2 and 4 s, each up to a fifth shorter or longer.
#[tokio::test]
async fn failed_refresh_is_retried_three_times() {
    for bits in [0, 1 << 127, u128::MAX] {
        failed_refresh_is_retried(load(Harness::with_random(move || bits)).await).await;
    }
}

async fn failed_refresh_is_retried(harness: Harness) {
    harness.issuers.set(A, Endpoint::Fails);
    harness.advance(seconds(3601)).await;
    harness.authenticate(A, "a").await.unwrap();
    settle().await;
    let mut seen = harness.issuers.fetches(A);
    assert_eq!(seen, 2);
    for pause in [1000_u64, 2000, 4000] {
        harness.advance(Duration::from_millis(pause * 79 / 100)).await;
        assert_eq!(harness.issuers.fetches(A), seen, "too early after {pause} ms");
        harness.advance(Duration::from_millis(pause * 42 / 100)).await;
        seen += 1;
        assert_eq!(harness.issuers.fetches(A), seen, "not after {pause} ms");
    }
    harness.advance(seconds(20)).await;
    harness.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(
        harness.issuers.fetches(A),
        seen,
        "the next refresh waits until 30 s after the beginning of this one"
    );
    harness.advance(seconds(3)).await;
    harness.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(harness.issuers.fetches(A), seen + 1);
}

#[tokio::test]
async fn max_age_shortens_the_time_to_the_refresh() {
    let harness = Harness::new();
    harness.issuers.set(A, Endpoint::ServesFor(seconds(600), &["a"]));
    harness.authenticate(A, "a").await.unwrap();
    harness.advance(seconds(600)).await;
    harness.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(harness.issuers.fetches(A), 1);
    harness.advance(seconds(1)).await;
    harness.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(harness.issuers.fetches(A), 2);
}

/// S-14: tokens with random key ids cause one fetch per 10 s.
#[tokio::test]
async fn tokens_with_unknown_keys_cause_few_fetches() {
    let harness = loaded().await;
    for round in 0..3_usize {
        assert_eq!(harness.authenticate(A, &format!("x{round}")).await, Err(UNKNOWN_KEY));
        for number in 0..15 {
            let refused = at_once(harness.authenticate(A, &format!("x{round}-{number}"))).await;
            assert_eq!(refused, Err(UNAVAILABLE), "asked for later");
        }
        assert_eq!(harness.issuers.fetches(A), 2 + round);
        harness.advance(seconds(10)).await;
    }
    assert_eq!(harness.issuers.fetches(B), 0);
    at_once(harness.authenticate(A, "a")).await.unwrap();
}

#[tokio::test]
async fn new_key_is_fetched_for_its_first_token() {
    let harness = loaded().await;
    harness.issuers.set(A, Endpoint::Serves(&["a", "b", "c"]));
    assert!(harness.authenticate(A, "c").await.is_ok());
    assert_eq!(harness.issuers.fetches(A), 2);
}

/// The next key id may be named before it is published; its first good token is then rejected with "try later", not as
/// invalid.
#[tokio::test]
async fn naming_the_next_key_before_its_publication_rejects_no_good_token() {
    let harness = loaded().await;
    assert_eq!(harness.authenticate(A, "c").await, Err(UNKNOWN_KEY));
    harness.issuers.set(A, Endpoint::Serves(&["a", "b", "c"]));
    assert_eq!(harness.authenticate(A, "c").await, Err(UNAVAILABLE));
    harness.advance(seconds(10)).await;
    assert!(harness.authenticate(A, "c").await.is_ok());
}

/// The fetch in flight may have been answered before the key was published.
#[tokio::test]
async fn token_that_waits_for_a_fetch_of_another_is_not_rejected_by_it() {
    let harness = loaded().await;
    harness.issuers.hold(true);
    let (mut first, mut second) = (JoinSet::new(), JoinSet::new());
    harness.start(&mut first, A, "c");
    settle().await;
    harness.start(&mut second, A, "c");
    settle().await;
    harness.issuers.hold(false);
    assert_eq!(first.join_next().await.unwrap().unwrap(), Err(UNKNOWN_KEY));
    assert_eq!(second.join_next().await.unwrap().unwrap(), Err(UNAVAILABLE));
    assert_eq!(harness.issuers.fetches(A), 2);
}

/// X-06, D-30, auth §3.4: an outage does not invalidate tokens.
#[tokio::test]
async fn an_outage_makes_keys_unavailable_and_not_tokens_invalid() {
    for endpoint in [Endpoint::Fails, Endpoint::ServesNonsense, Endpoint::Panics] {
        let harness = Harness::new();
        harness.issuers.set(A, endpoint);
        assert_eq!(harness.authenticate(A, "a").await, Err(UNAVAILABLE));
        harness.issuers.set(A, Endpoint::Serves(&["a"]));
        harness.advance(seconds(4)).await;
        assert_eq!(
            at_once(harness.authenticate(A, "a")).await,
            Err(UNAVAILABLE),
            "too early for another fetch"
        );
        harness.advance(seconds(1)).await;
        assert!(harness.authenticate(A, "a").await.is_ok());
    }
}

#[tokio::test]
async fn in_an_outage_cached_keys_are_used_and_unknown_ones_are_unavailable() {
    let harness = loaded().await;
    harness.issuers.set(A, Endpoint::Fails);
    assert_eq!(harness.authenticate(A, "c").await, Err(UNAVAILABLE));
    assert_eq!(at_once(harness.authenticate(A, "c")).await, Err(UNAVAILABLE));
    assert!(at_once(harness.authenticate(A, "a")).await.is_ok());
    assert_eq!(harness.issuers.fetches(A), 2);
}

/// auth §18.8: issuer down for 25 h.
#[tokio::test]
async fn cached_keys_are_used_for_a_day_without_their_issuer() {
    let harness = loaded().await;
    harness.issuers.set(A, Endpoint::Fails);
    harness.advance(seconds(86_400)).await;
    assert!(at_once(harness.authenticate(A, "a")).await.is_ok());
    harness.advance(seconds(3600)).await;
    assert_eq!(harness.authenticate(A, "a").await, Err(UNAVAILABLE));
    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    harness.advance(seconds(5)).await;
    assert!(harness.authenticate(A, "a").await.is_ok());
}

/// S-15: a hanging issuer does not delay tokens of others.
#[tokio::test]
async fn an_issuer_that_hangs_does_not_slow_another() {
    let harness = Harness::new();
    harness.issuers.set(A, Endpoint::Hangs);
    harness.issuers.set(B, Endpoint::Serves(&["b"]));
    let mut clients = JoinSet::new();
    (0..100).for_each(|_| harness.start(&mut clients, A, "a"));
    settle().await;
    assert!(harness.authenticate(B, "b").await.is_ok());
    assert!(at_once(harness.authenticate(B, "b")).await.is_ok());
    assert!(clients.try_join_next().is_none());
}

#[tokio::test]
async fn wait_for_a_hanging_issuer_is_limited_to_five_seconds() {
    let harness = Harness::new();
    harness.issuers.set(A, Endpoint::Hangs);
    let mut clients = JoinSet::new();
    harness.start(&mut clients, A, "a");
    settle().await;
    harness.advance(Duration::from_millis(4999)).await;
    assert!(clients.try_join_next().is_none());
    harness.advance(Duration::from_millis(1)).await;
    assert_eq!(clients.try_join_next().unwrap().unwrap(), Err(UNAVAILABLE));

    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    harness.advance(seconds(5)).await;
    assert!(harness.authenticate(A, "a").await.is_ok(), "the key set is fetched again");
}

#[tokio::test]
async fn wait_for_a_slow_background_refresh_is_limited_to_five_seconds() {
    let harness = loaded().await;
    harness.issuers.set(A, Endpoint::Hangs);
    harness.advance(seconds(3601)).await;
    harness.authenticate(A, "a").await.unwrap();
    let mut clients = JoinSet::new();
    harness.start(&mut clients, A, "c");
    settle().await;
    assert_eq!(harness.issuers.fetches(A), 2);
    harness.advance(seconds(5)).await;
    assert_eq!(clients.try_join_next().unwrap().unwrap(), Err(UNAVAILABLE));
    assert!(at_once(harness.authenticate(A, "a")).await.is_ok());
}

#[tokio::test]
async fn stopped_spawner_leaves_no_caller_waiting() {
    let harness = Harness::new();
    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    harness.tasks.stop();
    assert_eq!(at_once(harness.authenticate(A, "a")).await, Err(UNAVAILABLE));
    harness.authenticator.prefetch();
    assert_eq!(harness.issuers.fetches(A), 0);
}

/// auth §18.8: issuer down at the start, then up.
#[tokio::test]
async fn key_sets_are_fetched_before_the_first_token() {
    let harness = Harness::new();
    harness.issuers.set(B, Endpoint::Serves(&["b"]));
    harness.authenticator.prefetch();
    settle().await;
    let usable = |harness: &Harness| -> Vec<bool> {
        harness.authenticator.issuers_status().iter().map(IssuerStatus::is_usable).collect()
    };
    assert_eq!(usable(&harness), [false, true]);
    assert!(at_once(harness.authenticate(B, "b")).await.is_ok());
    assert_eq!(harness.issuers.modes(B), [FetchMode::Background]);

    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    harness.advance(Duration::from_millis(1200)).await;
    assert_eq!(usable(&harness), [true, true]);
}

/// A server without traffic because of its readiness must become ready without traffic.
#[tokio::test]
async fn readiness_check_starts_a_refresh() {
    let harness = Harness::new();
    let _ = harness.authenticator.issuers_status();
    for pause in [2, 3, 5] {
        settle().await;
        harness.advance(seconds(pause)).await;
    }
    assert_eq!(harness.issuers.fetches(A), 4);
    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    harness.advance(seconds(20)).await;
    let status = |harness: &Harness| harness.authenticator.issuers_status().first().cloned().unwrap();
    assert_eq!(status(&harness).key_set_age, None);
    settle().await;
    harness.advance(seconds(7)).await;
    assert_eq!(status(&harness).key_set_age, Some(seconds(7)));
    assert_eq!(status(&harness).issuer, A);
}

/// S-03: the same key id at two issuers names two keys.
#[tokio::test]
async fn a_key_of_one_issuer_never_verifies_a_token_of_another() {
    let harness = loaded().await;
    harness.issuers.set(B, Endpoint::Serves(&["b2"]));
    assert_eq!(harness.authenticate(B, "a").await, Err(UNKNOWN_KEY));
    assert!(harness.authenticate(B, "b2").await.is_ok());
    assert_eq!(harness.authenticate("https://c.example", "a").await, Err(TokenError::UntrustedIssuer));
    assert_eq!(harness.issuers.fetches("https://c.example"), 0);
}

/// Without a key id, only the signature shows that the issuer has replaced its key.
#[tokio::test]
async fn token_without_a_key_id_is_verified_with_the_only_key_and_its_successor() {
    let harness = Harness::new();
    harness.issuers.set(A, Endpoint::Serves(&["a"]));
    assert!(harness.authenticate_nameless(A, "a").await.is_ok());
    assert!(harness.authenticate(A, "a").await.is_ok());
    harness.issuers.set(A, Endpoint::Serves(&["b"]));
    assert!(harness.authenticate_nameless(A, "b").await.is_ok());
    assert_eq!(harness.issuers.fetches(A), 2);
    // As for an unknown key id: no final answer between two fetches.
    assert_eq!(harness.authenticate_nameless(A, "a").await, Err(UNAVAILABLE));
    harness.advance(seconds(10)).await;
    let forged = Err(TokenError::Invalid(InvalidToken::Signature));
    assert_eq!(harness.authenticate_nameless(A, "a").await, forged);
    assert_eq!(harness.issuers.fetches(A), 3);
    assert!(harness.authenticate_nameless(A, "b").await.is_ok());
}

#[tokio::test]
async fn token_without_a_key_id_is_ambiguous_beside_several_keys() {
    let harness = loaded().await;
    assert_eq!(harness.authenticate_nameless(A, "a").await, Err(UNKNOWN_KEY));
    assert!(harness.authenticate(A, "a").await.is_ok());
}
