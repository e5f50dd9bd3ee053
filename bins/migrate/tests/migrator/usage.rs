//! Accepted and rejected command lines (operations §1, §15: the command surface of the first generation).

use crate::command::{migrator, migrator_on_a_full_disk, on};

#[test]
fn version_and_help_are_printed() {
    let version = migrator(&[], &["--version"]).succeeded();
    assert!(version.out.starts_with("less-sync-migrate ") && version.out.contains(" ("), "{}", version.out);
    let help = migrator(&[], &["--help"]).succeeded();
    for command in ["up", "down", "status", "version", "create", "adopt"] {
        assert!(help.out.contains(command), "{command}");
    }
}

#[test]
fn completions_and_manual_pages_need_no_database() {
    let script = migrator(&[], &["completions", "zsh"]).succeeded();
    assert!(script.out.starts_with("#compdef less-sync-migrate"), "{}", script.out);
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    assert_eq!(migrator(&[], &["man", pages.to_str().unwrap()]).succeeded().out, "");
    let page = std::fs::read_to_string(pages.join("less-sync-migrate-status.1")).unwrap();
    assert!(page.contains("fingerprint"), "{page}");
}

/// Operations O4: `down` must never migrate up because nobody looked at it.
#[test]
fn unknown_arguments_exit_with_2() {
    for arguments in [&["sideways"][..], &["--verbose"], &["up", "12"], &["down", "--steps", "0"]] {
        let said = on("sqlite:/nowhere/at/all.db", arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.starts_with("error: "), "{}", said.err);
    }
}

#[test]
fn missing_address_exits_with_2() {
    for arguments in [&[][..], &["up"], &["down"], &["status"], &["version"], &["adopt"]] {
        migrator(&[], arguments)
            .failed(2, "error: DATABASE_URL is not set: set it, or give --database-url URL");
        migrator(&[("DATABASE_URL", " ")], arguments)
            .failed(2, "error: DATABASE_URL is not set: set it, or give --database-url URL");
    }
}

#[test]
fn invalid_address_exits_with_2_and_is_not_printed() {
    let expected = "error: invalid database address: unsupported database scheme mysql://: expected sqlite:PATH or \
                    postgres://USER@HOST/DATABASE";
    on("mysql://root:hush@localhost/sync", &["up"]).failed(2, expected);
    on("sqlite::memory:", &["up"])
        .failed(2, "error: invalid database address: expected sqlite: and the path of a file");
}

/// Operations O8, O9: the real reason, and no backtrace.
#[test]
fn missing_database_exits_with_1_and_the_reason() {
    let said = on("postgres://127.0.0.1:1/sync?sslmode=disable", &["up"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let mut lines = said.err.lines();
    assert_eq!(lines.next(), Some("error: cannot connect to the database"));
    assert!(lines.all(|line| line.starts_with("  ")), "{}", said.err);
    assert!(said.err.contains("refused"), "{}", said.err);
    assert!(said.err.lines().last().unwrap().contains("that PostgreSQL runs"), "{}", said.err);
}

#[test]
fn full_standard_output_is_a_failure() {
    for arguments in [&["--help"][..], &["--version"], &["completions", "bash"]] {
        let said = migrator_on_a_full_disk(&[], arguments);
        assert_eq!(said.code, 1, "{arguments:?}");
        assert!(said.err.starts_with("error: cannot write to standard output\n  No space"), "{}", said.err);
    }
}
