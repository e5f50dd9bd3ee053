//! Shares of the keys of epochs.

use bytes::Bytes;
use less_sync_core::SpaceId;

use crate::fixture::Fixture;
use crate::{Backend, PageLimits};
use less_sync_storage::{EpochKeyError, EpochKeyRejection, EpochKeys as _, KeyShares, StorageError};

fn shares(members: &[(&str, &[u8])]) -> KeyShares {
    let owned = members.iter().map(|(member, key)| ((*member).to_owned(), Bytes::copy_from_slice(key)));
    KeyShares::new(owned.collect()).unwrap()
}

async fn put<B: Backend>(
    fixture: &Fixture<B>,
    space: SpaceId,
    epoch: i32,
    members: &[(&str, &[u8])],
) -> Result<(), EpochKeyError> {
    fixture.store.put_epoch_keys(&fixture.grant(space), epoch.into(), shares(members)).await
}

async fn get<B: Backend>(fixture: &Fixture<B>, space: SpaceId, epoch: i32, member: &str) -> Option<Bytes> {
    fixture.store.epoch_key(&fixture.grant(space), epoch.into(), &member.try_into().unwrap()).await.unwrap()
}

/// G-05: a share is for one member, one epoch and one space. A member without one gets `None`, not an error.
pub async fn share_is_for_one_member_epoch_and_space<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let (space, other) = (fixture.shared(1).await, fixture.shared(2).await);
    let before = fixture.space(space).await;
    put(&fixture, space, 2, &[("did:key:alice", b"for alice"), ("did:key:bob", b"for bob")]).await.unwrap();
    assert_eq!(fixture.space(space).await, before);
    fixture.reopen(PageLimits::default()).await;
    assert_eq!(get(&fixture, space, 2, "did:key:alice").await.unwrap(), b"for alice"[..]);
    assert_eq!(get(&fixture, space, 2, "did:key:bob").await.unwrap(), b"for bob"[..]);
    for (space, epoch, member) in [
        (space, 2, "did:key:carol"),
        (space, 2, "did:key:Alice"),
        (space, 1, "did:key:alice"),
        (space, 0, "did:key:alice"),
        (space, i32::MIN, "did:key:alice"),
        (other, 2, "did:key:alice"),
    ] {
        assert_eq!(get(&fixture, space, epoch, member).await, None, "{epoch} {member}");
    }
    fixture.end().await;
}

/// A put replaces all shares of its epoch, and those of no other. A repeat changes nothing.
pub async fn put_replaces_the_shares_of_an_epoch<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    put(&fixture, space, 1, &[("alice", b"one")]).await.unwrap();
    put(&fixture, space, 2, &[("alice", b"two"), ("bob", b"two")]).await.unwrap();
    for _ in 0..2 {
        put(&fixture, space, 2, &[("alice", b"new"), ("carol", b"lost"), ("carol", b"kept")]).await.unwrap();
        assert_eq!(get(&fixture, space, 2, "alice").await.unwrap(), b"new"[..]);
        assert_eq!(get(&fixture, space, 2, "bob").await, None);
        assert_eq!(get(&fixture, space, 2, "carol").await.unwrap(), b"kept"[..]);
        assert_eq!(get(&fixture, space, 1, "alice").await.unwrap(), b"one"[..]);
    }
    fixture.end().await;
}

/// Shares are for epochs up to the next one; a rejected put leaves what there is (newer-clients §4.1).
pub async fn shares_are_for_epochs_up_to_the_next<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.advance(space, 2).await;
    for epoch in [1, 2, 3] {
        put(&fixture, space, epoch, &[("alice", b"key")]).await.unwrap();
    }
    for epoch in [4, 0, -1, i32::MIN, i32::MAX] {
        let rejected = put(&fixture, space, epoch, &[("alice", b"other")]).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(EpochKeyRejection::InvalidEpoch))),
            "{epoch}: {rejected:?}"
        );
        assert_eq!(get(&fixture, space, epoch, "alice").await, None);
    }
    fixture.end().await;
}

/// G-08, P23: a thousand shares of the largest size, every byte of them.
pub async fn shares_are_stored_unchanged<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let did = |number: usize| format!("{number:0>255}");
    let key = |number: usize| Bytes::from([number.to_le_bytes(), [0xff; 8]].concat().repeat(128));
    let all = KeyShares::new((0..1000).map(|n| (did(n), key(n))).collect()).unwrap();
    fixture.store.put_epoch_keys(&fixture.grant(space), 2.into(), all).await.unwrap();
    for number in [0, 1, 500, 999] {
        assert_eq!(get(&fixture, space, 2, &did(number)).await, Some(key(number)));
    }
    let odd =
        [("é".repeat(127), Bytes::from_static(&[0])), ("'; --".to_owned(), Bytes::from_static(b"\xff"))];
    let shares = KeyShares::new(odd.to_vec()).unwrap();
    fixture.store.put_epoch_keys(&fixture.grant(space), 2.into(), shares).await.unwrap();
    for (member, key) in odd {
        assert_eq!(get(&fixture, space, 2, &member).await, Some(key));
    }
    fixture.end().await;
}
