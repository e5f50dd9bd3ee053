//! Every citation of the specification and of a decision leads to a text in this repository.

#![expect(clippy::unwrap_used, reason = "an unreadable repository fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use less_sync_test_support::citations::Specification;

/// The pages that citations name.
const PAGES: [&str; 7] = ["protocol", "auth", "storage", "http", "operations", "newer-clients", "federation"];

/// Folders without text of this project.
const SKIPPED: [&str; 4] = ["target", ".git", "node_modules", ".venv"];

/// Sources whose unit tests contain citations that lead nowhere.
const UNIT_TESTS: &str = "test-support/src/citations";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn specification() -> Specification {
    let mut specification = Specification::default();
    for page in PAGES {
        specification
            .add_page(page, &fs::read_to_string(root().join(format!("docs/spec/{page}.md"))).unwrap());
    }
    for entry in fs::read_dir(root().join("docs/decisions")).unwrap() {
        specification.add_decision(entry.unwrap().file_name().to_str().unwrap());
    }
    specification
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.contains(&entry.file_name().to_str().unwrap()) {
                files(&entry.path(), found);
            }
        } else {
            found.push(entry.path());
        }
    }
}

#[test]
fn citations_lead_to_a_text_in_this_repository() {
    let specification = specification();
    let mut paths = Vec::new();
    files(root(), &mut paths);
    paths.sort();
    let mut faults = Vec::new();
    for path in paths {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if let (false, Ok(text)) = (name.starts_with(UNIT_TESTS), fs::read_to_string(&path)) {
            faults.extend(specification.faults(&name, &text));
        }
    }
    assert!(faults.is_empty(), "{} citations lead nowhere:\n{}", faults.len(), faults.join("\n"));
}
