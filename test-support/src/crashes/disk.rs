//! A disk that refuses to synchronise files, or is full, under a server that runs as a process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Source of the library that a server loads first. It replaces `fsync`, `fdatasync`, `write` and `pwrite`.
const LIBRARY: &str = include_str!("disk.c");

/// A disk that refuses to synchronise while it is told to: the calls fail with EIO, and what was written to a database since it
/// was last synchronised is lost, as after a real failure. Or a disk that is full.
#[derive(Debug)]
pub struct RefusingDisk {
    folder: TempDir,
}

impl RefusingDisk {
    /// A sound disk for `server`, a program. Needs the C compiler that builds SQLite.
    ///
    /// # Panics
    /// If the library cannot be compiled.
    #[must_use]
    pub fn under(server: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("less-sync-disk-").tempdir().expect("a folder");
        let disk = Self { folder };
        fs::write(disk.path("disk.c"), LIBRARY).expect("a source");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-o"]).args([disk.path("disk.so"), disk.path("disk.c")]);
        let compiled = command.output().expect("the C compiler cc");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        disk.recover();
        let script = format!(
            "#!/bin/sh\nLESS_TEST_DISK={} LD_PRELOAD={} exec {} \"$@\"\n",
            disk.path("rule").display(),
            disk.path("disk.so").display(),
            server.display(),
        );
        fs::write(disk.program(), script).expect("a script");
        fs::set_permissions(disk.program(), fs::Permissions::from_mode(0o700)).expect("an executable script");
        disk
    }

    /// Program that runs the server on this disk.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.path("server")
    }

    /// From now on this many of a hundred calls fail, on files whose path contains `part`.
    ///
    /// # Panics
    /// If the rule cannot be written.
    pub fn refuse(&self, percent: u32, part: &str) {
        self.set(&format!("sync {percent} {part}"));
    }

    /// From now on nothing can be written to files whose path contains `part`.
    ///
    /// # Panics
    /// If the rule cannot be written.
    pub fn fill(&self, part: &str) {
        self.set(&format!("write 100 {part}"));
    }

    /// From now on all calls succeed.
    ///
    /// # Panics
    /// If the rule cannot be written.
    pub fn recover(&self) {
        self.set("sync 0 -");
    }

    /// Paths of the files that were not synchronised, one for each call.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("rule.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Replaces the rule at once: the library may read it at any moment.
    fn set(&self, rule: &str) {
        fs::write(self.path("next"), rule).expect("a rule");
        fs::rename(self.path("next"), self.path("rule")).expect("a rule in its place");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
