//! Runs of the toolbox program, and their output.

use std::process::{Output, Stdio};

use less_sync_test_support::within;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Command of the program without the caller's environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command.env_remove("LESS_SYNC_URL").env_remove("LESS_SYNC_TOKEN").env_remove("LESS_SYNC_KEYS");
    command
}

/// User of the program, with an environment of their own.
pub(crate) trait Shell {
    fn command(&self, arguments: &[&str]) -> Command;

    /// Output and status of a command.
    async fn run(&self, arguments: &[&str]) -> Output {
        output(&mut self.command(arguments)).await
    }

    /// Output and status of a command with `input` on its standard input.
    async fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A rejected command exits without reading its input.
        let _rejected = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        within("the command to end", child.wait_with_output()).await.unwrap()
    }

    /// Output on standard error and status of a command whose standard output was closed by its reader, as by `| head`.
    async fn run_without_reader(&self, arguments: &[&str]) -> Output {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = self.command(arguments);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        // The command holds another copy of the writing end.
        drop(command);
        within("the command to end", child.wait_with_output()).await.unwrap()
    }

    /// Results of a command that must succeed.
    async fn results(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        lines(&output)
    }

    /// The only result of a command that must succeed.
    async fn result(&self, arguments: &[&str]) -> Value {
        let mut results = self.results(arguments).await;
        assert_eq!(results.len(), 1, "{arguments:?}: {results:?}");
        results.remove(0)
    }

    /// Exit code and standard error of a command that must fail.
    async fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments).await;
        assert!(!output.status.success(), "{arguments:?} succeeded");
        (output.status.code().unwrap(), stderr(&output))
    }

    /// Starts `tail` with these additional arguments.
    fn start_tail(&self, arguments: &[&str]) -> Tail {
        let mut command = self.command(&[&["tail", "--json"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Tail { child, lines }
    }

    /// Starts `tail`, and waits until the space is watched.
    async fn tail(&self, arguments: &[&str]) -> Tail {
        let mut tail = self.start_tail(arguments);
        tail.until(|line| line["kind"] == "response" && line.get("spaces").is_some()).await;
        tail
    }
}

/// Running `tail`.
pub(crate) struct Tail {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tail {
    /// The next line.
    pub(crate) async fn next(&mut self) -> Value {
        let line = within("a line of tail", self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap_or_else(|| panic!("tail has ended"))).unwrap()
    }

    /// The next line that matches.
    pub(crate) async fn until(&mut self, matches: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next().await;
            if matches(&line) {
                return line;
            }
        }
    }

    /// The next line of this kind.
    pub(crate) async fn until_kind(&mut self, kind: &str) -> Value {
        self.until(|line| line["kind"] == kind).await
    }

    /// Waits for an exit with code 1; returns standard error.
    pub(crate) async fn fails(mut self) -> String {
        let mut text = String::new();
        within("the messages of tail", self.child.stderr.take().unwrap().read_to_string(&mut text))
            .await
            .unwrap();
        assert_eq!(within("tail to end", self.child.wait()).await.unwrap().code(), Some(1), "{text}");
        text
    }

    /// Waits for a successful exit.
    pub(crate) async fn ends(mut self) {
        assert!(within("tail to end", self.child.wait()).await.unwrap().success());
    }
}

/// Output and status of a command.
pub(crate) async fn output(command: &mut Command) -> Output {
    within("the command to end", command.output()).await.unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
