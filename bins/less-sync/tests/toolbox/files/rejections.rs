//! Rejected file commands, and their messages.

use less_sync_test_support::TestServer;
use pretty_assertions::assert_eq;

use crate::program::{Shell as _, lines, stderr};
use crate::terminal::{Terminal, content, server};

#[tokio::test(flavor = "multi_thread")]
async fn files_above_the_limit_are_rejected_with_the_servers_message_and_leave_nothing() {
    let server = TestServer::builder().files().setting("MAX_FILE_SIZE", "1MiB").start().await;
    let terminal = Terminal::new(&server);
    let most = 1024 * 1024 - 1 - 16 * 16;
    for (name, size) in [("a", 10), ("just too large", most + 1), ("just right", most), ("large", 20 * most)]
    {
        terminal.write(name, &content(size));
    }
    let output = terminal.run(&["file", "put", "--json", "a", "just too large", "just right", "large"]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    for name in ["just too large", "large"] {
        let expected = format!("rejected: {name}: file exceeds 1 MB limit (413)\n");
        assert!(text.contains(&expected), "{text}");
    }
    assert!(text.ends_with("error: 2 files were not uploaded\n"), "{text}");
    let put: Vec<_> = lines(&output).iter().map(|line| line["name"].clone()).collect();
    assert_eq!(put, ["a", "just right"]);
    let listed = terminal.results(&["file", "ls"]).await;
    assert_eq!(listed.iter().map(|line| line["name"].clone()).collect::<Vec<_>>(), put);
}

#[tokio::test(flavor = "multi_thread")]
async fn irregular_files_are_rejected_and_the_others_are_uploaded() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.write("file", b"content");
    let output = terminal.run(&["file", "put", ".", "nothing", "file"]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.starts_with(
            "rejected: .: not a regular file\nrejected: nothing: cannot read the file: No such file"
        ),
        "{text}"
    );
    assert_eq!(terminal.results(&["file", "ls"]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_without_file_storage_is_reported_and_keeps_no_record() {
    let server = TestServer::start().await;
    let terminal = Terminal::new(&server);
    terminal.write("file", b"content");
    let (code, text) = terminal.failure(&["file", "put", "file"]).await;
    assert_eq!(code, 1);
    assert!(
        text.starts_with("rejected: file: the server does not support files: not found (404)\n"),
        "{text}"
    );
    assert!(terminal.results(&["file", "ls"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_without_a_key_is_a_usage_error() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let space = server.space("bob");
    let (code, text) = terminal.failure(&["file", "ls", "--space", &space]).await;
    assert_eq!(code, 2);
    assert!(text.starts_with(&format!("error: the space {space} is not among the keys in ")), "{text}");
    // The own space can be named.
    assert!(terminal.results(&["file", "ls", "--space", &terminal.space]).await.is_empty());
}
