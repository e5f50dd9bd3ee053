//! Revocations.

use less_sync_core::Cid;

use crate::fixture::{Fixture, space};
use crate::grants::cid;
use crate::{Backend, PageLimits};
use less_sync_storage::{Revocations as _, StorageError};

/// "revoke, isolation, repeat". Moves no cursor, and lasts. P16.
pub async fn revocation_is_permanent_and_per_space<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let (one, two) = (fixture.shared(1).await, fixture.shared(2).await);
    let before = fixture.space(one).await;
    let cid = cid(1);
    assert!(!fixture.store.is_revoked(one, cid).await.unwrap());
    for _ in 0..3 {
        fixture.store.revoke(&fixture.grant(one), cid).await.unwrap();
        assert!(fixture.store.is_revoked(one, cid).await.unwrap());
        assert!(!fixture.store.is_revoked(two, cid).await.unwrap());
        fixture.reopen(PageLimits::default()).await;
    }
    assert_eq!(fixture.space(one).await, before);
    fixture.end().await;
}

/// S27: there is nothing to revoke in a space that does not exist, and nothing is revoked there.
pub async fn unknown_space_has_no_revocations<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let nowhere = space(1);
    let rejected = fixture.store.revoke(&fixture.grant(nowhere), cid(1)).await;
    assert!(matches!(rejected, Err(StorageError::SpaceNotFound)), "{rejected:?}");
    assert!(!fixture.store.is_revoked(nowhere, cid(1)).await.unwrap());
    assert!(!fixture.store.any_revoked(nowhere, &[cid(1)]).await.unwrap());
    fixture.end().await;
}

/// A single query covers a whole chain, wherever in it the revoked token is.
pub async fn any_revoked_finds_one_of_sixteen<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (space, other) = (fixture.shared(1).await, fixture.shared(2).await);
    let chain: Vec<Cid> = (0..16).map(cid).collect();
    assert!(!fixture.store.any_revoked(space, &chain).await.unwrap());
    assert!(!fixture.store.any_revoked(space, &[]).await.unwrap());
    for number in 0..16 {
        fixture.store.revoke(&fixture.grant(space), cid(number + 100)).await.unwrap();
        let mut chain = chain.clone();
        assert!(!fixture.store.any_revoked(space, &chain).await.unwrap());
        chain[usize::from(number)] = cid(number + 100);
        assert!(fixture.store.any_revoked(space, &chain).await.unwrap(), "{number}");
        assert!(!fixture.store.any_revoked(other, &chain).await.unwrap());
    }
    fixture.end().await;
}

/// A single query covers the chains of all live subscriptions. Revocations of the same token elsewhere do not count.
pub async fn revoked_tokens_are_found_among_those_of_many_spaces<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let spaces = [fixture.shared(1).await, fixture.shared(2).await, space(3)];
    assert!(fixture.store.revoked_among(&[]).await.unwrap().is_empty());
    let tokens: Vec<_> = spaces.into_iter().flat_map(|space| (0..16).map(move |n| (space, cid(n)))).collect();
    assert!(fixture.store.revoked_among(&tokens).await.unwrap().is_empty());
    let revoked = [(spaces[0], cid(3)), (spaces[0], cid(15)), (spaces[1], cid(3))];
    for (space, cid) in revoked {
        fixture.store.revoke(&fixture.grant(space), cid).await.unwrap();
    }
    fixture.store.revoke(&fixture.grant(spaces[1]), cid(99)).await.unwrap();
    let mut found = fixture.store.revoked_among(&tokens).await.unwrap();
    found.sort_unstable();
    assert_eq!(found, revoked);
    fixture.end().await;
}
