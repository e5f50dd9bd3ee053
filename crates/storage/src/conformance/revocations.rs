//! Revocations.

use less_sync_core::Cid;

use super::grants::cid;
use super::scene::{Scene, space};
use super::{Backend, PageLimits};
use crate::{Revocations as _, RevokedCid, StorageError};

/// "revoke, isolation, repeat". Moves no cursor, and lasts. P16.
pub async fn revocation_is_for_good_and_for_one_space<B: Backend>() {
    let mut scene = Scene::<B>::new().await;
    let (one, two) = (scene.shared(1).await, scene.shared(2).await);
    let before = scene.space(one).await;
    let cid = RevokedCid::from(cid(1));
    assert!(!scene.store.is_revoked(one, &cid).await.unwrap());
    for _ in 0..3 {
        scene.store.revoke(&scene.grant(one), &cid).await.unwrap();
        assert!(scene.store.is_revoked(one, &cid).await.unwrap());
        assert!(!scene.store.is_revoked(two, &cid).await.unwrap());
        scene.reopen(PageLimits::default()).await;
    }
    assert_eq!(scene.space(one).await, before);
    scene.end().await;
}

/// S27: there is nothing to revoke in a space that does not exist, and nothing is revoked there.
pub async fn unknown_space_has_no_revocations<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let nowhere = space(1);
    let refused = scene.store.revoke(&scene.grant(nowhere), &cid(1).into()).await;
    assert!(matches!(refused, Err(StorageError::SpaceNotFound)), "{refused:?}");
    assert!(!scene.store.is_revoked(nowhere, &cid(1).into()).await.unwrap());
    assert!(!scene.store.any_revoked(nowhere, &[cid(1)]).await.unwrap());
    scene.end().await;
}

/// One question is enough for a whole chain, wherever in it the revoked token is.
pub async fn any_revoked_finds_one_of_sixteen<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let (space, other) = (scene.shared(1).await, scene.shared(2).await);
    let chain: Vec<Cid> = (0..16).map(cid).collect();
    assert!(!scene.store.any_revoked(space, &chain).await.unwrap());
    assert!(!scene.store.any_revoked(space, &[]).await.unwrap());
    for number in 0..16 {
        scene.store.revoke(&scene.grant(space), &cid(number + 100).into()).await.unwrap();
        let mut chain = chain.clone();
        assert!(!scene.store.any_revoked(space, &chain).await.unwrap());
        chain[usize::from(number)] = cid(number + 100);
        assert!(scene.store.any_revoked(space, &chain).await.unwrap(), "{number}");
        assert!(!scene.store.any_revoked(other, &chain).await.unwrap());
    }
    scene.end().await;
}

/// Nobody checks that a cid is the hash of a token; any text within its bounds is kept as it is. P23.
pub async fn any_text_can_be_revoked<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let space = scene.shared(1).await;
    let texts = ["a", "A", " a", "ä", "'; --", "%", &"x".repeat(128), &"é".repeat(64), &"AB".repeat(32)];
    for text in texts {
        let cid = RevokedCid::new(text).unwrap();
        assert!(!scene.store.is_revoked(space, &cid).await.unwrap(), "{text}");
        scene.store.revoke(&scene.grant(space), &cid).await.unwrap();
        assert!(scene.store.is_revoked(space, &cid).await.unwrap(), "{text}");
    }
    // The hash of a token is written in lowercase: the last of them was not one.
    assert!(!scene.store.any_revoked(space, &[Cid::from_bytes([0xab; 32])]).await.unwrap());
    scene.end().await;
}
