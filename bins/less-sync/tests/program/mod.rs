//! The program, run for somebody, and what it says.

use std::process::{Output, Stdio};

use less_sync_test_support::within;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The program, which knows this server and these keys; whatever else it needs is still to be said.
pub(crate) fn program(arguments: &[&str], environment: [(&str, &str); 3]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync"));
    command.args(arguments).envs(environment).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Somebody who runs it.
pub(crate) trait Runs {
    fn command(&self, arguments: &[&str]) -> Command;

    /// What a command says and how it ends.
    async fn run(&self, arguments: &[&str]) -> Output {
        within("the command to end", self.command(arguments).output()).await.unwrap()
    }

    /// The results of a command that must succeed.
    async fn results(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        lines(&output)
    }

    /// The one result of a command that must succeed.
    async fn result(&self, arguments: &[&str]) -> Value {
        let mut results = self.results(arguments).await;
        assert_eq!(results.len(), 1, "{arguments:?}: {results:?}");
        results.remove(0)
    }

    /// What a command that must fail says, and its exit code.
    async fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments).await;
        assert!(!output.status.success(), "{arguments:?} succeeded");
        (output.status.code().unwrap(), stderr(&output))
    }

    /// A `tail` that runs, with these arguments beside its own, once the space is watched.
    async fn tail(&self, arguments: &[&str]) -> Tail {
        let mut command = self.command(&[&["tail", "--json"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut tail = Tail { _child: child, lines };
        tail.until(|line| line["kind"] == "response" && line.get("spaces").is_some()).await;
        tail
    }
}

/// A `tail` that runs.
pub(crate) struct Tail {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tail {
    /// The next line of which this is true.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = within("a line of tail", self.lines.next_line()).await.unwrap();
            let line = serde_json::from_str(&line.unwrap_or_else(|| panic!("tail has ended"))).unwrap();
            if is_it(&line) {
                return line;
            }
        }
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
