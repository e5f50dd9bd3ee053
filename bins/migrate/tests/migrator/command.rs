//! Runs the binary and keeps what it said.

use std::process::{Command, Output, Stdio};

use less_sync_test_support::EmptyEnvironment as _;

pub(crate) struct CommandOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self
    }

    #[track_caller]
    pub(crate) fn failed(self, code: i32, err: &str) {
        assert_eq!((self.code, self.err.trim_end()), (code, err), "{}", self.out);
    }
}

/// With nothing in the environment but what is given.
pub(crate) fn migrator(environment: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
    said(command(environment, arguments).output().unwrap())
}

/// The same, with a standard output that its reader has closed.
pub(crate) fn migrator_without_reader(environment: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command(environment, arguments);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    said(child.wait_with_output().unwrap())
}

/// The same, with a standard output on a full disk.
pub(crate) fn migrator_on_a_full_disk(environment: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    said(command(environment, arguments).stdout(full).stderr(Stdio::piped()).output().unwrap())
}

fn command(environment: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync-migrate"));
    command.empty_environment().envs(environment.iter().copied()).args(arguments).stdin(Stdio::null());
    command
}

fn said(output: Output) -> CommandOutput {
    CommandOutput {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// On the database at `url`.
pub(crate) fn on(url: &str, arguments: &[&str]) -> CommandOutput {
    migrator(&[("DATABASE_URL", url)], arguments)
}
