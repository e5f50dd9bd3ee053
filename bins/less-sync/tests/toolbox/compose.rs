//! Settings in the files of `deploy` for containers: the server and the issuer read each of them without complaint.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use less_sync_test_support::EmptyEnvironment as _;

use crate::development_server;

const FEDERATION: &str = include_str!("../../../../deploy/compose.federation.yaml");

/// Block of lines below `key:` that are indented deeper than it.
fn block<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_first = |line: &str| line.trim().strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    let mut lines = text.lines().skip_while(|line| !is_first(line));
    let first = lines.next().unwrap_or_else(|| panic!("no {key}"));
    lines.take_while(|line| line.trim().is_empty() || indent(line) > indent(first)).collect()
}

/// Settings among lines, with the defaults of their variables.
fn settings(lines: &[&str]) -> BTreeMap<String, String> {
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || b"_0123456789".contains(&byte));
    let pairs = lines.iter().filter_map(|line| line.trim().split_once(": "));
    let pairs = pairs.filter(|(name, _)| is_name(name));
    let value = |text: &str| match text.split_once(":-") {
        Some((_, default)) => default.trim_end_matches('}').to_owned(),
        None => text.trim_matches('"').to_owned(),
    };
    pairs.map(|(name, text)| (name.to_owned(), value(text))).collect()
}

/// Checks settings; files of the containers are `replaced` by those of the test.
fn check(mut settings: BTreeMap<String, String>, replaced: &[(&str, &Path)], arguments: &[&str]) {
    for (name, path) in replaced {
        let old = settings.insert((*name).to_owned(), path.display().to_string());
        assert!(old.is_some(), "{name} is not set");
    }
    let mut command = Command::new(development_server::program());
    let command = command.args(arguments).empty_environment().envs(&settings).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = [&output.stderr[..], &output.stdout].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && !text.contains("warning"), "{settings:?}\n{text}");
}

#[test]
fn servers_of_the_federation_start_with_their_settings() {
    let folder = tempfile::tempdir().unwrap();
    let authority = less_sync_test_support::Authority::new(folder.path());
    let peers = folder.path().join("peers.toml");
    for name in ["a", "b"] {
        let mut all = settings(&block(FEDERATION, "x-settings"));
        all.extend(settings(&block(FEDERATION, &format!("server-{name}"))));
        // Containers get it from their image.
        all.insert("DATABASE_URL".to_owned(), format!("sqlite:{}/{name}.db", folder.path().display()));
        all.insert("FILE_STORAGE_PATH".to_owned(), folder.path().join(name).display().to_string());
        let content: Vec<&str> = block(FEDERATION, &format!("peers-of-{name}")).into_iter().skip(1).collect();
        std::fs::write(&peers, content.join("\n")).unwrap();
        let trusted = authority.certificate();
        let replaced = [("FEDERATION_PEERS_FILE", &*peers), ("FEDERATION_CA_FILE", &*trusted)];
        check(all, &replaced, &["--check-config"]);
    }
}
