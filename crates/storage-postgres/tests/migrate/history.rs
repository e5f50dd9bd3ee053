//! Data of old versions on its way through the history (storage §2.1, §15 M2).

use less_sync_storage_postgres::migrate::{MigrateError, Up};

use crate::fixture::Fixture;

const ROWS: &str = include_str!("data/version_4.sql");

async fn version_4() -> Fixture {
    let mut fixture = Fixture::at(4).await;
    fixture.execute(ROWS).await;
    fixture
}

#[tokio::test]
async fn version_4_data_comes_through() {
    let mut fixture = version_4().await;
    fixture.up_to(12).await;
    let records = fixture
        .texts("SELECT concat_ws(' ', blob, cursor, wrapped_dek, deleted) FROM records ORDER BY id")
        .await;
    assert_eq!(records, ["\\xb1 1 \\xd1 f", "3 \\xd2 t"]);
    assert_eq!(fixture.texts("SELECT concat_ws(' ', cursor, metadata_version) FROM spaces").await, ["3 2"]);
    assert_eq!(fixture.texts("SELECT ucan_cid FROM revocations").await, ["cid"]);
    assert_eq!(fixture.text("SELECT count(*)::text FROM invitations").await, "0", "version 7 drops them");
}

/// M2, S28: hidden by version 10, found again by version 19.
#[tokio::test]
async fn members_of_version_4_are_hidden_until_they_are_mended() {
    let mut fixture = version_4().await;
    let members = "SELECT concat_ws(' ', chain_seq, cursor, payload) FROM members ORDER BY chain_seq";
    fixture.up_to(18).await;
    assert_eq!(fixture.texts(members).await, ["1 0 \\xa1a1", "2 0 \\xa2"]);
    fixture.up_to_date().await;
    assert_eq!(fixture.texts(members).await, ["1 4 \\xa1a1", "2 5 \\xa2"]);
    assert_eq!(fixture.texts("SELECT concat(cursor, ' ', members_bytes) FROM spaces").await, ["5 259"]);
}

/// M2, S28: the records of the files are unknown.
#[tokio::test]
async fn files_of_version_4_stop_the_way_and_stay_as_they_are() {
    let mut fixture = version_4().await;
    fixture
        .execute(
            "INSERT INTO files (space_id, id, size, wrapped_dek)
             SELECT id, gen_random_uuid(), 1, decode(repeat('00', 44), 'hex') FROM spaces",
        )
        .await;
    let error = fixture.up(&Up::default()).await.unwrap_err();
    assert!(matches!(error, MigrateError::Failed { version: 5, .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("files exist that belong to no record"), "{cause}");
    assert!(error.hint().unwrap().starts_with("remove the rows of table files"));
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.version, status.drift), (4, None));
    fixture.execute("DELETE FROM files").await;
    fixture.up_to_date().await;
}

/// Version 12: the oldest key signs.
#[tokio::test]
async fn oldest_key_becomes_primary() {
    let mut fixture = Fixture::at(11).await;
    fixture
        .execute(
            "INSERT INTO federation_signing_keys (kid, private_key, public_key, created_at) VALUES
             ('b', '\\x01', '\\x01', '2020-01-02'), ('a', '\\x02', '\\x02', '2020-01-03'),
             ('c', '\\x03', '\\x03', '2020-01-01')",
        )
        .await;
    fixture.up_to(12).await;
    let keys = fixture.texts("SELECT kid FROM federation_signing_keys WHERE is_primary AND is_active").await;
    assert_eq!(keys, ["c"]);
}
