//! Outages of the database, and spaces of other servers: neither is a rejection (W9, http §7.2 row 9, §7.7).

use http::{Method, StatusCode};
use less_sync_core::Permission;
use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};
use less_sync_test_support::{Member, SharedSpace, TestServer, TestServerBuilder, within};

use crate::files::fixture::{Fixture, content, dek, fresh_id, record, rejected, send};

/// Clients delete their copy when access is rejected; an outage is 503.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outage_of_the_database_is_no_rejection() {
    let postgres = PrivateServer::start(Durability::Durable);
    let database = TestDatabase::migrated_on(&postgres).await;
    let server = TestServer::builder().files().setting("DATABASE_URL", database.url());
    let fixture = Fixture::on(server.setting("DATABASE_ACQUIRE_TIMEOUT_MS", "500").start().await).await;
    let id = fixture.stored(&content(10, 1)).await;
    let shared = SharedSpace::create(&fixture.server).await;
    let reader = Member::random();
    let chain = shared.invite(&reader, Permission::Read);
    tokio::task::block_in_place(|| postgres.kill());
    for method in [Method::GET, Method::DELETE] {
        rejected(fixture.ask(method, &id), 503, "temporarily unavailable").await;
    }
    rejected(fixture.upload(&fresh_id(), "x"), 503, "temporarily unavailable").await;
    let token = fixture.server.token_as("reader", &reader);
    let of_reader = fixture.bare(Method::GET, &shared.text(), &id).bearer_auth(token).header("X-UCAN", chain);
    rejected(of_reader, 503, "temporarily unavailable").await;
    tokio::task::block_in_place(|| postgres.start_again());
    let back = async { while fixture.get(&id).await.status() != StatusCode::OK {} };
    within("the database to be used again", back).await;
}

/// W18: files of spaces of other servers are not stored on this one.
#[tokio::test]
async fn spaces_of_other_servers_have_no_files_here() {
    let fixture = Fixture::with(TestServerBuilder::embedded).await;
    let shared = SharedSpace::create(&fixture.server).await;
    let db = rusqlite::Connection::open(fixture.server.folder().join("less-sync.db")).unwrap();
    let elsewhere = "UPDATE spaces SET home_server = 'sync.example.org' WHERE id = ?1";
    assert_eq!(db.execute(elsewhere, [shared.id().as_bytes()]).unwrap(), 1);
    let ask = |method| {
        let token = fixture.server.token_as("owner", shared.owner());
        fixture.bare(method, &shared.text(), &fresh_id()).bearer_auth(token).header("X-UCAN", shared.root())
    };
    let (status, text) = if cfg!(feature = "federation") {
        (502, "home server unavailable")
    } else {
        (501, "remote space files are not supported")
    };
    rejected(ask(Method::GET), status, text).await;
    rejected(ask(Method::DELETE), status, text).await;
    let upload = ask(Method::PUT).header("X-Record-ID", record()).header("X-Wrapped-DEK", dek(7));
    rejected(upload.header("Content-Length", "1").body("x"), status, text).await;
    assert_eq!(send(ask(Method::HEAD)).await.status(), status);
}
