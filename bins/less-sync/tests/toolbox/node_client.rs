//! Client of `examples/node-client`, which shares no code with the server, against the server.

use std::path::{Path, PathBuf};

use less_sync_test_support::{TestServer, within};
use pretty_assertions::assert_eq;
use tokio::process::Command;

use crate::development_server;

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/node-client");
    assert!(folder.join("node_modules").exists(), "`npm ci` in examples/node-client first, or run ./test");
    folder
}

/// Standard output of a script that must succeed.
async fn stdout(script: &mut Command) -> String {
    let check = within("the script to end", script.current_dir(folder()).output()).await.unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    String::from_utf8(check.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn independent_client_receives_pushes_of_another_device() {
    let server = TestServer::start().await;
    let mut check = Command::new("node");
    check
        .arg("check.js")
        .arg(format!("http://{}", server.address()))
        .env("LESS_SYNC_TOKEN", server.token("alice"))
        .env("LESS_SYNC_SPACE", server.space("alice"));
    assert_eq!(stdout(&mut check).await, "received [\"hello\",\"hello again\",null]\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn independent_clients_share_a_space_until_one_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let (_server, url) = development_server::start(data.path()).await;
    let mut check = Command::new("node");
    check.arg("check-shared.js").arg(url).env_remove("LESS_SYNC_TOKEN");
    assert_eq!(stdout(&mut check).await, "shared, and revoked\n");
}
