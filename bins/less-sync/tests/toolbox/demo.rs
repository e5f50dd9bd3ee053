//! Story of `less-sync demo`, and its picture in the documentation.

mod picture;
mod recording;

use std::path::Path;
use std::process::{Output, Stdio};

use less_sync_test_support::within;
use pretty_assertions::assert_eq;
use tokio::process::Command;

use crate::development_server;
use recording::Recording;

async fn demo(arguments: &[&str], colours: bool) -> Output {
    assert!(development_server::program().exists());
    let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync"));
    command.arg("demo").args(arguments).stdin(Stdio::null());
    // The demo does not depend on the variables of a real server.
    command.env("LESS_SYNC_URL", "http://127.0.0.1:1").env("LESS_SYNC_TOKEN", "of another server");
    command.env(if colours { "CLICOLOR_FORCE" } else { "NO_COLOR" }, "1").env("WS_AUTH_TIMEOUT", "60s");
    within("the demo to end", command.output()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_shows_plaintext_to_members_only() {
    let told = demo(&[], false).await;
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{text}\n{}", String::from_utf8_lossy(&told.stderr));
    let lines: Vec<&str> = text.lines().collect();
    let find = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("no {part}:\n{text}"))
    };
    let acts = [
        "Alice wrote       the key is under the blue pot",
        "the server holds  01",
        "no file of the server has her words",
        "bob   … ",
        "bob   … access to space $space has ended",
        "error: no access to space $space",
        "would not help him: the new record needs key 2",
        "That was all",
    ];
    let places: Vec<usize> = acts.into_iter().map(find).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(!text.contains('\x1b'), "colours without a terminal: {text}");
}

/// The picture is a recording of this build; with `LESS_SYNC_WRITE_PICTURE` set, it is written.
#[tokio::test(flavor = "multi_thread")]
async fn picture_of_the_demo_is_current() {
    let told = demo(&[], true).await;
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let recording = Recording::parse(&String::from_utf8(told.stdout).unwrap());
    let svg = picture::draw(&recording.with_fixed_values());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/demo.svg");
    if std::env::var_os("LESS_SYNC_WRITE_PICTURE").is_some() {
        std::fs::write(&path, &svg).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, svg, "the picture is outdated: run `just pictures`");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_server_program_is_reported_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("less-sync");
    std::fs::copy(env!("CARGO_BIN_EXE_less-sync"), &alone).unwrap();
    let told = within("the demo to end", Command::new(&alone).arg("demo").output()).await.unwrap();
    let errors = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("cargo build --release -p less-sync-server") && errors.contains("--server"),
        "{errors}"
    );
}
