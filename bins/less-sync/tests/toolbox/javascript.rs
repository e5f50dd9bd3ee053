//! Package of `clients/js` against the server, in Node.js and in Chromium, and in the same spaces as the toolbox.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use less_sync_test_support::within;
use pretty_assertions::assert_eq;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::development_server;

/// Limit of a script that plays several users, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Folder of the package, compiled from its current sources.
async fn package() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/js");
    let compiler = folder.join("node_modules/typescript/bin/tsc");
    assert!(compiler.exists(), "`npm ci` in clients/js first, or run ./test");
    // Tests are processes of their own; each would write the files that another one loads.
    let lock = File::create(folder.join("node_modules/.less-sync-build")).unwrap();
    lock.lock().unwrap();
    let mut compile = Command::new("node");
    compile.arg(compiler.canonicalize().unwrap()).current_dir(&folder);
    let output = compile.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    folder
}

/// Standard output of a script that must succeed.
async fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let mut script = Command::new("node");
    script.current_dir(folder).args(arguments).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, script.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Plays everything that the package offers, in the platform of a script.
async fn plays_everything(script: &str) {
    let (folder, data) = (package().await, tempfile::tempdir().unwrap());
    let (_server, url) = development_server::start(data.path()).await;
    assert_eq!(stdout(&folder, &[script, &url]).await, "personal, shared, rejected\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_package_does_what_it_offers_in_node() {
    plays_everything("test/check.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_package_does_what_it_offers_in_a_browser() {
    plays_everything("test/browser.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_package_and_toolbox_read_what_the_other_writes() {
    let (folder, data) = (package().await, tempfile::tempdir().unwrap());
    let (_server, url) = development_server::start(data.path()).await;
    let keys = data.path().join("toolbox").display().to_string();
    let read = stdout(&folder, &["test/toolbox.js", &url, env!("CARGO_BIN_EXE_less-sync"), &keys]).await;
    assert_eq!(read, "invites the toolbox, is invited, is the same user\n");
}

/// Site of the app, on an origin of its own; its address.
async fn todo_site() -> (Child, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/todo");
    let mut site = Command::new("node");
    site.current_dir(folder).args(["serve.js", "0"]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut site = site.spawn().unwrap();
    let mut lines = BufReader::new(site.stdout.take().unwrap()).lines();
    let origin = within("the address of the site", lines.next_line()).await.unwrap().unwrap();
    (site, origin)
}

#[tokio::test(flavor = "multi_thread")]
async fn todo_app_works_offline_and_merges_edits_of_others() {
    let (folder, data) = (package().await, tempfile::tempdir().unwrap());
    let (_site, origin) = todo_site().await;
    let allowed = [("CORS_ALLOWED_ORIGINS", origin.as_str())];
    let (_server, url) = development_server::start_with(data.path(), &allowed).await;
    let played = stdout(&folder, &["test/todo.js", &origin, &url]).await;
    assert_eq!(played, "offline, shared, merged\n");
}

/// The README has the program as steps; a test of the book compares them.
#[tokio::test(flavor = "multi_thread")]
async fn first_program_of_the_javascript_package_prints_what_its_page_says() {
    let (folder, data) = (package().await, tempfile::tempdir().unwrap());
    let (_server, url) = development_server::start(data.path()).await;
    let printed = stdout(&folder, &["--import", "./test/platform.js", "example.js", &url]).await;
    let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(page.contains(&format!("\n```text\n{printed}```\n")), "{printed}");
}
