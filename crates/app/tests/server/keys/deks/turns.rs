//! Users take turns in listings of keys (decision 0020), on PostgreSQL, where a lock of the test stops reads midway.

use less_sync_test_support::postgres::TestDatabase;
use less_sync_test_support::{RawClient, TestServer, create, within};
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

/// Page reads of the server at the same time.
const PAGE_READS: usize = 8;

/// Page reads of one user at the same time.
const SHARE: usize = PAGE_READS / 4;

const ATTACKERS: usize = 8;

/// Listings of each attacking connection.
const LISTINGS: usize = 5;

/// Sessions that wait for the lock of the test.
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE relation = 'records'::regclass AND NOT granted";

/// Listings over many records without keys, all of them stopped midway, wait for each other only: another user's reads are
/// served before any of them goes on. In the order of their arrival they would wait behind all of them.
#[tokio::test]
async fn listings_of_one_user_leave_most_page_reads_to_others() {
    let database = TestDatabase::migrated().await;
    let builder = TestServer::builder().setting("DATABASE_URL", database.url());
    let builder = builder.setting("MAX_CONCURRENT_PULLS", &PAGE_READS.to_string());
    let server = builder.setting("DATABASE_LOCK_TIMEOUT_MS", "0").start().await;
    let (space, alices) = (server.space("mallory"), server.space("alice"));
    let mut alice = server.raw("alice").await;
    alice.push_ok(&alices, &[create(1, "x")]).await;
    let mut attackers = Vec::new();
    for _ in 0..ATTACKERS {
        attackers.push(server.raw("mallory").await);
    }
    let records: Vec<_> = (0..2_000).map(|id| create(id, "no key")).collect();
    attackers[0].push_ok(&space, &records).await;

    let mut admin = within("PostgreSQL", PgConnection::connect(database.url())).await.unwrap();
    let mut lock = admin.begin().await.unwrap();
    lock.execute("LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await.unwrap();
    for attacker in &mut attackers {
        for _ in 0..LISTINGS {
            attacker.request("deks.get", &json!({ "space": space })).await;
        }
    }
    let stopped = async {
        while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut *lock).await.unwrap()
            < i64::try_from(SHARE).unwrap()
        {}
    };
    within("listings to wait for the lock", stopped).await;
    for _ in 0..20 {
        let response = alice.call("deks.getFiles", &json!({ "space": alices })).await;
        assert_eq!(response["result"]["deks"], json!([]), "{response}");
    }
    let waiting: i64 = sqlx::query_scalar(WAITING).fetch_one(&mut *lock).await.unwrap();
    assert_eq!(usize::try_from(waiting), Ok(SHARE));
    lock.rollback().await.unwrap();
    for attacker in &mut attackers {
        assert_eq!(completed(attacker).await, LISTINGS);
    }
}

/// Number of empty listings that follow on this connection, up to those that were requested.
async fn completed(attacker: &mut RawClient) -> usize {
    for listed in 0..LISTINGS {
        let response = attacker.receive_rpc().await;
        if response["result"]["deks"] != json!([]) {
            return listed;
        }
    }
    LISTINGS
}
