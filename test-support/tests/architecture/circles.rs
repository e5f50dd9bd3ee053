//! Files of a crate do not import each other in circles.

use std::fs;

use less_sync_test_support::architecture::{Circle, SourceTree};

use crate::sources::{root, sources};

/// Files in circles. Every entry is a debt: no file may be added, and a file that is in no circle any more has to go.
const DEBTS: &[&str] = &[
    "bins/less-sync/src/cmd/bench.rs",
    "bins/less-sync/src/cmd/bench/launch.rs",
    "bins/less-sync/src/cmd/bench/loads.rs",
    "bins/less-sync/src/cmd/bench/scenario/churn.rs",
    "bins/less-sync/src/cmd/bench/scenario/connect.rs",
    "bins/less-sync/src/cmd/bench/scenario/events.rs",
    "bins/less-sync/src/cmd/bench/scenario/fan_out.rs",
    "bins/less-sync/src/cmd/bench/scenario/files.rs",
    "bins/less-sync/src/cmd/bench/scenario/idle.rs",
    "bins/less-sync/src/cmd/bench/scenario/presence.rs",
    "bins/less-sync/src/cmd/bench/scenario/pull.rs",
    "bins/less-sync/src/cmd/bench/scenario/push.rs",
    "bins/less-sync/src/cmd/bench/scenario/revoke.rs",
    "bins/less-sync/src/cmd/bench/scenario/rewrap.rs",
    "bins/less-sync/src/cmd/bench/scenario/stalled.rs",
    "bins/less-sync/src/cmd/bench/scenario/startup.rs",
    "bins/less-sync/src/cmd/bench/sharing.rs",
    "bins/less-sync/src/cmd/bench/subject.rs",
    "bins/less-sync/src/cmd/bench/watchers.rs",
    "crates/api/src/envelope.rs",
    "crates/api/src/files.rs",
    "crates/api/src/files/deletion.rs",
    "crates/api/src/files/described.rs",
    "crates/api/src/files/digest.rs",
    "crates/api/src/files/download.rs",
    "crates/api/src/files/etag.rs",
    "crates/api/src/files/upload.rs",
    "crates/api/src/files/upload/head.rs",
    "crates/api/src/gates.rs",
    "crates/api/src/openapi.rs",
    "crates/api/src/routes.rs",
    "crates/api/src/state.rs",
    "crates/api/src/well_known.rs",
    "crates/app/src/listen.rs",
    "crates/app/src/listen/connection.rs",
    "crates/app/src/migrate.rs",
    "crates/app/src/migrate/blobs.rs",
    "crates/auth/src/token.rs",
    "crates/auth/src/token/claims.rs",
    "crates/auth/src/ucan/chain.rs",
    "crates/auth/src/ucan/verified.rs",
    "crates/client/src/pull.rs",
    "crates/client/src/pull/verify.rs",
    "crates/client/src/reconnect.rs",
    "crates/client/src/reconnect/run.rs",
    "crates/core/src/cbor.rs",
    "crates/core/src/cbor/head.rs",
    "crates/core/src/cbor/read.rs",
    "crates/core/src/cbor/scan.rs",
    "crates/engine/src/files.rs",
    "crates/engine/src/files/metrics.rs",
    "crates/history/src/check.rs",
    "crates/history/src/check/obligations.rs",
    "crates/history/src/check/space.rs",
    "crates/realtime/src/broker.rs",
    "crates/realtime/src/broker/audience.rs",
    "crates/realtime/src/broker/shard.rs",
    "crates/realtime/src/broker/watched.rs",
    "crates/realtime/src/broker/watcher.rs",
    "crates/realtime/src/call.rs",
    "crates/realtime/src/connection.rs",
    "crates/realtime/src/driver.rs",
    "crates/realtime/src/driver/work.rs",
    "crates/realtime/src/mailboxes.rs",
    "crates/realtime/src/methods.rs",
    "crates/realtime/src/methods/chunks.rs",
    "crates/realtime/src/methods/deks.rs",
    "crates/realtime/src/methods/epoch.rs",
    "crates/realtime/src/methods/epoch_keys.rs",
    "crates/realtime/src/methods/invitation.rs",
    "crates/realtime/src/methods/membership.rs",
    "crates/realtime/src/methods/presence.rs",
    "crates/realtime/src/methods/pull.rs",
    "crates/realtime/src/methods/push.rs",
    "crates/realtime/src/methods/space.rs",
    "crates/realtime/src/methods/subscribe.rs",
    "crates/realtime/src/methods/subscribe/entered.rs",
    "crates/realtime/src/methods/token.rs",
    "crates/realtime/src/outbox.rs",
    "crates/realtime/src/outbox/after_write.rs",
    "crates/realtime/src/outbox/state.rs",
    "crates/realtime/src/session.rs",
    "crates/realtime/src/session/handshake.rs",
    "crates/realtime/src/session/lanes.rs",
    "crates/storage-objects/src/local.rs",
    "crates/storage-objects/src/local/writer.rs",
    "crates/storage-postgres/src/error.rs",
    "crates/storage-postgres/src/sqlstate.rs",
    "crates/storage/src/records.rs",
    "crates/storage/src/row.rs",
    "test-support/src/crashes.rs",
    "test-support/src/crashes/device.rs",
    "test-support/src/crashes/process.rs",
    "test-support/src/crashes/watcher.rs",
    "test-support/src/postgres/container.rs",
    "test-support/src/postgres/local.rs",
    "test-support/src/postgres/run.rs",
    "test-support/src/postgres/server.rs",
    "test-support/src/raw_client.rs",
    "test-support/src/raw_client/upgrade.rs",
];

fn circles() -> Vec<Circle> {
    let is_root = |path: &String| path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    let roots = sources().into_iter().map(|path| path.to_str().unwrap().to_owned()).filter(is_root);
    let read = |path: &str| fs::read_to_string(root().join(path)).ok();
    roots.flat_map(|path| SourceTree::read(&path, &read).circles()).collect()
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let circles = circles();
    let is_new = |circle: &&Circle| circle.files.iter().any(|file| !DEBTS.contains(&file.as_str()));
    let new: Vec<_> = circles.iter().filter(is_new).map(|circle| circle.imports.join("\n")).collect();
    assert!(new.is_empty(), "{} circles:\n{}", new.len(), new.join("\n\n"));
}

#[test]
fn debts_of_circles_are_removed_when_they_are_paid() {
    let in_circles: Vec<String> = circles().into_iter().flat_map(|circle| circle.files).collect();
    let paid: Vec<_> = DEBTS.iter().filter(|debt| !in_circles.iter().any(|file| file == *debt)).collect();
    assert!(paid.is_empty(), "in no circle any more: {paid:#?}");
}
