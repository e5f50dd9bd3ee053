//! Sessions across interruptions, on paused time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_client::{
    AccessToken, Connect, Connection, DialError, Event, Events, Interruption, PullItem, Session, SpacePlan,
    TokenProvider, TokenUnavailable, Update, Watch,
};
use pretty_assertions::assert_eq;

use crate::fake::{Arrivals, FakeListener, SPACE, at};

fn follow(since: u64) -> SpacePlan {
    SpacePlan { watch: Watch { since: at(since), ..Watch::from(SPACE) }, follow: true }
}

fn session(plan: SpacePlan) -> (Session, Arrivals) {
    let (listener, arrivals) = FakeListener::open();
    (Session::start(listener, Arc::new(AccessToken::from("t")), &[plan]), arrivals)
}

/// The next update, abbreviated.
async fn next(session: &mut Session) -> String {
    match session.next().await {
        None => "over".to_owned(),
        Some(Update::Connected) => "connected".to_owned(),
        Some(Update::Watching(watched)) => format!("watching at {}", watched.cursor),
        Some(Update::Rejected { code, .. }) => format!("rejected {code}"),
        Some(Update::Skipped { .. }) => "skipped".to_owned(),
        Some(Update::Pulled(PullItem::Begin { prev, .. })) => format!("begin {prev}"),
        Some(Update::Pulled(PullItem::Record(row))) => format!("row {}", row.cursor),
        Some(Update::Pulled(PullItem::Commit { cursor, .. })) => format!("commit {cursor}"),
        Some(Update::Pulled(other)) => format!("{other:?}"),
        Some(Update::Event(Event::Sync(sync))) => format!("sync {}", sync.cursor),
        Some(Update::Event(other)) => format!("{other:?}"),
        Some(Update::Interrupted { retry_in: None, cause }) => format!("given up: {cause}"),
        Some(Update::Interrupted { .. }) => "interrupted".to_owned(),
    }
}

async fn expect<const N: usize>(session: &mut Session, expected: [&str; N]) {
    for expected in expected {
        assert_eq!(next(session).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn session_pulls_missed_changes_and_then_delivers_every_change_once() {
    let (mut session, mut arrivals) = session(follow(3));
    let mut peer = arrivals.next().await;
    assert_eq!(peer.accept_subscribe(5).await, 3);
    assert_eq!(peer.serve_pull(5).await, 3);
    expect(&mut session, ["connected", "watching at 5", "begin 3", "row 4", "row 5", "commit 5"]).await;
    for (prev, cursor) in [(4, 5), (5, 6), (5, 6), (6, 7)] {
        peer.sync(SPACE, prev, cursor).await;
    }
    expect(&mut session, ["sync 6", "sync 7"]).await;
    peer.sync(SPACE, 8, 9).await;
    assert_eq!(peer.serve_pull(9).await, 7);
    expect(&mut session, ["begin 7", "row 8", "row 9", "commit 9"]).await;
    peer.sync(SPACE, 12, 12).await;
    assert_eq!(peer.serve_pull(12).await, 9);
    expect(&mut session, ["begin 9", "row 10", "row 11", "row 12", "commit 12"]).await;
}

#[tokio::test(start_paused = true)]
async fn session_that_is_up_to_date_does_not_pull() {
    let (mut session, mut arrivals) = session(follow(5));
    let mut peer = arrivals.next().await;
    peer.accept_subscribe(5).await;
    peer.sync(SPACE, 5, 6).await;
    expect(&mut session, ["connected", "watching at 5", "sync 6"]).await;
}

#[tokio::test(start_paused = true)]
async fn events_of_an_unfollowed_space_are_delivered_as_received() {
    let (mut session, mut arrivals) = session(SpacePlan { watch: Watch::from(SPACE), follow: false });
    let mut peer = arrivals.next().await;
    peer.accept_subscribe(5).await;
    peer.sync(SPACE, 8, 9).await;
    peer.sync(SPACE, 1, 2).await;
    expect(&mut session, ["connected", "watching at 5", "sync 9", "sync 2"]).await;
}

#[tokio::test(start_paused = true)]
async fn session_resumes_from_its_cursor_after_a_lost_connection() {
    let (mut session, mut arrivals) = session(follow(0));
    let mut peer = arrivals.next().await;
    peer.accept_subscribe(1).await;
    peer.serve_pull(1).await;
    expect(&mut session, ["connected", "watching at 1", "begin 0", "row 1", "commit 1"]).await;
    assert!(session.connection().is_some());
    drop(peer);
    expect(&mut session, ["interrupted"]).await;
    assert!(session.connection().is_none());

    // Cut off in the middle of a pull: the rows come again.
    let mut peer = arrivals.next().await;
    assert_eq!(peer.accept_subscribe(3).await, 1);
    let asked = peer.asked().await;
    peer.begin(&asked, SPACE, 1, 3).await;
    peer.record(&asked, SPACE, 2, 2).await;
    expect(&mut session, ["connected", "watching at 3", "begin 1", "row 2"]).await;
    peer.close(1001, "server shutting down").await;
    expect(&mut session, ["interrupted"]).await;

    let mut peer = arrivals.next().await;
    assert_eq!(peer.accept_subscribe(3).await, 1);
    assert_eq!(peer.serve_pull(3).await, 1);
    expect(&mut session, ["connected", "watching at 3", "begin 1", "row 2", "row 3", "commit 3"]).await;
}

#[tokio::test(start_paused = true)]
async fn incomplete_pull_makes_the_session_reconnect() {
    let (mut session, mut arrivals) = session(follow(0));
    let mut peer = arrivals.next().await;
    peer.accept_subscribe(2).await;
    let asked = peer.asked().await;
    peer.begin(&asked, SPACE, 0, 2).await;
    peer.record(&asked, SPACE, 1, 1).await;
    peer.commit(&asked, SPACE, 0, 2, 2).await;
    expect(&mut session, ["connected", "watching at 2", "begin 0", "row 1", "interrupted"]).await;
    let mut peer = arrivals.next().await;
    assert_eq!(peer.accept_subscribe(2).await, 0);
}

/// Announced delays of the next attempts.
async fn delays(session: &mut Session, count: usize) -> Vec<Duration> {
    let mut delays = Vec::new();
    while delays.len() < count {
        match session.next().await {
            Some(Update::Interrupted { retry_in, .. }) => delays.push(retry_in.unwrap()),
            Some(_) => {}
            None => panic!("the session is over"),
        }
    }
    delays
}

#[tokio::test(start_paused = true)]
async fn attempts_back_off_with_jitter_and_wait_the_announced_delay() {
    let (listener, arrivals) = FakeListener::open();
    drop(arrivals);
    let mut session = Session::start(listener, Arc::new(AccessToken::from("t")), &[follow(0)]);
    let began = tokio::time::Instant::now();
    let delays = delays(&mut session, 8).await;
    for (delay, seconds) in delays.iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
        let (least, most) = (Duration::from_secs(seconds), Duration::from_secs(seconds).mul_f64(1.3));
        assert!((least..=most).contains(delay), "{delay:?} for {seconds} s");
    }
    // The eighth announcement came after seven waits; timers have a resolution of one millisecond.
    let waited: Duration = delays.iter().take(7).sum();
    assert!(began.elapsed().abs_diff(waited) < Duration::from_millis(10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn events_of_rows_that_a_pull_had_beyond_its_bound_are_not_delivered_again() {
    let (mut session, mut arrivals) = session(follow(3));
    let mut peer = arrivals.next().await;
    peer.accept_subscribe(5).await;
    let asked = peer.asked().await;
    peer.begin(&asked, SPACE, 3, 5).await;
    // Record 1 was at 4 and has moved to 7 while the client read.
    for (number, cursor) in [(2, 5), (1, 7)] {
        peer.record(&asked, SPACE, number, cursor).await;
    }
    peer.commit(&asked, SPACE, 3, 5, 2).await;
    peer.count(&asked, 4).await;
    expect(&mut session, ["connected", "watching at 5", "begin 3", "row 5", "row 7", "commit 5"]).await;
    // 6 would bring an older state of the record. 7 may have had more rows than the pull met.
    for (prev, cursor) in [(5, 6), (6, 7), (7, 8)] {
        peer.sync(SPACE, prev, cursor).await;
    }
    expect(&mut session, ["sync 7", "sync 8"]).await;
}

#[tokio::test(start_paused = true)]
async fn only_a_connection_that_lived_five_seconds_resets_the_back_off() {
    let (mut session, mut arrivals) = session(follow(0));
    let mut waited = Vec::new();
    for life in [0, 4, 0, 6, 0] {
        let mut peer = arrivals.next().await;
        peer.accept_subscribe(0).await;
        tokio::time::sleep(Duration::from_secs(life)).await;
        peer.close(4003, "too many connections").await;
        waited.extend(delays(&mut session, 1).await.iter().map(Duration::as_secs_f64));
    }
    for (waited, least) in waited.iter().zip([1.0, 2.0, 4.0, 1.0, 2.0]) {
        assert!((least..=least * 1.3).contains(waited), "{waited} for {least}");
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_token_ends_the_session() {
    for code in [4000, 4002] {
        let (mut session, mut arrivals) = session(follow(0));
        arrivals.next().await.close(code, "no").await;
        expect(&mut session, [&format!("given up: the server closed the connection: {code} no"), "over"])
            .await;
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(arrivals.has_no_dial());
    }
}

/// A server in trouble, which says for how long.
struct Busy;

#[async_trait]
impl Connect for Busy {
    async fn connect(&self, _: AccessToken) -> Result<(Connection, Events), DialError> {
        Err(DialError::Rejected { status: 503, retry_after: Some(Duration::from_secs(12)) })
    }
}

#[tokio::test(start_paused = true)]
async fn retry_delay_requested_by_the_server_is_respected() {
    let mut session = Session::start(Arc::new(Busy), Arc::new(AccessToken::from("t")), &[follow(0)]);
    for delay in delays(&mut session, 3).await {
        assert_eq!(delay, Duration::from_secs(12));
    }
}

/// Hands out tokens from a list, then none.
struct Tokens(std::sync::Mutex<Vec<Result<AccessToken, TokenUnavailable>>>);

#[async_trait]
impl TokenProvider for Tokens {
    async fn token(&self) -> Result<AccessToken, TokenUnavailable> {
        self.0.lock().unwrap().pop().unwrap_or(Err(TokenUnavailable::SignedOut))
    }
}

#[tokio::test(start_paused = true)]
async fn every_dial_asks_for_a_token_and_signing_out_ends_the_session() {
    let later = TokenUnavailable::Later("offline".into());
    let tokens = Tokens(std::sync::Mutex::new(vec![Ok("second".into()), Err(later), Ok("first".into())]));
    let (listener, mut arrivals) = FakeListener::open();
    let mut session = Session::start(listener, Arc::new(tokens), &[follow(0)]);
    // `Arrivals::next` compares the token with the one in the first frame.
    drop(arrivals.next().await);
    expect(&mut session, ["interrupted", "interrupted"]).await;
    drop(arrivals.next().await);
    expect(&mut session, ["interrupted"]).await;
    match session.next().await {
        Some(Update::Interrupted {
            cause: Interruption::Token(TokenUnavailable::SignedOut),
            retry_in: None,
        }) => {}
        other => panic!("{other:?}"),
    }
    assert!(session.next().await.is_none());
}
