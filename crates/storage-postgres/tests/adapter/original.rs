//! Rows that the original server wrote and ours would refuse.

use less_sync_core::Cursor;
use less_sync_storage::{
    CursorAhead, PullRequest, Push, ReadGrant, RecordState, Records as _, Row, Spaces as _, WriteGrant,
};

use crate::bed::{Bed, LIMITS, is_committed, live, space};

/// S19: the original took wrapped keys of any length. One of another length opens nothing; its record comes without it,
/// and the records after it come as well.
#[tokio::test]
async fn key_of_another_length_does_not_stop_a_pull() {
    let bed = Bed::new(|options| options).await;
    let id = bed.storage.personal_space(space(1), "client").await.unwrap().id;
    let changes = [1, 2, 3].map(|record| live(record, Cursor::ZERO, 7)).to_vec();
    let push = Push { changes: changes.clone().into(), epoch: None };
    assert!(is_committed(&bed.storage.push(&WriteGrant::vouch(id), push, LIMITS).await));
    sqlx::query("UPDATE records SET wrapped_dek = '\\x010203' WHERE space_id = $1 AND id = $2")
        .bind(id.as_uuid())
        .bind(changes[1].id.as_uuid())
        .execute(&mut bed.connect().await)
        .await
        .unwrap();
    let grant = ReadGrant::vouch(id);
    let request = PullRequest { since: Cursor::ZERO, ahead: CursorAhead::Error };
    let state = bed.storage.begin_pull(&grant, request).await.unwrap();
    let page = bed.storage.pull_page(&grant, &state, state.start()).await.unwrap();
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
