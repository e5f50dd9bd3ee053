//! Requests on spaces that another server holds (federation §11, §12.4).

use less_sync_core::{Permission, SpaceId};
use less_sync_test_support::{Cluster, Member, RawClient, SharedSpace, TestServer, create, within};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::rpc_error::error;

/// Two servers with their data in files.
pub(super) async fn pair() -> Cluster {
    Cluster::start_with(2, |_, builder| builder.embedded()).await
}

/// Writes the row of a space that `home` holds, as a search for its home would leave it.
pub(super) fn pin(server: &TestServer, space: &SharedSpace<'_>, home: &str) {
    pin_space(server, space.id(), space.owner(), home);
}

/// As [`pin`], for a space that need not exist.
pub(super) fn pin_space(server: &TestServer, space: SpaceId, owner: &Member, home: &str) {
    let url = server.database_url();
    let db = Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    let insert = "INSERT INTO spaces (id, client_id, root_public_key, home_server, created_at, updated_at)
                  VALUES (?1, 'client', ?2, ?3, 0, 0)";
    let key = owner.root_key();
    assert_eq!(db.execute(insert, params![space.as_bytes(), key.as_bytes(), home]).unwrap(), 1);
}

/// Number of records of the space in the database of a server.
pub(super) fn records(server: &TestServer, space: &SharedSpace<'_>) -> i64 {
    let db = Connection::open(server.database_url().strip_prefix("sqlite:").unwrap()).unwrap();
    let count = "SELECT count(*) FROM records WHERE space_id = ?1";
    db.query_row(count, [space.id().as_bytes()], |row| row.get(0)).unwrap()
}

pub(super) async fn push(client: &mut RawClient, space: &str, ucan: &str, changes: &[Value]) -> Value {
    let params = json!({ "space": space, "ucan": ucan, "changes": changes });
    client.call("push", &params).await["result"].clone()
}

/// T-105, T-518, INV-1, RT-4: a push of a member arrives at the home and is stored there only; results come back as they are; a
/// chain of somebody else is rejected here.
#[tokio::test]
async fn t_518_push_is_forwarded_to_the_home_of_its_space() {
    let cluster = pair().await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let (bob, reader) = (Member::random(), Member::random());
    let (write, read) = (space.invite(&bob, Permission::Write), space.invite(&reader, Permission::Read));
    pin(federated, &space, &cluster.name(0));
    let mut client = federated.raw_as("bob", &bob).await;
    let pushed = push(&mut client, &space.text(), &write, &[create(1, "a")]).await;
    assert_eq!((&pushed["ok"], &pushed["cursor"]), (&json!(true), &json!(1)), "{pushed}");
    assert_eq!((records(home, &space), records(federated, &space)), (1, 0));
    let conflict = push(&mut client, &space.text(), &write, &[create(1, "b")]).await;
    assert_eq!((&conflict["ok"], &conflict["error"]), (&json!(false), &json!("conflict")));
    let stolen = push(&mut client, &space.text(), &read, &[create(2, "b")]).await;
    assert_eq!(stolen["error"], "forbidden");
    let mut other = federated.raw_as("reader", &reader).await;
    assert_eq!(push(&mut other, &space.text(), &read, &[create(2, "b")]).await["error"], "forbidden");
    assert_eq!(records(home, &space), 1);
}

/// FM-16, INV-3, INV-9: without trust the answer is `home_untrusted` or `home_unavailable`, never `forbidden`, and data stays.
#[tokio::test]
async fn fm_16_space_of_an_untrusted_home_is_unavailable() {
    let cluster = pair().await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let space = SharedSpace::create(home).await;
    let bob = Member::random();
    let ucan = space.invite(&bob, Permission::Write);
    pin(federated, &space, "stranger.example");
    let mut client = federated.raw_as("bob", &bob).await;
    assert_eq!(push(&mut client, &space.text(), &ucan, &[create(1, "a")]).await["error"], "home_untrusted");
    let list = client.call("membership.list", &json!({ "space": space.text(), "ucan": ucan })).await;
    assert_eq!(list["error"], error("home_untrusted", "home server is not trusted"));
    cluster.trust(1, &[]);
    within("the peers to be reloaded", async {
        loop {
            let result = push(&mut client, &space.text(), &ucan, &[create(1, "a")]).await;
            if result["error"] == "home_unavailable" {
                break;
            }
            assert_eq!(result["error"], "home_untrusted");
        }
    })
    .await;
    assert_eq!(records(federated, &space), 0);
}
