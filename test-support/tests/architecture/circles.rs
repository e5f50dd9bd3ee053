//! Files of a crate do not import each other in circles.

use std::fs;

use less_sync_test_support::architecture::{Circle, SourceTree};

use crate::sources::{root, sources};

/// Files in circles. Every entry is a debt: no file may be added, and a file that is in no circle any more has to go.
const DEBTS: &[&str] = &[
    "test-support/src/crashes.rs",
    "test-support/src/crashes/device.rs",
    "test-support/src/crashes/process.rs",
    "test-support/src/crashes/watcher.rs",
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
