//! Output: results on standard output, messages and progress bars on standard error.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use less_sync_process::{Reader, print_stderr, print_stdout, write_stdout};

use crate::fields::Fields;

/// Form of the results on standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Writes one result and flushes it, so that a reader of a pipe sees it immediately.
    ///
    /// # Errors
    /// See [`write_bare`].
    pub(crate) fn write(self, line: &Fields) -> io::Result<()> {
        write_bare(&if self.json { line.to_json() } else { line.to_text() })
    }

    /// Returns whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }
}

/// Set once the reader of standard output has closed it.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// Writes one line of plain text.
///
/// A reader that has closed the pipe, as `head` does, is no failure: a command that changes something completes it, and its
/// outcome alone decides the exit code. See [`has_reader`] for commands that only show something.
///
/// # Errors
/// Standard output cannot be written for another reason, such as a full disk.
pub(crate) fn write_bare(text: &str) -> io::Result<()> {
    if print_stdout(text)? == Reader::Gone {
        READER_GONE.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Writes the content of a file. A reader that has closed the pipe is no failure, as in [`write_bare`].
///
/// # Errors
/// The file cannot be read, or standard output cannot be written.
pub(crate) fn write_content(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    write_stdout(|out| io::copy(&mut file, out).map(drop)).map(drop)
}

/// Returns false after a line could not be written because the reader has closed standard output.
pub(crate) fn has_reader() -> bool {
    !READER_GONE.load(Ordering::Relaxed)
}

/// Writes a message to standard error, for the user.
pub(crate) fn message(text: &str) {
    print_stderr(text);
}

/// Tells a user at a terminal that standard input is read.
pub(crate) fn announce_terminal() {
    if io::stdin().is_terminal() {
        message("reading standard input: end it with Ctrl-D");
    }
}

/// Progress bar for `length` units of work; hidden unless standard error is a terminal and standard output is not.
pub(crate) fn progress(length: u64, unit: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left");
    visible(ProgressBar::with_draw_target(Some(length), target()), &template)
}

/// Progress bar for a transfer of `size` bytes; hidden unless standard error is a terminal. Clear it before writing
/// results.
pub(crate) fn transfer(name: &str, size: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(size), target).with_message(name.to_owned());
    visible(bar, "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
}

/// Progress counter for work of unknown length.
pub(crate) fn counter(unit: &str) -> ProgressBar {
    visible(
        ProgressBar::with_draw_target(None, target()),
        &format!("{{spinner}} {{pos}} {unit}, {{per_sec}}"),
    )
}

fn visible(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn target() -> ProgressDrawTarget {
    // A bar would overwrite results that go to the same terminal.
    let is_seen = io::stderr().is_terminal() && !io::stdout().is_terminal();
    if is_seen {
        ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    }
}

const REDRAWS_PER_SECOND: u8 = 5;
