//! Adoption and rejection of existing databases by the migrator (storage §2.3, row by row).

use less_sync_storage_postgres::migrate::{MigrateError, State, Up, latest_version};

use crate::fixture::Fixture;

fn all() -> Vec<i64> {
    (1..=latest_version()).collect()
}

#[tokio::test]
async fn empty_database_gets_everything() {
    let fixture = Fixture::empty().await;
    assert_eq!(fixture.up(&Up::default()).await.unwrap(), all());
    assert!(fixture.migrator().status().await.unwrap().is_current());
}

#[tokio::test]
async fn up_to_date_database_is_left_alone() {
    let mut fixture = Fixture::at(latest_version()).await;
    let before = fixture.everything().await;
    assert_eq!(fixture.up(&Up::default()).await.unwrap(), [0; 0]);
    assert_eq!(fixture.everything().await, before);
}

#[tokio::test]
async fn database_of_the_original_goes_on_where_it_stands() {
    let fixture = Fixture::original().await;
    assert_eq!(fixture.up(&Up::default()).await.unwrap(), all()[12..]);
    let status = fixture.migrator().status().await.unwrap();
    assert!(status.is_current(), "{status:?}");
}

#[tokio::test]
async fn checksums_of_the_original_are_left_as_they_are() {
    let mut fixture = Fixture::original().await;
    let checksums = "SELECT encode(checksum, 'hex') FROM _sqlx_migrations WHERE version <= 12 ORDER BY 1";
    let before = fixture.texts(checksums).await;
    fixture.up_to_date().await;
    assert_eq!(fixture.texts(checksums).await, before);
}

#[tokio::test]
async fn partially_applied_migration_stops() {
    let mut fixture = Fixture::at(12).await;
    fixture.execute("UPDATE _sqlx_migrations SET success = false WHERE version = 12").await;
    assert_eq!(fixture.rejection().await, "migration 12 is partially applied");
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.version, status.entries[11].state), (11, State::Partial));
}

#[tokio::test]
async fn unknown_checksum_stops() {
    let mut fixture = Fixture::at(13).await;
    fixture.execute("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 3").await;
    assert_eq!(fixture.rejection().await, "migration 3 was applied in a different form");
    assert_eq!(fixture.migrator().status().await.unwrap().entries[2].state, State::Modified);
}

/// The original's checksums stand for its own twelve, each for one.
#[tokio::test]
async fn checksum_of_another_migration_stops() {
    let mut fixture = Fixture::original().await;
    fixture
        .execute(
            "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 2)
             WHERE version = 1",
        )
        .await;
    assert_eq!(fixture.rejection().await, "migration 1 was applied in a different form");
}

#[tokio::test]
async fn version_of_a_later_build_stops() {
    let mut fixture = Fixture::at(latest_version()).await;
    fixture
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999, 'of a later build', true, '\\x00', 1)",
        )
        .await;
    assert_eq!(fixture.rejection().await, "database is newer than this build (version 999)");
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!(status.entries.last().unwrap().state, State::Foreign);
    assert_eq!(fixture.migrator().version().await.unwrap(), 999);
}

#[tokio::test]
async fn gap_in_the_history_stops() {
    let mut fixture = Fixture::at(12).await;
    fixture.execute("DELETE FROM _sqlx_migrations WHERE version = 5").await;
    assert_eq!(fixture.rejection().await, "migration 5 is missing in the history of the database");
}

#[tokio::test]
async fn first_generation_database_is_taken_over_when_asked() {
    let mut fixture = Fixture::goose().await;
    fixture.execute(include_str!("data/goose_rows.sql")).await;
    assert_eq!(
        fixture.rejection().await,
        "database was migrated by the first-generation server (goose version 11)"
    );
    let adopt = Up { adopt_goose: true, ..Up::default() };
    assert_eq!(fixture.up(&adopt).await.unwrap(), all()[11..]);
    assert!(fixture.migrator().status().await.unwrap().is_current());
    assert_eq!(fixture.texts("SELECT client_id FROM spaces").await, ["first generation"]);
}

#[tokio::test]
async fn adopting_alone_writes_eleven_rows_and_migrates_nothing() {
    let mut fixture = Fixture::goose().await;
    assert_eq!(fixture.migrator().adopt().await.unwrap(), 11);
    assert_eq!(fixture.migrator().version().await.unwrap(), 11);
    assert_eq!(fixture.text("SELECT count(*)::text FROM _sqlx_migrations WHERE success").await, "11");
    let again = fixture.migrator().adopt().await.unwrap_err();
    assert!(matches!(again, MigrateError::NothingToAdopt), "{again:?}");
}

#[tokio::test]
async fn first_generation_database_of_another_version_is_rejected() {
    let mut fixture = Fixture::goose().await;
    fixture.execute("DELETE FROM goose_db_version WHERE version_id = 11").await;
    let error = fixture.up(&Up { adopt_goose: true, ..Up::default() }).await.unwrap_err();
    assert!(matches!(error, MigrateError::GooseVersion { found: 10, needed: 11 }), "{error:?}");
}

#[tokio::test]
async fn first_generation_database_with_another_schema_is_rejected_untouched() {
    let mut fixture = Fixture::goose().await;
    fixture.execute("ALTER TABLE members ADD COLUMN nickname TEXT").await;
    let before = fixture.everything().await;
    let error = fixture.up(&Up { adopt_goose: true, ..Up::default() }).await.unwrap_err();
    assert_eq!(error.to_string(), "schema drift: unexpected column members.nickname text");
    assert_eq!(fixture.everything().await, before);
}

#[tokio::test]
async fn tables_without_a_history_are_never_guessed_at() {
    let mut fixture = Fixture::at(12).await;
    fixture.execute("DROP TABLE _sqlx_migrations").await;
    let before = fixture.everything().await;
    assert_eq!(fixture.rejection().await, "database has tables of less-sync but no migration history");
    assert_eq!(fixture.everything().await, before);
}

#[tokio::test]
async fn tables_of_others_are_no_obstacle() {
    let mut fixture = Fixture::empty().await;
    fixture.execute("CREATE TABLE monitoring (id int PRIMARY KEY)").await;
    assert_eq!(fixture.up(&Up::default()).await.unwrap(), all());
}

/// newer-clients §8, G-16: by its thirteenth migration.
#[tokio::test]
async fn newer_original_is_rejected_untouched() {
    let mut fixture = Fixture::original().await;
    fixture
        .execute(
            "CREATE TABLE epoch_keys (space_id uuid, epoch int);
             INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (13, 'epoch keys', true, '\\x13', 1), (14, 'pending file deletions', true, '\\x14', 1)",
        )
        .await;
    reject_newer_original(&mut fixture).await;
    let status = fixture.migrator().status().await.unwrap();
    assert_eq!((status.entries[12].state, status.entries[13].state), (State::Foreign, State::Foreign));
}

/// newer-clients §8, G-16: by the names of its columns, whatever its history says.
#[tokio::test]
async fn newer_original_is_known_by_its_columns() {
    let mut fixture = Fixture::original().await;
    fixture.execute("ALTER TABLE spaces RENAME COLUMN key_generation TO epoch").await;
    reject_newer_original(&mut fixture).await;
    fixture.execute("DROP TABLE _sqlx_migrations").await;
    reject_newer_original(&mut fixture).await;
}

async fn reject_newer_original(fixture: &mut Fixture) {
    let before = fixture.everything().await;
    let rejection = "database was written by a newer original server; conversion is not supported yet";
    assert_eq!(fixture.rejection().await, rejection);
    let lax = Up { allow_drift: true, adopt_goose: true, ..Up::default() };
    assert_eq!(fixture.up(&lax).await.unwrap_err().to_string(), rejection);
    assert_eq!(fixture.down_to(0, true).await.unwrap_err().to_string(), rejection);
    assert_eq!(fixture.migrator().adopt().await.unwrap_err().to_string(), rejection);
    let obstacle = fixture.migrator().status().await.unwrap().obstacle;
    assert_eq!(obstacle.unwrap().to_string(), rejection);
    assert_eq!(fixture.everything().await, before);
}
