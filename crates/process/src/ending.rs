//! End of a command line before a command runs: help, version, usage error.

use std::io;

use crate::write_stdout;

/// Exit code for a wrong command line.
const USAGE: u8 = 2;

/// Prints help or version to standard output, or a usage error to standard error, and returns the exit code.
///
/// # Errors
/// Help or version cannot be written to standard output, such as on a full disk.
pub fn print_ending(ending: &clap::Error) -> io::Result<u8> {
    if ending.use_stderr() {
        let _unreportable = ending.print();
    } else {
        write_stdout(|_| ending.print())?;
    }
    Ok(u8::try_from(ending.exit_code()).unwrap_or(USAGE))
}
