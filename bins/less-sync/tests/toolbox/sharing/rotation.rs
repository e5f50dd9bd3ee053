//! Key rotation.

use less_sync_client::crypto::Secret;
use less_sync_client::{Access, Begun, Change};
use less_sync_core::{Cursor, Dek, Epoch, RecordId};
use less_sync_test_support::TestServer;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::program::Shell as _;
use crate::sharing::toolbox_user::{ToolboxUser, id};

fn epoch(number: i32) -> Epoch {
    Epoch::new(number).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_stay_readable_over_several_rotations_by_several_members() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "admin").await;
    bob.accept().await;
    alice.push(&space, "one").await;
    for (person, number) in [(&alice, 2), (&bob, 3), (&alice, 4)] {
        let rotated = person.result(&["space", "rotate"]).await;
        assert_eq!((&rotated["epoch"], &rotated["records"]), (&number.into(), &(number - 1).into()));
        person.push(&space, &format!("under {number}")).await;
    }
    for person in [&alice, &bob] {
        assert_eq!(person.texts(&space).await, ["one", "under 2", "under 3", "under 4"]);
        assert!(person.stored(&space).get("rotation").is_none());
    }
}

/// A new member has the newest key only, which opens all records and the admissions of all members.
#[tokio::test(flavor = "multi_thread")]
async fn later_members_read_everything_with_the_newest_key() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.push(&space, "old").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    alice.result(&["space", "rotate"]).await;
    alice.invite(&carol, "read").await;
    carol.accept().await;
    assert_eq!(carol.stored(&space)["keys"].as_array().unwrap().len(), 1);
    assert_eq!(carol.texts(&space).await, ["old"]);
    assert_eq!(carol.results(&["space", "members"]).await.len(), 3);
}

/// A record with an invalid wrapped key interrupts a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_rotation_is_resumed() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "admin").await;
    bob.accept().await;
    alice.push(&space, "content").await;
    let record = block(&alice, &space).await;
    let (code, text) = alice.failure(&["space", "rotate"]).await;
    assert_eq!(code, 1);
    assert!(text.starts_with(&format!("error: {record} blocks the rotation")), "{text}");
    assert_eq!(alice.stored(&space)["rotation"]["epoch"], 2);
    // In between members can read and write, and nobody can be invited.
    bob.push(&space, "in between").await;
    let (_, text) = bob.failure(&["space", "invite", &alice.address.to_string()]).await;
    assert!(text.starts_with("error: a key rotation is in progress"), "{text}");

    alice.result(&["push", "--space", &space, "--delete", &record]).await;
    let rotated = alice.result(&["space", "rotate"]).await;
    assert_eq!(json!([rotated["epoch"], rotated["resumed"], rotated["records"]]), json!([2, true, 1]));
    for person in [&alice, &bob] {
        assert_eq!(person.texts(&space).await, ["content", "in between"]);
    }
    assert_eq!(alice.result(&["space", "rotate"]).await["epoch"], 3);
}

/// Another administrator has the key share of the interrupted rotation only.
#[tokio::test(flavor = "multi_thread")]
async fn another_administrator_completes_a_rotation_and_a_removal_starts_another_one() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    for (person, right) in [(&bob, "admin"), (&carol, "read")] {
        alice.invite(person, right).await;
        person.accept().await;
    }
    alice.push(&space, "content").await;
    let record = block(&alice, &space).await;
    alice.failure(&["space", "rotate"]).await;
    bob.result(&["push", "--space", &space, "--delete", &record]).await;
    let revoked = bob.result(&["space", "revoke", carol.did()]).await;
    assert_eq!((&revoked["epoch"], &revoked["records"]), (&3.into(), &1.into()));
    for person in [&alice, &bob] {
        assert_eq!(person.texts(&space).await, ["content"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_removal_is_completed_by_running_it_again() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "write").await;
    bob.accept().await;
    let record = block(&alice, &space).await;
    alice.failure(&["space", "revoke", bob.did()]).await;
    assert_eq!(bob.failure(&["pull", "--space", &space]).await.0, 1);
    alice.result(&["push", "--space", &space, "--delete", &record]).await;
    let revoked = alice.result(&["space", "revoke", bob.did()]).await;
    assert_eq!(json!([revoked["epoch"], revoked["resumed"]]), json!([2, true]));
}

/// A rotation without key shares must be taken over explicitly.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_without_a_key_is_taken_over_only_when_asked_to() {
    let server = TestServer::start().await;
    let alice = ToolboxUser::new(&server, "alice");
    let space = alice.create("notes").await;
    alice.push(&space, "content").await;
    let (connection, ucan) = (alice.connect().await, alice.ucan(&space));
    let begun = connection.begin_epoch(Access::shared(id(&space), &ucan), epoch(2), false).await;
    assert_eq!(begun.unwrap(), Begun::Ours);
    let (code, text) = alice.failure(&["space", "rotate"]).await;
    assert!(code == 1 && text.contains("less-sync space rotate --take-over"), "{text}");
    assert_eq!(alice.texts(&space).await, ["content"]);
    alice.push(&space, "under the key before").await;
    let rotated = alice.result(&["space", "rotate", "--take-over"]).await;
    assert_eq!(json!([rotated["epoch"], rotated["records"]]), json!([2, 2]));
    assert_eq!(alice.texts(&space).await, ["content", "under the key before"]);
}

/// A rotation interrupted before its key shares were uploaded continues with the stored key.
#[tokio::test(flavor = "multi_thread")]
async fn rotation_without_shares_continues_with_the_stored_key() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    alice.push(&space, "content").await;
    let (connection, ucan) = (alice.connect().await, alice.ucan(&space));
    connection.begin_epoch(Access::shared(id(&space), &ucan), epoch(2), false).await.unwrap();
    let kept = Secret::random();
    let mut stored = alice.stored(&space);
    stored["rotation"] = json!({ "epoch": 2, "key": kept, "removes": false, "begun": true });
    // Written in place, so that it stays readable by its owner only.
    std::fs::write(alice.stored_path(&space), stored.to_string()).unwrap();
    assert_eq!(alice.result(&["space", "rotate"]).await["epoch"], 2);
    assert_eq!(alice.stored(&space)["keys"][1]["key"], json!(kept));
    assert_eq!(bob.texts(&space).await, ["content"]);
    assert_eq!(bob.stored(&space)["keys"][1]["key"], json!(kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_who_rotate_at_once_agree_on_the_keys() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "admin").await;
    bob.accept().await;
    alice.push(&space, "content").await;
    for _ in 0..3 {
        tokio::join!(alice.result(&["space", "rotate"]), bob.result(&["space", "rotate"]));
        alice.push(&space, "more").await;
    }
    let texts = alice.texts(&space).await;
    assert_eq!((texts.len(), &texts), (4, &bob.texts(&space).await));
    let keys = [&alice, &bob].map(|person| person.stored(&space)["keys"].as_array().unwrap().last().cloned());
    assert_eq!(keys[0], keys[1]);
}

/// Writes a record with an invalid wrapped key.
async fn block(person: &ToolboxUser, space: &str) -> String {
    let (connection, ucan) = (person.connect().await, person.ucan(space));
    let record = RecordId::from_bytes([0x42; 16]);
    let mut dek = [7; Dek::LENGTH];
    dek[..4].copy_from_slice(&1_u32.to_be_bytes());
    let change = Change::update(record, Cursor::ZERO, "\u{1}nonsense").with_dek(dek.to_vec());
    let options =
        less_sync_client::PushOptions { ucan: Some(ucan), epoch: Some(less_sync_core::Epoch::FIRST) };
    connection.push_with(id(space), &[change], &options).await.unwrap();
    record.to_string()
}
