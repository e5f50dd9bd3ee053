//! The queue of objects, and what is known of each (storage §4.6, §4.7).

use std::time::Duration;

use less_sync_core::{Cursor, FileId, SpaceId};

use crate::file_fixture::{LEASE, LIFETIME, MOMENT, almost, claim, content};
use crate::fixture::{Fixture, dek, live, record, space, tombstone};
use crate::shared_fixture::file;
use crate::{Arrangement, Backend};
use less_sync_storage::{
    ClaimDue, DueObject, FileRejection, Files as _, LiveObject, OBJECT_GRACE, ObjectKey, ObjectName,
    ObjectQueueState, ObjectUse, Objects as _, StorageError, Upload, UploadId,
};

const NONE: Cursor = Cursor::ZERO;

/// Longer than anything else here.
const GRACE: Duration = Duration::from_hours(24);

/// A shared space with the live record 1.
async fn fixture<B: Backend>() -> (Fixture<B>, SpaceId) {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    (fixture, space)
}

/// A live file and where its object is.
async fn uploaded<B: Backend>(fixture: &Fixture<B>, space: SpaceId, number: u64) -> ObjectKey {
    fixture.upload(space, &claim(file(number), record(1), dek(1, 1))).await.0.object
}

async fn delete<B: Backend>(fixture: &Fixture<B>, space: SpaceId, number: u64) {
    fixture.store.delete_file(&fixture.grant(space), file(number)).await.unwrap().unwrap();
}

async fn state<B: Backend>(fixture: &Fixture<B>) -> ObjectQueueState {
    fixture.store.object_queue(GRACE).await.unwrap()
}

/// An attempt is due when its lifetime is over; after a claim, no other claim and no commit finds it (R7).
pub async fn expired_attempt_is_claimed_once<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let upload = fixture.begin(space, file(1)).await;
    fixture.pass(almost(LIFETIME)).await;
    assert_eq!(fixture.sweep().await, []);
    fixture.pass(MOMENT).await;
    let Upload { id: entry, object } = upload.clone();
    let due = DueObject { space, entry, name: ObjectName::from(&object), attempts: 0 };
    assert_eq!(fixture.sweep_with(GRACE).await, [due]);
    assert_eq!(fixture.sweep().await, []);
    let late = fixture.commit_upload(space, &upload, &claim(file(1), record(1), dek(1, 1))).await;
    assert!(matches!(late, Err(StorageError::Rejected(FileRejection::UploadLost))), "{late:?}");
    fixture.end().await;
}

/// The object of a deleted file is kept as long as the sweeper says, and at least for the shortest grace; whether the file was
/// deleted by itself or died with its record.
pub async fn object_of_a_deleted_file_is_kept_during_its_grace<B: Backend>() {
    for (grace, kept) in [
        (Duration::ZERO, OBJECT_GRACE),
        (OBJECT_GRACE / 2, OBJECT_GRACE),
        (OBJECT_GRACE, OBJECT_GRACE),
        (GRACE, GRACE),
    ] {
        let (fixture, space) = fixture::<B>().await;
        let mut keys = Vec::new();
        for number in [1, 2] {
            keys.push(uploaded(&fixture, space, number).await.to_string());
        }
        delete(&fixture, space, 1).await;
        fixture.commit(space, vec![tombstone(record(1), Cursor::new(1).unwrap())]).await;
        fixture.pass(almost(kept)).await;
        assert_eq!(fixture.sweep_with(grace).await, [], "{grace:?}");
        fixture.pass(MOMENT).await;
        let due = fixture.sweep_with(grace).await;
        assert!(due.iter().all(|object| object.space == space && object.attempts == 0), "{due:?}");
        assert_eq!(
            due.into_iter().map(|object| object.name.to_string()).collect::<Vec<_>>(),
            keys,
            "{grace:?}"
        );
        fixture.end().await;
    }
}

/// An object that is not reported back is due again when the lease is over: with what it was claimed as, and without
/// another grace.
pub async fn claimed_object_is_due_again_after_the_lease<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    uploaded(&fixture, space, 1).await;
    delete(&fixture, space, 1).await;
    let attempt = fixture.begin(space, file(2)).await;
    fixture.store.abort_upload(&attempt).await.unwrap();
    fixture.pass(GRACE).await;
    let first = fixture.sweep_with(GRACE).await;
    assert_eq!(first.len(), 2);
    for attempts in 1..=3 {
        fixture.pass(almost(LEASE)).await;
        assert_eq!(fixture.sweep_with(GRACE).await, []);
        fixture.pass(MOMENT).await;
        let mut again = fixture.sweep_with(GRACE).await;
        again.sort_by_key(|object| first.iter().position(|seen| seen.entry == object.entry));
        let expected = first.iter().map(|object| DueObject { attempts, ..object.clone() });
        assert_eq!(again, expected.collect::<Vec<_>>());
    }
    fixture.end().await;
}

/// An object that could not be removed is due when its delay is over, be it longer or shorter than the lease.
pub async fn postponed_object_is_due_after_its_delay<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    uploaded(&fixture, space, 1).await;
    delete(&fixture, space, 1).await;
    fixture.pass(GRACE).await;
    for (attempts, delay) in (0..).zip([LEASE / 2, LEASE * 3, GRACE * 2]) {
        let due = fixture.sweep_with(GRACE).await;
        assert_eq!((due.len(), due[0].attempts), (1, attempts));
        fixture.store.postpone_object(space, due[0].entry, delay).await.unwrap();
        fixture.pass(almost(delay)).await;
        assert_eq!(fixture.sweep_with(GRACE).await, []);
        fixture.pass(MOMENT).await;
    }
    fixture.end().await;
}

/// Postponing an object counts as a claim: its grace is over.
pub async fn postponement_counts_as_a_claim<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    uploaded(&fixture, space, 1).await;
    delete(&fixture, space, 1).await;
    fixture.pass(GRACE).await;
    let entry = fixture.sweep().await[0].entry;
    fixture.store.postpone_object(space, entry, Duration::ZERO).await.unwrap();
    assert_eq!(fixture.sweep_with(GRACE).await[0].attempts, 1);
    fixture.end().await;
}

/// A removed object is forgotten for good; idempotent. An upload in progress can be neither forgotten nor postponed.
pub async fn forgotten_object_does_not_come_back<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let (gone, staying) = (fixture.begin(space, file(1)).await, fixture.begin(space, file(2)).await);
    fixture.store.abort_upload(&gone).await.unwrap();
    assert_eq!(fixture.sweep().await.len(), 1);
    for _ in 0..2 {
        fixture.store.forget_object(space, gone.id).await.unwrap();
    }
    fixture.store.forget_object(space, staying.id).await.unwrap();
    fixture.store.postpone_object(space, staying.id, GRACE * 9).await.unwrap();
    fixture.store.postpone_object(space, gone.id, LEASE).await.unwrap();
    fixture.store.forget_object(self::space(7), staying.id).await.unwrap();
    fixture.pass(LIFETIME).await;
    assert_eq!(fixture.due().await, [staying.object.to_string()]);
    fixture.end().await;
}

/// Objects that have been due for longest come first, whatever made them due, up to the limit.
pub async fn objects_come_in_the_order_of_their_due_times<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let mut expected = Vec::new();
    for number in 0..9 {
        // Due 24 hours after it is deleted, one hour after it has begun, and at once.
        let key = match number % 3 {
            0 => {
                let key = uploaded(&fixture, space, number).await;
                delete(&fixture, space, number).await;
                (GRACE, key)
            }
            1 => (LIFETIME, fixture.begin(space, file(number)).await.object),
            _ => {
                let upload = fixture.begin(space, file(number)).await;
                fixture.store.abort_upload(&upload).await.unwrap();
                (Duration::ZERO, upload.object)
            }
        };
        let began = MOMENT * u32::try_from(number).unwrap();
        expected.push((began + key.0, key.1.to_string()));
        fixture.pass(MOMENT).await;
    }
    fixture.pass(GRACE * 2).await;
    expected.sort();
    let mut found = Vec::new();
    for (limit, claimed) in [(2, 2), (0, 0), (1, 1), (5, 5), (5, 1), (5, 0)] {
        let claim = ClaimDue { limit, lease: LEASE, grace: GRACE };
        let due = fixture.store.claim_due_objects(claim).await.unwrap();
        assert_eq!(due.len(), claimed);
        found.extend(due.into_iter().map(|object| object.name.to_string()));
    }
    assert_eq!(found, expected.into_iter().map(|(_, key)| key).collect::<Vec<_>>());
    fixture.end().await;
}

async fn uses<B: Backend>(fixture: &Fixture<B>, keys: &[ObjectKey]) -> Vec<ObjectUse> {
    fixture.store.object_uses(keys).await.unwrap()
}

/// Uses of an object: content of a live file, queued, or orphan. P21.
pub async fn use_of_each_object_is_reported<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let kept = uploaded(&fixture, space, 1).await;
    let dead = uploaded(&fixture, space, 2).await;
    delete(&fixture, space, 2).await;
    let running = fixture.begin(space, file(1)).await.object;
    let over = fixture.begin(space, file(3)).await;
    fixture.store.abort_upload(&over).await.unwrap();
    uploaded(&fixture, space, 4).await;
    fixture.arrange(space, Arrangement::Object { file: file(4), key: None }).await;
    let stray = UploadId::from_bytes([9; 16]);
    let live = ObjectUse::Live { size: content().size };
    let keys = [
        (kept.clone(), live),
        (dead, ObjectUse::Queued),
        (running, ObjectUse::Queued),
        (over.object, ObjectUse::Queued),
        (ObjectKey::legacy(space, file(4)), live),
        (ObjectKey::attempt(space, file(4), stray), ObjectUse::Orphan),
        (ObjectKey::legacy(space, file(1)), ObjectUse::Orphan),
        (ObjectKey::attempt(space, file(1), stray), ObjectUse::Orphan),
        (ObjectKey::attempt(self::space(7), file(1), kept.upload().unwrap()), ObjectUse::Orphan),
        (ObjectKey::legacy(space, file(9)), ObjectUse::Orphan),
        (kept, live),
    ];
    let (keys, expected): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    assert_eq!(uses(&fixture, &keys).await, expected);
    assert_eq!(uses(&fixture, &[]).await, []);
    let many: Vec<_> = keys.iter().cycle().take(1000).cloned().collect();
    let found = uses(&fixture, &many).await;
    assert!(found.iter().eq(expected.iter().cycle().take(1000)));
    fixture.end().await;
}

/// Live files of all spaces or of one, in order and in pages; the first and the last id are ids like any other.
pub async fn live_files_are_listed_in_order<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let mut expected = Vec::new();
    for number in [0, 1, 0xff] {
        let space = fixture.personal(number).await;
        fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
        for byte in [0, 1, 2, 0xff] {
            let file = FileId::from_bytes([byte; 16]);
            let (upload, _) = fixture.upload(space, &claim(file, record(1), dek(1, 1))).await;
            let mut name = ObjectName::from(&upload.object);
            if byte == 1 {
                fixture.store.delete_file(&fixture.grant(space), file).await.unwrap().unwrap();
                continue;
            } else if byte == 2 {
                fixture.arrange(space, Arrangement::Object { file, key: None }).await;
                name = ObjectName::from(&ObjectKey::legacy(space, file));
            }
            expected.push(LiveObject { name, space, file, size: content().size });
        }
    }
    for only in [None, Some(space(0)), Some(space(1)), Some(space(0xff)), Some(space(7))] {
        let expected: Vec<_> =
            expected.iter().filter(|live| only.is_none_or(|only| live.space == only)).cloned().collect();
        for limit in [1, 2, 3, 9, 100] {
            assert_eq!(walk(&fixture, only, limit).await, expected, "{only:?} by {limit}");
        }
        // From a place where there is nothing (any more), before and behind the space.
        for (number, byte) in [(0, 1), (1, 1), (0x7f, 7), (0xff, 0xff)] {
            let after = (space(number), FileId::from_bytes([byte; 16]));
            let rest: Vec<_> =
                expected.iter().filter(|live| (live.space, live.file) > after).cloned().collect();
            assert_eq!(fixture.store.live_objects(only, Some(after), 100).await.unwrap(), rest);
        }
    }
    assert_eq!(fixture.store.live_objects(None, None, 0).await.unwrap(), []);
    fixture.end().await;
}

/// A walk passes any number of deleted files.
pub async fn live_files_are_found_among_many_deleted_ones<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b""), live(record(2), NONE, b"")]).await;
    let file = |number: u128| FileId::from_bytes(number.to_be_bytes());
    for number in 1..=520 {
        fixture.upload(space, &claim(file(number), record(1), dek(1, 1))).await;
    }
    fixture.commit(space, vec![tombstone(record(1), at)]).await;
    fixture.upload(space, &claim(file(521), record(2), dek(1, 1))).await;
    for only in [None, Some(space)] {
        let found: Vec<FileId> = walk(&fixture, only, 1).await.iter().map(|live| live.file).collect();
        assert_eq!(found, [file(521)]);
    }
    fixture.end().await;
}

async fn walk<B: Backend>(fixture: &Fixture<B>, only: Option<SpaceId>, limit: usize) -> Vec<LiveObject> {
    let mut walked: Vec<LiveObject> = Vec::new();
    loop {
        let after = walked.last().map(|live| (live.space, live.file));
        let page = fixture.store.live_objects(only, after, limit).await.unwrap();
        assert!(page.len() <= limit);
        if page.is_empty() {
            return walked;
        }
        walked.extend(page);
    }
}

/// An unreferenced object is due at once and queued once. A referenced one is left alone.
pub async fn orphan_is_marked_for_deletion_unless_in_use<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let kept = uploaded(&fixture, space, 1).await;
    uploaded(&fixture, space, 2).await;
    fixture.arrange(space, Arrangement::Object { file: file(2), key: None }).await;
    let running = fixture.begin(space, file(1)).await;
    let before = state(&fixture).await;
    for needed in [kept, ObjectKey::legacy(space, file(2)), running.object.clone()] {
        assert!(!fixture.store.mark_orphan_for_deletion(&needed).await.unwrap(), "{needed:?}");
    }
    assert_eq!(state(&fixture).await, before);
    let elsewhere = self::space(7);
    let orphans = [
        ObjectKey::legacy(elsewhere, file(1)),
        ObjectKey::legacy(space, file(1)),
        ObjectKey::attempt(space, file(1), UploadId::from_bytes([9; 16])),
    ];
    for orphan in orphans.iter().chain(&orphans) {
        assert!(fixture.store.mark_orphan_for_deletion(orphan).await.unwrap(), "{orphan:?}");
    }
    assert_eq!(uses(&fixture, &orphans).await, [ObjectUse::Queued; 3]);
    let due = fixture.sweep_with(GRACE).await;
    assert_eq!(
        due.iter().map(|object| object.name.to_string()).collect::<Vec<_>>(),
        orphans.map(|key| key.to_string())
    );
    assert_eq!(due[0].space, elsewhere);
    assert_eq!(fixture.store.object_queue(GRACE).await.unwrap().uploads, 1);
    fixture.end().await;
}

/// An object that is to be removed already will be, in its own time.
pub async fn object_pending_deletion_is_not_queued_twice<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let dead = uploaded(&fixture, space, 1).await;
    delete(&fixture, space, 1).await;
    assert!(fixture.store.mark_orphan_for_deletion(&dead).await.unwrap());
    assert_eq!(fixture.sweep_with(GRACE).await, []);
    fixture.pass(GRACE).await;
    assert_eq!(fixture.sweep_with(GRACE).await.len(), 1);
    assert!(fixture.store.mark_orphan_for_deletion(&dead).await.unwrap());
    assert_eq!(fixture.sweep_with(GRACE).await, []);
    fixture.end().await;
}

/// State of the queue: its length, and the age of the oldest due entry, counted from its due time.
pub async fn queue_is_counted<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let overdue = async |expected: Option<Duration>| {
        let found = state(&fixture).await.oldest_due;
        let is_about =
            |expected: Duration| found.is_some_and(|found| found >= expected && found < expected + MOMENT);
        assert!(expected.map_or(found.is_none(), is_about), "{found:?} instead of {expected:?}");
    };
    let counted = async |uploads, pending_delete| {
        let found = state(&fixture).await;
        assert_eq!((found.uploads, found.pending_delete), (uploads, pending_delete));
    };
    counted(0, 0).await;
    overdue(None).await;
    fixture.begin(space, file(1)).await;
    uploaded(&fixture, space, 2).await;
    delete(&fixture, space, 2).await;
    counted(1, 1).await;
    overdue(None).await;
    fixture.pass(LIFETIME * 2).await;
    counted(0, 2).await;
    overdue(Some(LIFETIME)).await;
    assert_eq!(fixture.sweep_with(GRACE).await.len(), 1);
    counted(0, 2).await;
    overdue(None).await;
    fixture.pass(LEASE + MOMENT).await;
    overdue(Some(MOMENT)).await;
    let entry = fixture.sweep_with(GRACE).await[0].entry;
    fixture.store.forget_object(space, entry).await.unwrap();
    counted(0, 1).await;
    fixture.pass(GRACE).await;
    overdue(Some(LIFETIME * 2 + LEASE + MOMENT)).await;
    let shortest = fixture.store.object_queue(Duration::ZERO).await.unwrap();
    assert!(shortest.oldest_due >= state(&fixture).await.oldest_due.map(|due| due + GRACE / 2));
    fixture.end().await;
}
