use std::time::Duration;

use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanKey};
use less_sync_core::Permission;

use super::*;

const SHARED: SpaceId = SpaceId::from_bytes([1; 16]);
const PERSONAL: SpaceId = SpaceId::from_bytes([2; 16]);
const WALL: Timestamp = Timestamp::from_millis(1_000_000_500);

fn key(seed: u8) -> UcanKey {
    UcanKey::from_bytes(&[seed; 32]).unwrap()
}

/// A chain of one token by which the holder of key 1 may read until `expires_at`.
fn chain(space: SpaceId, expires_at: Timestamp) -> Arc<VerifiedChain> {
    let owner = key(1);
    let grant =
        Grant { audience: owner.did(), permission: Permission::Admin, space, expires_at, nonce: [1; 16] };
    let expected = Expectations {
        audience: Audience::Caller(owner.did()),
        permission: Permission::Read,
        space,
        root_key: owner.root_key(),
    };
    Arc::new(ucan::verify(&owner.issue(&grant, None), &expected, WALL).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
fn now() -> Now {
    Now { wall: WALL, instant: Instant::now() }
}

fn authorized(space: SpaceId, chain: Option<Arc<VerifiedChain>>, now: Now) -> Subscriptions {
    let mut subscriptions = Subscriptions::default();
    subscriptions.add(space);
    subscriptions.authorize(space, chain, now);
    subscriptions
}

/// Auth §6.1: now ≤ exp, in whole seconds.
#[test]
fn authorization_expires_after_its_last_second() {
    let now = now();
    let mut subscriptions = authorized(SHARED, Some(chain(SHARED, Timestamp::from_seconds(1_000_002))), now);
    let end = now.instant + Duration::from_millis(2500);
    assert_eq!(subscriptions.first_expiry(), Some(end));
    assert_eq!(subscriptions.take_expired(end.checked_sub(Duration::from_millis(1)).unwrap()), []);
    assert_eq!(subscriptions.take_expired(end), [SHARED]);
    assert_eq!((subscriptions.first_expiry(), subscriptions.len()), (None, 0));
}

#[test]
fn personal_spaces_and_unlimited_chains_never_expire() {
    let now = now();
    let much_later = now.instant + Duration::from_hours(24 * 365 * 10);
    for mut subscriptions in [
        authorized(PERSONAL, None, now),
        authorized(SHARED, Some(chain(SHARED, Timestamp::from_seconds(i64::MAX / 1000))), now),
    ] {
        assert_eq!(subscriptions.take_expired(much_later), []);
        assert_eq!(subscriptions.len(), 1);
    }
}

#[test]
fn renewed_authorization_replaces_the_expiry() {
    let now = now();
    let mut subscriptions = authorized(SHARED, Some(chain(SHARED, Timestamp::from_seconds(1_000_002))), now);
    subscriptions.authorize(SHARED, Some(chain(SHARED, Timestamp::from_seconds(1_000_060))), now);
    assert_eq!(subscriptions.take_expired(now.instant + Duration::from_secs(10)), []);
    assert_eq!(subscriptions.first_expiry(), Some(now.instant + Duration::from_millis(60_500)));
    assert_eq!(subscriptions.take_expired(now.instant + Duration::from_mins(2)), [SHARED]);
}

#[test]
fn authorization_of_an_ended_subscription_is_ignored() {
    let now = now();
    let mut subscriptions = Subscriptions::default();
    subscriptions.authorize(SHARED, Some(chain(SHARED, Timestamp::from_seconds(1_000_002))), now);
    assert_eq!((subscriptions.len(), subscriptions.first_expiry()), (0, None));
}

#[test]
fn another_did_ends_subscriptions_of_chains_for_this_one() {
    let now = now();
    let mine = || authorized(SHARED, Some(chain(SHARED, Timestamp::from_seconds(1_000_002))), now);
    assert_eq!(mine().take_foreign(Some(key(1).did())), []);
    assert_eq!(mine().take_foreign(Some(key(2).did())), [SHARED]);
    assert_eq!(mine().take_foreign(None), [SHARED]);
    assert_eq!(authorized(PERSONAL, None, now).take_foreign(None), []);
}
