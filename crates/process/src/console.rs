//! Standard streams of a command.

use std::io::{self, ErrorKind, StdoutLock, Write as _};

/// Reader of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The output was written.
    Present,
    /// The reader has closed the pipe, as `head` does.
    Gone,
}

/// Prints a line to standard output and flushes it, so that the reader of a pipe sees progress as it happens.
///
/// # Errors
/// As [`write_stdout`].
pub fn print_stdout(text: &str) -> io::Result<Reader> {
    write_stdout(|out| writeln!(out, "{text}"))
}

/// Writes to standard output and flushes it.
///
/// A reader that has closed the pipe is no failure: a command that changes something completes it, and its outcome alone
/// decides the exit code.
///
/// # Errors
/// Standard output cannot be written for another reason, such as a full disk; failures of `write`.
pub fn write_stdout(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> io::Result<Reader> {
    let mut out = io::stdout().lock();
    reader(write(&mut out).and_then(|()| out.flush()))
}

fn reader(written: io::Result<()>) -> io::Result<Reader> {
    match written {
        Ok(()) => Ok(Reader::Present),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error),
    }
}

/// Prints a line to standard error, ignoring failures: there is nowhere left to report them.
pub fn print_stderr(text: &str) {
    let _unreportable = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        assert_eq!(reader(Ok(())).unwrap(), Reader::Present);
        assert_eq!(reader(Err(ErrorKind::BrokenPipe.into())).unwrap(), Reader::Gone);
        assert_eq!(reader(Err(ErrorKind::StorageFull.into())).unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
