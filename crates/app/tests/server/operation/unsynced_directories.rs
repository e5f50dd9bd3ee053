//! File systems that cannot synchronise directories (operations §2.3, `ALLOW_UNSYNCED_DIRECTORIES`).

use std::io;
use std::path::Path;
use std::sync::Arc;

use less_sync_app::config::{DatabaseConfig, FileStore};
use less_sync_app::{Config, Overrides, Server};
use less_sync_test_support::{Issuer, LogWatch, ManualClock, TestServer, create, within};

use crate::operation::fixture::config;

/// `fsync` of a directory on a file system without it.
fn unsupported(_directory: &Path) -> io::Result<()> {
    const EINVAL: i32 = 22;
    Err(io::Error::from_raw_os_error(EINVAL))
}

/// Starts a server that must not start; returns the causes of the failure.
async fn rejected_start(change: impl FnOnce(&mut Config, &Path)) -> Vec<String> {
    let clock = ManualClock::new();
    let issuer = Issuer::start(Arc::new(clock.clone())).await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&issuer, directory.path());
    config.directory_sync = config.directory_sync.with_operation(unsupported);
    change(&mut config, directory.path());
    let overrides = Overrides { clock: Some(Arc::new(clock)), ..Overrides::default() };
    let start = Box::pin(Server::start(config, overrides));
    let failed = within("a start that fails", start).await.unwrap_err();
    failed.chain().map(ToString::to_string).collect()
}

/// Neither the database nor the objects of files are kept where a name may vanish after its write was acknowledged.
#[tokio::test]
async fn server_does_not_start_without_durable_directories() {
    for causes in [
        rejected_start(|config, _| assert!(matches!(config.database, DatabaseConfig::Sqlite(_)))).await,
        rejected_start(|config, directory| {
            config.files.store = Some(FileStore::Local(directory.join("files")));
        })
        .await,
    ] {
        let rejection = causes.iter().find(|cause| cause.contains("cannot synchronise directories"));
        assert!(rejection.is_some_and(|cause| cause.contains("power failure")), "{causes:?}");
        assert!(causes.last().unwrap().contains("Invalid argument"), "{causes:?}");
    }
}

/// With the setting the server starts, logs one warning for database and files, and works.
#[tokio::test]
async fn server_that_may_start_without_durable_directories_logs_it_once() {
    let log = LogWatch::start("file system cannot synchronise directories");
    let server = TestServer::builder()
        .embedded()
        .files()
        .setting("ALLOW_UNSYNCED_DIRECTORIES", "true")
        .directory_sync(unsupported)
        .start()
        .await;
    let space = server.space("alice");
    server.raw("alice").await.push_ok(&space, &[create(1, "x")]).await;
    for id in ["8f0b6a3e-4d6a-4a3e-9a64-0a5b1c2d3e4f", "8f0b6a3e-4d6a-4a3e-9a64-0a5b1c2d3e50"] {
        server.upload("alice", id, b"content").await;
    }
    let warnings = log.lines();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("power failure") && warnings[0].contains("directory="), "{warnings:?}");
}
