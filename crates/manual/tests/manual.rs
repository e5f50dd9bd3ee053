//! Completions and pages of a program with a nested command.

#![expect(clippy::expect_used, reason = "test code may panic")]

use clap::{Command, Parser as _};
use less_sync_manual::Manual;

#[derive(clap::Parser)]
#[command(name = "tool")]
struct Arguments {
    #[command(subcommand)]
    manual: Manual,
}

fn program() -> Command {
    let get = Command::new("get").about("Reads one");
    let secret = Command::new("secret").hide(true);
    Command::new("tool")
        .version("1.0")
        .subcommand(Command::new("file").about("Handles files").subcommand(get))
        .subcommand(secret)
}

fn run(arguments: &[&str]) -> Option<String> {
    let parsed =
        Arguments::try_parse_from(std::iter::once(&"tool").chain(arguments)).expect("valid arguments");
    parsed.manual.run(program()).expect("writable")
}

#[test]
fn scripts_of_all_shells_know_the_nested_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).expect("a script");
        assert!(script.contains("file") && script.contains("get"), "{shell}: {script}");
    }
}

#[test]
fn an_unknown_shell_is_an_error_that_lists_the_known_ones() {
    let error = Arguments::try_parse_from(["tool", "completions", "dos"]).err().expect("unknown").to_string();
    assert!(error.contains("bash") && error.contains("fish"), "{error}");
}

#[test]
fn every_visible_command_has_a_page() {
    let directory = std::env::temp_dir().join(format!("less-sync-manual-{}", std::process::id()));
    assert_eq!(run(&["man", directory.to_str().expect("text")]), None);
    let mut pages: Vec<String> = std::fs::read_dir(&directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    pages.sort();
    let page = std::fs::read_to_string(directory.join("tool-file.1")).expect("a page");
    std::fs::remove_dir_all(&directory).expect("removable");
    assert_eq!(pages, ["tool-file-get.1", "tool-file.1", "tool.1"]);
    assert!(page.contains("Handles files"), "{page}");
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let manual = Manual::Man { directory: "/dev/null/pages".into() };
    assert!(manual.run(program()).is_err());
}
