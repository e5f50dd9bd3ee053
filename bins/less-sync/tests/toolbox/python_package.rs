//! Package of `clients/python` against the server, as pip installs it, and in the same spaces as the toolbox.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pretty_assertions::assert_eq;
use tempfile::TempDir;
use tokio::process::Command;

use crate::development_server;

/// Limit of a script that plays several users, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/python")
}

/// Python with the dependencies of the package.
fn python() -> Command {
    let python = folder().join("../../target/python-client/bin/python");
    assert!(python.with_file_name("mypy").exists(), "no packages for clients/python: run ./test");
    let mut command = Command::new(python);
    command.current_dir(folder()).kill_on_drop(true).env_remove("PYTHONPATH");
    command
}

/// Standard output of a command that must succeed.
async fn stdout(command: &mut Command) -> String {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{errors}");
    printed.into_owned()
}

/// Folder into which the package is installed, without a network.
async fn installed() -> TempDir {
    let target = tempfile::tempdir().unwrap();
    // The build writes beside the sources; tests are concurrent.
    let sources = target.path().join("sources");
    stdout(Command::new("cp").arg("-r").args([folder().as_path(), sources.as_path()])).await;
    let mut pip = python();
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]);
    pip.args(["--disable-pip-version-check", "--target"]).arg(target.path()).arg(&sources);
    stdout(&mut pip).await;
    assert!(target.path().join("less_sync_client/py.typed").exists(), "the package has no types");
    target
}

/// Script with the installed package; warnings are errors.
fn script(package: &TempDir, arguments: &[&str]) -> Command {
    let mut script = python();
    script.args(["-W", "error"]).args(arguments).env("PYTHONPATH", package.path());
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn python_package_does_what_it_offers() {
    let (package, data) = (installed().await, tempfile::tempdir().unwrap());
    let (_server, url) = development_server::start(data.path()).await;
    let played = stdout(&mut script(&package, &["test/check.py", &url])).await;
    assert_eq!(played, "personal, shared, rejected\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_package_and_toolbox_read_what_the_other_writes() {
    let (package, data) = (installed().await, tempfile::tempdir().unwrap());
    let (_server, url) = development_server::start(data.path()).await;
    let keys = data.path().join("toolbox").display().to_string();
    let arguments = ["test/toolbox.py", &url, env!("CARGO_BIN_EXE_less-sync"), &keys];
    let read = stdout(&mut script(&package, &arguments)).await;
    assert_eq!(read, "invites the toolbox, is invited, is the same user\n");
}

/// The README has the program as steps; a test of the book compares them.
#[tokio::test(flavor = "multi_thread")]
async fn first_program_of_the_python_package_prints_what_its_page_says() {
    let (package, data) = (installed().await, tempfile::tempdir().unwrap());
    let (_server, url) = development_server::start(data.path()).await;
    let printed = stdout(&mut script(&package, &["examples/first.py", &url])).await;
    let page = std::fs::read_to_string(folder().join("README.md")).unwrap();
    assert!(page.contains(&format!("\n```text\n{printed}```\n")), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_package_has_complete_and_consistent_types() {
    let cache = tempfile::tempdir().unwrap();
    stdout(python().args(["-m", "mypy", "--cache-dir"]).arg(cache.path())).await;
}
