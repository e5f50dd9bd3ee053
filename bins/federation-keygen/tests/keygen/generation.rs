//! New keys: what is printed, and what is stored.

use serde_json::Value;

use crate::command::{Database, keygen};

const DOMAIN: [&str; 2] = ["--domain", "https://Sync.Example.com:443/"];
const URL: &str = "https://sync.example.com/.well-known/jwks.json";

fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&DOMAIN, arguments].concat()
}

#[test]
fn key_is_printed_and_not_stored_without_a_database() {
    let said = keygen(&[], &with(&["--kid", "fed-1"])).succeeded();
    let public = said.value("public_key_base64url");
    let expected = format!(
        "Generated federation signing key\nkey_id={URL}#fed-1\npublic_key_base64url={public}\n\
         trusted_keys_entry={URL}#fed-1={public}\n\
         private_seed_base64url=<hidden> (pass --print-private to show)\nstored_in_database=false\n\
         hint=set --database-url or DATABASE_URL to persist this key\n"
    );
    assert_eq!((said.out.as_str(), public.len()), (expected.as_str(), 43));
    let shown = keygen(&[], &with(&["--print-private"])).succeeded();
    assert_eq!(shown.value("private_seed_base64url").len(), 43);
    assert_ne!(shown.value("public_key_base64url"), public);
}

#[test]
fn default_fragment_is_the_time() {
    let said = keygen(&[("FEDERATION_DOMAIN", "a.example:8443")], &[]).succeeded();
    let id = said.value("key_id");
    let fragment = id.strip_prefix("https://a.example:8443/.well-known/jwks.json#fed-").unwrap();
    let (seconds, nanoseconds) = fragment.split_once('-').unwrap();
    assert!(
        seconds.parse::<u64>().unwrap() > 1_700_000_000
            && nanoseconds.parse::<u32>().unwrap() < 1_000_000_000
    );
}

/// Operations §10.2.
#[test]
fn stored_keys_are_promoted_unless_told_otherwise() {
    let database = Database::new();
    let first = database.run(&with(&["--kid", "a", "--no-promote"])).succeeded();
    assert_eq!(first.value("stored_in_database"), "true");
    assert_eq!(first.value("promoted_for_signing"), "true", "the first key signs");
    assert_eq!(database.run(&with(&["--kid", "b"])).succeeded().value("promoted_for_signing"), "true");
    let third = database.run(&with(&["--kid", "c", "--no-promote"])).succeeded();
    assert_eq!(third.value("promoted_for_signing"), "false");
    assert!(!third.out.contains("hint="));
    let states: Vec<(String, bool)> =
        database.keys().into_iter().map(|(kid, _, _, primary)| (kid, primary)).collect();
    let key = |fragment: &str, primary| (format!("{URL}#{fragment}"), primary);
    assert_eq!(states, [key("a", false), key("b", true), key("c", false)]);
    let again = database.run(&with(&["--kid", "a"]));
    again.failed(1, &format!("error: a key with the id \"{URL}#a\" exists"));
}

#[test]
fn key_is_printed_as_json() {
    let database = Database::new();
    let said = database.run(&with(&["--kid", "a", "--json", "--print-private"])).succeeded();
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["key_id"], format!("{URL}#a"));
    assert_eq!((&json["stored_in_database"], &json["promoted_for_signing"]), (&true.into(), &true.into()));
    assert_eq!(json["private_seed_base64url"].as_str().unwrap().len(), 43);
    let hidden: Value = serde_json::from_str(&keygen(&[], &with(&["--json"])).succeeded().out).unwrap();
    assert!(hidden.get("private_seed_base64url").is_none());
}

/// Federation KY-8: a start makes no fresh key.
#[test]
fn ky_8_ensure_makes_a_key_once_per_domain() {
    let database = Database::new();
    let first = database.run(&[&["ensure"][..], &DOMAIN].concat()).succeeded();
    let again = database.run(&[&["ensure"][..], &DOMAIN].concat()).succeeded();
    assert_eq!(again.value("trusted_keys_entry"), first.value("trusted_keys_entry"));
    assert!(again.out.starts_with("Found the active federation signing key\n"), "{}", again.out);
    assert!(!again.out.contains("private_seed"), "{}", again.out);
    database.run(&["ensure", "--domain", "other.example"]).succeeded();
    assert_eq!(database.keys().len(), 2);
}

/// Storage §3.16.
#[test]
fn seeds_are_sealed_at_rest_with_an_encryption_key() {
    let database = Database::new();
    let key = "5a".repeat(32);
    database.run_with(&[("FEDERATION_KEY_ENCRYPTION_KEY", &key)], &with(&["--kid", "a"])).succeeded();
    database.run(&with(&["--kid", "b"])).succeeded();
    let seeds: Vec<usize> = database.keys().into_iter().map(|(_, seed, _, _)| seed.len()).collect();
    assert_eq!(seeds, [61, 32]);
}

#[test]
fn settings_come_from_files_too() {
    let database = Database::new();
    let folder = tempfile::tempdir().unwrap();
    let (config, url) = (folder.path().join("server.toml"), folder.path().join("url"));
    std::fs::write(
        &config,
        format!("federation_domain = \"a.example\"\ndatabase_url = \"{}\"\n", database.url()),
    )
    .unwrap();
    keygen(&[], &["--config", config.to_str().unwrap(), "--kid", "a"]).succeeded();
    std::fs::write(&url, database.url()).unwrap();
    let at = format!("@{}", url.display());
    keygen(&[], &["--domain", "a.example", "--kid", "b", "--database-url", &at]).succeeded();
    assert_eq!(database.keys().len(), 2);
}
