//! Comments, error texts, log messages and test names are plain statements.

use less_sync_test_support::architecture::{BadText, bad_openings, personifications};

use crate::sources::{read, sources};

/// Folders whose texts are not clean yet. Every entry is a debt.
const DEBTS: &[&str] = &[];

/// Folders below `src` whose comments may still personify. Every entry is a debt.
const DEBTS_OF_PERSONIFICATION: &[&str] = &[];

/// Texts that `check` finds in the sources with the paths that `is_included` selects.
fn offences(check: fn(&str) -> Vec<BadText>, is_included: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources() {
        let name = path.to_str().unwrap();
        if is_included(name) {
            found.extend(check(&read(&path)).iter().map(|bad| format!("{name}:{}: {}", bad.line, bad.text)));
        }
    }
    found
}

fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Sources of crates and programs, without their tests.
fn is_shipped(path: &str) -> bool {
    (is_in(path, "crates") || is_in(path, "bins")) && path.contains("/src/")
}

#[test]
fn texts_start_with_a_statement() {
    let found = offences(bad_openings, |path| !DEBTS.iter().any(|folder| is_in(path, folder)));
    assert!(
        found.is_empty(),
        "{} texts start with a question word or a pronoun:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn comments_name_roles_instead_of_persons() {
    let has_debt = |path: &str| DEBTS_OF_PERSONIFICATION.iter().any(|folder| is_in(path, folder));
    let found = offences(personifications, |path| is_shipped(path) && !has_debt(path));
    assert!(found.is_empty(), "{} comments personify:\n{}", found.len(), found.join("\n"));
}

#[test]
fn debts_of_wording_are_removed_when_they_are_paid() {
    let is_paid = |check, folder: &str| offences(check, |path| is_in(path, folder)).is_empty();
    let mut paid: Vec<_> = DEBTS.iter().filter(|folder| is_paid(bad_openings, folder)).collect();
    paid.extend(DEBTS_OF_PERSONIFICATION.iter().filter(|folder| is_paid(personifications, folder)));
    assert!(paid.is_empty(), "clean by now: {paid:#?}");
}
