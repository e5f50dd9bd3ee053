//! A server behind `PgBouncer`, which pools transactions (operations §2.3).

use less_sync_test_support::postgres::{Pooler, TestDatabase};
use less_sync_test_support::{TestServer, create, within};
use serde_json::{Value, json};

/// Pushes, live events and pulls of several users at once; none fails, with the defaults and with unnamed statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_works_behind_a_pooler() {
    for cache in ["256", "0"] {
        let database = TestDatabase::migrated().await;
        let pooler = Pooler::start(&database, "").await;
        let builder = TestServer::builder().setting("DATABASE_URL", pooler.url());
        let server = builder.setting("DATABASE_STATEMENT_CACHE", cache).start().await;
        let users = ["alice", "bob", "carol", "dave"].map(|user| {
            let server = &server;
            async move {
                let space = server.space(user);
                let [mut writer, mut reader] = [server.raw(user).await, server.raw(user).await];
                reader.subscribe(&space).await;
                for id in 1..=20 {
                    writer.push_ok(&space, &[create(id, "x"), create(100 + id, "y")]).await;
                    let params = json!({ "spaces": [{ "id": space, "since": 0 }] });
                    let (chunks, response) = writer.call_with_chunks("pull", &params).await;
                    assert!(response.get("error").is_none(), "{response}");
                    assert_eq!(chunks.len() as u128, 2 * id + 2);
                    assert_eq!(
                        reader.receive_notification("sync").await["cursor"],
                        json!(u64::try_from(id).unwrap())
                    );
                }
            }
        });
        let [one, two, three, four] = users;
        tokio::join!(one, two, three, four);
        within("readiness", async { while server.get("/readyz").await.status != 200 {} }).await;
        // Nodes do not talk through it: the proxy would end backends that get a notification.
        let report: Value = serde_json::from_slice(&server.get("/readyz").await.body).unwrap();
        assert_eq!(report["nodes"]["status"], "degraded", "{report}");
    }
}
