//! Interrupted downloads and uploads.

use std::process::Stdio;

use less_sync_test_support::{Fault, FaultProxy, within};
use pretty_assertions::assert_eq;

use crate::program::{Shell as _, lines, stderr};
use crate::terminal::{Terminal, content, server};

const SEGMENT: u64 = 64 * 1024;
const SIZE: usize = 5 * 1024 * 1024;

/// Throttled, so that a transfer can be interrupted in the middle.
const SLOWLY: Fault = Fault::Throttle(1024 * 1024);

/// Index of the first file request among the proxied connections; index 0 is the WebSocket.
const FILE: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn download_resumes_after_a_lost_connection() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.put("file", &content(SIZE)).await;
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, SLOWLY);
    let slow = terminal.through(proxy.address());
    let mut get = slow.command(&["file", "get", "file", "--json"]);
    let get = get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    slow.until_size("file.part", 3 * SEGMENT).await;
    proxy.link(FILE).await.cut();
    let output = within("the download to end", get.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("next attempt in"), "{}", stderr(&output));
    let resumed_from = lines(&output)[0]["resumed_from"].as_u64().unwrap();
    assert!(resumed_from >= 3 * SEGMENT && resumed_from.is_multiple_of(SEGMENT), "{resumed_from}");
    assert!(slow.read("file") == content(SIZE));
    assert_eq!(slow.names(), ["file"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn download_resumes_after_a_killed_process() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.put("file", &content(SIZE)).await;
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, SLOWLY);
    let slow = terminal.through(proxy.address());
    let mut get = slow.command(&["file", "get", "file"]).stdout(Stdio::null()).spawn().unwrap();
    slow.until_size("file.part", 2 * SEGMENT).await;
    get.kill().await.unwrap();
    assert_eq!(slow.names(), ["file.part"]);
    let resumed_from = slow.result(&["file", "get", "file"]).await["resumed_from"].as_u64().unwrap();
    assert!(resumed_from >= 2 * SEGMENT && resumed_from.is_multiple_of(SEGMENT), "{resumed_from}");
    assert!(slow.read("file") == content(SIZE));
    assert_eq!(slow.names(), ["file"]);
}

/// A download was interrupted between its last byte and the rename.
#[tokio::test(flavor = "multi_thread")]
async fn complete_partial_file_is_verified_to_its_end() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let all = content(2 * 64 * 1024);
    terminal.put("file", &all).await;
    let other = terminal.another();
    other.write("file.part", &all);
    assert_eq!(other.result(&["file", "get", "file"]).await["resumed_from"], SEGMENT);
    assert!(other.read("file") == all);
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_file_of_other_content_is_discarded() {
    let (server, size) = (server().await, 300_000);
    let terminal = Terminal::new(&server);
    terminal.put("file", &content(size)).await;
    for rubbish in [vec![1; 100_000], vec![1; size + 100_000]] {
        let other = terminal.another();
        other.write("file.part", &rubbish);
        let output = other.run(&["file", "get", "file", "--json"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        let expected = "the partial file is not a prefix of this file; restarting the download\n";
        assert_eq!(stderr(&output), expected);
        assert_eq!(lines(&output)[0].get("resumed_from"), None);
        assert!(other.read("file") == content(size));
    }
}

/// 204 is a success (http §7.3).
#[tokio::test(flavor = "multi_thread")]
async fn upload_with_a_lost_response_is_retried_and_found_stored() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, Fault::Swallow);
    let unlucky = terminal.through(proxy.address());
    unlucky.write("file", &content(100_000));
    let mut put = unlucky.command(&["file", "put", "file"]);
    let put = put.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let link = proxy.link(FILE).await;
    link.until_swallowed("HTTP/1.1 201 Created".len()).await;
    link.cut();
    let output = within("the upload to end", put.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("next attempt in"), "{}", stderr(&output));
    assert_eq!(terminal.results(&["file", "ls"]).await.len(), 1);
    let other = terminal.another();
    other.result(&["file", "get", "file"]).await;
    assert!(other.read("file") == content(100_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_upload_is_restarted() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, Fault::Stall);
    let unlucky = terminal.through(proxy.address());
    unlucky.write("file", &content(SIZE));
    let mut put = unlucky.command(&["file", "put", "file"]);
    let put = put.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    proxy.link(FILE).await.cut();
    let output = within("the upload to end", put.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let other = terminal.another();
    other.result(&["file", "get", "file"]).await;
    assert!(other.read("file") == content(SIZE));
}
