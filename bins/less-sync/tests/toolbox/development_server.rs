//! `less-sync-server --dev` in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use less_sync_test_support::within;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Path of the server program, which must have been built.
pub(crate) fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_less-sync")).with_file_name("less-sync-server");
    assert!(program.exists(), "no server: run `cargo build -p less-sync-server`");
    program
}

/// Starts a development server in `folder`; returns its process and its address.
pub(crate) async fn start(folder: &Path) -> (Child, String) {
    start_with(folder, &[]).await
}

/// As [`start`], with these additional settings in the environment.
pub(crate) async fn start_with(folder: &Path, settings: &[(&str, &str)]) -> (Child, String) {
    let mut command = Command::new(program());
    command
        .arg("--dev")
        .current_dir(folder)
        .envs([("LISTEN_ADDR", "127.0.0.1:0"), ("WS_AUTH_TIMEOUT", "60s")])
        .envs(settings.iter().copied());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = within("the address of the server", async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some(address) = line.trim().strip_prefix("address") {
                return address.trim().to_owned();
            }
        }
    });
    let address = address.await;
    (child, address)
}
