//! Lines on the standard streams of a command.

use std::io::{self, Write as _};

/// Prints a line to standard output and flushes it, so that the reader of a pipe sees progress as it happens.
///
/// A reader that has closed the pipe, as `head` does, is no failure: the command goes on, and its outcome alone decides the
/// exit code.
///
/// # Errors
/// Standard output cannot be written for another reason, such as a full disk.
pub(crate) fn print_stdout(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Prints a line to standard error, ignoring failures: there is nowhere left to report them.
pub(crate) fn print_stderr(text: &str) {
    let _unreportable = writeln!(io::stderr().lock(), "{text}");
}
