//! The server as a process: what it prints, and with which code it ends (operations §1, §2.1, §5, §8).

mod log;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use less_sync_test_support::EmptyEnvironment as _;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Guard against a server that does not respond; only failing tests wait this long.
const TIMEOUT: Duration = Duration::from_secs(50);

/// The server with these arguments, in an empty environment and an empty directory.
fn command(arguments: &[&str], directory: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync-server"));
    command.args(arguments).empty_environment().current_dir(directory.path());
    command
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    command(arguments, &directory).envs(environment.iter().copied()).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// A development server on a free port, ended with the test.
struct DevServer {
    child: Child,
    address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
    _directory: TempDir,
}

impl DevServer {
    fn start() -> Self {
        Self::start_with(&[], tempfile::tempdir().unwrap(), Stdio::null())
    }

    fn start_with(arguments: &[&str], directory: TempDir, log: Stdio) -> Self {
        let mut command = command(&["--dev", "--listen", "127.0.0.1:0"], &directory);
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let address = address(&mut stdout);
        Self { child, address, _stdout: stdout, _directory: directory }
    }

    fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(process, signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// A request whose body never comes: a shutdown waits for it.
    fn unfinished_request(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let head =
            b"POST /dev/token HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
        stream.write_all(head).unwrap();
        // The handler asks for the body: the request is under way.
        assert_eq!(first_line(&mut stream), "HTTP/1.1 100 Continue");
        stream
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

fn address(stdout: &mut impl BufRead) -> SocketAddr {
    let mut lines = stdout.lines().map(Result::unwrap);
    let line = lines.find_map(|line| Some(line.trim().strip_prefix("address")?.trim().to_owned()));
    let Some(url) = line else { panic!("the server ended without an address") };
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

fn first_line(stream: &mut TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

fn is_healthy(address: SocketAddr) -> bool {
    get(address, "/health").is_ok_and(|response| response.starts_with("HTTP/1.1 200 OK\r\n"))
}

/// An image has one file under the names of all programs.
#[test]
fn name_of_the_file_selects_the_program() {
    let folder = tempfile::tempdir().unwrap();
    for (name, program) in [
        ("server", "less-sync-server"),
        ("migrate", "less-sync-migrate"),
        ("less-sync-migrate", "less-sync-migrate"),
        ("federation-keygen", "less-sync-federation-keygen"),
        ("less-sync-federation-keygen", "less-sync-federation-keygen"),
    ] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_less-sync-server"), &link).unwrap();
        let output = Command::new(&link).empty_environment().arg("--version").output().unwrap();
        assert!(stdout(&output).starts_with(&format!("{program} ")), "{name}: {}", stdout(&output));
    }
}

#[test]
fn version_and_help_are_printed_with_success() {
    let version = run(&["--version"], &[]);
    assert_eq!(version.status.code(), Some(0));
    let expected = format!("less-sync-server {} (", env!("CARGO_PKG_VERSION"));
    assert!(stdout(&version).starts_with(&expected), "{}", stdout(&version));
    assert!(stdout(&version).ends_with(")\n"));
    let help = run(&["--help"], &[]);
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("--check-config"));
}

#[test]
fn completions_need_no_configuration() {
    let script = run(&["completions", "bash"], &[]);
    assert_eq!(script.status.code(), Some(0), "{}", stderr(&script));
    assert!(stdout(&script).contains("--check-config"), "{}", stdout(&script));
}

/// O9: a single line, details below it, no backtrace.
#[test]
fn a_wrong_configuration_is_a_usage_error_that_names_all_problems() {
    let output = run(&[], &[("WS_AUTH_TIMEOUT", "never")]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "error: invalid configuration\n  DATABASE_URL must be set\n  TRUSTED_ISSUERS must be set\n  \
         invalid WS_AUTH_TIMEOUT value \"never\": expected 1s to 60s\n  \
         for a server without configuration, to develop with: less-sync-server --dev\n"
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_single_problem_is_a_single_line() {
    let output = run(&[], &[("DATABASE_URL", "sqlite:x.db")]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "error: TRUSTED_ISSUERS must be set\n");
}

#[test]
fn unknown_arguments_and_unreadable_files_are_usage_errors() {
    for arguments in
        [&["--perf-mode"][..], &["migrate"], &["--config", "missing.toml"], &["--dev", "healthcheck"]]
    {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    }
}

#[test]
fn development_mode_rejects_production_settings() {
    let exposed = run(&["--dev", "--listen", "0.0.0.0:0"], &[]);
    assert_eq!(exposed.status.code(), Some(2));
    assert_eq!(stderr(&exposed), "error: --dev allows loopback addresses only, not 0.0.0.0:0\n");
    let trusting = run(&["--dev"], &[("TRUSTED_ISSUERS", "https://accounts.example.com")]);
    assert_eq!(trusting.status.code(), Some(2));
    assert_eq!(
        stderr(&trusting),
        "error: TRUSTED_ISSUERS must not be set with --dev, which uses a built-in issuer\n"
    );
}

#[test]
fn check_config_prints_the_effective_configuration_and_starts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let environment = [
        ("DATABASE_URL", "sqlite:data/sync.db"),
        ("TRUSTED_ISSUERS", "https://accounts.example.com"),
        ("WS_IDEL_TIMEOUT", "1"),
    ];
    let output =
        command(&["--check-config", "--listen", ":80"], &directory).envs(environment).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines: Vec<_> = stdout(&output).lines().collect();
    for line in
        ["LISTEN_ADDR=0.0.0.0:80", "DATABASE_URL=sqlite:data/sync.db", "WS_AUTH_TIMEOUT=5s", "RUST_LOG=info"]
    {
        assert!(lines.contains(&line), "{line} in {lines:?}");
    }
    assert_eq!(
        stderr(&output),
        "warning: AUDIENCES is not set: tokens for any audience are accepted\n\
         warning: unknown variable WS_IDEL_TIMEOUT has no effect; the nearest known name is WS_IDLE_TIMEOUT\n"
    );
    assert!(!directory.path().join("data").exists());
}

#[test]
fn an_occupied_address_is_a_failure_at_run_time() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    let output = run(&["--dev", "--listen", &address], &[("RUST_LOG", "off")]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("error: cannot listen on {address}: ");
    assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
    assert!(
        stderr(&output).ends_with("choose another address with --listen or LISTEN_ADDR\n"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_database_that_cannot_be_opened_is_a_failure_with_its_causes() {
    let environment = [
        ("DATABASE_URL", "sqlite:/dev/null/sync.db"),
        ("TRUSTED_ISSUERS", "https://accounts.example.com"),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("RUST_LOG", "off"),
    ];
    let output = run(&[], &environment);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<_> = stderr(&output).lines().collect();
    assert_eq!(lines[0], "error: cannot open the database");
    assert!(lines.len() > 1 && lines.iter().skip(1).all(|line| line.starts_with("  ")), "{lines:?}");
    assert_eq!(lines.last(), Some(&"  check the path"), "{lines:?}");
}

#[test]
fn healthcheck_reports_readiness() {
    let server = DevServer::start();
    assert!(is_healthy(server.address));
    let url = format!("http://{}/readyz", server.address);
    let listen = server.address.to_string();
    assert_eq!(run(&["healthcheck", "--url", &url], &[]).status.code(), Some(0));
    assert_eq!(run(&["healthcheck"], &[("LISTEN_ADDR", &listen)]).status.code(), Some(0));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("less-sync.toml");
    std::fs::write(&file, format!("\u{feff}listen_addr = \"{listen}\"\r\n")).unwrap();
    let file = file.to_str().unwrap();
    for arguments in [
        ["--config", file, "healthcheck"],
        ["healthcheck", "--config", file],
        ["--listen", &listen, "healthcheck"],
    ] {
        assert_eq!(run(&arguments, &[]).status.code(), Some(0), "{arguments:?}");
    }
    let missing = run(&["healthcheck", "--url", &format!("http://{}/nothing", server.address)], &[]);
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(stderr(&missing), "error: not ready (status 404)\n");
    let nobody = run(&["healthcheck", "--url", "http://127.0.0.1:1/readyz", "--timeout", "500ms"], &[]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).starts_with("error: cannot reach 127.0.0.1:1\n  "), "{}", stderr(&nobody));
    assert!(stderr(&nobody).ends_with("start the server, or name another address\n"), "{}", stderr(&nobody));
}

/// O1, X-28.
#[test]
fn a_signal_shuts_the_server_down_gracefully() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = DevServer::start();
        server.signal(signal);
        assert_eq!(server.exit_code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut server = DevServer::start();
        let held = server.unfinished_request();
        server.signal(signal);
        // A server that has taken the first signal is not healthy any more, or not even there for new connections.
        while is_healthy(server.address) {
            std::thread::yield_now();
        }
        server.signal(signal);
        assert_eq!(server.exit_code(), Some(code), "{signal:?}");
        drop(held);
    }
}

/// SIGHUP reads the log filter again, SIGUSR1 writes what is running to the log; neither ends the server.
#[test]
fn the_log_filter_can_be_changed_while_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("less-sync.toml");
    std::fs::write(&settings, "rust_log = \"error\"\n").unwrap();
    let mut server = DevServer::start_with(&["--config", "less-sync.toml"], directory, Stdio::piped());
    let mut log = BufReader::new(server.child.stderr.take().unwrap()).lines().map(Result::unwrap);
    std::fs::write(&settings, "rust_log = \"info\"\n").unwrap();
    server.signal(Signal::HUP);
    let reloaded = log.next().unwrap();
    assert!(reloaded.contains("log filter reloaded"), "{reloaded}");
    server.signal(Signal::USR1);
    let report = log.next().unwrap();
    assert!(report.contains("listener") && report.contains("presence sweep"), "{report}");
    assert!(is_healthy(server.address));
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
}

/// Help, version and scripts that could not be written are failures.
#[test]
fn full_standard_output_is_a_failure() {
    for arguments in [&["--help"][..], &["--version"], &["help"], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let output = command(arguments, &directory).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            stderr(&output).starts_with("error: cannot write to standard output\n  No space"),
            "{output:?}"
        );
    }
}

/// The last file to be opened would fail, and blame its path.
#[test]
fn too_few_descriptors_are_named_by_the_start() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["--dev", "--listen", "127.0.0.1:0"][..], &["--dev", "doctor"]] {
        let mut limited = Command::new("sh");
        limited.args(["-c", r#"ulimit -n 24 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_less-sync-server")]);
        let output =
            limited.args(arguments).empty_environment().current_dir(directory.path()).output().unwrap();
        let expected = "error: limit of open files is 24: at least 64 are needed\n  raise the limit of open files: \
                        LimitNOFILE= of systemd, ulimits of Docker, ulimit -n\n";
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{}", stderr(&output));
        assert!(stderr(&output).ends_with(expected), "{}", stderr(&output));
    }
}
