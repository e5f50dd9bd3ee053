//! The server is killed in the middle of uploads (http §11 H4, storage R6).

use less_sync_test_support::crashes::{ServerProcess, UploadCrashes};

const SERVER: &str = env!("CARGO_BIN_EXE_less-sync-server");

/// A hundred uploads at least, with kills among them; afterwards no object is there that nothing refers to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_survive_kills_or_leave_nothing() {
    let server = ServerProcess::start(SERVER, None).await;
    let crashes = UploadCrashes { kills: 8, uploaders: 8, between_kills: 15 };
    let outcome = crashes.run(server, async |server| server.kill_and_restart().await).await;
    assert!(outcome.created >= 100 && outcome.unknown > 0, "{outcome:?}");
}
