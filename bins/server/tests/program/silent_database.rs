//! Shutdown of the server while its connections to PostgreSQL are silent (storage §3.4, operations §5).

use less_sync_test_support::crashes::ServerProcess;
use less_sync_test_support::postgres::TestDatabase;
use less_sync_test_support::{Fault, FaultProxy, RawClient, Received, create, decode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

const SERVER: &str = env!("CARGO_BIN_EXE_less-sync-server");

/// Content of the push whose outcome the server cannot learn.
const MARK: &str = "content-of-the-uncertain-push";

/// Responses until the server ends the connection.
async fn responses(client: &mut RawClient) -> Vec<Value> {
    let mut responses = Vec::new();
    while let Received::Frame(frame) = client.receive_patiently().await {
        let message = decode(&frame.payload).unwrap_or_default();
        if message["type"] == 1 {
            responses.push(message);
        }
    }
    responses
}

/// Cursors of the records in the database, read past the proxy.
async fn cursors(database: &TestDatabase) -> Vec<i64> {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let query = "SELECT cursor FROM records ORDER BY cursor";
    sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
}

/// Terminates servers in the middle of a push, until one cannot learn its outcome.
async fn terminated_in_a_push(silence: impl Fn(&FaultProxy)) -> TestDatabase {
    for _ in 0..10 {
        let (database, proxy, is_acknowledged) = terminated(&silence).await;
        assert_eq!(proxy.times_sent(MARK.as_bytes()), 1);
        if !is_acknowledged {
            return database;
        }
        // On a busy machine the server may have pinged its connections first, and have sent the push on a new one.
        assert_eq!(cursors(&database).await, [1, 2]);
    }
    panic!("every push was acknowledged");
}

/// Terminates a server in the middle of a push, after `silence` has begun on its connections; returns whether the push was
/// acknowledged.
async fn terminated(silence: impl Fn(&FaultProxy)) -> (TestDatabase, FaultProxy, bool) {
    let database = TestDatabase::migrated().await;
    let (proxy, url) = database.behind_proxy().await;
    let mut server = ServerProcess::start(SERVER, Some(url)).await;
    let (mut client, space) = server.connect("alice").await;
    client.push_ok(&space, &[create(1, "x")]).await;
    proxy.record_sent();
    silence(&proxy);
    let push = json!({ "space": space, "changes": [create(2, MARK)] });
    client.request("push", &push).await;
    proxy.until_sent(MARK.as_bytes()).await;
    let process = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let responses = responses(&mut client).await;
    // 0 means that the shutdown was complete before the end of its grace period.
    assert_eq!(server.exit_code().await, Some(0), "{}", server.log());
    let is_uncertain = |response: &Value| {
        response["result"] == json!({ "ok": false, "error": "internal" })
            || response["error"]["code"] == "internal"
    };
    let is_acknowledged = |response: &Value| response["result"]["ok"] == true;
    assert!(
        responses.iter().all(|response| is_uncertain(response) || is_acknowledged(response)),
        "{responses:?}"
    );
    (database, proxy, responses.iter().any(is_acknowledged))
}

/// A database that takes connections and says nothing, on new ones either: the shutdown is complete before the end of its grace
/// period, and the push that waits is uncertain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_server_abandons_a_database_that_is_silent_on_new_connections() {
    let silence = |proxy: &FaultProxy| {
        (0..1000).for_each(|connection| proxy.preset(connection, Fault::Swallow));
        proxy.fault_all(Fault::Swallow);
    };
    let database = TestDatabase::migrated().await;
    let (proxy, url) = database.behind_proxy().await;
    let mut server = ServerProcess::start(SERVER, Some(url)).await;
    let (mut client, space) = server.connect("alice").await;
    client.push_ok(&space, &[create(1, "x")]).await;
    silence(&proxy);
    let push = json!({ "space": space, "changes": [create(2, MARK)] });
    client.request("push", &push).await;
    let process = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let responses = responses(&mut client).await;
    assert_eq!(server.exit_code().await, Some(0), "{}", server.log());
    assert!(!responses.iter().any(|response| response["result"]["ok"] == true), "{responses:?}");
    assert_eq!(cursors(&database).await, [1]);
}

/// A push that did not reach the database is not acknowledged, and not sent again on another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_server_does_not_repeat_a_push_that_was_swallowed() {
    let database = terminated_in_a_push(|proxy| proxy.fault_all(Fault::Swallow)).await;
    assert_eq!(cursors(&database).await, [1]);
}

/// A push that was committed while the response was lost is not acknowledged either, and is there once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_server_does_not_repeat_a_push_whose_response_was_swallowed() {
    let silence = |proxy: &FaultProxy| proxy.fault_all_to_client(Fault::Swallow);
    let database = terminated_in_a_push(silence).await;
    assert_eq!(cursors(&database).await, [1, 2]);
}
