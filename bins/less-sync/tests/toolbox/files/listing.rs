//! Listing and deletion of files.

use std::process::Stdio;

use less_sync_test_support::{Fault, FaultProxy};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::program::Shell as _;
use crate::terminal::{Terminal, server};

fn names(listed: &[Value]) -> Vec<&str> {
    listed.iter().map(|line| line["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_by_name_until_they_are_removed() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let b = terminal.put("b", b"bb").await;
    terminal.put("a", b"").await;
    terminal.put("c", b"ccc").await;
    let listed = terminal.results(&["file", "ls"]).await;
    assert_eq!(names(&listed), ["a", "b", "c"]);
    assert_eq!(json!([listed[1]["file"], listed[1]["size"], listed[1]["stored_bytes"]]), json!([b, 2, 19]));

    terminal.results(&["file", "rm", "a", &b]).await;
    let listed = terminal.results(&["file", "ls"]).await;
    assert_eq!(names(&listed), ["c"]);
    // The record of c, and nothing of the others.
    assert_eq!(terminal.results(&["pull"]).await.iter().filter(|line| line["kind"] == "record").count(), 1);
    let (code, text) = terminal.failure(&["file", "get", &b]).await;
    assert_eq!(
        (code, text),
        (1, format!("error: there is no file {b} in this space\n  less-sync file ls lists the files\n"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_names_are_resolved_before_a_file_is_deleted() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.put("a", b"").await;
    let (code, text) = terminal.failure(&["file", "rm", "a", "x"]).await;
    assert_eq!(
        (code, text.as_str()),
        (1, "error: there is no file x in this space\n  less-sync file ls lists the files\n")
    );
    assert_eq!(terminal.results(&["file", "ls"]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_name_are_selected_by_their_ids() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.put("note", b"one").await;
    let second = terminal.put("note", b"two").await;
    let other = terminal.another();
    let (code, text) = other.failure(&["file", "get", "note"]).await;
    assert!(code == 1 && text.starts_with("error: 2 files are named note; give the id of one: "), "{text}");
    other.result(&["file", "get", &second]).await;
    assert_eq!(other.read("note"), b"two");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_file_with_a_record_is_marked_and_can_be_removed() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let id = terminal.put("note", b"content").await;
    terminal.delete_object(&id).await;
    let listed = terminal.result(&["file", "ls"]).await;
    assert_eq!(json!([listed["name"], listed["deleted"]]), json!(["note", true]));
    let (code, text) = terminal.another().failure(&["file", "get", "note"]).await;
    assert_eq!((code, text.as_str()), (1, "error: note was deleted\n"));
    terminal.result(&["file", "rm", "note"]).await;
    assert!(terminal.results(&["file", "ls"]).await.is_empty());
}

/// An upload whose process was killed.
#[tokio::test(flavor = "multi_thread")]
async fn file_of_a_failed_upload_is_marked_and_can_be_removed() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let proxy = FaultProxy::start(server.address()).await;
    // The first connection carries the record, the second one the check of the size, the third one the file.
    proxy.preset(2, Fault::Stall);
    let slow = terminal.through(proxy.address());
    slow.write("large", &vec![7; 32 * 1024 * 1024]);
    let mut tail = terminal.tail(&[]).await;
    let mut put = slow.command(&["file", "put", "large"]).stdout(Stdio::null()).spawn().unwrap();
    let link = proxy.link(2).await;
    link.cut();
    put.kill().await.unwrap();
    drop(proxy);
    tail.record().await;

    let listed = terminal.result(&["file", "ls"]).await;
    assert_eq!(json!([listed["name"], listed["missing"]]), json!(["large", true]));
    let (code, text) = terminal.failure(&["file", "get", "large"]).await;
    let expected = "error: large is not uploaded yet, or its upload failed\n";
    assert_eq!((code, text.as_str()), (1, expected));
    terminal.result(&["file", "rm", "large"]).await;
    assert!(terminal.results(&["file", "ls"]).await.is_empty());
}
