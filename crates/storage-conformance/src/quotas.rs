//! Stored bytes and their quotas (storage §3.20). That the counts are those of a recount is an invariant, which every test of
//! the suite checks at its end.

use less_sync_core::{Cid, Cursor, FileId, SpaceId};
use less_sync_storage::{
    Change, Claimed, Content, FileCommit, FileError, FileRejection, Files as _, OwnerHash, PushError,
    PushRejection, Pushed, Quota, Quotas, ROW_BYTES, Records as _, Revocations as _, SpaceKind, Spaces as _,
    StorageError,
};

use crate::Backend;
use crate::file_fixture::claim;
use crate::fixture::{CLIENT, Fixture, ROOT, committed, dek, keyed, live, record, space, tombstone};
use crate::shared_fixture::{file, sha256};

const NONE: Cursor = Cursor::ZERO;

/// Bytes of a wrapped key.
const KEY: u64 = 44;

const ALICE: OwnerHash = OwnerHash::from_bytes([0xa1; 32]);
const BOB: OwnerHash = OwnerHash::from_bytes([0xb0; 32]);

fn of_space(bytes: u64) -> Quotas {
    Quotas { space: Some(bytes), user: None }
}

fn of_user(bytes: u64) -> Quotas {
    Quotas { space: None, user: Some(bytes) }
}

fn blob(bytes: u64) -> Vec<u8> {
    vec![0xb7; usize::try_from(bytes).unwrap()]
}

/// A change that creates a record of so many stored bytes.
fn of_bytes(number: u64, bytes: u64) -> Change {
    live(record(number), NONE, &blob(bytes - ROW_BYTES))
}

fn rejected_by(pushed: &Result<Pushed, PushError>) -> Option<Quota> {
    match pushed {
        Err(StorageError::Rejected(PushRejection::QuotaExceeded(quota))) => Some(*quota),
        _ => None,
    }
}

fn file_rejected_by<T>(outcome: &Result<T, FileError>) -> Option<Quota> {
    match outcome {
        Err(StorageError::Rejected(FileRejection::QuotaExceeded(quota))) => Some(*quota),
        _ => None,
    }
}

impl<B: Backend> Fixture<B> {
    async fn owned(&self, number: u8, owner: OwnerHash) -> SpaceId {
        self.store.personal_space(space(number), &CLIENT, Some(owner)).await.unwrap().id
    }

    async fn owned_and_shared(&self, number: u8, owner: OwnerHash) -> SpaceId {
        let kind = SpaceKind::Shared { root_public_key: ROOT };
        let id = self.store.create_space(space(number), &CLIENT, kind, Some(owner)).await.unwrap().id;
        self.is_shared(id);
        id
    }

    /// Upload of so many bytes: its check before, which must agree with its end.
    async fn upload_of(&self, space: SpaceId, id: FileId, size: u64) -> Result<FileCommit, FileError> {
        let (grant, claim) = (self.grant(space), claim(id, record(1), dek(1, 1)));
        let upload = self.begin(space, id).await;
        let looked = self.store.claim_file(&grant, &claim, size).await;
        let content = Content { size, sha256: sha256(b"content") };
        let done = self.store.commit_file(&grant, &upload, &claim, content).await;
        assert_eq!(file_rejected_by(&looked), file_rejected_by(&done));
        if done.is_err() {
            self.store.abort_upload(&upload).await.unwrap();
        }
        done
    }
}

/// Creations, tombstones, updates and keys at the boundary, to the byte.
pub async fn space_may_reach_its_quota_but_not_exceed_it<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(of_space(2 * ROW_BYTES + 100)).await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![live(record(1), NONE, &blob(40))]).await;
    let beyond = fixture.push(space, vec![live(record(2), NONE, &blob(61))]).await;
    assert_eq!(rejected_by(&beyond), Some(Quota::Space));
    assert_eq!(fixture.space(space).await.cursor, first, "a rejected push moved the cursor");
    let second = fixture.commit(space, vec![live(record(2), NONE, &blob(60))]).await;
    for change in [
        live(record(3), NONE, b""),
        tombstone(record(3), NONE),
        live(record(2), second, &blob(61)),
        keyed(record(2), second, &blob(60), dek(1, 1)),
    ] {
        assert_eq!(rejected_by(&fixture.push(space, vec![change]).await), Some(Quota::Space));
    }
    // Bytes that one record gives up are free for another one of the same push.
    let exchanged = vec![live(record(1), first, &blob(1)), live(record(2), second, &blob(99))];
    let third = fixture.commit(space, exchanged).await;
    let keyed_now = vec![keyed(record(2), third, &blob(99 - KEY), dek(1, 1))];
    fixture.commit(space, keyed_now).await;
    fixture.end().await;
}

/// The growth of a push is known only if its cursors match.
pub async fn conflict_is_reported_before_a_quota<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(of_space(ROW_BYTES)).await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"")]).await;
    let pushed = fixture.push(space, vec![live(record(1), NONE, &blob(1000))]).await;
    assert!(matches!(pushed, Ok(Pushed::Conflict { .. })), "{pushed:?}");
    fixture.end().await;
}

/// Deletions, smaller versions, revocations and membership entries, in a space that is over its quota already.
pub async fn full_space_takes_what_adds_nothing<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, (1..=4).map(|number| of_bytes(number, 500)).collect()).await;
    fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    fixture.put_file(space, file(2), record(2), dek(1, 1)).await;
    fixture.reopen_with(of_space(1)).await;
    assert_eq!(rejected_by(&fixture.push(space, vec![of_bytes(9, ROW_BYTES)]).await), Some(Quota::Space));
    assert_eq!(file_rejected_by(&fixture.upload_of(space, file(3), 1).await), Some(Quota::Space));
    fixture.append(space, b"an entry of the membership log").await;
    fixture.store.delete_file(&fixture.grant(space), file(2)).await.unwrap().unwrap();
    let same = live(record(2), at, &blob(500 - ROW_BYTES));
    let mixed = vec![tombstone(record(1), at), same, live(record(3), at, b"")];
    fixture.commit(space, mixed).await;
    fixture.store.revoke(&fixture.grant(space), Cid::from_bytes([9; 32])).await.unwrap();
    fixture.end().await;
}

/// Two spaces of one owner share a quota; spaces of another owner, and of none, have no part in it.
pub async fn other_spaces_and_owners_are_not_affected<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(Quotas { space: Some(1000), user: Some(1500) }).await;
    let (personal, shared) = (fixture.owned(1, ALICE).await, fixture.owned_and_shared(2, ALICE).await);
    let (of_bob, of_nobody) = (fixture.owned(3, BOB).await, fixture.personal(4).await);
    fixture.commit(personal, vec![of_bytes(1, 1000)]).await;
    assert_eq!(rejected_by(&fixture.push(personal, vec![of_bytes(2, 128)]).await), Some(Quota::Space));
    assert_eq!(rejected_by(&fixture.push(shared, vec![of_bytes(1, 501)]).await), Some(Quota::User));
    let at = fixture.commit(shared, vec![of_bytes(1, 500)]).await;
    assert_eq!(rejected_by(&fixture.push(shared, vec![of_bytes(2, 128)]).await), Some(Quota::User));
    fixture.commit(of_bob, vec![of_bytes(1, 1000)]).await;
    fixture.commit(of_nobody, vec![of_bytes(1, 1000)]).await;
    fixture.commit(shared, vec![tombstone(record(1), at)]).await;
    fixture.commit(shared, vec![of_bytes(3, 500 - ROW_BYTES)]).await;
    fixture.end().await;
}

/// Uploads at the boundary, to the byte: by the check before the body, and by the commit.
pub async fn files_count_with_their_keys_and_rows<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(of_space(2 * ROW_BYTES + KEY + 1000)).await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"")]).await;
    let beyond = fixture.upload_of(space, file(1), 1001).await;
    assert_eq!(file_rejected_by(&beyond), Some(Quota::Space));
    assert!(matches!(fixture.upload_of(space, file(1), 1000).await, Ok(FileCommit::Created(_))));
    assert!(matches!(fixture.upload_of(space, file(1), 1000).await, Ok(FileCommit::Exists)));
    assert_eq!(file_rejected_by(&fixture.upload_of(space, file(2), 0).await), Some(Quota::Space));
    fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    // The tombstone stays, so its row is not added again.
    assert!(matches!(fixture.upload_of(space, file(1), 1000).await, Ok(FileCommit::Created(_))));
    let (grant, claim) = (fixture.grant(space), claim(file(1), record(1), dek(1, 1)));
    assert_eq!(fixture.store.claim_file(&grant, &claim, 1 << 40).await.unwrap(), Claimed::Exists);
    fixture.end().await;
}

/// The files of a deleted record count as freed within the push that deletes it.
pub async fn deletion_makes_room_in_its_own_push<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(of_space(4 * ROW_BYTES + KEY + 1000)).await;
    let space = fixture.personal(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b"")]).await;
    assert!(matches!(fixture.upload_of(space, file(1), 1000).await, Ok(FileCommit::Created(_))));
    let exchange = |bytes| {
        vec![tombstone(record(1), at), live(record(2), NONE, &blob(bytes)), tombstone(record(3), NONE)]
    };
    let room = 1000 + KEY;
    assert_eq!(rejected_by(&fixture.push(space, exchange(room + 1)).await), Some(Quota::Space));
    assert!(fixture.has_file(space, file(1)).await, "a rejected push deleted a file");
    fixture.commit(space, exchange(room)).await;
    fixture.end().await;
}

/// Pushes beyond one statement, by rows and by bytes.
pub async fn large_pushes_are_counted<B: Backend>() {
    let (large, rows) = (5 << 20, 2001);
    let quota = 2 * large + rows * (ROW_BYTES + 1);
    let fixture = Fixture::<B>::with_quotas(Quotas { space: Some(quota), user: Some(quota) }).await;
    let space = fixture.owned(1, ALICE).await;
    let many = |bytes: u64| (1..=rows).map(move |number| live(record(number), NONE, &blob(bytes)));
    let first = fixture.commit(space, many(1).collect()).await;
    let two = |first, second| vec![of_bytes(5001, first), of_bytes(5002, second)];
    let beyond = fixture.push(space, two(large, large + 1)).await;
    assert_eq!(rejected_by(&beyond), Some(Quota::Space));
    let second = fixture.commit(space, two(large, large)).await;
    assert_eq!(rejected_by(&fixture.push(space, vec![of_bytes(9000, 128)]).await), Some(Quota::Space));
    let grown = (1..=rows).map(|number| live(record(number), first, b"ab")).collect::<Vec<_>>();
    assert_eq!(rejected_by(&fixture.push(space, grown.clone()).await), Some(Quota::Space));
    fixture.commit(space, vec![live(record(5001), second, &blob(large - ROW_BYTES - rows))]).await;
    let third = fixture.commit(space, grown).await;
    fixture.commit(space, (1..=rows).map(|number| tombstone(record(number), third)).collect()).await;
    fixture.end().await;
}

/// An owner is recorded by the first access that names one, and replaced by another one.
pub async fn owner_of_an_existing_space_is_recorded_at_its_next_access<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let (space, other) = (fixture.personal(1).await, fixture.owned(2, ALICE).await);
    let kept = fixture.store.personal_space(space, &CLIENT, None).await.unwrap();
    fixture.commit(space, vec![of_bytes(1, 1000)]).await;
    fixture.reopen_with(of_user(1500)).await;
    fixture.commit(other, vec![of_bytes(1, 200)]).await;
    for _ in 0..2 {
        let found = fixture.owned(1, ALICE).await;
        assert_eq!(found, kept.id);
    }
    assert_eq!(rejected_by(&fixture.push(other, vec![of_bytes(2, 301)]).await), Some(Quota::User));
    fixture.owned(1, BOB).await;
    fixture.commit(other, vec![of_bytes(2, 1300)]).await;
    assert_eq!(rejected_by(&fixture.push(other, vec![of_bytes(3, 128)]).await), Some(Quota::User));
    assert_eq!(rejected_by(&fixture.push(space, vec![of_bytes(3, 501)]).await), Some(Quota::User));
    fixture.commit(space, vec![of_bytes(3, 500)]).await;
    fixture.end().await;
}

/// Pushes that share a transaction with rejected ones, into the same space and into others.
pub async fn push_beyond_a_quota_does_not_affect_others<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(Quotas { space: Some(1000), user: Some(3000) }).await;
    let mut spaces = Vec::new();
    for number in 1..=6 {
        spaces.push(if number % 2 == 0 {
            fixture.owned(number, ALICE).await
        } else {
            fixture.personal(number).await
        });
    }
    for round in 0..20 {
        let mut tickets = Vec::new();
        for space in &spaces {
            for (number, bytes) in [(1, 2000), (2, 128), (3, 1500)] {
                let change = of_bytes(round * 10 + number, bytes);
                let push = less_sync_storage::Push::new(vec![change], None, crate::fixture::WIDE).unwrap();
                tickets.push((bytes, fixture.store.enqueue(&fixture.grant(*space), push)));
            }
        }
        for (bytes, ticket) in tickets {
            let pushed = ticket.await;
            let fits = bytes == 128 && round < 1000 / 128;
            assert_eq!(rejected_by(&pushed), (!fits).then_some(Quota::Space), "round {round}: {bytes} bytes");
        }
    }
    fixture.end().await;
}

/// Two pushes at a time of which only one fits: into one space, and into two spaces of an owner.
pub async fn concurrent_pushes_never_exceed_a_quota<B: Backend>() {
    let fixture = Fixture::<B>::with_quotas(Quotas { space: Some(100_000), user: Some(150_000) }).await;
    let (one, two) = (fixture.owned(1, ALICE).await, fixture.owned(2, ALICE).await);
    // Stored bytes of the tombstones of earlier rounds.
    let (mut dead_in_one, mut dead_in_two) = (0, 0);
    for number in (0..40).map(|round| round * 10) {
        let at = fixture.commit(one, vec![of_bytes(number, 90_000 - dead_in_one)]).await;
        let within = [(one, number + 1, 10_000), (one, number + 2, 10_000)];
        let (place, kept) = fixture.only_one_fits(within, Quota::Space).await;
        fixture.commit(one, vec![tombstone(record(number + 1 + place), kept)]).await;
        dead_in_one += ROW_BYTES;

        let left = 150_000 - 90_000 - ROW_BYTES - dead_in_two;
        let across = [(one, number + 3, 9_000), (two, number + 4, left - 8_999)];
        let (place, kept) = fixture.only_one_fits(across, Quota::User).await;
        if place == 0 {
            fixture.commit(one, vec![tombstone(record(number + 3), kept)]).await;
            dead_in_one += ROW_BYTES;
        } else {
            fixture.commit(two, vec![tombstone(record(number + 4), kept)]).await;
            dead_in_two += ROW_BYTES;
        }
        fixture.commit(one, vec![tombstone(record(number), at)]).await;
        dead_in_one += ROW_BYTES;
    }
    fixture.end().await;
}

impl<B: Backend> Fixture<B> {
    /// Creates records of so many stored bytes concurrently, of which one must be rejected by `quota`. Returns the place and the
    /// cursor of the other one.
    async fn only_one_fits(&self, records: [(SpaceId, u64, u64); 2], quota: Quota) -> (u64, Cursor) {
        let push = |(space, number, bytes)| self.push(space, vec![of_bytes(number, bytes)]);
        let [first, second] = records.map(push);
        let (first, second) = tokio::join!(first, second);
        match [rejected_by(&first), rejected_by(&second)] {
            [None, Some(by)] if by == quota => (0, committed(first)),
            [Some(by), None] if by == quota => (1, committed(second)),
            rejected => panic!("rejected by {rejected:?}"),
        }
    }
}
