//! Files of records of other spaces, which versions up to 15 let in (storage §2.4, §13 S14).

use less_sync_storage_postgres::migrate::{Event, StrayFile, Up, latest_version};

use crate::fixture::Fixture;

const STRAY: &str = "
    INSERT INTO spaces (id, client_id) VALUES
        ('5a000000-0000-4000-8000-000000000001', 'client'), ('5a000000-0000-4000-8000-000000000002', 'client');
    INSERT INTO records (id, space_id, blob, cursor) VALUES
        ('4e000000-0000-4000-8000-000000000001', '5a000000-0000-4000-8000-000000000001', '\\x01', 1);
    INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor) VALUES
        ('5a000000-0000-4000-8000-000000000002', 'f1000000-0000-4000-8000-000000000001', 1,
         decode(repeat('00', 44), 'hex'), '4e000000-0000-4000-8000-000000000001', 0)";

async fn strays(fixture: &Fixture) -> Vec<StrayFile> {
    let mut found = Vec::new();
    let mut tell = |event| {
        if let Event::StrayFiles(files) = event {
            found = files;
        }
    };
    fixture.migrator().up(&Up::default(), &mut tell).await.unwrap();
    found
}

#[tokio::test]
async fn constraint_is_validated_when_all_is_in_order() {
    let fixture = Fixture::at(latest_version()).await;
    assert!(!fixture.migrator().status().await.unwrap().unvalidated);
}

#[tokio::test]
async fn stray_files_are_listed_and_nothing_else_is_held_up() {
    let mut fixture = Fixture::original().await;
    fixture.execute(STRAY).await;
    let expected = StrayFile {
        space_id: "5a000000-0000-4000-8000-000000000002".parse().unwrap(),
        file_id: "f1000000-0000-4000-8000-000000000001".parse().unwrap(),
        record_id: "4e000000-0000-4000-8000-000000000001".parse().unwrap(),
    };
    assert_eq!(strays(&fixture).await, [expected]);
    let status = fixture.migrator().status().await.unwrap();
    assert!(status.unvalidated && status.is_current(), "{status:?}");
}

#[tokio::test]
async fn next_run_validates_once_the_strays_are_gone() {
    let mut fixture = Fixture::original().await;
    fixture.execute(STRAY).await;
    assert_eq!(strays(&fixture).await.len(), 1);
    assert_eq!(strays(&fixture).await.len(), 1, "and says so every time");
    fixture.execute("DELETE FROM files").await;
    assert_eq!(strays(&fixture).await, []);
    assert!(!fixture.migrator().status().await.unwrap().unvalidated);
}

/// Interrupted between version 16 and the look at old rows.
#[tokio::test]
async fn validation_that_never_ran_is_made_up_for() {
    let mut fixture = Fixture::at(latest_version()).await;
    fixture
        .execute(
            "ALTER TABLE files DROP CONSTRAINT files_record_fk;
             ALTER TABLE files ADD CONSTRAINT files_record_fk
             FOREIGN KEY (space_id, record_id) REFERENCES records (space_id, id) NOT VALID",
        )
        .await;
    fixture.up_to_date().await;
    assert!(!fixture.migrator().status().await.unwrap().unvalidated);
}
