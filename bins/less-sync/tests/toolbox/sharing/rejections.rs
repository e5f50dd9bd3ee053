//! Rejected commands in shared spaces, and their messages.

use std::os::unix::fs::PermissionsExt as _;

use less_sync_client::{Change, PushOptions};
use less_sync_core::{Cursor, Epoch, RecordId};
use less_sync_test_support::TestServer;
use pretty_assertions::assert_eq;

use crate::program::{Shell as _, stderr};
use crate::sharing::toolbox_user::{ToolboxUser, id, texts};

#[tokio::test(flavor = "multi_thread")]
async fn keys_accessible_by_other_users_are_rejected() {
    let server = TestServer::start().await;
    let alice = ToolboxUser::new(&server, "alice");
    let space = alice.create("notes").await;
    let stored = alice.keys().join("spaces").join(format!("{space}.json"));
    for (path, open, closed) in [
        (alice.keys().join("identity.json"), 0o644, 0o600),
        (stored, 0o640, 0o600),
        (alice.keys(), 0o755, 0o700),
    ] {
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        set(open);
        for arguments in
            [&["pull", "--space", &space][..], &["tail", "--space", &space], &["space", "members"]]
        {
            let (code, text) = alice.failure(arguments).await;
            assert_eq!(code, 2, "{text}");
            let expected = format!(
                "error: {path} is accessible by other users (mode {open:04o}), so its keys may be exposed; if they are \
                 not, run: chmod go= {path}\n",
                path = path.display()
            );
            assert_eq!(text, expected);
        }
        set(closed);
        assert!(alice.run(&["pull", "--space", &space]).await.status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_created_for_their_owner_only() {
    let server = TestServer::start().await;
    let alice = ToolboxUser::new(&server, "alice");
    let space = alice.create("notes").await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let spaces = alice.keys().join("spaces");
    assert_eq!((mode(&spaces), mode(&spaces.join(format!("{space}.json")))), (0o700, 0o600));
}

#[tokio::test(flavor = "multi_thread")]
async fn tampered_records_are_reported_and_the_others_are_printed() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let record: RecordId = alice.push(&space, "true").await.parse().unwrap();
    alice.push(&space, "also true").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;

    let connection = alice.connect().await;
    let ucan = Some(alice.ucan(&space));
    let options = PushOptions { ucan, epoch: Some(Epoch::FIRST) };
    let change = Change::update(record, Cursor::new(2).unwrap(), "\u{1}something that was never encrypted")
        .with_dek([&[0, 0, 0, 1][..], &[9; 40]].concat());
    let plain = Change::create(RecordId::from_bytes([3; 16]), "plain");
    connection.push_with(id(&space), &[change, plain], &options).await.unwrap();

    let output = bob.run(&["pull", "--json", "--space", &space]).await;
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    assert!(
        text.contains(&format!("record {record} at 6 cannot be decrypted: authentication failed")),
        "{text}"
    );
    assert!(
        text.contains("at 6 cannot be decrypted: not encrypted in the format of shared spaces"),
        "{text}"
    );
    assert!(text.ends_with("error: 2 records cannot be decrypted\n"), "{text}");
    assert_eq!(texts(&crate::program::lines(&output)), ["also true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn invitation_for_another_user_cannot_be_decrypted() {
    let server = TestServer::start().await;
    let [alice, bob, mallory] = ["alice", "bob", "mallory"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "write").await;
    let connection = bob.connect().await;
    let payload = connection.invitations(None).await.unwrap().remove(0).payload;
    connection.invite(mallory.address.mailbox(), &payload).await.unwrap();
    let (code, text) = mallory.failure(&["space", "accept"]).await;
    assert_eq!(code, 1);
    assert!(
        text.starts_with("error: cannot accept the invitation ")
            && text.contains("\n  cannot decrypt invitation\n  it was sent to another identity"),
        "{text}"
    );
    assert!(!mallory.keys().join("spaces").join(format!("{space}.json")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_invitation_is_not_accepted() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.invite(&bob, "write").await;
    alice.result(&["space", "revoke", bob.did()]).await;
    let (code, text) = bob.failure(&["space", "accept"]).await;
    assert_eq!(code, 1);
    assert!(text.starts_with("error: the invitation is no longer valid\n"), "{text}");
    assert!(!bob.keys().join("spaces").join(format!("{space}.json")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_invitations_one_is_chosen() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let (code, text) = bob.failure(&["space", "accept"]).await;
    assert_eq!(
        (code, text.as_str()),
        (
            1,
            "error: there are no invitations for you\n  give the sender your address, which less-sync identity prints\n"
        )
    );
    let spaces = [alice.create("one").await, alice.create("two").await];
    let (code, text) = alice.failure(&["space", "members"]).await;
    assert_eq!((code, text.as_str()), (2, "error: 2 shared spaces: --space is required\n"));
    for space in &spaces {
        alice.result(&["space", "invite", &bob.address.to_string(), "--space", space]).await;
    }
    let output = bob.run(&["space", "accept", "--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let waiting = crate::program::lines(&output);
    assert_eq!(waiting.len(), 2);
    let second = waiting[1]["invitation"].as_str().unwrap();
    assert_eq!(bob.result(&["space", "accept", second]).await["name"], "two");
    assert_eq!(bob.accept().await["name"], "one");
    assert_eq!(bob.results(&["space", "list"]).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_identity_is_rejected_before_the_server_is_asked() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    alice.create("notes").await;
    let mut command = alice.command(&["space", "members"]);
    command.env("LESS_SYNC_KEYS", bob.keys());
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("error: there is no shared space in "), "{}", stderr(&output));
    let mut command = alice.command(&["identity"]);
    command.env("LESS_SYNC_KEYS", bob.keys());
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected = format!(
        "error: the access token is for {}, but your keys are for {}\n  give the keys of that user with --keys, or \
         another token with --token\n",
        alice.did(),
        bob.did()
    );
    assert_eq!(stderr(&output), expected);
}
