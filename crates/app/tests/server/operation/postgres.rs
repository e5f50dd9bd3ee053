//! A server during outages and overload of PostgreSQL (storage §3.4, T8, T9, S1, S32; operations O8).

use std::time::Duration;

use less_sync_core::Permission;
use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};
use less_sync_test_support::{
    Member, RawClient, SharedSpace, TestServer, TestServerBuilder, bytes, create, update, within,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

fn internal() -> Value {
    json!({ "ok": false, "error": "internal" })
}

async fn server_on(url: &str) -> TestServer {
    let builder = TestServer::builder().setting("DATABASE_URL", url);
    // Short timeouts: requests of these tests fail instead of waiting.
    builder
        .setting("DATABASE_LOCK_TIMEOUT_MS", "200")
        .setting("DATABASE_ACQUIRE_TIMEOUT_MS", "500")
        .start()
        .await
}

/// Runs statements one by one; as one they would be one transaction.
async fn administer(url: &str, statements: [String; 3]) {
    let mut admin = within("PostgreSQL", PgConnection::connect(url)).await.unwrap();
    for statement in statements {
        within("PostgreSQL", admin.execute(sqlx::raw_sql(AssertSqlSafe(statement)))).await.unwrap();
    }
}

/// Pushes until the server has recovered; failures meanwhile are `internal` only.
async fn push_until_it_works(client: &mut RawClient, space: &str, id: u128) -> i64 {
    let back = async {
        loop {
            let result = client.push(space, &[create(id, "after")]).await;
            if result["ok"] == true {
                return result["cursor"].as_i64().unwrap();
            }
            assert_eq!(result, internal());
        }
    };
    within("the database to be used again", back).await
}

/// Pulls until the server has noticed that its sessions were ended; returns the number of rows.
async fn pull_until_it_works(client: &mut RawClient, space: &str) -> usize {
    let back = async {
        loop {
            let params = json!({ "spaces": [{ "id": space, "since": 0 }] });
            let (chunks, response) = client.call_with_chunks("pull", &params).await;
            match response.get("error") {
                Some(error) => assert_eq!(error["code"], "internal"),
                None => return chunks.len() - 2,
            }
        }
    };
    within("the database to be read again", back).await
}

/// D-29, O16: during an outage connected clients get `internal`, and readiness fails. The connections stay open, and
/// the server recovers without intervention.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_internal_and_the_server_recovers() {
    let postgres = PrivateServer::start(Durability::Durable);
    let database = TestDatabase::migrated_on(&postgres).await;
    let server = server_on(database.url()).await;
    let space = server.space("alice");
    let [mut alice, mut watcher] = [server.raw("alice").await, server.raw("alice").await];
    watcher.subscribe(&space).await;
    assert_eq!(alice.push_ok(&space, &[create(1, "before")]).await, 1);

    tokio::task::block_in_place(|| postgres.kill());
    assert_eq!(alice.push(&space, &[update(1, "during", 1)]).await, internal());
    let pull = alice.call("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    assert_eq!(pull["error"]["code"], "internal", "{pull}");
    let bob = server.space("bob");
    let mut newcomer = server.raw("bob").await;
    assert_eq!(newcomer.push(&bob, &[create(1, "x")]).await, internal());
    assert_eq!(server.get("/readyz").await.status, 503);
    assert_eq!(server.get("/livez").await.status, 200);

    tokio::task::block_in_place(|| postgres.start_again());
    assert_eq!(push_until_it_works(&mut alice, &space, 2).await, 2);
    assert_eq!(push_until_it_works(&mut newcomer, &bob, 2).await, 1);
    // The result is cached for a moment, so that it may still be the previous one.
    let ready = async { while server.get("/readyz").await.status != 200 {} };
    within("readiness", ready).await;
    for cursor in 1..=2 {
        assert_eq!(watcher.receive_notification("sync").await["cursor"], cursor);
    }
}

/// A read-only database: pulls work, pushes are not acknowledged.
#[tokio::test]
async fn a_read_only_database_serves_pulls_and_rejects_pushes() {
    let database = TestDatabase::migrated().await;
    let server = server_on(database.url()).await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    alice.push_ok(&space, &[create(1, "before")]).await;
    let name = database.name();
    let read_only = |to: &str| {
        [
            "SET default_transaction_read_only = off".to_owned(),
            format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}"),
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            ),
        ]
    };
    administer(database.url(), read_only("on")).await;
    assert_eq!(alice.push(&space, &[update(1, "during", 1)]).await, internal());
    assert_eq!(pull_until_it_works(&mut alice, &space).await, 1);
    assert_eq!(alice.push(&space, &[update(1, "during", 1)]).await, internal());
    assert_eq!(pull_until_it_works(&mut alice, &space).await, 1);
    administer(database.url(), read_only("off")).await;
    assert_eq!(push_until_it_works(&mut alice, &space, 2).await, 2);
}

/// Ended sessions cost no pull: each page is read again on a new connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulls_go_on_when_the_sessions_of_the_database_are_ended() {
    let database = TestDatabase::migrated().await;
    let server = TestServer::builder()
        .setting("DATABASE_URL", database.url())
        .setting("PULL_PAGE_ROWS", "5")
        .start()
        .await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    let changes: Vec<_> = (0..50).map(|id| create(id, "x")).collect();
    alice.push_ok(&space, &changes).await;
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    let mut readers = [server.raw("alice").await, server.raw("alice").await, server.raw("alice").await];
    for _ in 0..20 {
        let params = json!({ "spaces": [{ "id": space, "since": 0 }] });
        for reader in &mut readers {
            reader.request("pull", &params).await;
        }
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        admin.execute(sqlx::raw_sql(cut)).await.unwrap();
        for reader in &mut readers {
            let mut records = 0;
            let response = loop {
                let frame = reader.receive_rpc().await;
                if frame["type"] != 3 {
                    break frame;
                }
                records += usize::from(frame["name"] == "pull.record");
            };
            assert!(response.get("error").is_none(), "{response}");
            assert_eq!(records, 50);
        }
    }
}

/// S32: a lock on the row of a space blocks that space only, and for a bounded time.
#[tokio::test]
async fn a_locked_space_is_internal_and_other_spaces_are_unaffected() {
    let database = TestDatabase::migrated().await;
    let server = server_on(database.url()).await;
    let (space, other) = (server.space("alice"), server.space("bob"));
    let [mut alice, mut bob] = [server.raw("alice").await, server.raw("bob").await];
    alice.push_ok(&space, &[create(1, "before")]).await;
    bob.push_ok(&other, &[create(1, "before")]).await;
    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    let lock = format!("BEGIN; SELECT id FROM spaces WHERE id = '{space}' FOR UPDATE");
    holder.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await.unwrap();

    let waiting =
        alice.request("push", &json!({ "space": space, "changes": [update(1, "during", 1)] })).await;
    for cursor in 1..20 {
        assert_eq!(bob.push_ok(&other, &[update(1, "x", cursor)]).await, cursor + 1);
    }
    let response = alice.receive_rpc().await;
    assert_eq!((&response["id"], &response["result"]), (&json!(waiting), &internal()));

    holder.execute("ROLLBACK").await.unwrap();
    assert_eq!(alice.push_ok(&space, &[update(1, "after", 1)]).await, 2);
}

/// S1, R22: stalled pulls hold no connection of the pool.
#[tokio::test]
async fn twenty_stalled_pulls_hold_no_database_connection() {
    const ROW: usize = 512 * 1024;
    let database = TestDatabase::migrated().await;
    let server = TestServer::builder()
        .setting("DATABASE_URL", database.url())
        .limits(|limits| (limits.max_connections_per_mailbox, limits.max_connections_per_actor) = (0, 0))
        // However long the reads below take, no pull stalls for long enough to be ended.
        .manual_clock()
        .start()
        .await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    for id in 0..32 {
        alice.push_ok(&space, &[create(id, vec![7; ROW])]).await;
    }
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut client = server.raw("alice").await;
        client.request("pull", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
        stalled.push(client);
    }
    for id in 32..64 {
        alice.push_ok(&space, &[create(id, "small")]).await;
        assert_eq!(server.get("/readyz").await.status, 200);
        assert_eq!(server.get("/health").await.status, 200);
    }
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    let open = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(&mut admin).await.unwrap(), 0);
    for mut client in stalled {
        let mut chunks = 0;
        let response = loop {
            let frame = client.receive_rpc().await;
            if frame["type"] != 3 {
                break frame;
            }
            chunks += 1;
        };
        assert!(chunks >= 34, "{chunks} chunks");
        assert_eq!(response["result"]["_chunks"], chunks);
    }
}

/// O8: a server may start before its database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_the_database() {
    let postgres = PrivateServer::start(Durability::Volatile);
    let database = TestDatabase::migrated_on(&postgres).await;
    tokio::task::block_in_place(|| postgres.stop());
    let start = server_on(database.url());
    let bring_back = async { tokio::task::block_in_place(|| postgres.start_again()) };
    let both = Box::pin(async { tokio::join!(start, bring_back) });
    let (server, ()) = within("the start", both).await;
    let mut alice = server.raw("alice").await;
    assert_eq!(alice.push_ok(&server.space("alice"), &[create(1, "x")]).await, 1);
}

/// Second server on `database`, which trusts the issuer of `first`.
async fn another_process(first: &TestServer, database: &TestDatabase) -> TestServer {
    let issuer = format!("{}={}", first.issuer().url(), first.issuer().key_set_url());
    let builder = without_bus(TestServer::builder()).setting("DATABASE_URL", database.url());
    builder.setting("TRUSTED_ISSUERS", &issuer).start().await
}

/// A server that learns of other processes by the position check only.
fn without_bus(builder: TestServerBuilder) -> TestServerBuilder {
    builder.setting("FANOUT_BUS", "none")
}

/// Writes of another process reach the subscribers of this one, through the sequencer and the position check.
#[tokio::test]
async fn pushes_of_another_process_reach_the_subscribers() {
    let database = TestDatabase::migrated().await;
    let here = without_bus(TestServer::builder())
        .setting("DATABASE_URL", database.url())
        .limits(|limits| limits.position_check = Duration::from_secs(1))
        .start()
        .await;
    let there = another_process(&here, &database).await;
    let space = here.space("alice");
    let mut watcher = here.raw("alice").await;
    watcher.subscribe(&space).await;
    let mut writer = there.raw_with_token(&here.token("alice")).await;
    let cursor = writer.push_ok(&space, &[create(1, "from elsewhere")]).await;
    let hint = watcher.receive_notification("sync").await;
    assert_eq!((&hint["cursor"], &hint["records"]), (&json!(cursor), &json!([])));
}

/// A removed member must not keep watching through a process that did not hear of the removal.
#[tokio::test]
async fn revocation_in_another_process_ends_subscriptions_within_thirty_seconds() {
    let database = TestDatabase::migrated().await;
    let here = without_bus(TestServer::builder());
    let here = here.setting("DATABASE_URL", database.url()).manual_clock().start().await;
    let there = another_process(&here, &database).await;
    let space = SharedSpace::create(&here).await;
    let [removed, other] = std::array::from_fn(|_| Member::random());
    let ucan = space.invite(&removed, Permission::Write);
    let mut gone = here.raw_as("bob", &removed).await;
    gone.subscribe_with(&space.text(), &ucan).await;
    let mut stays = here.raw_as("carol", &other).await;
    stays.subscribe_with(&space.text(), &space.invite(&other, Permission::Write)).await;

    let mut owner = there.raw_with_token(&here.token_as("owner", space.owner())).await;
    space.revoke(&mut owner, &ucan).await;
    here.clock().advance(Duration::from_secs(30));
    for client in [&mut gone, &mut stays] {
        assert_eq!(client.receive_notification("revoked").await["space"], space.text());
    }
    stays.notify("event.send", &json!({ "space": space.text(), "data": bytes("psst") })).await;
    stays.notify("presence.set", &json!({ "space": space.text(), "data": bytes("here") })).await;
    stays.assert_alive().await;
    gone.assert_quiet().await;
}
