//! Schemas that are not what their version should be (storage §2.5).

use less_sync_storage_postgres::migrate::{Up, latest_version};

use crate::fixture::Fixture;

#[tokio::test]
async fn first_differing_object_is_named_and_stops_the_run() {
    let cases = [
        (
            "ALTER TABLE files DROP CONSTRAINT files_not_deleted_check",
            "schema drift: missing constraint files.files_not_deleted_check CHECK",
        ),
        (
            "ALTER TABLE spaces ALTER COLUMN client_id DROP NOT NULL",
            "schema drift: unexpected column spaces.client_id text",
        ),
        ("DROP INDEX idx_records_sync", "schema drift: missing index records.idx_records_sync CREATE INDEX"),
        (
            "ALTER TABLE spaces ALTER COLUMN cursor SET DEFAULT 7",
            "schema drift: missing column spaces.cursor bigint not null default 0",
        ),
        ("DROP TABLE revocations", "schema drift: missing column revocations.space_id uuid not null"),
    ];
    for (change, expected) in cases {
        let mut fixture = Fixture::at(12).await;
        fixture.execute(change).await;
        let rejection = fixture.rejection().await;
        assert!(rejection.starts_with(expected), "{change}: {rejection}");
        let status = fixture.migrator().status().await.unwrap();
        assert!(!status.is_current());
        assert_eq!(format!("schema drift: {}", status.drift.unwrap()), rejection);
    }
}

#[tokio::test]
async fn drift_can_be_allowed() {
    let mut fixture = Fixture::at(20).await;
    fixture.execute("ALTER TABLE spaces ADD COLUMN colour TEXT").await;
    let lax = Up { allow_drift: true, ..Up::default() };
    assert_eq!(fixture.up(&lax).await.unwrap(), (21..=latest_version()).collect::<Vec<_>>());
}

/// The trigger is tolerated but not needed (storage §3.3 T6).
#[tokio::test]
async fn trigger_of_the_original_may_be_dropped() {
    let mut fixture = Fixture::at(latest_version()).await;
    fixture.execute("DROP TRIGGER spaces_updated_at ON spaces").await;
    assert!(fixture.migrator().status().await.unwrap().is_current());
}

/// Databases have the predicate in either form.
#[tokio::test]
async fn predicate_of_the_primary_key_index_may_be_spelt_out() {
    let mut fixture = Fixture::at(12).await;
    fixture
        .execute(
            "DROP INDEX federation_signing_keys_single_primary_idx;
             CREATE UNIQUE INDEX federation_signing_keys_single_primary_idx
             ON federation_signing_keys ((is_primary)) WHERE is_primary = TRUE",
        )
        .await;
    assert_eq!(fixture.migrator().status().await.unwrap().drift, None);
}

#[tokio::test]
async fn schema_of_another_name_has_the_same_fingerprint() {
    let mut fixture = Fixture::empty().await;
    let name = fixture.text("SELECT current_database()::text").await;
    fixture
        .execute(&format!("CREATE SCHEMA sync; ALTER DATABASE {name} SET search_path = sync, public"))
        .await;
    fixture.up_to_date().await;
    assert!(fixture.migrator().status().await.unwrap().is_current());
}
