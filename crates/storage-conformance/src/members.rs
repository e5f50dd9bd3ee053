//! The membership log.

use less_sync_core::{Cursor, MetadataVersion};

use crate::fixture::{Fixture, cursor, epoch, live, record, space};
use crate::shared_fixture::{ALL, WIDE_LOG, member, seq, sha256, version};
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    Appended, MEMBER_OVERHEAD, MemberEntry, MemberLimits, MemberList, MemberRange, Members as _, MembersHead,
    MembershipRejection, StorageError,
};

/// "two appends chain and count versions": every entry under a cursor of its own. P1, P6.
pub async fn appends_chain_and_count_versions<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), Cursor::ZERO, b"a")]).await;
    fixture.advance(space, 2).await;
    let expected = |number: i32, prev: u64| Appended {
        chain_seq: seq(number),
        prev: cursor(prev),
        cursor: cursor(prev + 1),
        metadata_version: version(number),
        key_generation: epoch(2),
        rewrap_epoch: Some(epoch(2)),
    };
    let first = fixture.try_append(space, 0, member(None, b"first")).await.unwrap();
    assert_eq!(first, expected(1, 1));
    let second = fixture.try_append(space, 1, member(Some(sha256(b"first")), b"second")).await.unwrap();
    assert_eq!(second, expected(2, 2));
    assert_eq!(fixture.space(space).await.cursor, cursor(3));
    let entry = |number: i32, prev_hash: Option<[u8; 32]>, payload: &'static [u8]| MemberEntry {
        chain_seq: seq(number),
        cursor: cursor(u64::from(number.unsigned_abs()) + 1),
        prev_hash,
        entry_hash: sha256(payload),
        payload: payload.into(),
    };
    let entries = vec![entry(1, None, b"first"), entry(2, Some(sha256(b"first")), b"second")];
    assert_eq!(fixture.members(space, ALL).await, MemberList { entries, metadata_version: version(2) });
    fixture.end().await;
}

/// "wrong version; first entry with prev; wrong prev": the version is looked at first. Nothing is written.
pub async fn append_compares_the_version_and_then_the_chain<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let stranger = Some([9; 32]);
    for version in [1, -1, i32::MAX, i32::MIN] {
        let rejected = fixture.try_append(space, version, member(stranger, b"x")).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(MembershipRejection::VersionConflict))),
            "{rejected:?}"
        );
    }
    let rejected = fixture.try_append(space, 0, member(stranger, b"x")).await;
    assert!(
        matches!(rejected, Err(StorageError::Rejected(MembershipRejection::HashChainBroken))),
        "{rejected:?}"
    );
    fixture.append(space, b"first").await;
    for prev in [None, stranger, Some(sha256(b"x"))] {
        let rejected = fixture.try_append(space, 0, member(prev, b"x")).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(MembershipRejection::VersionConflict))),
            "{rejected:?}"
        );
        let rejected = fixture.try_append(space, 1, member(prev, b"x")).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(MembershipRejection::HashChainBroken))),
            "{rejected:?}"
        );
    }
    assert_eq!(fixture.space(space).await.cursor, cursor(1));
    assert_eq!(fixture.members(space, ALL).await.entries.len(), 1);
    fixture.end().await;
}

/// R11: an append that is repeated after a lost response is a version conflict, not a second entry.
pub async fn append_sent_again_is_a_version_conflict<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..200 {
        let head = fixture.store.members_head(&fixture.grant(space)).await.unwrap();
        let entry = member(head.last.map(|(_, hash)| hash), &[1]);
        fixture.try_append(space, round, entry.clone()).await.unwrap();
        if round % 50 == 0 {
            fixture.reopen(PageLimits::default()).await;
        }
        let again = fixture.try_append(space, round, entry).await;
        assert!(
            matches!(again, Err(StorageError::Rejected(MembershipRejection::VersionConflict))),
            "{again:?}"
        );
    }
    assert_eq!(fixture.members(space, ALL).await.entries.len(), 200);
    fixture.end().await;
}

/// P-102, "append/list on unknown space"
pub async fn append_and_list_need_a_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let nowhere = space(1);
    let rejected = fixture.try_append(nowhere, 0, member(None, b"x")).await;
    assert!(matches!(rejected, Err(StorageError::SpaceNotFound)), "{rejected:?}");
    let rejected = fixture.store.list_members(&fixture.grant(nowhere), ALL).await;
    assert!(matches!(rejected, Err(StorageError::SpaceNotFound)), "{rejected:?}");
    let rejected = fixture.store.members_head(&fixture.grant(nowhere)).await;
    assert!(matches!(rejected, Err(StorageError::SpaceNotFound)), "{rejected:?}");
    fixture.end().await;
}

/// "list after a sequence number", and up to one.
pub async fn list_respects_both_bounds<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for number in 1..=5 {
        fixture.append(space, &[number]).await;
    }
    let cases = [
        (0, None, vec![1, 2, 3, 4, 5]),
        (3, None, vec![4, 5]),
        (5, None, vec![]),
        (i32::MAX, None, vec![]),
        (0, Some(2), vec![1, 2]),
        (2, Some(4), vec![3, 4]),
        (4, Some(2), vec![]),
        (0, Some(0), vec![]),
    ];
    for (since, until, expected) in cases {
        let range = MemberRange { since: version(since), until: until.map(version), ..ALL };
        let list = fixture.members(space, range).await;
        let places: Vec<i32> = list.entries.iter().map(|entry| entry.chain_seq.get()).collect();
        assert_eq!((places, list.metadata_version), (expected, version(5)), "{since} {until:?}");
    }
    fixture.end().await;
}

/// "list of an empty log"
pub async fn empty_log_has_no_entries_and_no_head<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (shared, personal) = (fixture.shared(1).await, fixture.personal(2).await);
    for space in [shared, personal] {
        let empty = MemberList { entries: vec![], metadata_version: MetadataVersion::ZERO };
        assert_eq!(fixture.members(space, ALL).await, empty);
        let head = fixture.store.members_head(&fixture.grant(space)).await.unwrap();
        assert_eq!(head, MembersHead { metadata_version: MetadataVersion::ZERO, last: None });
    }
    fixture.end().await;
}

/// The head is the last entry.
pub async fn head_follows_the_log<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for number in 1..=3 {
        fixture.append(space, &[7, number]).await;
        let head = fixture.store.members_head(&fixture.grant(space)).await.unwrap();
        let last = (seq(number.into()), sha256(&[7, number]));
        assert_eq!(head, MembersHead { metadata_version: version(number.into()), last: Some(last) });
    }
    fixture.end().await;
}

/// A list that is too large loses its oldest entries, and no others (protocol §2.7).
pub async fn oldest_entries_are_left_out_of_a_large_list<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for (number, length) in [(1_u8, 10), (2, 5000), (3, 100), (4, 200)] {
        fixture.append(space, &vec![number; length]).await;
    }
    let newest_two = 300 + 2 * MEMBER_OVERHEAD;
    let cases = [
        (usize::MAX, vec![1, 2, 3, 4]),
        (newest_two, vec![3, 4]),
        (newest_two - 1, vec![4]),
        (newest_two + 5000 + MEMBER_OVERHEAD, vec![2, 3, 4]),
        (200 + MEMBER_OVERHEAD - 1, vec![]),
        (0, vec![]),
    ];
    for (max_bytes, expected) in cases {
        let list = fixture.members(space, MemberRange { max_bytes, ..ALL }).await;
        let places: Vec<i32> = list.entries.iter().map(|entry| entry.chain_seq.get()).collect();
        assert_eq!((places, list.metadata_version), (expected, version(4)), "{max_bytes}");
    }
    let range = MemberRange { until: Some(version(2)), max_bytes: 5000 + MEMBER_OVERHEAD, ..ALL };
    assert_eq!(fixture.members(space, range).await.entries.len(), 1);
    fixture.end().await;
}

/// A payload may reach its limit; a larger one is rejected before anything else is looked at.
pub async fn payload_may_reach_its_limit_but_not_exceed_it<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let limits = MemberLimits { payload: 1000, ..WIDE_LOG };
    let grant = fixture.grant(space);
    for version in [0, 7] {
        let rejected =
            fixture.store.append_member(&grant, version.into(), member(None, &[1; 1001]), limits).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(MembershipRejection::PayloadTooLarge))),
            "{rejected:?}"
        );
    }
    fixture.store.append_member(&grant, 0.into(), member(None, &[1; 1000]), limits).await.unwrap();
    fixture.end().await;
}

/// A log may reach its cap: payloads, and a constant for each entry (storage §3.9 step 5).
pub async fn log_may_reach_its_cap_but_not_exceed_it<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let limits = MemberLimits { log: 3 * MEMBER_OVERHEAD as u64 + 60, ..WIDE_LOG };
    let (mut prev, mut version) = (None, 0);
    for payload in [[1; 30], [2; 30]] {
        let entry = member(prev, &payload);
        fixture.store.append_member(&fixture.grant(space), version.into(), entry, limits).await.unwrap();
        (prev, version) = (Some(sha256(&payload)), version + 1);
    }
    fixture.reopen(PageLimits::default()).await;
    let rejected =
        fixture.store.append_member(&fixture.grant(space), 2.into(), member(prev, &[3]), limits).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(MembershipRejection::LogFull))), "{rejected:?}");
    let limits = MemberLimits { log: limits.log + 1, ..limits };
    fixture.store.append_member(&fixture.grant(space), 2.into(), member(prev, &[3]), limits).await.unwrap();
    fixture.end().await;
}

/// P23: every byte comes back, and the log is there after a restart.
pub async fn entries_are_stored_unchanged<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    let payloads = [all_bytes.clone(), vec![0], all_bytes.repeat(1024)];
    for payload in &payloads {
        fixture.append(space, payload).await;
    }
    fixture.reopen(PageLimits::default()).await;
    let entries = fixture.members(space, ALL).await.entries;
    assert!(entries.iter().zip(&payloads).all(|(entry, payload)| entry.payload == *payload));
    assert_eq!(entries.len(), 3);
    fixture.end().await;
}

/// Logs of different spaces do not meet. P20.
pub async fn logs_of_two_spaces_are_independent<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (one, two) = (fixture.shared(1).await, fixture.shared(2).await);
    fixture.append(one, b"one").await;
    let first_in_two = fixture.append(two, b"two").await;
    assert_eq!((first_in_two.chain_seq, first_in_two.cursor), (seq(1), cursor(1)));
    assert_eq!(fixture.members(one, ALL).await.entries.len(), 1);
    fixture.end().await;
}

/// An append needs a cursor like everything else.
pub async fn append_after_the_last_cursor_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.append(space, b"first").await;
    fixture.arrange(space, Arrangement::Cursor(Cursor::MAX)).await;
    let rejected = fixture.try_append(space, 1, member(Some(sha256(b"first")), b"second")).await;
    assert!(
        matches!(rejected, Err(StorageError::Rejected(MembershipRejection::CursorExhausted))),
        "{rejected:?}"
    );
    assert_eq!(fixture.members(space, ALL).await.metadata_version, version(1));
    fixture.end().await;
}
