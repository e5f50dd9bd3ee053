//! Command line without a server: exit codes and messages (operations §1).

use std::net::TcpListener;
use std::process::{Command, Output};

use pretty_assertions::assert_eq;

fn less_sync(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_less-sync"))
        .args(arguments)
        .env_remove("LESS_SYNC_URL")
        .env_remove("LESS_SYNC_TOKEN")
        .env_remove("LESS_SYNC_KEYS")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Access token of no issuer: objects without members, and a signature with a text that must not be shown.
const TOKEN: &str = "e30.e30.secret";

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
        &["pull", "--token", TOKEN, "--user", "alice", "--space", record],
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
        assert!(
            text.lines().count() == 3 && text.contains("start one with less-sync-server --dev"),
            "{text}"
        );
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
}

/// A listener that answers each connection with `answer`.
fn listener(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _request = std::io::Read::read(&mut stream, &mut [0; 1024]);
            let _answered = std::io::Write::write_all(&mut stream, answer);
        }
    });
    address.to_string()
}

#[test]
fn wrong_scheme_is_reported_with_the_other_one() {
    let plain = listener(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // A fatal TLS alert, as in the answer to something that is no handshake.
    let encrypted = listener(b"\x15\x03\x03\x00\x02\x02\x0a");
    for (url, other) in [
        (format!("https://{plain}"), format!("http://{plain}")),
        (format!("http://{encrypted}"), format!("https://{encrypted}")),
    ] {
        let space = "11111111-1111-1111-1111-111111111111";
        for token in ["", TOKEN] {
            let output = less_sync(
                &["pull", "--space", space],
                &[("LESS_SYNC_URL", &url), ("LESS_SYNC_TOKEN", token), ("LESS_SYNC_KEYS", "/nowhere")],
            );
            assert_eq!(output.status.code(), Some(1));
            assert!(stderr(&output).ends_with(&format!("give --url {other}\n")), "{}", stderr(&output));
        }
    }
}

#[test]
fn help_shows_a_command_its_own_options_first_and_only_those_it_uses() {
    let help = |arguments: &[&str]| String::from_utf8(less_sync(arguments, &[]).stdout).unwrap();
    let push = help(&["push", "--help"]);
    let (own, shared) = push.split_once("\nShared options:\n").unwrap();
    assert!(
        own.contains("--expected-cursor") && !own.contains("--token") && !own.contains("--json"),
        "{push}"
    );
    assert!(
        ["--url", "--token", "--user", "--client", "--keys", "--json"]
            .iter()
            .all(|name| shared.contains(name))
    );
    for (arguments, used, unused) in [
        (
            &["history-check", "--help"][..],
            &["--json"][..],
            &["--url", "--token", "--user", "--client", "--keys"][..],
        ),
        (&["bench", "push", "--help"], &["--url", "--json"], &["--token", "--user", "--client", "--keys"]),
        (&["token", "--help"], &["--url", "--user", "--client"], &["--token", "--keys"]),
        (&["key", "import", "--help"], &["--keys", "--json"], &["--url", "--token", "--user", "--client"]),
        (&["key", "export", "--help"], &["--keys", "--token", "--user"], &[]),
    ] {
        let text = help(arguments);
        assert!(used.iter().all(|name| text.contains(*name)), "{text}");
        assert!(unused.iter().all(|name| !text.contains(&format!(" {name} "))), "{text}");
    }
    let output = less_sync(&["history-check", "--user", "alice", "-"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("less-sync history-check does not use --user"), "{}", stderr(&output));
}

#[test]
fn unreachable_server_is_named_when_the_token_was_given() {
    let unreachable = unreachable();
    let space = "11111111-1111-1111-1111-111111111111";
    let output = less_sync(
        &["pull", "--space", space],
        &[("LESS_SYNC_URL", &unreachable), ("LESS_SYNC_TOKEN", TOKEN)],
    );
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.starts_with("error: cannot reach ws://127.0.0.1:"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

/// Every command that sends a token reports one that is none, and not what it would have named.
#[test]
fn text_that_is_no_token_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let (space, keys) = ("11111111-1111-1111-1111-111111111111", folder.path().join("keys"));
    let (keys, file) = (keys.to_str().unwrap(), folder.path().join("token"));
    let commands = [
        &["pull"][..],
        &["pull", "--plain", "--space", space],
        &["push", "--plain", "/dev/null"],
        &["tail"],
        &["presence"],
        &["identity"],
        &["space", "create"],
        &["space", "accept"],
        &["file", "ls"],
        &["key", "export", "/dev/null"],
    ];
    let complete = |output: &Output, code, found: &str| {
        assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
        assert!(stderr(output).contains(found), "{}", stderr(output));
        assert!(!stderr(output).contains("secret") && !stderr(output).contains("personal space"));
    };
    for command in commands {
        let run = |token: &str, environment: &[(&str, &str)]| {
            let common = ["--keys", keys, "--token", token];
            let common = if token == "-" { &common[..2] } else { &common[..] };
            let command = [command, &["--url", "http://127.0.0.1:1"], common].concat();
            less_sync(&command, environment)
        };
        complete(&run("secret", &[]), 2, "the access token of --token or LESS_SYNC_TOKEN is not a JWT");
        complete(&run("-", &[("LESS_SYNC_TOKEN", "secret")]), 2, "LESS_SYNC_TOKEN is not a JWT");
        complete(&run("", &[]), 2, "is empty");
        // Another one than that of the argument decides nothing.
        complete(&run("", &[("LESS_SYNC_TOKEN", TOKEN)]), 2, "is empty");
        std::fs::write(&file, "Bearer secret").unwrap();
        complete(&run(&format!("@{}", file.display()), &[]), 1, "begins with Bearer");
        std::fs::write(&file, "").unwrap();
        complete(&run(&format!("@{}", file.display()), &[]), 1, "token is empty");
        // A variable without a value is as good as none: the development server is asked for a token.
        let output = run("-", &[("LESS_SYNC_TOKEN", "")]);
        assert!(stderr(&output).contains("no server listens"), "{command:?}: {}", stderr(&output));
    }
    let output = less_sync(&["pull", "--keys", keys, "--token", TOKEN], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("names no valid personal space"), "{}", stderr(&output));
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
        let output = less_sync(arguments, &[("LESS_SYNC_TOKEN", TOKEN)]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("secret"), "{arguments:?}");
    }
    let version = String::from_utf8(less_sync(&["--version"], &[]).stdout).unwrap();
    assert!(version.starts_with(concat!("less-sync ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    assert!(version.trim_end().ends_with(')'), "{version}");
}

#[test]
fn completions_never_contain_the_token() {
    let output = less_sync(&["completions", "fish"], &[("LESS_SYNC_TOKEN", TOKEN)]);
    let script = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(script.contains("history-check") && !script.contains("secret"), "{script}");
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

/// Help, version and scripts that could not be written are failures.
#[test]
fn full_standard_output_is_a_failure() {
    for arguments in [&["--help"][..], &["--version"], &["help", "push"], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync"));
        let output = command.args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            stderr(&output).starts_with("error: cannot write to standard output\n  No space"),
            "{output:?}"
        );
    }
}
