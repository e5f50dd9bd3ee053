//! The house stands as drawn: imports point down, and files stay of a size that can be read.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong in here has to fail a test, loudly")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use less_sync_test_support::architecture::{ROOMS, forbidden_edges, forbidden_foundations};

/// Files that are one idea in more than [`LINES`] lines. Every entry is a debt.
const LONG_FILES: &[&str] = &[];

/// Where to ask what the second idea is.
const LINES: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils.rs", "util.rs", "helpers.rs", "types.rs", "common.rs", "misc.rs"];

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn imports_point_down() {
    let metadata = cargo(&["metadata", "--offline", "--no-deps", "--format-version", "1"]);
    let found = forbidden_edges(&serde_json::from_str(&metadata).unwrap());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn rules_know_no_runtime_no_socket_and_no_database() {
    for room in ROOMS.iter().filter(|room| !room.never_below.is_empty()) {
        let tree = cargo(&["tree", "--offline", "-p", room.name, "-e", "normal", "--prefix", "none"]);
        let found = forbidden_foundations(room, &tree);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn files_are_one_idea_each() {
    let long = sources().into_iter().filter(|file| {
        let name = file.strip_prefix(root()).unwrap();
        fs::read_to_string(file).unwrap().lines().count() > LINES
            && !LONG_FILES.iter().any(|allowed| name == Path::new(allowed))
    });
    let long: Vec<_> = long.collect();
    assert!(long.is_empty(), "more than {LINES} lines: {long:#?}");
}

#[test]
fn file_names_say_what_is_inside() {
    let empty: Vec<_> = sources().into_iter().filter(|file| is_empty_name(file)).collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

/// What integration tests share has to be `tests/…/mod.rs`, or it would be a test of its own.
fn is_empty_name(file: &Path) -> bool {
    let is = |name: &&str| file.file_name() == Some(OsStr::new(name));
    EMPTY_NAMES.iter().any(is)
        || (is(&"mod.rs") && !file.components().any(|part| part.as_os_str() == "tests"))
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["crates", "bins", "test-support"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(!found.is_empty());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension() == Some(OsStr::new("rs")) {
            found.push(path);
        }
    }
}
