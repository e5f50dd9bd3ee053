//! Files of a crate do not import each other in circles.

use std::fs;

use less_sync_test_support::architecture::{Circle, SourceTree};

use crate::sources::{root, sources};

fn circles() -> Vec<Circle> {
    let is_root = |path: &String| path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    let roots = sources().into_iter().map(|path| path.to_str().unwrap().to_owned()).filter(is_root);
    let read = |path: &str| fs::read_to_string(root().join(path)).ok();
    roots.flat_map(|path| SourceTree::read(&path, &read).circles()).collect()
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let circles: Vec<_> = circles().iter().map(|circle| circle.imports.join("\n")).collect();
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n\n"));
}
