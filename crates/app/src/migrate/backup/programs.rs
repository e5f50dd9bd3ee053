//! `pg_dump` and `pg_restore`: found, checked for their version, and run without a password on their command line.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, anyhow};
use less_sync_storage_postgres::migrate::LibpqAddress;

/// A program of PostgreSQL.
#[derive(Clone, Debug)]
pub(super) struct Program {
    path: PathBuf,
    name: &'static str,
    /// Major version.
    pub(super) version: u32,
}

impl Program {
    /// Finds a program at `path`, else by the search path, and reads its version, which must be `least` or later.
    pub(super) fn find(name: &'static str, path: Option<&Path>, least: u32) -> anyhow::Result<Self> {
        let path = path.map_or_else(|| PathBuf::from(name), Path::to_owned);
        let mut command = Command::new(&path);
        let output = command.arg("--version").stdin(Stdio::null()).output().map_err(|error| {
            let hint = if error.kind() == io::ErrorKind::NotFound {
                format!(
                    "cannot find {}: install the client programs of PostgreSQL {least} or later, or set --{}",
                    path.display(),
                    name.replace('_', "-")
                )
            } else {
                format!("cannot run {}", path.display())
            };
            anyhow::Error::new(error).context(hint)
        })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = major(&said, name).ok_or_else(|| anyhow!("{} is not {name}", path.display()))?;
        if version < least {
            return Err(anyhow!("{name} {version} is too old: version {least} or later is needed"));
        }
        Ok(Self { path, name, version })
    }

    /// Writes an archive of the database as of an exported snapshot.
    pub(super) fn dump(&self, address: &LibpqAddress, snapshot: &str, into: &Path) -> anyhow::Result<()> {
        let mut command = self.command(address);
        command.args(["--format=custom", "--no-owner", "--no-privileges"]);
        command.arg(format!("--snapshot={snapshot}")).arg("--file").arg(into);
        self.run(command)
    }

    /// Loads an archive in one transaction.
    pub(super) fn load(&self, address: &LibpqAddress, archive: &Path) -> anyhow::Result<()> {
        let mut command = self.command(address);
        command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]);
        self.run({
            command.arg(archive);
            command
        })
    }

    fn command(&self, address: &LibpqAddress) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("--no-password").arg(format!("--dbname={}", address.uri)).stdin(Stdio::null());
        if let Some(password) = &address.password {
            command.env("PGPASSWORD", password);
        }
        command
    }

    fn run(&self, mut command: Command) -> anyhow::Result<()> {
        let output = command.output().with_context(|| format!("cannot run {}", self.path.display()))?;
        if output.status.success() { Ok(()) } else { Err(self.failure(&output)) }
    }

    /// The last lines of a failed run are the causes.
    fn failure(&self, output: &Output) -> anyhow::Error {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.iter().rev().take(5).rev();
        let shown = last.copied().collect::<Vec<_>>().join("\n  ");
        anyhow!("{shown}").context(format!("{} failed ({})", self.name, output.status))
    }
}

/// Major version in `pg_dump (PostgreSQL) 15.18 (Debian 15.18-1)`.
fn major(said: &str, name: &str) -> Option<u32> {
    let rest = said.strip_prefix(name)?.split_once("(PostgreSQL) ")?.1;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read() {
        assert_eq!(major("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "pg_dump"), Some(15));
        assert_eq!(major("pg_dump (PostgreSQL) 18beta1\n", "pg_dump"), Some(18));
        assert_eq!(major("psql (PostgreSQL) 15.1\n", "pg_dump"), None);
    }

    #[test]
    fn missing_and_old_programs_are_named() {
        let missing = Program::find("pg_dump", Some(Path::new("/nowhere/pg_dump")), 15).unwrap_err();
        let expected = "cannot find /nowhere/pg_dump: install the client programs of PostgreSQL 15 or later, or set --pg-dump";
        assert_eq!(missing.to_string(), expected);
        let other = Program::find("pg_dump", Some(Path::new("/bin/echo")), 15).unwrap_err();
        assert_eq!(other.to_string(), "/bin/echo is not pg_dump");
    }
}
