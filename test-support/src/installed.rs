//! Programs of the system that tests run: where they are, and how they end with the test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Directories of programs, besides those on the path.
const INSTALLED: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The shell ends the program when its standard input does, that is with the test, and ends with the program.
const RUN: &str =
    "exec 3<&0; \"$@\" & program=$!; (cat <&3 >/dev/null; kill $program) & wait $program; kill $!";

/// Installed program that tests need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Installed {
    /// Name of the program.
    pub(crate) name: &'static str,
    /// Debian package.
    pub(crate) package: &'static str,
    /// Variable with the path of the program, instead of the search.
    pub(crate) variable: &'static str,
    /// Part of the names of the tests that need it.
    pub(crate) tests: &'static str,
}

impl Installed {
    /// Path of the program.
    ///
    /// # Panics
    /// If there is none; the message says how to get it.
    pub(crate) fn path(self) -> PathBuf {
        let Self { name, package, variable, tests } = self;
        if let Some(program) = std::env::var_os(variable) {
            return program.into();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(INSTALLED.map(PathBuf::from));
        let found = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
        found.unwrap_or_else(|| {
            panic!(
                "these tests need {name}: install it (Debian package {package}), or set {variable} to the path of the \
                 program. Everything else runs with: cargo nextest run -E 'not test({tests})'"
            )
        })
    }
}

/// Command of a shell that runs `program` with the arguments that follow, until its standard input ends.
pub(crate) fn until_end_of_input(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(RUN).arg("sh").arg(program);
    command
}
