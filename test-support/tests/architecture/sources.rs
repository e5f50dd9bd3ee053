//! Rust sources of the workspace.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Paths of all sources, relative to the root.
pub(crate) fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["crates", "bins", "test-support"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(!found.is_empty());
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension() == Some(OsStr::new("rs")) {
            found.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
}

/// The content of a source.
pub(crate) fn read(source: &Path) -> String {
    fs::read_to_string(root().join(source)).unwrap()
}
