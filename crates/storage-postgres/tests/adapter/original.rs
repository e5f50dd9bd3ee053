//! Rows that the original server wrote and ours would reject.

use less_sync_core::Cursor;
use less_sync_storage::{
    CursorAhead, PullRequest, Push, ReadGrant, RecordState, Records as _, Row, Spaces as _, WriteGrant,
};

use crate::harness::{Harness, LIMITS, execute, is_committed, live, space};

/// S19: the original took wrapped keys of any length. One of another length opens nothing; its record comes without it,
/// and the records after it come as well.
#[tokio::test]
async fn key_of_another_length_does_not_stop_a_pull() {
    let harness = Harness::new(|options| options).await;
    let id = harness.storage.personal_space(space(1), &"client".parse().unwrap(), None).await.unwrap().id;
    let changes = [1, 2, 3].map(|record| live(record, Cursor::ZERO, 7)).to_vec();
    let push = Push::new(changes.clone(), None, LIMITS).unwrap();
    assert!(is_committed(&harness.storage.push(&WriteGrant::issue(id), push).await));
    sqlx::query("UPDATE records SET wrapped_dek = '\\x010203' WHERE space_id = $1 AND id = $2")
        .bind(id.as_uuid())
        .bind(changes[1].id.as_uuid())
        .execute(&mut harness.connect().await)
        .await
        .unwrap();
    let grant = ReadGrant::issue(id);
    let request = PullRequest { since: Cursor::ZERO, ahead: CursorAhead::Error };
    let (_, page) = harness.storage.begin_pull(&grant, request).await.unwrap();
    let states: Vec<RecordState> = page
        .rows
        .into_iter()
        .map(|row| match row {
            Row::Record(record) => record.state,
            Row::Member(_) | Row::File(_) => panic!("there are records only"),
        })
        .collect();
    let mut expected: Vec<RecordState> = changes.into_iter().map(|change| change.state).collect();
    let RecordState::Live { dek, .. } = &mut expected[1] else { panic!("a live record was pushed") };
    *dek = None;
    assert_eq!(states, expected);
}

/// The original took no such key for a file: the constraint was there from its first version on, and still is. So a file with
/// one cannot come from anywhere, and whoever meets one has found a broken database.
#[tokio::test]
async fn key_of_another_length_cannot_belong_to_a_file() {
    let harness = Harness::new(|options| options).await;
    let owner = live(1, Cursor::ZERO, 7);
    let push = Push::new([owner.clone()], None, LIMITS).unwrap();
    assert!(is_committed(&harness.storage.push(&WriteGrant::issue(space(1)), push).await));
    for length in [0, 3, 43, 44, 45] {
        let inserted = sqlx::query(
            "INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor)
             VALUES ($1, gen_random_uuid(), 1, $2, $3, 1)",
        )
        .bind(space(1).as_uuid())
        .bind(vec![7_u8; length])
        .bind(owner.id.as_uuid())
        .execute(&mut harness.connect().await)
        .await;
        let rejected = inserted.err().map(|error| error.into_database_error().unwrap());
        let constraint = rejected.as_ref().and_then(|error| error.constraint());
        assert_eq!(constraint, (length != 44).then_some("files_not_deleted_check"), "{length}");
    }
    // The file came past the adapter, which counts what it writes.
    execute(&mut harness.connect().await, "SELECT less_sync_recount_1(id) FROM spaces").await;
    harness.end().await;
}
