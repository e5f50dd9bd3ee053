//! Dependencies between crates point down.

use std::process::Command;

use less_sync_test_support::architecture::{CRATES, forbidden_edges, forbidden_foundations};

use crate::sources::root;

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn imports_point_down() {
    let metadata = cargo(&["metadata", "--offline", "--no-deps", "--format-version", "1"]);
    let found = forbidden_edges(&serde_json::from_str(&metadata).unwrap());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn rules_know_no_runtime_no_socket_and_no_database() {
    for rule in CRATES.iter().filter(|rule| !rule.never_below.is_empty()) {
        let tree = cargo(&["tree", "--offline", "-p", rule.name, "-e", "normal", "--prefix", "none"]);
        let found = forbidden_foundations(rule, &tree);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
