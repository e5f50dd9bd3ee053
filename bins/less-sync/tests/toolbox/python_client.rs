//! Client of `examples/python-client`, which shares no code with the server, against the server.

use std::path::Path;

use less_sync_test_support::{TestServer, within};
use pretty_assertions::assert_eq;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn python_client_receives_pushes_of_another_device() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/python-client");
    let python = folder.join("../../target/python-client/bin/python");
    assert!(
        python.exists(),
        "python3 -m venv target/python-client, and install examples/python-client/requirements.txt there; or run ./test"
    );
    let server = TestServer::start().await;
    let mut check = Command::new(python);
    check.args(["-W", "error", "check.py"]).arg(format!("http://{}", server.address()));
    check.env("LESS_SYNC_TOKEN", server.token("alice")).env("LESS_SYNC_SPACE", server.space("alice"));
    let check = within("the script to end", check.current_dir(folder).output()).await.unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    assert_eq!(String::from_utf8_lossy(&check.stdout), "received ['hello', 'hello again', None]\n");
}
