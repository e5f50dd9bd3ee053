//! Pulls at home servers: checks, gaps, cancellation, and original servers (federation §12.4).

use std::time::Duration;

use less_sync_core::cbor::Decode as _;
use less_sync_core::wire::chunk;
use less_sync_core::wire::federation::{FedCancelParams, ForwardedPullResult};
use less_sync_core::wire::pull::{ChunkCount, OnCursorAhead, PullBegin, PullCommit, PullParams, PullRecord};
use less_sync_core::wire::subscribe::SpaceError;
use less_sync_core::{Cursor, Epoch, ErrorCode, RecordId, SpaceId, frame};
use less_sync_engine::{HomeError, RemotePull, RemoteRows};
use less_sync_federation::outbound::Repeat;
use less_sync_federation::outbound::dialer::Received;
use less_sync_storage::{CursorAhead, PullRequest, Row};
use less_sync_test_support::within;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, Peer, request, start};

type Begun = Result<Box<dyn RemoteRows>, HomeError>;

const SPACE: SpaceId = SpaceId::from_bytes([7; 16]);

fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

fn pull(fixture: &Fixture, since: u64, ahead: CursorAhead) -> JoinHandle<Begun> {
    let home = fixture.home();
    let request = PullRequest { since: cursor(since), ahead };
    start(async move { home.pull(RemotePull { space: SPACE, request, ucan: "chain".into() }).await })
}

/// A pull from 0 at a native peer that can cancel.
async fn up(fixture: &Fixture) -> (Peer, JoinHandle<Begun>) {
    let begun = pull(fixture, 0, CursorAhead::Rewind);
    let mut peer = fixture.dial().await.accept();
    peer.shake(&["cancel"]).await;
    (peer, begun)
}

/// Params of the next pull: its id, lower bound and policy.
async fn asked(peer: &mut Peer) -> (String, u64, Option<OnCursorAhead>) {
    let (id, params) = peer.expect("pull").await;
    let params = PullParams::decode(&params).unwrap();
    let [entry] = &params.spaces[..] else { panic!("{params:?}") };
    assert_eq!((entry.id, entry.ucan), (SPACE.to_string().as_str(), Some("chain")));
    (id, entry.since, params.on_cursor_ahead)
}

async fn begin(peer: &Peer, id: &str, prev: u64, last: u64) {
    let key_generation = Epoch::new(1).unwrap();
    let space = SPACE.to_string();
    let begin = PullBegin {
        space: &space,
        prev: cursor(prev),
        cursor: cursor(last),
        key_generation,
        rewrap_epoch: None,
    };
    peer.chunk(id, chunk::PULL_BEGIN, &begin).await;
}

async fn record(peer: &Peer, id: &str, number: u8, at: u64, size: usize) {
    record_of(peer, id, &SPACE.to_string(), number, at, size).await;
}

async fn record_of(peer: &Peer, id: &str, space: &str, number: u8, at: u64, size: usize) {
    let blob = vec![number; size];
    let id_of = RecordId::from_bytes([number; 16]);
    let row =
        PullRecord { space, id: id_of, blob: Some(&blob), cursor: cursor(at), dek: None, deleted: false };
    peer.chunk(id, chunk::PULL_RECORD, &row).await;
}

async fn commit(peer: &Peer, id: &str, prev: u64, last: u64, count: u64) {
    let space = SPACE.to_string();
    let commit = PullCommit { space: &space, prev: cursor(prev), cursor: cursor(last), count };
    peer.chunk(id, chunk::PULL_COMMIT, &commit).await;
    peer.send(Received::Message(frame::response(id, &ChunkCount { chunks: count + 2 }))).await;
}

/// Numbers of all rows to come, or the failure.
async fn rows(pull: &mut dyn RemoteRows) -> Result<Vec<u8>, HomeError> {
    let mut numbers = Vec::new();
    while let Some(rows) = within("rows", pull.next()).await? {
        numbers.extend(rows.iter().map(|row| match row {
            Row::Record(record) => record.id.as_bytes()[0],
            other @ (Row::Member(_) | Row::File(_)) => panic!("{other:?}"),
        }));
    }
    Ok(numbers)
}

async fn begun(pull: JoinHandle<Begun>) -> Box<dyn RemoteRows> {
    within("the begin", pull).await.unwrap().unwrap()
}

/// C32: rows pass in order, and the pull is complete with its commit.
#[tokio::test]
async fn c32_rows_of_the_home_server_are_passed_on() {
    let fixture = Fixture::new().await;
    let (mut peer, pull) = up(&fixture).await;
    let (id, since, policy) = asked(&mut peer).await;
    assert_eq!((since, policy), (0, Some(OnCursorAhead::Rewind)));
    begin(&peer, &id, 0, 9).await;
    let mut pull = begun(pull).await;
    assert_eq!((pull.state().prev, pull.state().cursor), (cursor(0), cursor(9)));
    record(&peer, &id, 1, 4, 10).await;
    record(&peer, &id, 2, 9, 10).await;
    commit(&peer, &id, 0, 9, 2).await;
    assert_eq!(rows(&mut *pull).await, Ok(vec![1, 2]));
    drop(pull);
    let next = self::pull(&fixture, 0, CursorAhead::Error);
    assert_eq!(asked(&mut peer).await.2, Some(OnCursorAhead::Error), "no cancellation of a complete pull");
    drop(next);
}

/// FW-4, INV-10, FM-29: a peer that lies about counts, spaces and cursors, or stops in the middle, causes a failure.
#[tokio::test]
async fn fw_4_incomplete_or_inconsistent_pull_fails() {
    for case in 0..7 {
        let fixture = Fixture::new().await;
        let pull = self::pull(&fixture, 3, CursorAhead::Rewind);
        let mut peer = fixture.dial().await.accept();
        peer.shake(&["cancel"]).await;
        let (id, ..) = asked(&mut peer).await;
        begin(&peer, &id, 3, 9).await;
        let mut pull = begun(pull).await;
        record(&peer, &id, 1, 4, 10).await;
        match case {
            0 => commit(&peer, &id, 3, 9, 2).await,
            1 => commit(&peer, &id, 3, 8, 1).await,
            2 => peer.send(Received::Message(frame::response(&id, &ChunkCount { chunks: 2 }))).await,
            3 => record_of(&peer, &id, &SpaceId::from_bytes([8; 16]).to_string(), 2, 5, 10).await,
            4 => record(&peer, &id, 2, 3, 10).await,
            5 => peer.send(Received::Lost).await,
            _ => peer.reject(&id, ErrorCode::Internal).await,
        }
        let expected = match case {
            6 => HomeError::Rejected { code: "internal".to_owned(), message: "text".to_owned() },
            _ => HomeError::Unavailable,
        };
        assert_eq!(rows(&mut *pull).await, Err(expected), "{case}");
    }
}

/// PM-7, FM-6: a peer that sends nothing for 20 s, and its stream is cancelled.
#[tokio::test]
async fn fm_6_silent_pull_fails_and_is_cancelled() {
    let fixture = Fixture::new().await;
    let (mut peer, pull) = up(&fixture).await;
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 0, 9).await;
    let mut pull = begun(pull).await;
    let failure = start(async move { rows(&mut *pull).await });
    fixture.clock.until_armed(Duration::from_secs(20)).await;
    fixture.clock.advance(Duration::from_secs(20));
    assert_eq!(within("the failure", failure).await.unwrap(), Err(HomeError::Unavailable));
    let (_, params) = peer.expect("fed.cancel").await;
    assert_eq!(FedCancelParams::decode(&params).unwrap().id, id);
}

/// FW-3, FM-10: rows that a client does not take in time are dropped, and pulled again behind the last one that it took.
#[tokio::test]
async fn fw_3_pull_goes_on_after_a_client_that_was_slow() {
    const SIZE: usize = 1024 * 1024;
    let fixture = Fixture::new().await;
    let (mut peer, pull) = up(&fixture).await;
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 0, 10).await;
    let mut pull = begun(pull).await;
    // Two rows per cursor: the gap may be between rows of one cursor.
    for number in 1..=20 {
        record(&peer, &id, number, u64::from(number).div_ceil(2), SIZE).await;
    }
    // The link takes all of them without the client.
    let other = fixture.call(request("push", Repeat::Unsent));
    let (push, _) = peer.expect("push").await;
    peer.respond(&push).await;
    within("a call beside the pull", other).await.unwrap().unwrap();
    let all = start(async move { rows(&mut *pull).await });
    let (_, params) = peer.expect("fed.cancel").await;
    assert_eq!(FedCancelParams::decode(&params).unwrap().id, id);
    let (id, since, policy) = asked(&mut peer).await;
    assert_eq!((since, policy), (1, Some(OnCursorAhead::Error)), "four rows were in memory");
    begin(&peer, &id, 1, 10).await;
    for number in 3..=20 {
        record(&peer, &id, number, u64::from(number).div_ceil(2), 10).await;
    }
    commit(&peer, &id, 1, 10, 18).await;
    assert_eq!(within("all rows", all).await.unwrap(), Ok((1..=20).collect()));
}

/// FM-12: a home server that was restored during the pull.
#[tokio::test]
async fn pull_does_not_go_on_in_another_history() {
    let fixture = Fixture::new().await;
    let (mut peer, pull) = up(&fixture).await;
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 0, 10).await;
    let mut pull = begun(pull).await;
    pull.put_back(None);
    let next = start(async move { pull.next().await.err() });
    peer.expect("fed.cancel").await;
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 0, 9).await;
    assert_eq!(within("the failure", next).await.unwrap(), Some(HomeError::Unavailable));
}

/// FW-3: a record above the bound passes, as the only one in memory.
#[tokio::test]
async fn record_above_the_bound_passes() {
    let fixture = Fixture::new().await;
    let (mut peer, pull) = up(&fixture).await;
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 0, 3).await;
    let mut pull = begun(pull).await;
    record(&peer, &id, 1, 1, 6 * 1024 * 1024).await;
    record(&peer, &id, 2, 2, 6 * 1024 * 1024).await;
    record(&peer, &id, 3, 3, 10).await;
    let all = start(async move { rows(&mut *pull).await });
    peer.expect("fed.cancel").await;
    let (id, since, _) = asked(&mut peer).await;
    assert!(since < 2, "{since}");
    begin(&peer, &id, since, 3).await;
    for number in (1 + u8::try_from(since).unwrap())..=3 {
        record(&peer, &id, number, number.into(), 10).await;
    }
    commit(&peer, &id, since, 3, 3 - since).await;
    assert_eq!(within("all rows", all).await.unwrap(), Ok(vec![1, 2, 3]));
}

/// Federation §9.8: a client that goes ends its pull at the home server; a stalled one gets the rest later.
#[tokio::test]
async fn dropped_pull_is_cancelled_and_a_stalled_one_put_back() {
    let fixture = Fixture::new().await;
    let (mut peer, pull) = up(&fixture).await;
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 0, 9).await;
    let mut pull = begun(pull).await;
    for number in 1..=3 {
        record(&peer, &id, number, number.into(), 10).await;
    }
    let first = within("rows", pull.next()).await.unwrap().unwrap();
    pull.put_back(Some(first[0].position()));
    let (_, params) = peer.expect("fed.cancel").await;
    assert_eq!(FedCancelParams::decode(&params).unwrap().id, id);
    let rest = start(async move {
        let next = pull.next().await.unwrap().unwrap();
        drop(pull);
        next
    });
    let (id, since, _) = asked(&mut peer).await;
    assert_eq!(since, 0, "rows of the last cursor may be missing");
    begin(&peer, &id, 0, 9).await;
    record(&peer, &id, 1, 1, 10).await;
    record(&peer, &id, 2, 2, 10).await;
    let rest = within("rows", rest).await.unwrap();
    assert_eq!(rest[0].cursor(), cursor(2), "the first row is not repeated");
    let (_, params) = peer.expect("fed.cancel").await;
    assert_eq!(FedCancelParams::decode(&params).unwrap().id, id);
}

/// PM-8: repeated after the loss of the link, before the first chunk only.
#[tokio::test]
async fn pm_8_pull_without_a_chunk_is_sent_once_more() {
    let fixture = Fixture::new().await;
    let (mut peer, pull) = up(&fixture).await;
    let (first, ..) = asked(&mut peer).await;
    peer.lose().await;
    fixture.clock.until_armed(Duration::from_millis(500)).await;
    fixture.clock.advance(Duration::from_millis(500));
    let mut peer = fixture.dial().await.accept();
    peer.shake(&["cancel"]).await;
    let (id, ..) = asked(&mut peer).await;
    assert_eq!(id, first);
    begin(&peer, &id, 0, 0).await;
    commit(&peer, &id, 0, 0, 0).await;
    assert_eq!(rows(&mut *begun(pull).await).await, Ok(vec![]));
}

/// RP-5: a space without chunks, with and without the reason.
#[tokio::test]
async fn rp_5_skipped_space_fails_with_its_code() {
    for (errors, code) in [(Some("not_found"), "not_found"), (None, "forbidden")] {
        let fixture = Fixture::new().await;
        let (mut peer, pull) = up(&fixture).await;
        let (id, ..) = asked(&mut peer).await;
        let space = SPACE.to_string();
        let errors = errors.into_iter().map(|error| SpaceError { space: &space, error }).collect();
        let result = ForwardedPullResult { chunks: 0, errors };
        peer.send(Received::Message(frame::response(&id, &result))).await;
        let failure = within("the failure", pull).await.unwrap().err();
        assert_eq!(failure, Some(HomeError::Rejected { code: code.to_owned(), message: String::new() }));
    }
}

/// Federation RP-6, §12.7, T-120: an original home server commits to nothing when the client is ahead of it.
#[tokio::test]
async fn rp_6_original_home_server_that_is_behind_is_asked_from_0() {
    let fixture = Fixture::new().await;
    let pull = self::pull(&fixture, 8, CursorAhead::Rewind);
    let mut peer = fixture.dial().await.accept();
    peer.shake_as_original().await;
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 8, 5).await;
    commit(&peer, &id, 8, 5, 0).await;
    let (id, since, _) = asked(&mut peer).await;
    assert_eq!(since, 0);
    begin(&peer, &id, 0, 5).await;
    record(&peer, &id, 1, 5, 10).await;
    commit(&peer, &id, 0, 5, 1).await;
    let mut pull = begun(pull).await;
    assert_eq!((pull.state().prev, pull.state().cursor), (cursor(0), cursor(5)));
    assert_eq!(rows(&mut *pull).await, Ok(vec![1]));
    let pull = self::pull(&fixture, 8, CursorAhead::Error);
    let (id, ..) = asked(&mut peer).await;
    begin(&peer, &id, 8, 5).await;
    let message = "since 8 exceeds current cursor 5".to_owned();
    let failure = within("the failure", pull).await.unwrap().err();
    assert_eq!(failure, Some(HomeError::Rejected { code: "cursor_ahead".to_owned(), message }));
}

/// INV-7: a pull is not sent to a peer that is not trusted any more.
#[tokio::test]
async fn pull_of_an_untrusted_home_fails() {
    let fixture = Fixture::new().await;
    let home = fixture.home();
    fixture.reload("");
    let request = PullRequest { since: cursor(0), ahead: CursorAhead::Rewind };
    let pull = RemotePull { space: SPACE, request, ucan: "chain".into() };
    assert_eq!(home.pull(pull).await.err(), Some(HomeError::Untrusted));
}
