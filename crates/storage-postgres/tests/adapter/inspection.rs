//! Inspection of a database for diagnostics (operations §10.3).

use less_sync_storage::UnusedIndex;
use less_sync_storage_postgres::{Writes, inspect, unused_indexes};
use less_sync_test_support::postgres::TestDatabase;

use crate::harness::{Harness, execute, options};

#[tokio::test]
async fn missing_index_is_found_by_the_statement_that_needs_it() {
    let harness = Harness::new(|options| options).await;
    let options = options(&harness.database);
    assert_eq!(unused_indexes(&options).await.unwrap(), []);
    execute(&mut harness.connect().await, "DROP INDEX idx_files_sync").await;
    let missing = UnusedIndex { statement: "pull of files", index: "idx_files_sync" };
    assert_eq!(unused_indexes(&options).await.unwrap(), [missing]);
    harness.end().await;
}

#[tokio::test]
async fn settings_are_those_of_the_session() {
    let database = TestDatabase::empty().await;
    let options = options(&database);
    let inspection = inspect(&options).await.unwrap();
    assert!(inspection.version.starts_with(|first: char| first.is_ascii_digit()), "{inspection:?}");
    assert!(inspection.writes == Writes::Accepted && inspection.sessions > 10, "{inspection:?}");
    // Without tables there are no plans.
    assert!(unused_indexes(&options).await.is_err());
}
