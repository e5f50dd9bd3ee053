//! Pulls: verification, backpressure and timeouts.

use std::time::Duration;

use less_sync_client::{Bound, CallError, Code, Options, PullError, PullItem, PullSpace};
use less_sync_core::wire::Empty;
use less_sync_core::{ErrorCode, frame};
use pretty_assertions::assert_eq;

use crate::fake::{OTHER, Peer, ReceivedRequest, SPACE, at, connected, record};

/// Step of a scripted server.
enum Step {
    Begin(u64, u64),
    BeginOther,
    Record(u8, u64),
    RecordOf(less_sync_core::SpaceId),
    Unknown,
    Undecodable,
    Commit(u64, u64, u64),
    Count(u64),
    Fail,
    Vanish,
}
use Step::{Begin, BeginOther, Commit, Count, Fail, Record, RecordOf, Undecodable, Unknown, Vanish};

async fn play(peer: &mut Peer, asked: &ReceivedRequest, steps: &[Step]) {
    for step in steps {
        match step {
            Begin(prev, cursor) => peer.begin(asked, SPACE, *prev, *cursor).await,
            BeginOther => peer.begin(asked, OTHER, 0, 1).await,
            Record(number, cursor) => peer.record(asked, SPACE, *number, *cursor).await,
            RecordOf(space) => peer.record(asked, *space, 9, 1).await,
            Unknown => peer.chunk(asked, "pull.novelty", &Empty).await,
            Undecodable => peer.chunk(asked, "pull.record", &Empty).await,
            Commit(prev, cursor, count) => peer.commit(asked, SPACE, *prev, *cursor, *count).await,
            Count(chunks) => peer.count(asked, *chunks).await,
            Fail => peer.send(frame::error(&asked.id, ErrorCode::Internal, "internal")).await,
            Vanish => peer.close(1001, "server shutting down").await,
        }
    }
}

/// Number of received rows, and outcome of the pull.
async fn pull(steps: &[Step]) -> (usize, Result<u64, PullError>) {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        play(&mut peer, &asked, steps).await;
    };
    let client = async {
        let mut pull = connection.pull(&[PullSpace::from(SPACE, at(0))]).await.unwrap();
        let mut rows = 0;
        while let Some(item) = pull.next().await {
            match item {
                Ok(PullItem::Record(_)) => rows += 1,
                Ok(_) => {}
                Err(error) => {
                    assert!(pull.next().await.is_none(), "nothing follows an error");
                    return (rows, Err(error));
                }
            }
        }
        (rows, pull.finish().await.map(|summary| summary.chunks))
    };
    tokio::join!(client, server).0
}

#[tokio::test]
async fn complete_pull_is_accepted() {
    let steps = [Begin(0, 2), Record(1, 1), Unknown, Record(2, 2), Commit(0, 2, 2), Count(5)];
    let (rows, end) = pull(&steps).await;
    assert_eq!((rows, end.unwrap()), (2, 5));
}

/// D-13: a missing commit or a wrong count is never silently accepted.
#[tokio::test]
async fn incomplete_pull_is_an_error() {
    let cases: [(&str, &[Step]); 12] = [
        (
            "received 2 rows, 3 were announced",
            &[Begin(0, 2), Record(1, 1), Record(2, 2), Commit(0, 2, 3), Count(4)],
        ),
        ("received 1 rows, 0 were announced", &[Begin(0, 2), Record(1, 1), Commit(0, 2, 0), Count(3)]),
        ("received 3 chunks, 4 were announced", &[Begin(0, 1), Record(1, 1), Commit(0, 1, 1), Count(4)]),
        ("received 0 chunks, 1 were announced", &[Count(1)]),
        ("missing commit of a space", &[Begin(0, 1), Record(1, 1), Count(2)]),
        ("unexpected chunk pull.record", &[Record(1, 1)]),
        ("unexpected chunk pull.record", &[Begin(0, 1), RecordOf(OTHER)]),
        ("unexpected chunk pull.commit", &[Begin(0, 1), Commit(0, 1, 0), Commit(0, 1, 0)]),
        ("unexpected chunk pull.begin", &[Begin(0, 1), BeginOther]),
        ("duplicate pull.begin for a space", &[Begin(0, 1), Commit(0, 1, 0), Begin(0, 1)]),
        ("the commit does not match its begin", &[Begin(0, 2), Commit(0, 1, 0)]),
        ("cannot decode chunk pull.record", &[Begin(0, 1), Undecodable]),
    ];
    for (expected, steps) in cases {
        assert_eq!(pull(steps).await.1.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn failed_pull_carries_the_error() {
    let (rows, end) = pull(&[Begin(0, 5), Record(1, 1), Fail]).await;
    assert_eq!(rows, 1);
    match end {
        Err(PullError::Call(CallError::Failed { code: Code::Known(ErrorCode::Internal), .. })) => {}
        other => panic!("{other:?}"),
    }
    let (_, end) = pull(&[Begin(0, 5), Record(1, 1), Vanish]).await;
    assert!(matches!(end, Err(PullError::Call(CallError::Ended(_)))), "{end:?}");
}

#[tokio::test]
async fn skipped_spaces_are_reported() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        play(&mut peer, &asked, &[Begin(0, 0), Commit(0, 0, 0), Count(2)]).await;
    };
    let client = async {
        let spaces = [PullSpace::from(SPACE, at(0)), PullSpace::from(OTHER, at(0))];
        connection.pull(&spaces).await.unwrap().finish().await
    };
    assert_eq!(tokio::join!(client, server).0.unwrap().skipped, [OTHER]);
}

#[tokio::test(start_paused = true)]
async fn every_chunk_restarts_the_timeout() {
    let options = Options {
        call_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(1000),
        ..Options::default()
    };
    let (connection, _events, mut peer) = connected(options).await;
    let server = async {
        let asked = peer.asked().await;
        peer.begin(&asked, SPACE, 0, 9).await;
        for number in 1..=5 {
            tokio::time::advance(Duration::from_secs(29)).await;
            peer.record(&asked, SPACE, number, 9).await;
        }
        peer
    };
    let client = async {
        let mut pull = connection.pull(&[PullSpace::from(SPACE, at(0))]).await.unwrap();
        let mut rows = 0;
        loop {
            match pull.next().await {
                Some(Ok(PullItem::Record(_))) => rows += 1,
                Some(Ok(_)) => {}
                Some(Err(error)) => return (rows, error),
                None => panic!("a pull without a response cannot be over"),
            }
        }
    };
    let ((rows, error), _peer) = tokio::join!(client, server);
    assert_eq!(rows, 5);
    assert!(matches!(error, PullError::Call(CallError::Timeout)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_reader_delays_the_server_and_loses_nothing() {
    let options = Options { chunk_queue: Bound { items: 4, bytes: 1000 }, ..Options::default() };
    let (connection, _events, mut peer) = connected(options).await;
    let (sent, mut progress) = tokio::sync::watch::channel(0_u32);
    let server = async move {
        let asked = peer.asked().await;
        peer.begin(&asked, SPACE, 0, 9).await;
        for row in 0..5000 {
            peer.record(&asked, SPACE, 1, 9).await;
            sent.send_replace(row);
        }
        peer.commit(&asked, SPACE, 0, 9, 5000).await;
        peer.count(&asked, 5002).await;
        peer
    };
    let client = async {
        let mut pull = connection.pull(&[PullSpace::from(SPACE, at(0))]).await.unwrap();
        // Paused time moves when everybody waits, so this is when the server is stuck: what it has sent is in
        // the pipe and in the queue, and both are bounded.
        while tokio::time::timeout(Duration::from_millis(100), progress.changed()).await.is_ok() {}
        assert!(*progress.borrow() < 2000, "{}", *progress.borrow());
        let mut ids = 0;
        while let Some(item) = pull.next().await {
            if let PullItem::Record(row) = item.unwrap() {
                assert_eq!((row.id, row.blob.unwrap()), (record(1), "blob".into()));
                ids += 1;
            }
        }
        ids
    };
    assert_eq!(tokio::join!(client, server).0, 5000);
}

#[tokio::test]
async fn dropped_stream_discards_the_rest() {
    let options = Options { chunk_queue: Bound { items: 1, bytes: 100 }, ..Options::default() };
    let (connection, _events, mut peer) = connected(options).await;
    let server = async {
        let asked = peer.asked().await;
        peer.begin(&asked, SPACE, 0, 9).await;
        for _ in 0..3000 {
            peer.record(&asked, SPACE, 1, 9).await;
        }
        let asked = peer.asked().await;
        peer.respond(&asked, &Empty).await;
    };
    let client = async {
        let mut pull = connection.pull(&[PullSpace::from(SPACE, at(0))]).await.unwrap();
        pull.next().await.unwrap().unwrap();
        drop(pull);
        connection.call("x", &Empty).await
    };
    tokio::join!(client, server).0.unwrap();
}
