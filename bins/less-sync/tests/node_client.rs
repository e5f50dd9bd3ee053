//! The client in `examples/node-client`, which shares no code with the server, against the server.

use std::path::Path;

use less_sync_test_support::TestServer;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn independent_client_hears_what_another_device_pushes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/node-client");
    assert!(folder.join("node_modules").exists(), "`npm ci` in examples/node-client first, or run ./test");
    let server = TestServer::start().await;
    let check = Command::new("node")
        .arg("check.js")
        .arg(format!("http://{}", server.address()))
        .current_dir(folder)
        .env("LESS_SYNC_TOKEN", server.token("alice"))
        .env("LESS_SYNC_SPACE", server.space("alice"))
        .output()
        .await
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(check.status.success(), "{}", text(&check.stderr));
    assert_eq!(text(&check.stdout), "heard [\"hello\",\"hello again\",null]\n");
}
