//! Narration on standard output: headings, commands of the people, and their output.

use std::time::Duration;

use anyhow::Context as _;

use crate::output::write_bare;
use crate::palette::{Palette, Tone};

/// Pause of `--slow` before each piece.
const PAUSE: Duration = Duration::from_millis(1400);
/// Indentation below a heading.
const INDENT: &str = "   ";
/// Width of the names of facts, in characters.
const FACT: usize = 17;

pub(super) struct Narrator {
    palette: Palette,
    is_slow: bool,
    acts: usize,
}

impl Narrator {
    pub(super) fn new(is_slow: bool) -> Self {
        Self { palette: Palette::of_stdout(), is_slow, acts: 0 }
    }

    pub(super) fn palette(&self) -> Palette {
        self.palette
    }

    /// Sentence before the first act.
    pub(super) fn opening(text: &str) -> anyhow::Result<()> {
        write(text)
    }

    /// Numbered heading of an act.
    pub(super) async fn act(&mut self, title: &str) -> anyhow::Result<()> {
        self.acts += 1;
        write("")?;
        self.pause().await;
        write(&self.palette.paint(Tone::Title, &format!("{}. {title}", self.acts)))
    }

    /// Command line of a person.
    pub(super) async fn command(&self, person: &str, text: &str) -> anyhow::Result<()> {
        self.pause().await;
        let prompt = self.palette.paint(Tone::Name, &format!("{person:<5} $"));
        write(&format!("{INDENT}{prompt} {text}"))
    }

    /// Line that a running command of a person has printed, already coloured.
    pub(super) async fn later(&self, person: &str, line: &str) -> anyhow::Result<()> {
        self.pause().await;
        let prompt = self.palette.paint(Tone::Name, &format!("{person:<5} …"));
        write(&format!("{INDENT}{prompt} {line}"))
    }

    /// Output of a command, already coloured.
    pub(super) fn output(text: &str) -> anyhow::Result<()> {
        text.lines().try_for_each(|line| write(&format!("{INDENT}        {line}")))
    }

    /// Rejection that a command has printed.
    pub(super) fn rejection(&self, text: &str) -> anyhow::Result<()> {
        let first = text.lines().next().unwrap_or_default();
        Self::output(&self.palette.paint(Tone::Alarm, first))
    }

    /// Fact with its name.
    pub(super) async fn fact(&self, name: &str, tone: Tone, text: &str) -> anyhow::Result<()> {
        self.pause().await;
        let name = self.palette.paint(Tone::Faint, &format!("{name:<FACT$}"));
        write(&format!("{INDENT}{name} {}", self.palette.paint(tone, text)))
    }

    /// Sentence after the last act.
    pub(super) fn end(&self, took: Duration) -> anyhow::Result<()> {
        write("")?;
        let seconds = if self.is_slow { String::new() } else { format!(" in {:.1} s", took.as_secs_f64()) };
        write(&format!("That was all{seconds}; the server and its data are gone."))?;
        write("A server of your own: less-sync-server --dev")
    }

    async fn pause(&self) {
        if self.is_slow {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn write(text: &str) -> anyhow::Result<()> {
    write_bare(text).context("cannot write the story")
}
