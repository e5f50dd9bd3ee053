//! Shared space on a development server, which issues all tokens.

use std::process::Stdio;

use less_sync_test_support::within;
use pretty_assertions::assert_eq;
use tokio::process::Command;

use crate::development_server;

#[tokio::test(flavor = "multi_thread")]
async fn two_users_share_a_space_with_a_development_server_only() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = development_server::start(folder.path()).await;
    let run = async |user: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync"));
        command.args(["--user", user]).args(arguments).stdin(Stdio::null());
        command.env_remove("LESS_SYNC_TOKEN").env("LESS_SYNC_URL", &url);
        command.env("LESS_SYNC_KEYS", folder.path().join(user));
        let output = within("the command to end", command.output()).await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    let note = folder.path().join("note");
    std::fs::write(&note, "hello bob").unwrap();
    let space = run("alice", &["space", "create", "notes"]).await;
    let address = run("bob", &["identity"]).await;
    assert_eq!(run("bob", &["identity"]).await, address);
    run("alice", &["space", "invite", &address]).await;
    run("alice", &["push", "--space", &space, &note.display().to_string()]).await;
    run("bob", &["space", "accept"]).await;
    assert!(run("bob", &["pull", "--space", &space]).await.contains("\"hello bob\""));
}
