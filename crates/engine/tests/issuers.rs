//! Authentication against issuers that answer, hang, fail and change their keys.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a world that cannot be built is a failure")]

mod issuers {
    pub(crate) mod world;
}

use std::time::Duration;

use issuers::world::{A, B, Endpoint, World, at_once, settle};
use less_sync_auth::{InvalidToken, TokenError};
use less_sync_engine::{FetchMode, IssuerStatus};
use tokio::task::JoinSet;

const UNKNOWN_KEY: TokenError = TokenError::Invalid(InvalidToken::UnknownKey);
const UNAVAILABLE: TokenError = TokenError::KeySourceUnavailable;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A world in which issuer A serves keys `a` and `b` and they are loaded.
async fn loaded() -> World {
    let world = World::new();
    world.issuers.set(A, Endpoint::Serves(&["a", "b"]));
    world.authenticate(A, "a").await.unwrap();
    world
}

#[tokio::test]
async fn a_hundred_callers_share_one_fetch() {
    let world = World::new();
    world.issuers.set(A, Endpoint::Serves(&["a"]));
    world.issuers.hold(true);
    let mut clients = JoinSet::new();
    (0..100).for_each(|_| world.start(&mut clients, A, "a"));
    settle().await;
    assert_eq!(world.issuers.fetches(A), 1);
    assert!(clients.try_join_next().is_none());

    world.issuers.hold(false);
    let answers = clients.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 100);
    assert_eq!(world.issuers.modes(A), [FetchMode::Foreground]);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_cancel_the_fetch() {
    let world = World::new();
    world.issuers.set(A, Endpoint::Serves(&["a"]));
    world.issuers.hold(true);
    let mut first = JoinSet::new();
    world.start(&mut first, A, "a");
    settle().await;
    let mut second = JoinSet::new();
    world.start(&mut second, A, "a");
    settle().await;
    first.shutdown().await;

    world.issuers.hold(false);
    assert!(second.join_next().await.unwrap().unwrap().is_ok());
    assert_eq!(world.issuers.fetches(A), 1);
}

#[tokio::test]
async fn a_stale_set_is_used_while_a_new_one_is_on_its_way() {
    let world = loaded().await;
    world.issuers.set(A, Endpoint::Hangs);
    world.advance(seconds(3601)).await;
    for _ in 0..20 {
        at_once(world.authenticate(A, "a")).await.unwrap();
    }
    settle().await;
    assert_eq!(world.issuers.modes(A), [FetchMode::Foreground, FetchMode::Background]);
}

#[tokio::test]
async fn a_refresh_in_the_background_replaces_the_whole_set() {
    let world = loaded().await;
    world.issuers.set(A, Endpoint::Serves(&["b", "c"]));
    world.advance(seconds(3601)).await;
    world.authenticate(A, "a").await.unwrap();
    settle().await;
    assert!(at_once(world.authenticate(A, "c")).await.is_ok());
    assert_eq!(world.authenticate(A, "a").await, Err(UNKNOWN_KEY));
}

/// One attempt is four tries, after 1, 2 and 4 s, each up to a fifth shorter or longer.
#[tokio::test]
async fn a_refresh_that_fails_is_tried_three_times_more() {
    let world = loaded().await;
    world.issuers.set(A, Endpoint::Fails);
    world.advance(seconds(3601)).await;
    world.authenticate(A, "a").await.unwrap();
    settle().await;
    let mut seen = world.issuers.fetches(A);
    assert_eq!(seen, 2);
    for pause in [1000_u64, 2000, 4000] {
        world.advance(Duration::from_millis(pause * 79 / 100)).await;
        assert_eq!(world.issuers.fetches(A), seen, "too early after {pause} ms");
        world.advance(Duration::from_millis(pause * 42 / 100)).await;
        seen += 1;
        assert_eq!(world.issuers.fetches(A), seen, "not after {pause} ms");
    }
    world.advance(seconds(20)).await;
    world.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(
        world.issuers.fetches(A),
        seen,
        "the next attempt waits for 30 s after the beginning of this one"
    );
    world.advance(seconds(3)).await;
    world.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(world.issuers.fetches(A), seen + 1);
}

#[tokio::test]
async fn max_age_brings_the_refresh_forward() {
    let world = World::new();
    world.issuers.set(A, Endpoint::ServesFor(seconds(600), &["a"]));
    world.authenticate(A, "a").await.unwrap();
    world.advance(seconds(600)).await;
    world.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(world.issuers.fetches(A), 1);
    world.advance(seconds(1)).await;
    world.authenticate(A, "a").await.unwrap();
    settle().await;
    assert_eq!(world.issuers.fetches(A), 2);
}

/// S-14: tokens with random key ids cause one fetch per 10 s.
#[tokio::test]
async fn tokens_with_unknown_keys_cause_few_fetches() {
    let world = loaded().await;
    for round in 0..3_usize {
        for number in 0..15 {
            assert_eq!(world.authenticate(A, &format!("x{round}-{number}")).await, Err(UNKNOWN_KEY));
        }
        assert_eq!(world.issuers.fetches(A), 2 + round);
        world.advance(seconds(10)).await;
    }
    assert_eq!(world.issuers.fetches(B), 0);
    at_once(world.authenticate(A, "a")).await.unwrap();
}

#[tokio::test]
async fn a_new_key_is_found_with_its_first_token() {
    let world = loaded().await;
    world.issuers.set(A, Endpoint::Serves(&["a", "b", "c"]));
    assert!(world.authenticate(A, "c").await.is_ok());
    assert_eq!(world.issuers.fetches(A), 2);
}

/// X-06, D-30, auth §3.4: an outage is never the fault of the token.
#[tokio::test]
async fn an_outage_makes_keys_unavailable_and_not_tokens_invalid() {
    for endpoint in [Endpoint::Fails, Endpoint::ServesNonsense, Endpoint::Panics] {
        let world = World::new();
        world.issuers.set(A, endpoint);
        assert_eq!(world.authenticate(A, "a").await, Err(UNAVAILABLE));
        world.issuers.set(A, Endpoint::Serves(&["a"]));
        world.advance(seconds(4)).await;
        assert_eq!(at_once(world.authenticate(A, "a")).await, Err(UNAVAILABLE), "too early to ask again");
        world.advance(seconds(1)).await;
        assert!(world.authenticate(A, "a").await.is_ok());
    }
}

#[tokio::test]
async fn in_an_outage_known_keys_go_on_and_unknown_ones_are_unavailable() {
    let world = loaded().await;
    world.issuers.set(A, Endpoint::Fails);
    assert_eq!(world.authenticate(A, "c").await, Err(UNAVAILABLE));
    assert_eq!(at_once(world.authenticate(A, "c")).await, Err(UNAVAILABLE));
    assert!(at_once(world.authenticate(A, "a")).await.is_ok());
    assert_eq!(world.issuers.fetches(A), 2);
}

/// auth §18.8: issuer down for 25 h.
#[tokio::test]
async fn keys_serve_a_day_without_their_issuer_and_no_longer() {
    let world = loaded().await;
    world.issuers.set(A, Endpoint::Fails);
    world.advance(seconds(86_400)).await;
    assert!(at_once(world.authenticate(A, "a")).await.is_ok());
    world.advance(seconds(3600)).await;
    assert_eq!(world.authenticate(A, "a").await, Err(UNAVAILABLE));
    world.issuers.set(A, Endpoint::Serves(&["a"]));
    world.advance(seconds(5)).await;
    assert!(world.authenticate(A, "a").await.is_ok());
}

/// S-15: a hanging issuer adds nothing to others.
#[tokio::test]
async fn an_issuer_that_hangs_does_not_slow_another() {
    let world = World::new();
    world.issuers.set(A, Endpoint::Hangs);
    world.issuers.set(B, Endpoint::Serves(&["b"]));
    let mut clients = JoinSet::new();
    (0..100).for_each(|_| world.start(&mut clients, A, "a"));
    settle().await;
    assert!(world.authenticate(B, "b").await.is_ok());
    assert!(at_once(world.authenticate(B, "b")).await.is_ok());
    assert!(clients.try_join_next().is_none());
}

#[tokio::test]
async fn nobody_waits_longer_than_five_seconds_for_an_issuer_that_hangs() {
    let world = World::new();
    world.issuers.set(A, Endpoint::Hangs);
    let mut clients = JoinSet::new();
    world.start(&mut clients, A, "a");
    settle().await;
    world.advance(Duration::from_millis(4999)).await;
    assert!(clients.try_join_next().is_none());
    world.advance(Duration::from_millis(1)).await;
    assert_eq!(clients.try_join_next().unwrap().unwrap(), Err(UNAVAILABLE));

    world.issuers.set(A, Endpoint::Serves(&["a"]));
    world.advance(seconds(5)).await;
    assert!(world.authenticate(A, "a").await.is_ok(), "the issuer is asked again");
}

#[tokio::test]
async fn a_client_that_joins_a_slow_refresh_waits_five_seconds_all_the_same() {
    let world = loaded().await;
    world.issuers.set(A, Endpoint::Hangs);
    world.advance(seconds(3601)).await;
    world.authenticate(A, "a").await.unwrap();
    let mut clients = JoinSet::new();
    world.start(&mut clients, A, "c");
    settle().await;
    assert_eq!(world.issuers.fetches(A), 2);
    world.advance(seconds(5)).await;
    assert_eq!(clients.try_join_next().unwrap().unwrap(), Err(UNAVAILABLE));
    assert!(at_once(world.authenticate(A, "a")).await.is_ok());
}

#[tokio::test]
async fn a_spawner_that_has_stopped_leaves_nobody_waiting() {
    let world = World::new();
    world.issuers.set(A, Endpoint::Serves(&["a"]));
    world.tasks.stop();
    assert_eq!(at_once(world.authenticate(A, "a")).await, Err(UNAVAILABLE));
    world.authenticator.prefetch();
    assert_eq!(world.issuers.fetches(A), 0);
}

/// auth §18.8: issuer down at the start, then up.
#[tokio::test]
async fn key_sets_are_fetched_before_the_first_token() {
    let world = World::new();
    world.issuers.set(B, Endpoint::Serves(&["b"]));
    world.authenticator.prefetch();
    settle().await;
    let usable = |world: &World| -> Vec<bool> {
        world.authenticator.issuers_status().iter().map(IssuerStatus::is_usable).collect()
    };
    assert_eq!(usable(&world), [false, true]);
    assert!(at_once(world.authenticate(B, "b")).await.is_ok());
    assert_eq!(world.issuers.modes(B), [FetchMode::Background]);

    world.issuers.set(A, Endpoint::Serves(&["a"]));
    world.advance(Duration::from_millis(1200)).await;
    assert_eq!(usable(&world), [true, true]);
}

/// A server that gets no traffic while it is not ready must not depend on traffic to become ready.
#[tokio::test]
async fn asking_for_readiness_brings_keys_back() {
    let world = World::new();
    let _ = world.authenticator.issuers_status();
    for pause in [2, 3, 5] {
        settle().await;
        world.advance(seconds(pause)).await;
    }
    assert_eq!(world.issuers.fetches(A), 4);
    world.issuers.set(A, Endpoint::Serves(&["a"]));
    world.advance(seconds(20)).await;
    let status = |world: &World| world.authenticator.issuers_status().first().cloned().unwrap();
    assert_eq!(status(&world).key_set_age, None);
    settle().await;
    world.advance(seconds(7)).await;
    assert_eq!(status(&world).key_set_age, Some(seconds(7)));
    assert_eq!(status(&world).issuer, A);
}

/// S-03: the same key id at two issuers names two keys.
#[tokio::test]
async fn a_key_of_one_issuer_never_verifies_a_token_of_another() {
    let world = loaded().await;
    world.issuers.set(B, Endpoint::Serves(&["b2"]));
    assert_eq!(world.authenticate(B, "a").await, Err(UNKNOWN_KEY));
    assert!(world.authenticate(B, "b2").await.is_ok());
    assert_eq!(world.authenticate("https://c.example", "a").await, Err(TokenError::UntrustedIssuer));
    assert_eq!(world.issuers.fetches("https://c.example"), 0);
}
