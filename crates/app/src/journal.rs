//! Priorities of log lines for the journal of systemd: a prefix `<4>` per line (sd-daemon(3)), which the journal removes.

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _, Write};

use rustix::fs::fstat;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Writer of lines, with their priorities if they go to the journal.
pub(crate) struct Prioritized<W> {
    lines: W,
    is_journal: bool,
}

impl<W> Prioritized<W> {
    /// Writer to standard error by `lines`.
    pub(crate) fn to_stderr(lines: W) -> Self {
        let stream = std::env::var_os("JOURNAL_STREAM");
        Self { lines, is_journal: stream.is_some_and(|stream| is_stderr(&stream)) }
    }
}

/// True if `stream` is the device and inode number of standard error: a process that a service started with another standard
/// error inherits the variable (systemd.exec(5)).
fn is_stderr(stream: &OsStr) -> bool {
    let stderr = io::stderr();
    !stderr.is_terminal()
        && fstat(&stderr).is_ok_and(|file| *stream == *format!("{}:{}", file.st_dev, file.st_ino))
}

/// Priority of syslog(3).
fn prefix(level: Level) -> &'static [u8] {
    match level {
        Level::ERROR => b"<3>",
        Level::WARN => b"<4>",
        Level::INFO => b"<6>",
        Level::DEBUG | Level::TRACE => b"<7>",
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Prioritized<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { line: self.lines.make_writer(), prefix: b"" }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        let prefix = if self.is_journal { prefix(*metadata.level()) } else { b"" };
        Line { line: self.lines.make_writer_for(metadata), prefix }
    }
}

/// Writer of one line.
pub(crate) struct Line<W> {
    line: W,
    prefix: &'static [u8],
}

impl<W: Write> Write for Line<W> {
    /// Writes the prefix and the line at once, since the queue behind it drops whole writes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.prefix.is_empty() {
            return self.line.write(line);
        }
        self.line.write_all(&[self.prefix, line].concat())?;
        self.prefix = b"";
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}
