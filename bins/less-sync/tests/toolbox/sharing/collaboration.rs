//! Two users in one space.

use less_sync_client::PullItem;
use less_sync_test_support::TestServer;
use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::program::{Shell as _, stderr};
use crate::sharing::toolbox_user::{ToolboxUser, id};

#[tokio::test(flavor = "multi_thread")]
async fn members_read_each_others_records_and_the_server_does_not() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.push(&space, "before he came").await;
    alice.invite(&bob, "write").await;
    let accepted = bob.accept().await;
    assert_eq!(
        [&accepted["space"], &accepted["name"], &accepted["permission"], &accepted["from"]],
        [&space, "notes", "write", alice.did()].map(Value::from).each_ref()
    );
    bob.push(&space, "and after").await;
    for person in [&alice, &bob] {
        assert_eq!(person.texts(&space).await, ["before he came", "and after"]);
    }

    let connection = bob.connect().await;
    let pull = [less_sync_client::PullSpace {
        ucan: Some(bob.ucan(&space)),
        ..less_sync_client::PullSpace::from(id(&space), less_sync_core::Cursor::ZERO)
    }];
    let mut pull = connection.pull(&pull).await.unwrap();
    let mut seen = 0;
    while let Some(item) = pull.next().await {
        if let PullItem::Record(row) = item.unwrap() {
            let content = row.blob.unwrap();
            assert!(!content.windows(3).any(|part| part == b"he " || part == b"and"));
            assert_eq!((content[0], row.dek.unwrap().len()), (1, 44));
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_changes_are_decrypted_as_they_arrive_across_a_rotation() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    let mut tail = bob.tail(&["--since", "0", "--space", &space]).await;
    alice.push(&space, "live").await;
    assert_eq!(tail.text().await, "live");
    alice.result(&["space", "rotate"]).await;
    alice.push(&space, "under a new key").await;
    assert_eq!(tail.text().await, "under a new key");
    assert_eq!(bob.stored(&space)["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_updated_deleted_and_kept_as_files() {
    let server = TestServer::start().await;
    let alice = ToolboxUser::new(&server, "alice");
    let space = alice.create("notes").await;
    let record = alice.push(&space, "first").await;
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (folder.path().join("source"), folder.path().join("out"));
    std::fs::write(&source, "second").unwrap();
    let (source, out) = (source.display().to_string(), out.display().to_string());
    let pushed = alice.result(&["push", "--space", &space, "--id", &record, &source]).await;
    assert_eq!((&pushed["cursor"], &pushed["size"]), (&3.into(), &6.into()));
    alice.results(&["pull", "--space", &space, "--out", &out]).await;
    assert_eq!(std::fs::read_to_string(format!("{out}/{record}")).unwrap(), "second");
    alice.result(&["push", "--space", &space, "--delete", &record]).await;
    assert_eq!(alice.texts(&space).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_joined_and_invited_members() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    alice.create("notes").await;
    alice.invite(&bob, "admin").await;
    bob.accept().await;
    bob.invite(&carol, "read").await;
    for person in [&alice, &bob] {
        let members = person.results(&["space", "members"]).await;
        let mut seen: Vec<_> = members
            .iter()
            .map(|member| [&member["member"], &member["permission"], &member["joined"], &member["name"]])
            .map(|values| values.map(Value::to_string))
            .collect();
        seen.sort_by_key(|values| values[1].clone());
        let expected = [
            [alice.did(), "admin", "true", "alice"],
            [bob.did(), "admin", "true", "bob"],
            [carol.did(), "read", "false", "null"],
        ];
        for [did, permission, joined, name] in expected {
            let named = if name == "null" { name.to_owned() } else { format!("{name:?}") };
            let expected = [format!("{did:?}"), format!("{permission:?}"), joined.to_owned(), named];
            assert!(seen.contains(&expected), "{expected:?} in {seen:?}");
        }
        assert_eq!(seen.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reads_and_does_not_write() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.push(&space, "for your eyes").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    assert_eq!(bob.texts(&space).await, ["for your eyes"]);
    let rejected = bob.push_output(&space, "graffiti").await;
    assert_eq!(rejected.status.code(), Some(1));
    let text = stderr(&rejected);
    assert!(
        text.starts_with("rejected: standard input: forbidden (your rights in this space are read-only"),
        "{text}"
    );
    let (code, text) = bob.failure(&["space", "invite", &carol.address.to_string(), "--as", "admin"]).await;
    assert_eq!((code, text.as_str()), (1, "error: cannot grant more than your own permission, read\n"));
    let (code, text) = bob.failure(&["space", "rotate"]).await;
    assert_eq!(code, 1);
    assert!(text.starts_with("error: permission denied in this space\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_spaces_are_never_written_in_the_clear() {
    let server = TestServer::start().await;
    let alice = ToolboxUser::new(&server, "alice");
    let space = alice.create("notes").await;
    let (code, text) = alice.failure(&["push", "--plain", "--space", &space]).await;
    assert_eq!(
        (code, text),
        (2, format!("error: --plain is for personal spaces: {space} is a shared one\n"))
    );
}
