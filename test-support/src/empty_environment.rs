//! Environment of programs under test.

use std::ffi::OsString;

/// Variable with the file of a coverage profile, which an instrumented program writes when it ends.
const PROFILE: &str = "LLVM_PROFILE_FILE";

/// A command whose program sees no variable of the test, but is counted in the test coverage.
pub trait EmptyEnvironment {
    /// Clears the environment.
    fn empty_environment(&mut self) -> &mut Self;
}

fn profile() -> Option<(&'static str, OsString)> {
    Some((PROFILE, std::env::var_os(PROFILE)?))
}

impl EmptyEnvironment for std::process::Command {
    fn empty_environment(&mut self) -> &mut Self {
        self.env_clear().envs(profile())
    }
}

impl EmptyEnvironment for tokio::process::Command {
    fn empty_environment(&mut self) -> &mut Self {
        self.env_clear().envs(profile())
    }
}
