//! Downloads and uploads that break off.

use std::process::Stdio;

use less_sync_test_support::{Fault, FaultProxy, within};
use pretty_assertions::assert_eq;

use crate::program::{Runs as _, lines, stderr};
use crate::terminal::{Terminal, content, server};

const SEGMENT: u64 = 64 * 1024;
const SIZE: usize = 5 * 1024 * 1024;

/// Slow enough to be interrupted in the middle.
const SLOWLY: Fault = Fault::Throttle(1024 * 1024);

/// Connections of the toolbox: the first one is the WebSocket, each of the others carries one request for a file.
const FILE: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_the_connection_broke() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.put("file", &content(SIZE)).await;
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, SLOWLY);
    let slow = terminal.by_way_of(proxy.address());
    let mut get = slow.command(&["file", "get", "file", "--json"]);
    let get = get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    slow.until_there_are(3 * SEGMENT, "file.part").await;
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
async fn a_download_goes_on_where_the_last_one_was_killed() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.put("file", &content(SIZE)).await;
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, SLOWLY);
    let slow = terminal.by_way_of(proxy.address());
    let mut get = slow.command(&["file", "get", "file"]).stdout(Stdio::null()).spawn().unwrap();
    slow.until_there_are(2 * SEGMENT, "file.part").await;
    get.kill().await.unwrap();
    assert_eq!(slow.names(), ["file.part"]);
    let resumed_from = slow.result(&["file", "get", "file"]).await["resumed_from"].as_u64().unwrap();
    assert!(resumed_from >= 2 * SEGMENT && resumed_from.is_multiple_of(SEGMENT), "{resumed_from}");
    assert!(slow.read("file") == content(SIZE));
    assert_eq!(slow.names(), ["file"]);
}

/// Everything had come, and the power went before it got its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_whole_is_verified_up_to_its_end() {
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
async fn what_was_left_of_something_else_is_not_taken_for_the_beginning() {
    let (server, size) = (server().await, 300_000);
    let terminal = Terminal::new(&server);
    terminal.put("file", &content(size)).await;
    for rubbish in [vec![1; 100_000], vec![1; size + 100_000]] {
        let other = terminal.another();
        other.write("file.part", &rubbish);
        let output = other.run(&["file", "get", "file", "--json"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        let expected = "what was left of an earlier download is not of this file; beginning anew\n";
        assert_eq!(stderr(&output), expected);
        assert_eq!(lines(&output)[0].get("resumed_from"), None);
        assert!(other.read("file") == content(size));
    }
}

/// 204 is a success (http §7.3).
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_answer_was_lost_is_repeated_and_found_to_be_there() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, Fault::Swallow);
    let unlucky = terminal.by_way_of(proxy.address());
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
async fn an_upload_that_broke_off_is_begun_anew() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let proxy = FaultProxy::start(server.address()).await;
    proxy.preset(FILE, Fault::Stall);
    let unlucky = terminal.by_way_of(proxy.address());
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
