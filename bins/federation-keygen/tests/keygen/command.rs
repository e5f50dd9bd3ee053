//! Runs the binary and keeps what it printed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use less_sync_test_support::EmptyEnvironment as _;
use tempfile::TempDir;

pub(crate) struct CommandOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self
    }

    #[track_caller]
    pub(crate) fn failed(self, code: i32, err: &str) {
        assert_eq!((self.code, self.err.trim_end(), self.out.as_str()), (code, err, ""));
    }

    /// Value of the line `name=value`.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> &str {
        let line = self.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.out))
    }
}

/// With nothing in the environment but what is given.
pub(crate) fn keygen(environment: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
    said(&mut command(environment, arguments))
}

/// With a standard output on a full disk.
pub(crate) fn keygen_on_a_full_disk(arguments: &[&str]) -> CommandOutput {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    said(command(&[], arguments).stdout(full))
}

fn command(environment: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync-federation-keygen"));
    command.empty_environment().envs(environment.iter().copied()).args(arguments).stdin(Stdio::null());
    command
}

fn said(command: &mut Command) -> CommandOutput {
    let output = command.output().unwrap();
    CommandOutput {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// SQLite database of one test.
pub(crate) struct Database {
    folder: TempDir,
}

impl Database {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("less-sync.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.run_with(&[], arguments)
    }

    pub(crate) fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
        let url = self.url();
        keygen(&[&[("DATABASE_URL", url.as_str())], environment].concat(), arguments)
    }

    /// Makes all keys older.
    pub(crate) fn let_hours_pass(&self, hours: i64) {
        let_hours_pass(&self.path(), hours);
    }

    /// Id, seed as stored, and state of every key.
    pub(crate) fn keys(&self) -> Vec<(String, Vec<u8>, bool, bool)> {
        let db = rusqlite::Connection::open(self.path()).unwrap();
        let sql =
            "SELECT kid, private_key, is_active, is_primary FROM federation_signing_keys ORDER BY created_at";
        let mut select = db.prepare(sql).unwrap();
        let rows =
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

/// Makes all keys of a SQLite database older.
pub(crate) fn let_hours_pass(database: &std::path::Path, hours: i64) {
    let db = rusqlite::Connection::open(database).unwrap();
    let older = "UPDATE federation_signing_keys SET created_at = created_at - ?1, deactivated_at = deactivated_at - ?1";
    db.execute(older, [hours * 3_600_000_000]).unwrap();
}
