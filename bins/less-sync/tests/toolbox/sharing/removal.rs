//! Removal of members.

use less_sync_client::crypto::DecryptionError;
use less_sync_test_support::TestServer;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::program::{Shell as _, stderr};
use crate::sharing::toolbox_user::ToolboxUser;

#[tokio::test(flavor = "multi_thread")]
async fn removed_member_can_neither_pull_nor_decrypt_new_records() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let old = alice.push(&space, "old").await;
    for person in [&bob, &carol] {
        alice.invite(person, "write").await;
        person.accept().await;
    }
    let mut tail = bob.tail(&["--since", "0", "--space", &space]).await;
    assert_eq!(tail.text().await, "old");

    let revoked = alice.result(&["space", "revoke", bob.did()]).await;
    assert_eq!(json!([revoked["epoch"], revoked["records"]]), json!([2, 1]));
    tail.until(|line| line["method"] == "revoked").await;
    let text = tail.fails().await;
    assert!(text.contains(&format!("access to space {space} has ended: ")), "{text}");
    assert!(text.ends_with("error: access to every watched space has ended\n"), "{text}");
    assert_eq!(bob.result(&["space", "list"]).await["permission"], "revoked");
    assert_eq!(carol.result(&["space", "list"]).await["permission"], "write");
    let new = alice.push(&space, "new").await;

    let expected = format!(
        "error: no access to space {space}: the rights were revoked or have expired\n  ask an administrator of the space for a new \
         invitation, then run less-sync space accept\n"
    );
    assert_eq!(bob.failure(&["pull", "--space", &space]).await, (1, expected.clone()));
    assert_eq!(stderr(&bob.push_output(&space, "x").await), expected);
    assert_eq!(carol.texts(&space).await, ["old", "new"]);
    assert!(alice.results(&["space", "members"]).await.iter().all(|member| member["member"] != bob.did()));

    // Material of a thief of the disk: the ciphertext as carol sees it, and all former keys of bob.
    let (keys, rows) = (key_ring(&bob, &space), ciphertext(&carol, &space).await);
    assert_eq!(rows.len(), 2);
    for (id, blob, dek) in rows {
        assert!([&old, &new].iter().any(|known| **known == id.to_string()));
        let opened = keys.open_record(id, &blob, Some(&dek));
        assert_eq!(opened, Err(DecryptionError::NoKey(less_sync_core::Epoch::new(2).unwrap())));
    }
}

/// Key ring of a user, from their key directory.
fn key_ring(person: &ToolboxUser, space: &str) -> less_sync_client::crypto::KeyRing {
    let space_id = crate::sharing::toolbox_user::id(space);
    let mut ring = less_sync_client::crypto::KeyRing::new(space_id);
    for entry in person.stored(space)["keys"].as_array().unwrap() {
        let epoch = i32::try_from(entry["epoch"].as_i64().unwrap()).unwrap();
        let secret = serde_json::from_value(entry["key"].clone()).unwrap();
        let epoch = less_sync_core::Epoch::new(epoch).unwrap();
        ring.insert(less_sync_client::crypto::SpaceKey::new(space_id, epoch, secret));
    }
    ring
}

type Ciphertext = (less_sync_core::RecordId, bytes::Bytes, bytes::Bytes);

async fn ciphertext(person: &ToolboxUser, space: &str) -> Vec<Ciphertext> {
    let connection = person.connect().await;
    let from_start = less_sync_client::PullSpace::from(
        crate::sharing::toolbox_user::id(space),
        less_sync_core::Cursor::ZERO,
    );
    let mut pull = connection
        .pull(&[less_sync_client::PullSpace { ucan: Some(person.ucan(space)), ..from_start }])
        .await
        .unwrap();
    let mut rows = Vec::new();
    while let Some(item) = pull.next().await {
        if let less_sync_client::PullItem::Record(row) = item.unwrap() {
            rows.push((row.id, row.blob.unwrap(), row.dek.unwrap()));
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_twice_does_nothing_more_and_an_invitation_brings_them_back() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "write").await;
    bob.accept().await;
    alice.result(&["space", "revoke", &bob.address.to_string()]).await;
    let again = alice.result(&["space", "revoke", bob.did()]).await;
    assert_eq!((again.get("epoch"), &again["revoked"]), (None, &bob.did().into()));

    alice.push(&space, "while he was out").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    assert_eq!(bob.texts(&space).await, ["while he was out"]);
}

/// The log takes the creation, the invitation, and nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn full_log_delays_the_entry_of_a_removal_and_not_the_rotation() {
    let server =
        TestServer::builder().setting("RATE_LIMIT_MEMBERSHIP_APPENDS_PER_HOUR_ADMIN", "2").start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "write").await;
    bob.accept().await;
    let old = alice.push(&space, "old").await;
    let (code, text) = alice.failure(&["space", "revoke", bob.did()]).await;
    assert_eq!(code, 1);
    assert!(text.contains("the rights are revoked and the key is rotated"), "{text}");
    let stored = alice.stored(&space);
    assert_eq!((stored["keys"].as_array().unwrap().len(), stored.get("rotation")), (2, None));
    assert_eq!(bob.failure(&["pull", "--space", &space]).await.0, 1);
    // The new key has no share for the removed member, though the log still lists him.
    let new = alice.push(&space, "new").await;
    let (keys, rows) = (key_ring(&bob, &space), ciphertext(&alice, &space).await);
    assert_eq!(rows.len(), 2);
    for (id, blob, dek) in rows {
        assert!([&old, &new].iter().any(|known| **known == id.to_string()));
        let opened = keys.open_record(id, &blob, Some(&dek));
        assert_eq!(opened, Err(DecryptionError::NoKey(less_sync_core::Epoch::new(2).unwrap())));
    }
    let connection = alice.connect().await;
    let ucan = alice.ucan(&space);
    let access = less_sync_client::Access::shared(crate::sharing::toolbox_user::id(&space), &ucan);
    let epoch = less_sync_core::Epoch::new(2).unwrap();
    assert!(connection.epoch_key(access, epoch).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_invited_by_the_removed_one_lose_access_and_are_reported() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "admin").await;
    bob.accept().await;
    bob.invite(&carol, "read").await;
    carol.accept().await;
    let output = alice.run(&["space", "revoke", bob.did()]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("carol was invited by the removed member and lost access, too"),
        "{}",
        stderr(&output)
    );
    assert_eq!(carol.failure(&["pull", "--space", &space]).await.0, 1);
    assert_eq!(alice.results(&["space", "members"]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn non_members_oneself_and_the_owner_cannot_be_removed() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    alice.create("notes").await;
    alice.invite(&bob, "admin").await;
    bob.accept().await;
    let (code, text) = alice.failure(&["space", "revoke", carol.did()]).await;
    assert_eq!(
        (code, text),
        (
            1,
            format!(
                "error: the space has no member {}\n  less-sync space members lists the members\n",
                carol.did()
            )
        )
    );
    let (code, text) = alice.failure(&["space", "revoke", alice.did()]).await;
    assert_eq!((code, text.as_str()), (1, "error: you cannot remove yourself\n"));
    let (code, text) = bob.failure(&["space", "revoke", alice.did()]).await;
    assert_eq!(code, 1);
    assert!(text.starts_with("error: permission denied in this space\n"), "{text}");
}
