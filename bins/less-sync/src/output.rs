//! Results on standard output, and nothing else there.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::line::Line;

/// Where results go, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Writes one result at once: whoever reads a pipe sees it when it happens.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(crate) fn write(self, line: &Line) -> io::Result<()> {
        write_bare(&if self.json { line.to_json() } else { line.to_text() })
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }
}

/// Writes a line as it is.
///
/// # Errors
/// Nobody reads any more.
pub(crate) fn write_bare(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A bar for work of a known length in this unit; invisible unless standard error is a terminal, and for the first
/// moment of short work.
pub(crate) fn progress(length: u64, unit: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left");
    visible(ProgressBar::with_draw_target(Some(length), target()), &template)
}

/// A bar for a transfer of so many bytes; invisible unless standard error is a terminal. Its owner clears it before results
/// are written.
pub(crate) fn transfer(name: &str, size: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(size), target).with_message(name.to_owned());
    visible(bar, "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
}

/// A counter for work of unknown length.
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
    // Results on the same terminal would be torn apart by a bar.
    let is_seen = io::stderr().is_terminal() && !io::stdout().is_terminal();
    if is_seen {
        ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    }
}

const REDRAWS_PER_SECOND: u8 = 5;
