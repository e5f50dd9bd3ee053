//! A server whose connections to PostgreSQL go silent while new ones work (storage §3.4, T9; operations O8, O16).

use less_sync_test_support::postgres::TestDatabase;
use less_sync_test_support::{Fault, FaultProxy, RawClient, TestServer, create, within};
use serde_json::{Value, json};

struct Proxied {
    server: TestServer,
    proxy: FaultProxy,
    _database: TestDatabase,
}

impl Proxied {
    async fn new() -> Self {
        let database = TestDatabase::migrated().await;
        let (proxy, url) = database.behind_proxy().await;
        let server = TestServer::builder().setting("DATABASE_URL", &url).start().await;
        Self { server, proxy, _database: database }
    }
}

/// Pushes new records until one is acknowledged; returns the number of the first free one.
async fn push_until_it_works(client: &mut RawClient, space: &str, first: u128) -> u128 {
    let mut id = first;
    let recovered = async {
        loop {
            let result = client.push(space, &[create(id, "x")]).await;
            id += 1;
            if result["ok"] == true {
                return id;
            }
            assert_eq!(result, json!({ "ok": false, "error": "internal" }));
        }
    };
    within("a push that is acknowledged", recovered).await
}

/// Pulls until a pull succeeds; returns its rows.
async fn pull_until_it_works(client: &mut RawClient, space: &str) -> Vec<Value> {
    let recovered = async {
        loop {
            let params = json!({ "spaces": [{ "id": space, "since": 0 }] });
            let (chunks, response) = client.call_with_chunks("pull", &params).await;
            match response.get("error") {
                Some(error) => assert_eq!(error["code"], "internal"),
                None => return chunks.into_iter().filter(|chunk| chunk["name"] == "pull.record").collect(),
            }
        }
    };
    within("a pull that succeeds", recovered).await
}

/// Every request ends within seconds, and nobody has to connect again. No push is applied twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_database_connections_cost_seconds_and_no_records() {
    let proxied = Proxied::new().await;
    let server = &proxied.server;
    let (space, other) = (server.space("alice"), server.space("bob"));
    let [mut alice, mut reader] = [server.raw("alice").await, server.raw("alice").await];
    let mut next = 1;
    for round in 0..3 {
        next = push_until_it_works(&mut alice, &space, next).await;
        pull_until_it_works(&mut reader, &space).await;
        let acknowledged = next - 1;
        proxied.proxy.fault_all(Fault::Swallow);
        let mut newcomer = server.raw("bob").await;
        let (pushed, pulled, _) = tokio::join!(
            push_until_it_works(&mut alice, &space, next),
            pull_until_it_works(&mut reader, &space),
            push_until_it_works(&mut newcomer, &other, 100 * round + 1),
        );
        next = pushed;
        assert!(pulled.len() as u128 + round >= acknowledged, "{pulled:?}");
        let ready = async { while server.get("/readyz").await.status != 200 {} };
        within("readiness", ready).await;
    }
    let rows = pull_until_it_works(&mut reader, &space).await;
    let cursors: Vec<_> = rows.iter().map(|row| row["data"]["cursor"].as_u64().unwrap()).collect();
    assert_eq!(cursors, (1..=rows.len() as u64).collect::<Vec<_>>(), "one record and one cursor per push");
}

/// A shutdown does not wait for what will not respond.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_stops_in_time_on_silent_database_connections() {
    let mut proxied = Proxied::new().await;
    let space = proxied.server.space("alice");
    let mut alice = proxied.server.raw("alice").await;
    push_until_it_works(&mut alice, &space, 1).await;
    proxied.proxy.fault_all(Fault::Swallow);
    alice.request("push", &json!({ "space": space, "changes": [create(2, "x")] })).await;
    proxied.server.drain();
    proxied.server.stopped().await;
}
