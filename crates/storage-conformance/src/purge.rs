//! Removal of a space in bounded transactions (storage §3.21).

use less_sync_core::{Cid, Cursor, SpaceId};
use less_sync_storage::{
    Inventory as _, OwnerHash, PURGE_ROWS, PURGED_HOME, Purge as _, PurgeStep, Quotas, ROW_BYTES,
    Revocations as _, RowCounts, SpaceKind, Spaces as _, StorageError,
};

use crate::Backend;
use crate::fixture::{CLIENT, Fixture, any, dek, live, record, space, tombstone};
use crate::shared_fixture::file;

const NONE: Cursor = Cursor::ZERO;
const ALICE: OwnerHash = OwnerHash::from_bytes([0xa1; 32]);

impl<B: Backend> Fixture<B> {
    async fn step(&self, space: SpaceId) -> PurgeStep {
        self.store.purge_step(space).await.unwrap()
    }

    /// Removes the space, and returns the numbers of rows of all steps.
    async fn purge(&self, space: SpaceId) -> Vec<u64> {
        let mut steps = Vec::new();
        loop {
            match self.step(space).await {
                PurgeStep::Absent => return steps,
                PurgeStep::Rows(rows) => steps.push(rows),
                PurgeStep::Done(rows) => {
                    steps.push(rows);
                    assert_eq!(self.step(space).await, PurgeStep::Absent);
                    return steps;
                }
            }
        }
    }
}

/// Records, tombstones, members and revocations; those of another space stay.
pub async fn purged_space_is_gone_with_all_its_rows<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (space, other) = (fixture.shared(1).await, fixture.shared(2).await);
    for id in [space, other] {
        let at = fixture.commit(id, (1..=3).map(|number| live(record(number), NONE, b"x")).collect()).await;
        fixture.commit(id, vec![tombstone(record(3), at)]).await;
        fixture.append(id, b"an entry").await;
        fixture.store.revoke(&fixture.grant(id), Cid::from_bytes([9; 32])).await.unwrap();
    }
    assert_eq!(fixture.purge(space).await, [3, 2]);
    assert_eq!(fixture.store.spaces(&[space]).await.unwrap(), []);
    assert_eq!(fixture.store.count_rows(space, 10).await.unwrap(), RowCounts::default());
    assert!(!fixture.store.is_revoked(space, Cid::from_bytes([9; 32])).await.unwrap());
    let kept = fixture.store.count_rows(other, 10).await.unwrap();
    assert_eq!(kept, RowCounts { records: 3, files: 0, members: 1 });
    // The id is free again, and the new space has nothing of the old one.
    fixture.shared(1).await;
    assert_eq!(fixture.space(space).await.cursor, NONE);
    fixture.end().await;
}

/// Also a repeat of a removal that is complete.
pub async fn purge_of_an_unknown_space_does_nothing<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    assert_eq!(fixture.step(space(1)).await, PurgeStep::Absent);
    fixture.end().await;
}

/// Between the steps nothing is written to the space.
pub async fn purge_works_in_bounded_steps_and_rejects_writes_between_them<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let rows = u64::from(PURGE_ROWS);
    fixture.commit(space, (1..=rows + 7).map(|number| live(record(number), NONE, b"x")).collect()).await;
    assert_eq!(fixture.step(space).await, PurgeStep::Rows(rows));
    assert_eq!(fixture.space(space).await.home_server.as_deref(), Some(PURGED_HOME));
    let pushed = any(fixture.push(space, vec![live(record(9000), NONE, b"x")]).await);
    assert!(matches!(pushed, Err(StorageError::SpaceIsRemote)), "{pushed:?}");
    assert_eq!(fixture.purge(space).await, [7, 0]);
    fixture.end().await;
}

/// The sweeper removes them after their grace.
pub async fn objects_of_purged_files_are_marked_for_deletion<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"x")]).await;
    for number in [1, 2] {
        fixture.put_file(space, file(number), record(1), dek(1, 1)).await;
    }
    assert_eq!(fixture.purge(space).await, [2, 1, 0]);
    let pending: Vec<_> = fixture.backend.pending_deletions(space).await;
    assert_eq!(pending.iter().map(|(file, _)| *file).collect::<Vec<_>>(), [file(1), file(2)]);
    fixture.end().await;
}

/// The quota of the owner has room for as much again.
pub async fn purge_frees_the_bytes_of_the_owner<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(Quotas { space: None, user: Some(1000) }).await;
    let personal = fixture.store.personal_space(space(1), &CLIENT, Some(ALICE)).await.unwrap().id;
    let kind = SpaceKind::Shared { root_public_key: crate::fixture::ROOT };
    let shared = fixture.store.create_space(space(2), &CLIENT, kind, Some(ALICE)).await.unwrap().id;
    fixture.is_shared(shared);
    let large = |number| live(record(number), NONE, &vec![7; 1000 - usize::try_from(ROW_BYTES).unwrap()]);
    fixture.commit(personal, vec![large(1)]).await;
    assert!(any(fixture.push(shared, vec![large(1)]).await).is_err());
    fixture.purge(personal).await;
    fixture.commit(shared, vec![large(1)]).await;
    fixture.end().await;
}
