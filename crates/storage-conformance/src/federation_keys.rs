//! Keys that sign requests to peers.

use std::sync::Arc;
use std::time::Duration;

use less_sync_storage::{
    AddedKey, FederationKey, FederationKeyError, FederationKeyRejection, FederationKeys, KeyPlacement,
    NewFederationKey, StoredSeed,
};
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::{Backend, PageLimits};

const URL: &str = "https://sync.example/.well-known/jwks.json";

fn key(fragment: &str, fill: u8) -> NewFederationKey {
    let seed = StoredSeed::new(vec![fill; 32]);
    NewFederationKey { kid: format!("{URL}#{fragment}"), seed, public: vec![fill + 1; 32] }
}

fn kid(fragment: &str) -> String {
    format!("{URL}#{fragment}")
}

async fn add(store: &impl FederationKeys, fragment: &str, placement: KeyPlacement) -> AddedKey {
    store.add_key(&key(fragment, 1), &placement).await.unwrap()
}

/// Fragments of all keys, in order; `*` marks the primary and `-` the inactive ones.
async fn listed(store: &impl FederationKeys) -> Vec<String> {
    let shown = |key: FederationKey| {
        assert_eq!(key.deactivated_at.is_some(), !key.is_active, "{}", key.kid);
        let mark = if key.is_primary {
            "*"
        } else if key.is_active {
            ""
        } else {
            "-"
        };
        format!("{}{mark}", key.kid.rsplit_once('#').unwrap().1)
    };
    store.federation_keys().await.unwrap().into_iter().map(shown).collect()
}

fn rejection<T: std::fmt::Debug>(outcome: Result<T, FederationKeyError>) -> FederationKeyRejection {
    outcome.unwrap_err().rejection().unwrap()
}

/// The first key signs in any role; staged ones are published only; keys and their seeds outlast a restart.
pub async fn first_key_is_primary_and_staged_keys_are_not<T: Backend>() {
    let mut fixture = Fixture::<T>::new().await;
    let store = &*fixture.store;
    assert_eq!(listed(store).await, [""; 0]);
    assert_eq!(add(store, "b", KeyPlacement::Staged).await, AddedKey::Inserted { is_primary: true });
    assert_eq!(add(store, "a", KeyPlacement::Staged).await, AddedKey::Inserted { is_primary: false });
    fixture.reopen(PageLimits::default()).await;
    assert_eq!(listed(&*fixture.store).await, ["b*", "a"]);
    let first = fixture.store.federation_keys().await.unwrap().swap_remove(0);
    assert_eq!((first.seed.as_bytes(), first.public), (&[1; 32][..], vec![2; 32]));
    fixture.end().await;
}

/// A seed is never overwritten, and another key under the same id is rejected.
pub async fn known_key_is_not_replaced<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    let store = &*fixture.store;
    add(store, "a", KeyPlacement::Primary).await;
    add(store, "b", KeyPlacement::Primary).await;
    let other_seed = NewFederationKey { seed: StoredSeed::new(vec![9; 32]), ..key("a", 1) };
    assert_eq!(store.add_key(&other_seed, &KeyPlacement::Primary).await.unwrap(), AddedKey::Unchanged);
    assert_eq!(
        rejection(store.add_key(&key("a", 5), &KeyPlacement::Primary).await),
        FederationKeyRejection::Mismatch
    );
    assert_eq!(store.federation_keys().await.unwrap()[0].seed.as_bytes(), [1; 32]);
    assert_eq!(listed(store).await, ["a", "b*"]);
    fixture.end().await;
}

/// A key is ensured once per URL, whichever other primary there is (federation KY-8).
pub async fn key_is_ensured_once_per_url<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    let store = &*fixture.store;
    let unless_of = |url: &str| KeyPlacement::PrimaryUnlessOf(url.to_owned());
    assert_eq!(add(store, "a", unless_of(URL)).await, AddedKey::Inserted { is_primary: true });
    let AddedKey::HasPrimary(present) = add(store, "b", unless_of(URL)).await else { panic!("a second key") };
    assert_eq!(present.kid, kid("a"));
    let other = unless_of("https://sync.example:8443/.well-known/jwks.json");
    assert_eq!(add(store, "b", other).await, AddedKey::Inserted { is_primary: true });
    store.deactivate_key(&kid("b"), true).await.unwrap();
    assert_eq!(add(store, "c", unless_of(URL)).await, AddedKey::Inserted { is_primary: true });
    assert_eq!(listed(store).await, ["a", "b-", "c*"]);
    fixture.end().await;
}

/// Promotion moves the role, revives inactive keys and waits for the minimum age; an unknown id changes nothing (federation
/// KY-9).
pub async fn promotion_waits_for_the_minimum_age<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    let store = &*fixture.store;
    let hours = |hours| Duration::from_hours(hours);
    add(store, "a", KeyPlacement::Primary).await;
    add(store, "b", KeyPlacement::Staged).await;
    assert_eq!(
        rejection(store.promote_key(&kid("x"), Duration::ZERO).await),
        FederationKeyRejection::NotFound
    );
    assert_eq!(rejection(store.promote_key(&kid("b"), hours(2)).await), FederationKeyRejection::TooYoung);
    store.promote_key(&kid("a"), hours(2)).await.unwrap();
    assert_eq!(listed(store).await, ["a*", "b"]);
    fixture.backend.let_time_pass(hours(2)).await;
    store.promote_key(&kid("b"), hours(2)).await.unwrap();
    store.deactivate_key(&kid("a"), false).await.unwrap();
    assert_eq!(listed(store).await, ["a-", "b*"]);
    store.promote_key(&kid("a"), hours(2)).await.unwrap();
    assert_eq!(listed(store).await, ["a*", "b"]);
    fixture.end().await;
}

/// The primary is deactivated by force only; a repeat keeps the time of the first deactivation.
pub async fn primary_is_deactivated_by_force_only<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    let store = &*fixture.store;
    add(store, "a", KeyPlacement::Primary).await;
    assert_eq!(rejection(store.deactivate_key(&kid("x"), true).await), FederationKeyRejection::NotFound);
    assert_eq!(rejection(store.deactivate_key(&kid("a"), false).await), FederationKeyRejection::IsPrimary);
    store.deactivate_key(&kid("a"), true).await.unwrap();
    let deactivated = store.federation_keys().await.unwrap()[0].deactivated_at;
    store.deactivate_key(&kid("a"), false).await.unwrap();
    assert_eq!(store.federation_keys().await.unwrap()[0].deactivated_at, deactivated);
    assert_eq!(listed(store).await, ["a-"]);
    fixture.end().await;
}

/// Old inactive keys are deleted, others stay.
pub async fn inactive_keys_are_deleted_after_their_age<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    let store = &*fixture.store;
    for fragment in ["a", "b", "c"] {
        add(store, fragment, KeyPlacement::Primary).await;
    }
    store.deactivate_key(&kid("a"), false).await.unwrap();
    let days = Duration::from_hours(24 * 30);
    assert_eq!(store.delete_inactive_keys(days).await.unwrap(), 0);
    fixture.backend.let_time_pass(days).await;
    store.deactivate_key(&kid("b"), false).await.unwrap();
    assert_eq!(store.delete_inactive_keys(days).await.unwrap(), 1);
    assert_eq!(listed(store).await, ["b-", "c*"]);
    fixture.end().await;
}

/// Of concurrent first keys exactly one signs, and concurrent promotions leave exactly one primary.
pub async fn one_key_is_primary_whatever_runs_at_once<T: Backend>() {
    let fixture = Fixture::<T>::new().await;
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&fixture.store);
        tasks.spawn(async move {
            let placement = KeyPlacement::PrimaryUnlessOf(URL.to_owned());
            matches!(
                store.add_key(&key(&number.to_string(), 1), &placement).await.unwrap(),
                AddedKey::Inserted { .. }
            )
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|inserted| *inserted).count(), 1);
    let fragments = ["m", "n", "o"];
    for fragment in fragments {
        add(&*fixture.store, fragment, KeyPlacement::Staged).await;
    }
    for _ in 0..12 {
        let mut tasks = JoinSet::new();
        for fragment in fragments {
            let store = Arc::clone(&fixture.store);
            tasks.spawn(async move { store.promote_key(&kid(fragment), Duration::ZERO).await.unwrap() });
        }
        tasks.join_all().await;
        let primaries = listed(&*fixture.store).await.into_iter().filter(|key| key.ends_with('*')).count();
        assert_eq!(primaries, 1);
    }
    fixture.end().await;
}
