//! The way back (storage §2.4).

use less_sync_storage_postgres::migrate::{Down, Event, MigrateError, Target, latest_version};

use crate::fixture::Fixture;

#[tokio::test]
async fn every_version_goes_back_to_the_schema_of_the_one_before() {
    let fixture = Fixture::at(latest_version()).await;
    for version in (0..latest_version()).rev() {
        assert_eq!(fixture.down_to(version, true).await.unwrap(), version);
        let status = fixture.migrator().status().await.unwrap();
        assert_eq!((status.version, status.drift), (version, None));
        assert!(status.obstacle.is_none(), "{:?}", status.obstacle);
    }
}

#[tokio::test]
async fn full_reversal_leaves_an_empty_database() {
    let mut fixture = Fixture::at(latest_version()).await;
    fixture.down_to(0, true).await.unwrap();
    let left = fixture
        .texts(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
             UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        )
        .await;
    assert_eq!(left, ["_sqlx_migrations"]);
    fixture.up_to_date().await;
    assert!(fixture.migrator().status().await.unwrap().is_current());
}

#[tokio::test]
async fn down_reverts_one_step_by_default_and_more_on_request() {
    let fixture = Fixture::at(latest_version()).await;
    let mut reverted = Vec::new();
    let mut tell = |event| {
        if let Event::Reverted(step) = event {
            reverted.push(step.version);
        }
    };
    assert_eq!(fixture.migrator().down(&Down::default(), &mut tell).await.unwrap(), latest_version() - 1);
    let two = Down { target: Target::Steps(2), ..Down::default() };
    assert_eq!(fixture.migrator().down(&two, &mut tell).await.unwrap(), latest_version() - 3);
    assert_eq!(reverted, [latest_version(), latest_version() - 1, latest_version() - 2]);
}

#[tokio::test]
async fn steps_that_lose_data_need_to_be_allowed_before_the_first_is_taken() {
    let fixture = Fixture::at(latest_version()).await;
    for (to, loser) in [(9, 10), (6, 10), (0, 10)] {
        let error = fixture.down_to(to, false).await.unwrap_err();
        assert!(matches!(error, MigrateError::LosesData(version) if version == loser), "{error:?}");
        assert_eq!(fixture.migrator().version().await.unwrap(), latest_version());
    }
    fixture.down_to(10, false).await.unwrap();
    for loser in [10, 7, 6, 5, 4, 1] {
        fixture.down_to(loser, true).await.unwrap();
        let error = fixture.down_to(loser - 1, false).await.unwrap_err();
        assert!(matches!(error, MigrateError::LosesData(version) if version == loser), "{error:?}");
    }
}

/// Members who were given a key by its share have no other.
#[tokio::test]
async fn shares_of_keys_are_not_lost_by_accident() {
    let mut fixture = Fixture::at(latest_version()).await;
    fixture
        .execute(
            "INSERT INTO spaces (id, client_id) VALUES ('5a000000-0000-4000-8000-000000000001', 'client');
             INSERT INTO epoch_keys (space_id, epoch, member_did, wrapped_key)
             VALUES ('5a000000-0000-4000-8000-000000000001', 2, 'did:key:z', '\\x01')",
        )
        .await;
    let error = fixture.down_to(12, false).await.unwrap_err();
    assert!(matches!(error, MigrateError::LosesData(21)), "{error:?}");
    fixture.down_to(12, true).await.unwrap();
}

#[tokio::test]
async fn record_ids_that_two_spaces_share_keep_version_16() {
    let mut fixture = Fixture::at(latest_version()).await;
    fixture
        .execute(
            "INSERT INTO spaces (id, client_id) VALUES ('5a000000-0000-4000-8000-000000000001', 'client'),
                                                       ('5a000000-0000-4000-8000-000000000002', 'client');
             INSERT INTO records (id, space_id, cursor)
             SELECT '4e000000-0000-4000-8000-000000000001', id, 1 FROM spaces",
        )
        .await;
    let error = fixture.down_to(12, false).await.unwrap_err();
    assert!(matches!(error, MigrateError::Failed { version: 16, .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("two spaces share a record id"), "{cause}");
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.version, status.drift), (16, None));
    fixture.up_to_date().await;
}

#[tokio::test]
async fn objects_under_keys_of_their_own_keep_version_17() {
    let mut fixture = Fixture::at(latest_version()).await;
    fixture
        .execute(
            "INSERT INTO spaces (id, client_id) VALUES ('5a000000-0000-4000-8000-000000000001', 'client');
             INSERT INTO records (id, space_id, cursor) SELECT id, id, 1 FROM spaces;
             INSERT INTO files (space_id, id, size, wrapped_dek, record_id, object_key)
             SELECT id, id, 1, decode(repeat('00', 44), 'hex'), id, 'key' FROM spaces",
        )
        .await;
    let error = fixture.down_to(12, false).await.unwrap_err();
    assert!(matches!(error, MigrateError::Failed { version: 17, .. }), "{error:?}");
    assert_eq!(error.hint().unwrap(), "version 16 cannot address them");
    fixture.execute("UPDATE files SET object_key = NULL").await;
    assert_eq!(fixture.down_to(12, false).await.unwrap(), 12);
}

#[tokio::test]
async fn going_back_leads_only_back() {
    let fixture = Fixture::at(12).await;
    for to in [13, 999, -1] {
        let error = fixture.down_to(to, true).await.unwrap_err();
        assert!(matches!(error, MigrateError::Target { from: 12, .. }), "{error:?}");
    }
    assert_eq!(fixture.down_to(12, false).await.unwrap(), 12);
}
