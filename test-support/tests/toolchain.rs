//! Minimum supported version of Rust: stated once, and what CI compiles with.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Value of the first line `NAME = "VALUE"`.
fn value(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('=')).unwrap();
    line.trim().trim_matches('"').to_owned()
}

/// The toolchain of the repository is the oldest one of the stated version, so that every build and test checks it.
#[test]
fn stated_version_of_rust_is_the_one_that_compiles() {
    let stated = value(&read("Cargo.toml"), "rust-version");
    assert_eq!(value(&read("rust-toolchain.toml"), "channel"), format!("{stated}.0"));
    assert!(
        read("Dockerfile").contains(&format!("/rust:{stated}-")),
        "the builder of the image is Rust {stated}"
    );
}

#[test]
fn every_crate_states_the_version_of_the_workspace() {
    let folders = ["crates", "bins"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let mut members: Vec<PathBuf> =
        folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    members.push(root().join("test-support"));
    let manifests = members.iter().map(|member| member.join("Cargo.toml")).filter(|path| path.exists());
    let without: Vec<PathBuf> =
        manifests.filter(|path| !read(path).contains("\nrust-version.workspace = true\n")).collect();
    assert!(without.is_empty(), "{without:?}");
}
