//! Sizes and names of files.

use std::ffi::OsStr;
use std::path::Path;

use crate::sources::{read, sources};

/// Files with more than [`LINES`] lines. Every entry is a debt.
const LONG_FILES: &[&str] = &[];

/// Maximum number of lines of a file.
const LINES: usize = 500;

/// File names without meaning.
const EMPTY_NAMES: &[&str] = &["utils.rs", "util.rs", "helpers.rs", "types.rs", "common.rs", "misc.rs"];

#[test]
fn files_are_one_idea_each() {
    let long = sources().into_iter().filter(|file| {
        read(file).lines().count() > LINES && !LONG_FILES.iter().any(|allowed| file == Path::new(allowed))
    });
    let long: Vec<_> = long.collect();
    assert!(long.is_empty(), "more than {LINES} lines: {long:#?}");
}

#[test]
fn file_names_say_what_is_inside() {
    let empty: Vec<_> = sources().into_iter().filter(|file| is_empty_name(file)).collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

/// True for names without meaning. Shared code of integration tests has to be `tests/…/mod.rs`, or cargo takes it for a
/// test binary.
fn is_empty_name(file: &Path) -> bool {
    let is = |name: &&str| file.file_name() == Some(OsStr::new(name));
    EMPTY_NAMES.iter().any(is)
        || (is(&"mod.rs") && !file.components().any(|part| part.as_os_str() == "tests"))
}
