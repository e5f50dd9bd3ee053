//! Creating and reading spaces.

use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::fixture::{CLIENT, Fixture, ROOT, client, cursor, epoch, live, record, space};
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{Space, SpaceKind, SpaceRejection, Spaces as _, Storage, StorageError};

const SHARED: SpaceKind = SpaceKind::Shared { root_public_key: ROOT };

fn fresh(id: SpaceId, kind: SpaceKind) -> Space {
    Space {
        id,
        client_id: CLIENT.as_str().to_owned(),
        kind,
        cursor: Cursor::ZERO,
        key_generation: Epoch::FIRST,
        min_key_generation: Epoch::FIRST,
        rewrap_epoch: None,
        home_server: None,
    }
}

/// Health check of the store.
pub async fn ping_succeeds<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.store.ping().await.unwrap();
    fixture.end().await;
}

/// "create then read a space: defaults"
pub async fn created_space_has_the_defaults<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let created = fixture.store.create_space(space(1), &CLIENT, SHARED, None).await.unwrap();
    assert_eq!(created, fresh(space(1), SHARED));
    assert_eq!(fixture.space(space(1)).await, created);
    fixture.end().await;
}

/// "unknown space"
pub async fn unknown_space_is_not_found<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    assert_eq!(fixture.store.spaces(&[space(1)]).await.unwrap(), vec![]);
    fixture.end().await;
}

/// "second create of an id": a repeat too, and whatever kind has the id. P19.
pub async fn second_create_of_an_id_is_rejected_and_changes_nothing<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.shared(1).await;
    fixture.personal(2).await;
    for (id, kept) in [(space(1), SHARED), (space(2), SpaceKind::Personal)] {
        for kind in [SpaceKind::Personal, SHARED, SpaceKind::Shared { root_public_key: [3; 33] }] {
            let again = fixture.store.create_space(id, &client("another"), kind, None).await;
            assert!(matches!(again, Err(StorageError::Rejected(SpaceRejection::Exists))), "{again:?}");
        }
        assert_eq!(fixture.space(id).await, fresh(id, kept));
    }
    fixture.end().await;
}

/// "personal get-or-create twice"
pub async fn personal_space_is_created_once<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let first = fixture.store.personal_space(space(1), &CLIENT, None).await.unwrap();
    assert_eq!(first, fresh(space(1), SpaceKind::Personal));
    fixture.commit(space(1), vec![live(record(1), Cursor::ZERO, b"a")]).await;
    let again = fixture.store.personal_space(space(1), &client("another client"), None).await.unwrap();
    assert_eq!(again, Space { cursor: cursor(1), ..first });
    fixture.end().await;
}

/// S15: personal access to a space with a root key is rejected.
pub async fn personal_access_to_a_rooted_space_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.shared(1).await;
    let personal = fixture.store.personal_space(space(1), &CLIENT, None).await;
    assert!(matches!(personal, Err(StorageError::SpaceKindMismatch)), "{personal:?}");
    assert_eq!(fixture.space(space(1)).await, fresh(space(1), SHARED));
    fixture.end().await;
}

/// "batch read skips unknown ids"
pub async fn batch_read_skips_unknown_ids_and_returns_repeated_ones_once<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    fixture.shared(1).await;
    fixture.personal(2).await;
    let mut found = fixture.store.spaces(&[space(2), space(9), space(1), space(2)]).await.unwrap();
    found.sort_by_key(|space| space.id);
    assert_eq!(found, vec![fresh(space(1), SHARED), fresh(space(2), SpaceKind::Personal)]);
    assert_eq!(fixture.store.spaces(&[]).await.unwrap(), vec![]);
    fixture.end().await;
}

/// As many ids as one call may ask for.
pub async fn batch_read_takes_a_thousand_ids<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let ids: Vec<SpaceId> = (0..1000_u128).map(|number| SpaceId::from_bytes(number.to_be_bytes())).collect();
    for id in ids.iter().step_by(100) {
        fixture.store.personal_space(*id, &CLIENT, None).await.unwrap();
    }
    assert_eq!(fixture.store.spaces(&ids).await.unwrap().len(), 10);
    fixture.end().await;
}

/// Ids are sixteen bytes and nothing else: the first and the last of them are ids as well.
pub async fn nil_and_max_are_ids_like_any_other<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for number in [0x00, 0xff] {
        let id = fixture.personal(number).await;
        fixture.commit(id, vec![live(record(0), Cursor::ZERO, b"x")]).await;
        assert_eq!(fixture.rows(id, Cursor::ZERO).await.len(), 1);
    }
    fixture.end().await;
}

/// Client ids and root keys come back byte by byte. P23.
pub async fn client_id_and_root_key_are_stored_unchanged<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let client = client(&"ü\u{1}'\"%_\\🦀".repeat(20));
    let mut root_public_key = [0_u8; 33];
    root_public_key.iter_mut().zip((0..=u8::MAX).rev().step_by(7)).for_each(|(byte, value)| *byte = value);
    let kind = SpaceKind::Shared { root_public_key };
    fixture.store.create_space(space(1), &client, kind.clone(), None).await.unwrap();
    assert_eq!(
        fixture.space(space(1)).await,
        Space { client_id: client.as_str().to_owned(), ..fresh(space(1), kind) }
    );
    fixture.end().await;
}

/// Epochs and the home server are reported as they stand, and survive a restart.
pub async fn state_of_a_space_is_reported_after_a_restart<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let id = fixture.shared(1).await;
    fixture
        .arrange(
            id,
            Arrangement::Epochs { key_generation: epoch(7), minimum: epoch(5), rewrap_pending: true },
        )
        .await;
    fixture.arrange(id, Arrangement::HomeServer("https://elsewhere.example".to_owned())).await;
    fixture.reopen(PageLimits::default()).await;
    let expected = Space {
        key_generation: epoch(7),
        min_key_generation: epoch(5),
        rewrap_epoch: Some(epoch(7)),
        home_server: Some("https://elsewhere.example".to_owned()),
        ..fresh(id, SHARED)
    };
    assert_eq!(fixture.space(id).await, expected);
    fixture.end().await;
}

/// "operations through the umbrella trait object"
pub async fn everything_works_through_the_trait_object<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let storage: &dyn Storage = &*fixture.store;
    storage.ping().await.unwrap();
    storage.personal_space(space(1), &CLIENT, None).await.unwrap();
    let change = live(record(1), Cursor::ZERO, b"a");
    let pushed = crate::fixture::push(storage, space(1), vec![change]).await;
    assert_eq!(crate::fixture::committed(pushed), cursor(1));
    let (state, rows) =
        crate::fixture::pull(storage, space(1), Cursor::ZERO, less_sync_storage::CursorAhead::Error)
            .await
            .unwrap();
    assert_eq!((state.cursor, rows.len()), (cursor(1), 1));
    fixture.end().await;
}
