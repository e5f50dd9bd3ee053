//! The schema of every version, object for object (storage §1.2, §2.5).

use std::fs;
use std::path::Path;

use less_sync_storage_postgres::migrate::{Up, latest_version};

use crate::fixture::Fixture;

/// On a changed schema the failure names the file with the catalog of the new version, to look through and check
/// in.
#[tokio::test]
async fn every_version_has_the_schema_of_its_catalog() {
    let fixture = Fixture::empty().await;
    for version in 1..=latest_version() {
        let up = Up { to: Some(version), allow_drift: true, ..Up::default() };
        fixture.up(&up).await.unwrap();
        let drift = fixture.migrator().status().await.unwrap().drift;
        if let Some(drift) = drift {
            let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{version:03}.txt"));
            let catalog = fixture.migrator().catalog().await.unwrap();
            fs::write(&found, catalog.join("\n") + "\n").unwrap();
            panic!("version {version}: {drift}; found {}", found.display());
        }
    }
}

/// Storage §1.2: the state of a database of the original, and what less-sync has made of it. A change of either is a
/// change for every database there is.
#[tokio::test]
async fn fingerprints_are_the_published_ones() {
    let fixture = Fixture::at(12).await;
    let fingerprint = fixture.migrator().status().await.unwrap().fingerprint.unwrap();
    assert_eq!(fingerprint.to_string(), "ca9051e286269549484307f7f1e7eee4c4aafc294a3d940680a616030a21e2f1");
    fixture.up_to_date().await;
    let fingerprint = fixture.migrator().status().await.unwrap().fingerprint.unwrap();
    assert_eq!(fingerprint.to_string(), "e08eca93959af2147531201348e07827aa6ce4c98e632bba88ffc8a693d3d5bf");
}

#[tokio::test]
async fn every_table_has_its_catalog_lines() {
    let mut fixture = Fixture::at(latest_version()).await;
    let tables = fixture
        .texts("SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
        .await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres/catalog");
    let mut catalogs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    catalogs.sort();
    let latest = fs::read_to_string(catalogs.last().unwrap()).unwrap();
    for table in tables.iter().filter(|table| *table != "_sqlx_migrations") {
        assert!(latest.contains(&format!("column {table}.")), "{table} is not in the catalog");
    }
}

#[tokio::test]
async fn spaces_have_the_trigger_of_the_original() {
    let mut fixture = Fixture::at(12).await;
    let trigger = fixture.texts("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal").await;
    let expected = "CREATE TRIGGER spaces_updated_at BEFORE UPDATE ON public.spaces \
                    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()";
    assert_eq!(trigger, [expected]);
}

/// Storage §1.2: statements must name columns; `SELECT *` of the original's order is none of ours.
#[tokio::test]
async fn columns_of_spaces_lie_in_the_order_of_a_migrated_database() {
    let mut fixture = Fixture::at(12).await;
    let columns = fixture
        .texts(
            "SELECT attname::text FROM pg_attribute
             WHERE attrelid = 'spaces'::regclass AND attnum > 0 ORDER BY attnum",
        )
        .await;
    assert_eq!(columns[6..], ["cursor", "created_at", "updated_at", "rewrap_epoch", "home_server"]);
}

/// Storage §1.3: storage parameters, which the catalog does not contain.
#[tokio::test]
async fn ciphertext_is_stored_as_it_is_and_pages_keep_room() {
    let mut fixture = Fixture::at(latest_version()).await;
    let external = fixture
        .texts(
            "SELECT concat(attrelid::regclass, '.', attname) FROM pg_attribute
             WHERE attstorage = 'e' AND attrelid IN (
                 SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')
             ORDER BY 1",
        )
        .await;
    assert_eq!(external, ["invitations.payload", "members.payload", "records.blob"]);
    let options = fixture
        .texts(
            "SELECT concat(relname, ' ', array_to_string(reloptions, ' ')) FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL ORDER BY 1",
        )
        .await;
    assert_eq!(options, ["records fillfactor=85", "spaces fillfactor=50"]);
}
