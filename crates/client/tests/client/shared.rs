//! Calls of shared spaces, and the requests of a rotation.

use less_sync_client::crypto::{KeyRing, Secret, SpaceKey};
use less_sync_client::sharing::rewrap_all;
use less_sync_client::{Access, AppendKind, Begun, LogError, LogHead, Options, Rewrap, Share};
use less_sync_core::wire::deks::{DekRecord, DeksGetParams, DeksRewrapParams, DeksRewrapResult};
use less_sync_core::wire::epoch::{EpochBeginParams, EpochCompleteParams, EpochConflict};
use less_sync_core::wire::epoch_keys::{EpochKeysPutParams, EpochKeysPutResult};
use less_sync_core::wire::invitation::{Invitation, InvitationCreateParams};
use less_sync_core::wire::membership::{
    Entry, MembershipAppendParams, MembershipAppendResult, MembershipListParams, MembershipListResult,
    MembershipRevokeParams,
};
use less_sync_core::wire::{DekField, Empty, chunk};
use less_sync_core::{ChainSeq, Cid, Dek, Did, Epoch, ErrorCode, MailboxId, RecordId, frame};
use pretty_assertions::assert_eq;

use crate::fake::{Peer, ReceivedRequest, SPACE, at, connected, record};

const ACCESS: Access<'static> = Access { space: SPACE, ucan: Some("u") };

fn seq(number: i32) -> ChainSeq {
    ChainSeq::new(number).unwrap()
}

fn epoch(number: i32) -> Epoch {
    Epoch::new(number).unwrap()
}

async fn fail(peer: &mut Peer, asked: &ReceivedRequest, code: ErrorCode, message: &str) {
    peer.send(frame::error(&asked.id, code, message)).await;
}

#[tokio::test]
async fn entry_is_appended_after_the_head_that_was_read() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let head = LogHead::default().followed_by(b"first");
    let server = async {
        let asked = peer.asked().await;
        let params: MembershipAppendParams<'_> = asked.params();
        assert_eq!((params.ucan, params.expected_version, params.payload), (Some("u"), 1, &b"second"[..]));
        assert_eq!(params.prev_hash, head.hash.as_ref().map(<[u8; 32]>::as_slice));
        assert_eq!(params.kind, Some(AppendKind::Accept));
        peer.respond(
            &asked,
            &MembershipAppendResult { chain_seq: seq(2), metadata_version: seq(2).version(), cursor: None },
        )
        .await;
    };
    let append = connection.append_membership(ACCESS, &head, b"second", Some(AppendKind::Accept));
    let (appended, ()) = tokio::join!(append, server);
    assert_eq!(appended.unwrap(), head.followed_by(b"second"));
}

/// A list that exceeds one frame lacks its oldest entries (protocol §2.7).
#[tokio::test]
async fn log_is_read_in_parts_and_verified_as_a_whole() {
    for forged in [false, true] {
        let (connection, _events, mut peer) = connected(Options::default()).await;
        let server = async {
            let first = LogHead::default().followed_by(b"one").hash.unwrap();
            let second = LogHead::default().followed_by(b"two").hash.unwrap();
            for (until_seq, sent) in [(None, 2), (Some(1), 1)] {
                let asked = peer.asked().await;
                assert_eq!(asked.params::<MembershipListParams<'_>>().until_seq, until_seq);
                let entry = match sent {
                    1 => Entry { chain_seq: seq(1), prev_hash: None, entry_hash: &first, payload: b"one" },
                    _ => Entry {
                        chain_seq: seq(2),
                        prev_hash: Some(&first),
                        entry_hash: &second,
                        payload: b"two",
                    },
                };
                let entry = if forged && sent == 1 { Entry { payload: b"ONE", ..entry } } else { entry };
                let list = MembershipListResult { entries: vec![entry], metadata_version: seq(2).version() };
                peer.respond(&asked, &list).await;
            }
        };
        let (log, ()) = tokio::join!(connection.membership_log(ACCESS), server);
        match log {
            Ok(log) => assert_eq!((forged, log.entries.len(), log.head.version.get()), (false, 2, 2)),
            Err(error) => {
                assert!(forged && matches!(error, LogError::Broken { seq: ChainSeq::FIRST }), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn revocation_names_the_token_and_the_member() {
    let member = Did::try_from("did").unwrap();
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        let params: MembershipRevokeParams<'_> = asked.params();
        assert_eq!((params.ucan_cid, params.member_did), ("07".repeat(32).as_str(), Some("did")));
        peer.respond(&asked, &Empty).await;
    };
    let (revoked, ()) =
        tokio::join!(connection.revoke(ACCESS, Cid::from_bytes([7; 32]), Some(&member)), server);
    revoked.unwrap();
}

#[tokio::test]
async fn invitation_is_created_in_a_mailbox() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let id = record(9).to_string();
    let server = async {
        let asked = peer.asked().await;
        let params: InvitationCreateParams<'_> = asked.params();
        assert_eq!((params.mailbox_id, params.payload), ("05".repeat(32).as_str(), "sealed"));
        let left = Invitation { id: &id, payload: "sealed", created_at: "now", expires_at: "then" };
        peer.respond(&asked, &left).await;
    };
    let (left, ()) = tokio::join!(connection.invite(MailboxId::from_bytes([5; 32]), "sealed"), server);
    let left = left.unwrap();
    assert_eq!((left.id.to_string(), left.expires_at.as_str()), (id.clone(), "then"));
}

/// Newer-clients §4.1: only one error means that there is no share.
#[tokio::test]
async fn share_is_absent_only_with_the_error_for_a_missing_share() {
    for (code, message, is_certain) in [
        (ErrorCode::NotFound, "no key share for this member", true),
        (ErrorCode::NotFound, "space not found", false),
        (ErrorCode::Internal, "internal", false),
        (ErrorCode::Forbidden, "forbidden", false),
    ] {
        let (connection, _events, mut peer) = connected(Options::default()).await;
        let server = async {
            let asked = peer.asked().await;
            fail(&mut peer, &asked, code, message).await;
        };
        let (share, ()) = tokio::join!(connection.epoch_key(ACCESS, epoch(2)), server);
        assert_eq!(share.ok(), is_certain.then_some(None), "{message}");
    }
}

#[tokio::test]
async fn rotation_begins_once_and_uploads_its_shares() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        let params: EpochBeginParams<'_> = asked.params();
        assert_eq!((params.epoch, params.set_min_key_generation), (2, true));
        let conflict =
            EpochConflict { error: "epoch_conflict", current_epoch: epoch(2), rewrap_epoch: Some(epoch(2)) };
        peer.respond(&asked, &conflict).await;
        let asked = peer.asked().await;
        let params: EpochKeysPutParams<'_> = asked.params();
        let keys: Vec<_> = params.keys.iter().map(|key| (key.member_did, key.wrapped_key)).collect();
        assert_eq!((params.epoch, keys), (2, vec![("did", &b"sealed"[..])]));
        peer.respond(&asked, &EpochKeysPutResult { count: 1 }).await;
    };
    let client = async {
        let begun = connection.begin_epoch(ACCESS, epoch(2), true).await.unwrap();
        assert_eq!(begun, Begun::Conflict { current: epoch(2), rewrap: Some(epoch(2)) });
        let share = Share { member: "did".try_into().unwrap(), wrapped_key: "sealed".into() };
        connection.put_epoch_keys(ACCESS, epoch(2), &[share]).await.unwrap();
    };
    tokio::join!(client, server);
}

#[tokio::test]
async fn incomplete_list_of_keys_is_an_error() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        assert_eq!((asked.method.as_str(), asked.params::<DeksGetParams<'_>>().since), ("deks.get", 4));
        let row = DekRecord { id: record(1), dek: &[7; 44], seq: at(5) };
        peer.chunk(&asked, chunk::DEKS_RECORD, &row).await;
        peer.count(&asked, 2).await;
    };
    let client = async {
        let mut list = connection.deks::<RecordId>(ACCESS, at(4)).await.unwrap();
        let row = list.next().await.unwrap().unwrap();
        assert_eq!((row.id, row.cursor, row.dek.len()), (record(1), at(5), 44));
        list.finish().await.unwrap_err().to_string()
    };
    let (error, ()) = tokio::join!(client, server);
    assert_eq!(error, "received 1 chunks, 2 were announced");
}

/// Serves one list of keys.
async fn list(peer: &mut Peer, rows: &[(RecordId, Dek)]) {
    let asked = peer.asked().await;
    for (id, dek) in rows {
        let row = DekRecord { id: *id, dek: dek.as_bytes(), seq: at(5) };
        peer.chunk(&asked, chunk::DEKS_RECORD, &row).await;
    }
    peer.count(&asked, rows.len() as u64).await;
}

/// Newer-clients §4.4: a concurrent write is a conflict, and one under an older key prevents the completion; both are
/// listed again.
#[tokio::test]
async fn rewrap_continues_until_no_older_key_is_left() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let mut keys = KeyRing::new(SPACE);
    for number in [1, 2] {
        keys.insert(SpaceKey::random(SPACE, epoch(number)));
    }
    let wrapped = |number| keys.key(epoch(number)).unwrap().wrap(&Secret::random());
    let (old, replaced, late, new) = (wrapped(1), wrapped(1), wrapped(1), wrapped(2));
    let server = async {
        list(&mut peer, &[(record(1), old), (record(2), new)]).await;
        let asked = peer.asked().await;
        fail(&mut peer, &asked, ErrorCode::Conflict, "wrapped DEK was replaced concurrently").await;
        list(&mut peer, &[(record(1), replaced)]).await;
        let asked = peer.asked().await;
        let entries = asked.params::<DeksRewrapParams<'_>>().deks;
        let entry = entries.first().unwrap();
        assert_eq!(entry.observed_wrapped_dek, Some(&replaced.as_bytes()[..]));
        assert!(matches!(entry.dek, DekField::Stated(dek) if dek.starts_with(&[0, 0, 0, 2])));
        peer.respond(&asked, &DeksRewrapResult { ok: true, count: 1 }).await;
        // No older keys left, and no files; then a late push.
        for _ in 0..2 {
            list(&mut peer, &[]).await;
        }
        let asked = peer.asked().await;
        assert_eq!(asked.params::<EpochCompleteParams<'_>>().epoch, 2);
        fail(&mut peer, &asked, ErrorCode::Conflict, "rewrap incomplete").await;
        list(&mut peer, &[(record(3), late)]).await;
        let asked = peer.asked().await;
        peer.respond(&asked, &DeksRewrapResult { ok: true, count: 1 }).await;
        for _ in 0..2 {
            list(&mut peer, &[]).await;
        }
        let asked = peer.asked().await;
        peer.respond(&asked, &Empty).await;
    };
    let (done, ()) = tokio::join!(rewrap_all(&connection, ACCESS, &keys, epoch(2)), server);
    let done = done.unwrap();
    assert_eq!((done.records, done.files), (2, 0));
}

/// A conflict with another pending epoch cannot be resolved by rewrapping.
#[tokio::test]
async fn overtaken_rotation_fails() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        for _ in 0..2 {
            list(&mut peer, &[]).await;
        }
        let asked = peer.asked().await;
        fail(&mut peer, &asked, ErrorCode::Conflict, "epoch mismatch").await;
    };
    let keys = KeyRing::new(SPACE);
    let (done, ()) = tokio::join!(rewrap_all(&connection, ACCESS, &keys, epoch(2)), server);
    assert_eq!(done.unwrap_err().to_string(), "cannot replace the keys");
}

#[tokio::test]
async fn rewrap_names_the_keys_it_replaces() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        assert_eq!(asked.method, "deks.rewrap");
        let entries = asked.params::<DeksRewrapParams<'_>>().deks;
        let entry = entries.first().unwrap();
        assert_eq!(
            (entry.id, entry.observed_wrapped_dek),
            (record(1).to_string().as_str(), Some(&b"old"[..]))
        );
        peer.respond(&asked, &DeksRewrapResult { ok: true, count: 1 }).await;
    };
    let rewrap = Rewrap { id: record(1), dek: Dek::from_bytes([2; 44]), observed: "old".into() };
    let rewraps = [rewrap];
    let (done, ()) = tokio::join!(connection.rewrap(ACCESS, &rewraps), server);
    done.unwrap();
}
