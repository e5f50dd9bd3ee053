//! Command line without a server: exit codes and messages (operations §1).

use std::net::TcpListener;
use std::process::{Command, Output};

use pretty_assertions::assert_eq;

fn less_sync(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_less-sync"))
        .args(arguments)
        .env_remove("LESS_SYNC_URL")
        .env_remove("LESS_SYNC_TOKEN")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Address without a listener.
fn unreachable() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn usage_errors_exit_with_2_and_print_nothing_on_standard_output() {
    let record = "11111111-1111-1111-1111-111111111111";
    for arguments in [
        &[][..],
        &["nonsense"],
        &["pull", "--nonsense"],
        &["pull", "--since", "-1"],
        &["pull", "--since", "9007199254740992"],
        &["pull", "--space", "x"],
        &["push", "--id", "x"],
        &["push", "--id", record, "a", "b"],
        &["push", "--id", record, "--delete", record],
        &["push", "--delete", record, "a"],
        &["push", "--expected-cursor", "3"],
        &["push", "--expected-cursor", "3", "--delete", record, "--delete", record],
        &["tail", "--count", "x"],
        &["tail", "--url", "ftp://127.0.0.1"],
        &["tail", "--url", "not a url"],
        &["pull", "--url", "https://sync.example"],
        &["pull", "--token", "t"],
        &["pull", "--token", "t", "--user", "alice", "--space", record],
        &["token", "--url", "https://sync.example"],
        &["space"],
        &["space", "members", "--keys", "/nowhere"],
        &["space", "invite", "did:key:z@00"],
        &["space", "accept", "x"],
        &["file"],
        &["file", "put"],
        &["file", "get"],
        &["file", "rm"],
        &["bench"],
        &["bench", "nonsense"],
        &["bench", "push", "--time", "0"],
        &["bench", "push", "--window", "65"],
        &["bench", "files", "--size", "0"],
        &["bench", "files", "--size", "1", "--small"],
        &["bench", "push", "--pid", "1", "--server", "x"],
    ] {
        let output = less_sync(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert_eq!(output.stdout, b"", "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn failures_at_run_time_exit_with_1_and_name_their_causes() {
    let unreachable = unreachable();
    for arguments in [&["token"][..], &["pull"], &["push", "/"], &["tail"], &["file", "ls"]] {
        let output = less_sync(arguments, &[("LESS_SYNC_URL", &unreachable)]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = stderr(&output);
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with("error: cannot request a token from http://"), "{text}");
        assert!(lines.all(|line| line.starts_with("  ")), "{text}");
        assert!(text.contains("Connection refused"), "{text}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
}

#[test]
fn unreachable_server_is_named_when_the_token_was_given() {
    let unreachable = unreachable();
    let space = "11111111-1111-1111-1111-111111111111";
    let output = less_sync(
        &["pull", "--space", space],
        &[("LESS_SYNC_URL", &unreachable), ("LESS_SYNC_TOKEN", "secret")],
    );
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.starts_with("error: cannot reach ws://127.0.0.1:"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn token_is_read_from_a_file_that_must_exist() {
    let space = "11111111-1111-1111-1111-111111111111";
    let output = less_sync(&["pull", "--space", space, "--token", "@/nowhere/token"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("error: cannot read the token in /nowhere/token"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn help_and_version_go_to_standard_output_and_never_show_the_token() {
    for arguments in [
        &["--help"][..],
        &["push", "--help"],
        &["bench", "fan-out", "--help"],
        &["space", "invite", "--help"],
        &["--version"],
    ] {
        let output = less_sync(arguments, &[("LESS_SYNC_TOKEN", "secret")]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("secret"), "{arguments:?}");
    }
    let version = String::from_utf8(less_sync(&["--version"], &[]).stdout).unwrap();
    assert!(version.starts_with(concat!("less-sync ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    assert!(version.trim_end().ends_with(')'), "{version}");
}

#[test]
fn bench_names_the_server_program_that_cannot_be_started() {
    let output = less_sync(&["bench", "push", "--server", "/nowhere/less-sync-server"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("error: cannot start /nowhere/less-sync-server"),
        "{}",
        stderr(&output)
    );
}
