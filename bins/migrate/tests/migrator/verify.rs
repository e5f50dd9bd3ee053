//! `verify`: the invariants of a database that a server uses (storage §10).

use less_sync_test_support::TestServer;

use crate::site::{Site, Store};

const FILE: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

async fn fixture(store: Store) -> (Site, TestServer) {
    let site = Site::new(store).await;
    let server = site.server().start().await;
    for user in ["alice", "bob"] {
        server.upload(user, FILE, b"ciphertext").await;
    }
    (site, server)
}

async fn violations_are_printed_by_space(store: Store) {
    let (site, server) = fixture(store).await;
    let said = site.run(&["verify"]).succeeded();
    assert_eq!(said.lines(), ["verified spaces=2 violations=0"]);
    let mut spaces = [server.space("alice"), server.space("bob")];
    spaces.sort();
    let [first, second] = &spaces;
    let id = match store {
        Store::Sqlite => format!("x'{}'", first.replace('-', "")),
        Store::Postgres => format!("'{first}'"),
    };
    site.execute(&format!("UPDATE spaces SET cursor = cursor + 1, metadata_version = 4 WHERE id = {id}"))
        .await;
    let said = site.run(&["verify"]);
    let expected = [
        format!("space {first}: P3: no row has the cursor of the space"),
        format!("space {first}: P6: wrong version or size of the membership log"),
        "verified spaces=2 violations=2".to_owned(),
    ];
    assert_eq!((said.code, said.lines()), (3, expected.iter().map(String::as_str).collect()), "{}", said.err);
    let said = site.run(&["verify", "--from", second]).succeeded();
    assert_eq!(said.lines(), ["verified spaces=1 violations=0"]);
    site.execute(&format!("UPDATE spaces SET cursor = cursor - 2, metadata_version = 0 WHERE id = {id}"))
        .await;
    let said = site.run(&["verify", "--progress"]);
    assert_eq!(said.lines()[0], format!("space {first}: P3: cursor out of range: file {FILE}"));
    assert!(said.err.contains(" spaces verified, "), "{}", said.err);
}

#[tokio::test]
async fn violations_of_sqlite_are_printed_by_space() {
    Box::pin(violations_are_printed_by_space(Store::Sqlite)).await;
}

#[tokio::test]
async fn violations_of_postgresql_are_printed_by_space() {
    Box::pin(violations_are_printed_by_space(Store::Postgres)).await;
}

#[tokio::test]
async fn missing_database_is_not_created() {
    let site = Site::new(Store::Sqlite).await;
    let said = site.run(&["verify"]);
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("error: no database at "), "{}", said.err);
    assert_eq!(site.contents().await, Vec::<String>::new());
}
