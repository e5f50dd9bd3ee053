//! Tests and metrics that the page of guarantees names exist.

#![expect(clippy::unwrap_used, reason = "an unreadable repository fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders with tests in Rust.
const SOURCES: [&str; 2] = ["crates", "bins"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Texts between backquotes, with the file that was named last before each of them.
fn names(page: &str) -> Vec<(&str, &str)> {
    let mut file = "";
    let mut names = Vec::new();
    for name in page.split('`').skip(1).step_by(2) {
        if Path::new(name).extension().is_some_and(|extension| extension == "rs") {
            file = name;
        }
        names.push((file, name));
    }
    names
}

/// True for a name of a function or a metric.
fn is_long_name(name: &str) -> bool {
    name.contains('_') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn tests_and_metrics_of_the_guarantees_exist() {
    let (page, metrics) = (read("docs/guarantees.md"), read("docs/metrics.md"));
    let mut paths = Vec::new();
    for folder in SOURCES {
        sources(&root().join(folder), &mut paths);
    }
    let is_defined = |file: &str, name: &str| {
        let functions = [format!("fn {name}("), format!("fn {name}<")];
        let mut texts =
            paths.iter().filter(|path| path.ends_with(file)).map(|path| fs::read_to_string(path).unwrap());
        texts.any(|text| functions.iter().any(|function| text.contains(function)))
    };
    let settings = ["synchronous_commit"];
    let mut missing = Vec::new();
    let mut found = 0;
    for (file, name) in names(&page) {
        if !is_long_name(name) || settings.contains(&name) {
            continue;
        }
        found += 1;
        if !metrics.contains(&format!("| `{name}` |")) && !is_defined(file, name) {
            missing.push(format!("{file} {name}"));
        }
    }
    assert!(found > 40, "{found} names were found in the page");
    assert_eq!(missing, Vec::<String>::new(), "neither a test of that file nor a metric");
}
