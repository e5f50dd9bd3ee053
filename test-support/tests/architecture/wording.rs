//! Doc comments, error texts and log messages start with a statement.

use less_sync_test_support::architecture::bad_openings;

use crate::sources::{read, sources};

/// Folders whose texts are not clean yet. Every entry is a debt.
const DEBTS: &[&str] = &[];

/// Texts in `folder` that start with a question word or a bare pronoun.
fn offences(is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources() {
        let name = path.to_str().unwrap();
        if is_wanted(name) {
            let openings = bad_openings(&read(&path));
            found.extend(openings.iter().map(|opening| format!("{name}:{}: {}", opening.line, opening.text)));
        }
    }
    found
}

fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[test]
fn texts_start_with_a_statement() {
    let found = offences(|path| !DEBTS.iter().any(|folder| is_in(path, folder)));
    assert!(
        found.is_empty(),
        "{} texts start with a question word or a pronoun:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn debts_of_wording_are_removed_when_they_are_paid() {
    let paid: Vec<_> =
        DEBTS.iter().filter(|folder| offences(|path| is_in(path, folder)).is_empty()).collect();
    assert!(paid.is_empty(), "clean by now: {paid:#?}");
}
