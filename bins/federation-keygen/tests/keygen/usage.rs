//! Accepted and rejected command lines (operations §10.2).

use crate::command::{Database, keygen, keygen_on_a_full_disk};

#[test]
fn version_and_help_are_printed() {
    let version = keygen(&[], &["--version"]).succeeded();
    assert!(version.out.starts_with("less-sync-federation-keygen "), "{}", version.out);
    let help = keygen(&[], &["--help"]).succeeded();
    let options = ["--domain", "--kid", "--database-url", "--no-promote", "--print-private", "--json"];
    for word in options.into_iter().chain(["ensure", "list", "promote", "deactivate"]) {
        assert!(help.out.contains(word), "{word}");
    }
}

#[test]
fn completions_and_manual_pages_need_no_database() {
    let script = keygen(&[], &["completions", "bash"]).succeeded();
    assert!(script.out.contains("less-sync-federation-keygen"), "{}", script.out);
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    keygen(&[], &["man", pages.to_str().unwrap()]).succeeded();
    let page = std::fs::read_to_string(pages.join("less-sync-federation-keygen-promote.1")).unwrap();
    assert!(page.contains("two hours"), "{page}");
}

#[test]
fn domain_is_required() {
    for arguments in [&[][..], &["ensure"], &["--domain", " "], &["--kid", "a"]] {
        keygen(&[], arguments).failed(2, "error: --domain is required");
    }
}

#[test]
fn options_without_their_value_exit_with_2() {
    for option in ["--domain", "--kid", "--database-url"] {
        keygen(&[], &[option]).failed(2, &format!("error: {option} requires a value"));
    }
}

#[test]
fn unknown_arguments_exit_with_2() {
    for argument in ["--verbose", "sideways", "-x"] {
        let said = keygen(&[], &["--domain", "a.example", argument]);
        said.failed(2, &format!("error: unknown argument \"{argument}\""));
    }
}

#[test]
fn invalid_domains_and_fragments_exit_with_2() {
    for domain in ["a b", "user@a.example", "a.example:0", "bücher.example"] {
        let said = keygen(&[], &["--domain", domain]);
        assert_eq!(said.code, 2);
        assert!(said.err.starts_with(&format!("error: invalid domain \"{domain}\"\n  ")), "{}", said.err);
    }
    for fragment in ["", "a#b", "a b", "ä", &"a".repeat(65)] {
        let said = keygen(&[], &["--domain", "a.example", "--kid", fragment]);
        let start = format!("error: invalid key id fragment \"{fragment}\"");
        assert!(said.code == 2 && said.err.starts_with(&start), "{} {}", said.code, said.err);
    }
}

#[test]
fn invalid_encryption_key_is_not_printed() {
    let said = keygen(&[("FEDERATION_KEY_ENCRYPTION_KEY", "hush")], &["--domain", "a.example"]);
    said.failed(2, "error: invalid FEDERATION_KEY_ENCRYPTION_KEY: expected 64 hexadecimal digits");
}

#[test]
fn commands_on_stored_keys_need_a_database() {
    for arguments in [&["list"][..], &["promote", "k"], &["deactivate", "k"]] {
        keygen(&[], arguments)
            .failed(2, "error: DATABASE_URL is not set: set it, or give --database-url URL");
    }
    let said = Database::new().run(&["promote", "k"]);
    said.failed(1, "error: no key with the id \"k\" is stored");
}

#[test]
fn full_standard_output_is_a_failure() {
    for arguments in [&["--help"][..], &["--version"], &["completions", "bash"]] {
        let said = keygen_on_a_full_disk(arguments);
        assert_eq!(said.code, 1, "{arguments:?}");
        assert!(said.err.starts_with("error: cannot write to standard output\n  No space"), "{}", said.err);
    }
}
