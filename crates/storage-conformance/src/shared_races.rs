//! Races in shared spaces: concurrent callers, started together, in many rounds (storage §6).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{Cursor, DekKind, InvitationId, MailboxId, RecordId, Requested, SpaceId};

use crate::Backend;
use crate::fixture::{AnyError, Fixture, WIDE, any, cursor, dek, epoch, keyed, live, record, tombstone};
use crate::grants::{Grant, chain, cid};
use crate::races::{ROUNDS, together};
use crate::shared_fixture::{ALL, WIDE_LOG, deks, member, rewrap};
use less_sync_storage::{
    ActorHash, Advanced, Change, CursorAhead, Deks as _, EpochRejection, Epochs as _, INVITATION_LIFETIME,
    Invitations as _, MailboxLimits, MailboxPage, Members as _, MembershipRejection, NewInvitation,
    PullRequest, Push, PushRejection, Pushed, RateAction, RateLimit, RateLimitRejection, RateLimits as _,
    Records as _, Revocations as _, RewrapGuard, StorageError, WriteGrant,
};

const NONE: Cursor = Cursor::ZERO;
const CALLERS: u64 = 8;

fn push_of(changes: Vec<Change>) -> Push {
    Push::new(changes, None, WIDE).unwrap()
}

/// R10: of concurrent appends to the same version one succeeds and the others conflict; the chain is complete. P6.
pub async fn one_of_many_appends_wins<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..ROUNDS {
        let head = fixture.store.members_head(&fixture.grant(space)).await.unwrap();
        let results = together(CALLERS, |caller| {
            let (store, grant) = (Arc::clone(&fixture.store), fixture.grant(space));
            let entry = member(head.last.map(|(_, hash)| hash), &caller.to_be_bytes());
            let version = Requested::of(head.metadata_version);
            async move { store.append_member(&grant, version, entry, WIDE_LOG).await }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "round {round}: {results:?}");
        let lost = results.iter().filter_map(|result| result.as_ref().err());
        lost.for_each(|error| {
            assert!(
                matches!(error, StorageError::Rejected(MembershipRejection::VersionConflict)),
                "{error:?}"
            );
        });
        assert_eq!(fixture.space(space).await.cursor, cursor(round + 1));
    }
    assert_eq!(u64::try_from(fixture.members(space, ALL).await.entries.len()).unwrap(), ROUNDS);
    fixture.end().await;
}

/// R12: many begin the same epoch; one does.
pub async fn one_of_many_begins_an_epoch<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for number in 2..i32::try_from(ROUNDS).unwrap() + 2 {
        let results = together(CALLERS, |caller| {
            let (store, grant) = (Arc::clone(&fixture.store), fixture.grant(space));
            async move { store.advance_epoch(&grant, number.into(), caller % 2 == 0).await.unwrap() }
        })
        .await;
        let begun = results.iter().filter(|result| **result == Advanced::Begun(epoch(number))).count();
        let (key_generation, rewrap_epoch) = (epoch(number), Some(epoch(number)));
        let rejected = Advanced::Conflict { key_generation, rewrap_epoch };
        assert_eq!(begun, 1, "{results:?}");
        assert_eq!(results.iter().filter(|result| **result == rejected).count(), results.len() - 1);
        fixture.complete(space, number).await.unwrap();
    }
    fixture.end().await;
}

/// R13: an epoch that raises the minimum begins while others push under the old one: each push came before it, or is
/// stale. What came before is there to be rewrapped.
pub async fn push_comes_before_the_epoch_or_is_stale<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..ROUNDS {
        let old = u32::try_from(round).unwrap() + 1;
        let number = i32::try_from(old).unwrap() + 1;
        let before = fixture.space(space).await.cursor;
        let results = together(4, |caller| {
            let (store, admin, write) =
                (Arc::clone(&fixture.store), fixture.grant(space), fixture.grant(space));
            async move {
                if caller == round % 4 {
                    let advanced = store.advance_epoch(&admin, number.into(), true).await.unwrap();
                    assert_eq!(advanced, Advanced::Begun(epoch(number)));
                    return None;
                }
                let change = keyed(record(round * 4 + caller), NONE, b"", dek(old, 1));
                Some(store.push(&write, push_of(vec![change])).await)
            }
        })
        .await;
        let mut accepted = 0;
        for result in results.into_iter().flatten() {
            match result {
                // The push was earlier: the epoch in its result is the old one.
                Ok(Pushed::Committed { key_generation, .. }) => {
                    assert_eq!(key_generation, epoch(number - 1));
                    accepted += 1;
                }
                Err(StorageError::Rejected(PushRejection::EpochStale)) => {}
                other => panic!("round {round}: {other:?}"),
            }
        }
        let (_, left) = fixture.deks(space, before).await;
        assert_eq!(left.len(), accepted);
        rewrap_all(&fixture, space, u32::try_from(number).unwrap()).await;
        fixture.complete(space, number).await.unwrap();
    }
    fixture.end().await;
}

/// Lists the keys of a space and wraps each of them anew, as a client does.
async fn rewrap_all<B: Backend>(fixture: &Fixture<B>, space: SpaceId, prefix: u32) {
    let (listing, deks) = fixture.deks(space, NONE).await;
    let entries = deks.iter().map(|stored| rewrap(stored.id, prefix, 2)).collect();
    fixture.rewrap(space, entries, RewrapGuard::Listed(listing.cursor)).await.unwrap();
}

/// R14: writers push under the old epoch without end while a client completes the new one. At most one attempt fails;
/// then every such push is stale. P14 holds in the end.
pub async fn continuous_pushes_cannot_delay_the_end_of_a_rewrap<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..ROUNDS {
        let old = u32::try_from(round).unwrap() + 1;
        let number = i32::try_from(old).unwrap() + 1;
        fixture.advance(space, number).await;
        let pushing = |writer: u64| {
            let (store, grant) = (Arc::clone(&fixture.store), fixture.grant::<WriteGrant>(space));
            async move {
                let mut at = NONE;
                loop {
                    let change = keyed(record(round * 2 + writer), at, b"", dek(old, 1));
                    match store.push(&grant, push_of(vec![change])).await {
                        Ok(Pushed::Committed { cursor, .. }) => at = cursor,
                        Err(StorageError::Rejected(PushRejection::EpochStale)) => return,
                        other => panic!("round {round}: {other:?}"),
                    }
                }
            }
        };
        let completing = async {
            rewrap_all(&fixture, space, old + 1).await;
            let first = fixture.complete(space, number).await;
            if first.is_err() {
                assert!(
                    matches!(first, Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { .. }))),
                    "{first:?}"
                );
                rewrap_all(&fixture, space, old + 1).await;
                fixture.complete(space, number).await.unwrap();
            }
        };
        // Writers go on until they are rejected; a rewrap that never ended would keep them here.
        tokio::join!(pushing(0), pushing(1), completing);
        let (_, deks) = fixture.deks(space, NONE).await;
        assert!(deks.iter().all(|stored| stored.dek.epoch_prefix() == old + 1), "round {round}");
    }
    fixture.end().await;
}

/// R15: a record is pushed anew between the listing of its key and the rewrap. It keeps the key that belongs to what it
/// holds. P15.
pub async fn pushed_key_survives_a_rewrap_of_the_old_listing<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let mut at = fixture.commit(space, vec![keyed(record(1), NONE, &0_u64.to_be_bytes(), dek(1, 0))]).await;
    for round in 1..=ROUNDS {
        let fill = u8::try_from(round % 100).unwrap();
        let pushed = together(2, |caller| {
            let store = Arc::clone(&fixture.store);
            let (read, write, admin) = (fixture.grant(space), fixture.grant(space), fixture.grant(space));
            async move {
                if caller == 0 {
                    let change = keyed(record(1), at, &round.to_be_bytes(), dek(1, fill));
                    return Some(store.push(&write, push_of(vec![change])).await.unwrap());
                }
                let (listing, deks) = deks(&*store, &read, DekKind::Record, NONE).await;
                // The rewrapped key shows which key was replaced.
                let entries =
                    deks.iter().map(|stored| rewrap(stored.id, 1, 100 + stored.dek.as_bytes()[4] % 100));
                store
                    .rewrap_deks(
                        &admin,
                        DekKind::Record,
                        entries.collect(),
                        RewrapGuard::Listed(listing.cursor),
                    )
                    .await
                    .unwrap();
                None
            }
        })
        .await;
        let Some(Pushed::Committed { cursor, .. }) = pushed[0] else { panic!("round {round}: {pushed:?}") };
        at = cursor;
        let stored = fixture.dek_of(space, record(1)).await.unwrap();
        assert!([dek(1, fill), dek(1, 100 + fill)].contains(&stored), "round {round}: {stored:?}");
        assert_eq!(stored.as_bytes()[4] % 100, fill, "round {round}: the key of something older");
    }
    fixture.end().await;
}

/// R16: a listed record dies while it is rewrapped. The rewrap succeeds, and the dead have no key. P7.
pub async fn record_deleted_during_a_rewrap_has_no_key<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..ROUNDS {
        let id = record(round);
        let at = fixture.commit(space, vec![keyed(id, NONE, b"a", dek(1, 1))]).await;
        let guard = if round % 2 == 0 { RewrapGuard::Listed(at) } else { RewrapGuard::Off };
        together(2, |caller| {
            let (store, write, admin) =
                (Arc::clone(&fixture.store), fixture.grant(space), fixture.grant(space));
            async move {
                if caller == 0 {
                    let pushed = store.push(&write, push_of(vec![tombstone(id, at)])).await.unwrap();
                    assert!(matches!(pushed, Pushed::Committed { .. }), "{pushed:?}");
                } else {
                    store.rewrap_deks(&admin, DekKind::Record, vec![rewrap(id, 1, 2)], guard).await.unwrap();
                }
            }
        })
        .await;
        assert_eq!(fixture.dek_of(space, id).await, None);
    }
    fixture.end().await;
}

/// R17: a revocation and long pushes of the same space: none fails because of the other. That the revocation does not wait
/// for the push either is up to the locks of an adapter that has any (storage T2).
pub async fn revocation_and_long_pushes_do_not_interfere<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..ROUNDS {
        let number = u8::try_from(round % 200).unwrap();
        together(2, |caller| {
            let (store, write, admin) =
                (Arc::clone(&fixture.store), fixture.grant(space), fixture.grant(space));
            async move {
                if caller == 0 {
                    let ids = round * 50..round * 50 + 50;
                    let changes = ids.map(|n| live(record(n), NONE, &[7; 2000])).collect();
                    let pushed = store.push(&write, push_of(changes)).await.unwrap();
                    assert!(matches!(pushed, Pushed::Committed { .. }), "{pushed:?}");
                } else {
                    store.revoke(&admin, cid(number)).await.unwrap();
                }
            }
        })
        .await;
        assert!(fixture.store.is_revoked(space, cid(number)).await.unwrap());
    }
    fixture.end().await;
}

/// R18: fifty at once for one actor get no more permits than the limit, and all of them when none is left over. P17.
pub async fn concurrent_callers_get_no_more_permits_than_the_limit<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let limit = RateLimit { actions: 10, window: Duration::from_hours(1) };
    for round in 0..ROUNDS {
        let actor = ActorHash::from_bytes([u8::try_from(round).unwrap(); 32]);
        let permits = together(50, |_| {
            let store = Arc::clone(&fixture.store);
            async move { store.acquire(RateAction::Invitation, actor, limit).await }
        })
        .await;
        assert_eq!(permits.iter().filter(|permit| permit.is_ok()).count(), 10, "round {round}");
        let rejected = permits.iter().filter_map(|permit| permit.as_ref().err());
        rejected.for_each(|error| {
            assert!(
                matches!(error, StorageError::Rejected(RateLimitRejection::Exceeded { .. })),
                "{error:?}"
            );
        });
    }
    fixture.end().await;
}

/// R24: a purge while invitations are listed, read and deleted: no error, and no listing shows one twice or one that is not
/// there any more.
pub async fn purge_does_not_disturb_readers_of_a_mailbox<B: Backend>() {
    const LETTERS: u64 = 6;
    let fixture = Fixture::<B>::new().await;
    let limits = MailboxLimits { invitations: 1000, from_one_peer: 1000, lifetime: INVITATION_LIFETIME };
    let letter = |round: u64, number: u64| {
        let id = InvitationId::from_bytes(u128::from(round * LETTERS + number).to_be_bytes());
        NewInvitation { id, payload: Bytes::from_static(b"letter"), origin_peer: None }
    };
    for round in 0..ROUNDS {
        let mailbox = MailboxId::from_bytes([u8::try_from(round).unwrap(); 32]);
        for number in 0..LETTERS {
            if number == LETTERS / 2 {
                fixture.backend.let_time_pass(INVITATION_LIFETIME).await;
            }
            fixture.store.create_invitation(mailbox, letter(round, number), limits).await.unwrap();
        }
        together(4, |caller| {
            let store = Arc::clone(&fixture.store);
            async move {
                match caller {
                    0 => while store.purge_invitations(1).await.unwrap() > 0 {},
                    1 => {
                        let page = MailboxPage { after: None, limit: 100, max_bytes: usize::MAX };
                        let listed = store.invitations(mailbox, page).await.unwrap();
                        assert!(listed.is_sorted_by(|a, b| (a.created_at, a.id) < (b.created_at, b.id)));
                        assert!(listed.iter().all(|found| found.id >= letter(round, LETTERS / 2).id));
                    }
                    _ => {
                        let number = if caller == 2 { 0 } else { LETTERS - 1 };
                        let id = letter(round, number).id;
                        let (read, deleted) =
                            (store.invitation(mailbox, id).await, store.delete_invitation(mailbox, id).await);
                        // The expired invitation may be purged already; the other may not.
                        let expired = number == 0;
                        assert!(read.is_err() == expired, "{read:?}");
                        assert!(deleted.is_ok() || expired, "{deleted:?}");
                    }
                }
            }
        })
        .await;
        let page = MailboxPage { after: None, limit: 100, max_bytes: usize::MAX };
        let left = fixture.store.invitations(mailbox, page).await.unwrap();
        assert_eq!(left.len() as u64, LETTERS / 2 - 1, "round {round}");
    }
    fixture.end().await;
}

/// R27: a chain is revoked while its bearer pushes, pulls and looks at the space. What starts after the revocation has
/// committed is rejected, and no push is done by half.
pub async fn operation_that_starts_after_a_revocation_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for round in 0..ROUNDS {
        let space = fixture.shared(u8::try_from(round).unwrap()).await;
        let revoked = Arc::new(AtomicBool::new(false));
        let accepted = together(4, |caller| {
            let (store, admin, revoked) =
                (Arc::clone(&fixture.store), fixture.grant(space), Arc::clone(&revoked));
            async move {
                if caller == 0 {
                    store.revoke(&admin, cid(2)).await.unwrap();
                    revoked.store(true, Ordering::SeqCst);
                    return 0;
                }
                let bearer = chain(&[1, 2, 3, 4]);
                let mut accepted = 0;
                loop {
                    let late = revoked.load(Ordering::SeqCst);
                    match act(&*store, space, &bearer, caller, accepted).await {
                        Ok(()) => accepted += 1,
                        Err(StorageError::Revoked) => return accepted,
                        Err(other) => panic!("round {round}: {other:?}"),
                    }
                    assert!(!late, "round {round}: caller {caller} got in after the revocation");
                }
            }
        })
        .await;
        assert_eq!(fixture.space(space).await.cursor, cursor(accepted[1]));
        assert_eq!(fixture.rows(space, NONE).await.len() as u64, accepted[1] * 2);
    }
    fixture.end().await;
}

/// Operation of a caller with the chain, for the nth time: one pushes two records, one pulls, one reads the state.
async fn act<S: less_sync_storage::Storage>(
    store: &S,
    space: SpaceId,
    bearer: &less_sync_storage::ProofChain,
    caller: u64,
    nth: u64,
) -> Result<(), AnyError> {
    let read = Grant::shared(space, bearer.clone());
    match caller {
        1 => {
            let id = |half: u64| -> RecordId { record(nth * 2 + half) };
            let changes = vec![live(id(0), NONE, b"a"), live(id(1), NONE, b"b")];
            let pushed = store.push(&Grant::shared(space, bearer.clone()), push_of(changes)).await;
            let pushed = any(pushed)?;
            assert!(matches!(pushed, Pushed::Committed { .. }), "{pushed:?}");
            Ok(())
        }
        2 => {
            let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
            any(store.begin_pull(&read, request).await.map(drop))
        }
        _ => any(store.space_state(&read).await.map(drop)),
    }
}
