//! Warnings about slow storage operations (operations §6).

use std::time::Duration;

use less_sync_test_support::postgres::TestDatabase;
use less_sync_test_support::{LogWatch, TestServer, create, within};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

#[tokio::test]
async fn slow_operation_is_a_warning_with_its_name_and_without_ids() {
    let log = LogWatch::start("storage operation was slow");
    let database = TestDatabase::migrated().await;
    let server = TestServer::builder().setting("DATABASE_URL", database.url()).manual_clock().start().await;
    let (space, mut client) = (server.space("alice"), server.raw("alice").await);
    client.push_ok(&space, &[create(1, "fast")]).await;
    assert_eq!(log.lines(), Vec::<String>::new());

    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    let lock = format!("BEGIN; SELECT id FROM spaces WHERE id = '{space}' FOR UPDATE");
    holder.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await.unwrap();
    client.request("push", &json!({ "space": space, "changes": [create(2, "slow")] })).await;
    let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock')";
    within("a push that waits for the lock", async {
        while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut holder).await.unwrap() {}
    })
    .await;
    server.clock().advance(Duration::from_millis(251));
    holder.execute("ROLLBACK").await.unwrap();
    assert_eq!(client.receive_rpc().await["result"]["ok"], true);

    let lines = log.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(
        line.starts_with("WARN") && line.contains("op=push") && line.contains("duration_ms=251"),
        "{line}"
    );
    assert!(!line.contains(&space), "{line}");
}
