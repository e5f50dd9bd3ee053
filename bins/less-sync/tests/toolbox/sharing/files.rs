//! Files in shared spaces.

use less_sync_client::{Access, AccessToken, FileClient};
use less_sync_test_support::TestServer;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::program::{Shell as _, stderr};
use crate::sharing::toolbox_user::{ToolboxUser, id};

/// Next step after the loss of rights.
const INVITE_AGAIN: &str =
    "ask an administrator of the space for a new invitation, then run less-sync space accept";

async fn server() -> TestServer {
    TestServer::builder().files().start().await
}

/// Files of a user in a space.
struct Files<'p> {
    person: &'p ToolboxUser,
    space: &'p str,
    folder: tempfile::TempDir,
}

impl<'p> Files<'p> {
    fn of(person: &'p ToolboxUser, space: &'p str) -> Self {
        Self { person, space, folder: tempfile::tempdir().unwrap() }
    }

    /// Writes and uploads a file; returns its id.
    async fn put(&self, name: &str, content: &[u8]) -> String {
        let path = self.written(name, content);
        let put = self.person.result(&["file", "put", "--space", self.space, &path]).await;
        put["file"].as_str().unwrap().to_owned()
    }

    fn written(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Downloads a file by its name or id; returns its content.
    async fn get(&self, name: &str) -> Vec<u8> {
        let path = self.folder.path().join("got").display().to_string();
        self.person.result(&["file", "get", "--space", self.space, name, "-o", &path]).await;
        std::fs::read(path).unwrap()
    }

    async fn rejected(&self, arguments: &[&str]) -> (i32, String) {
        self.person.failure(&[&["file"], arguments, &["--space", self.space]].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_notified_of_files_and_read_them() {
    let server = server().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let (hers, his) = (Files::of(&alice, &space), Files::of(&bob, &space));
    let before = hers.put("before he came", b"old").await;
    alice.invite(&bob, "write").await;
    bob.accept().await;
    let mut tail = bob.tail(&["--since", "0", "--space", &space]).await;
    let heard = tail.until(|line| line["kind"] == "file").await;
    assert_eq!(heard["file"], before.as_str());
    let new = hers.put("map.png", b"a map").await;
    let heard = tail.until(|line| line["kind"] == "file").await;
    assert_eq!(json!([heard["file"], heard["size"]]), json!([new, 1 + 5 + 16]));
    assert_eq!(his.get("map.png").await, b"a map");
    assert_eq!(his.get("before he came").await, b"old");

    his.put("his.txt", b"from bob").await;
    assert_eq!(hers.get("his.txt").await, b"from bob");
    alice.result(&["file", "rm", "--space", &space, "his.txt"]).await;
    assert_eq!(
        his.rejected(&["get", "his.txt"]).await,
        (1, "error: there is no file his.txt in this space\n  less-sync file ls lists the files\n".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_member_can_download_and_neither_upload_nor_delete() {
    let server = server().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let (hers, his) = (Files::of(&alice, &space), Files::of(&bob, &space));
    let id = hers.put("note", b"content").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    assert_eq!(his.get(&id).await, b"content");
    let path = his.written("mine", b"");
    let no_right = format!(
        "you have no permission for this in the space {space}: it was revoked, has expired, or is read-only"
    );
    let (code, text) = his.rejected(&["put", &path]).await;
    assert!(code == 1 && text.starts_with(&format!("rejected: {path}: {no_right}: ")), "{text}");
    let (code, text) = his.rejected(&["rm", "note"]).await;
    let expected =
        format!("error: cannot delete note\n  {no_right}\n  access denied (403)\n  {INVITE_AGAIN}\n");
    assert_eq!((code, text), (1, expected));
    assert_eq!(hers.get("note").await, b"content");
}

/// A rotation rewraps the keys of files and leaves their ciphertext, so partial downloads stay valid.
#[tokio::test(flavor = "multi_thread")]
async fn files_survive_rotations_for_old_and_new_members_and_interrupted_downloads() {
    let server = server().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let (hers, his, carols) = (Files::of(&alice, &space), Files::of(&bob, &space), Files::of(&carol, &space));
    let content = vec![7; 200_000];
    hers.put("large", &content).await;
    hers.put("empty", b"").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    // Bob was interrupted while the first key was in use.
    std::fs::write(his.folder.path().join("got.part"), &content[..150_000]).unwrap();
    for epoch in [2, 3] {
        let rotated = alice.result(&["space", "rotate"]).await;
        assert_eq!(json!([rotated["epoch"], rotated["records"], rotated["files"]]), json!([epoch, 2, 2]));
    }
    alice.invite(&carol, "read").await;
    carol.accept().await;
    assert_eq!(carol.stored(&space)["keys"].as_array().unwrap().len(), 1);

    let path = his.folder.path().join("got").display().to_string();
    let got = bob.result(&["file", "get", "--space", &space, "large", "-o", &path]).await;
    assert_eq!(got["resumed_from"], 2 * 65_536);
    assert!(std::fs::read(path).unwrap() == content);
    for files in [&hers, &carols] {
        assert!(files.get("large").await == content);
        assert_eq!(files.get("empty").await, b"");
    }
    hers.put("new", b"under the third key").await;
    assert_eq!(carols.get("new").await, b"under the third key");
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_member_gets_an_explanation_and_no_file() {
    let server = server().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let (hers, his) = (Files::of(&alice, &space), Files::of(&bob, &space));
    let file = hers.put("note", b"content").await;
    alice.invite(&bob, "write").await;
    bob.accept().await;
    assert_eq!(his.get("note").await, b"content");
    let revoked = alice.result(&["space", "revoke", bob.did()]).await;
    assert_eq!(revoked["files"], 1);

    let expected = format!(
        "error: no access to space {space}: the rights were revoked or have expired\n  {INVITE_AGAIN}\n"
    );
    let path = his.written("mine", b"");
    for arguments in [&["get", "note"][..], &["ls"], &["put", &path], &["rm", "note"]] {
        assert_eq!(his.rejected(arguments).await, (1, expected.clone()), "{arguments:?}");
    }
    // And so it is without the toolbox's good manners.
    let files = FileClient::new(&format!("http://{}/api/v1", server.address())).unwrap();
    let claims = server.issuer().claims("bob").with("did", bob.did());
    let (token, ucan) = (AccessToken::from(server.issuer().mint(&claims)), bob.ucan(&space));
    let remote = files.file(&token, Access::shared(id(&space), &ucan), file.parse().unwrap());
    assert_eq!(remote.get(0).await.unwrap_err().to_string(), "access denied (403)");
    assert_eq!(remote.head().await.unwrap_err().to_string(), "forbidden (403)");
    assert_eq!(remote.delete().await.unwrap_err().to_string(), "access denied (403)");
    assert_eq!(hers.get("note").await, b"content");
}

/// The space has a new epoch that is unknown to the uploading member.
#[tokio::test(flavor = "multi_thread")]
async fn file_is_uploaded_under_the_current_key() {
    let server = server().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let his = Files::of(&bob, &space);
    alice.invite(&bob, "write").await;
    bob.accept().await;
    alice.result(&["space", "rotate"]).await;
    his.put("note", b"content").await;
    let again = alice.run(&["space", "rotate", "--json"]).await;
    assert!(again.status.success(), "{}", stderr(&again));
    assert_eq!(Files::of(&alice, &space).get("note").await, b"content");
}
