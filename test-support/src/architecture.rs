//! Rules of the source: dependencies between crates, imports between files, and first words of texts.
//!
//! The table of `ARCHITECTURE.md` is data here, compared with the metadata of cargo.

mod circles;
mod module;
mod personification;
mod rules;
mod tokens;
mod wording;

use std::collections::BTreeSet;

use serde_json::Value;

pub use circles::{Circle, SourceTree};
pub use personification::personifications;
pub use rules::{CRATES, CrateRule};
pub use wording::{BadText, bad_openings};

/// Forbidden dependencies in `metadata` (the output of `cargo metadata --no-deps`), one sentence each. A workspace member
/// without a row in the table is reported too.
#[must_use]
pub fn forbidden_edges(metadata: &Value) -> Vec<String> {
    let packages = array(&metadata["packages"]);
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    packages.iter().flat_map(|package| offences_of(package, &ours)).collect()
}

fn offences_of(package: &Value, ours: &BTreeSet<&str>) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some(rule) = CRATES.iter().find(|rule| rule.name == name) else {
        return vec![format!("{name} has no row in the table")];
    };
    let dependencies = array(&package["dependencies"]).iter();
    dependencies.filter_map(|dependency| offence(rule, dependency, ours)).collect()
}

fn offence(rule: &CrateRule, dependency: &Value, ours: &BTreeSet<&str>) -> Option<String> {
    let name = dependency["name"].as_str().unwrap_or_default();
    let only_for_tests = dependency["kind"] == "dev";
    let allowed = if only_for_tests {
        rule.may_use(name) || rules::FOR_TESTS.contains(&name) || !ours.contains(name)
    } else if ours.contains(name) {
        rule.may_use(name)
    } else {
        !rule.never_directly.contains(&name)
    };
    let how = if only_for_tests { "tests with" } else { "uses" };
    (!allowed).then(|| format!("{} {how} {name}", rule.name))
}

/// Forbidden transitive dependencies in `tree`, the output of `cargo tree --prefix none` for the crate of the rule.
#[must_use]
pub fn forbidden_foundations(rule: &CrateRule, tree: &str) -> Vec<String> {
    let below: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let wrong = rule.never_below.iter().copied().flatten().filter(|name| below.contains(*name));
    wrong.map(|name| format!("{} stands on {name}", rule.name)).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &[(&str, Value)]) -> Value {
        let dependencies: Vec<_> =
            dependencies.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
        json!({ "name": name, "dependencies": dependencies })
    }

    fn offences(packages: &[Value]) -> Vec<String> {
        forbidden_edges(&json!({ "packages": packages }))
    }

    #[test]
    fn an_import_that_points_up_is_named() {
        let found = offences(&[
            package("less-sync-core", &[("less-sync-engine", Value::Null), ("bytes", Value::Null)]),
            package("less-sync-engine", &[("less-sync-core", Value::Null)]),
        ]);
        assert_eq!(found, ["less-sync-core uses less-sync-engine"]);
    }

    #[test]
    fn test_support_is_for_tests_only() {
        let rooms = |kind| {
            let app = package("less-sync-app", &[("less-sync-test-support", kind)]);
            [app, package("less-sync-test-support", &[])]
        };
        assert_eq!(offences(&rooms(Value::Null)), ["less-sync-app uses less-sync-test-support"]);
        assert_eq!(offences(&rooms(json!("dev"))), [""; 0]);
    }

    #[test]
    fn a_crate_of_another_floor_is_named() {
        let found =
            offences(&[package("less-sync-engine", &[("minicbor", Value::Null), ("axum", json!("dev"))])]);
        assert_eq!(found, ["less-sync-engine uses minicbor"]);
    }

    #[test]
    fn a_room_without_a_row_is_named() {
        assert_eq!(offences(&[package("less-sync-attic", &[])]), ["less-sync-attic has no row in the table"]);
    }

    #[test]
    fn a_runtime_far_below_is_found() {
        let core = CRATES.iter().find(|rule| rule.name == "less-sync-core").unwrap();
        let found = forbidden_foundations(core, "less-sync-core v0.1.0\nbytes v1.12.1\ntokio v1.54.1\n");
        assert_eq!(found, ["less-sync-core stands on tokio"]);
    }
}
