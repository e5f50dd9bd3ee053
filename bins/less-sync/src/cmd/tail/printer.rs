//! Lines of `tail` on standard output: changes for people, or frames with their content.

use std::collections::BTreeMap;

use anyhow::Context as _;
use less_sync_core::SpaceId;

use super::describe;
use super::frames::Frame;
use super::shown::Shown;
use crate::clock;
use crate::fields::Fields;
use crate::output::{Output, has_reader, message, write_bare};
use crate::people::{People, Prefix};

/// Form of the lines.
pub(super) enum Form {
    /// Changes for people, with the names of the spaces.
    People(People, BTreeMap<SpaceId, String>),
    /// Frames, and the content that was decrypted.
    Frames(Output),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Done,
}

pub(super) struct Printer {
    form: Form,
    /// Lines or frames left to print; `None` without a limit.
    left: Option<u64>,
    /// True once the connection was reported: before its first frame.
    is_connected: bool,
}

impl Printer {
    pub(super) fn new(form: Form, count: Option<u64>) -> Self {
        Self { form, left: count, is_connected: false }
    }

    pub(super) fn connected(&mut self) {
        if !std::mem::replace(&mut self.is_connected, true) {
            message("connected");
        }
    }

    pub(super) fn disconnected(&mut self) {
        self.is_connected = false;
    }

    /// Prints a frame.
    pub(super) fn frame(&mut self, frame: &Frame) -> anyhow::Result<Progress> {
        self.connected();
        if frame.lost > 0 {
            message(&format!("{} frames were dropped because output was too slow", frame.lost));
        }
        let Form::Frames(output) = &self.form else { return Ok(Progress::More) };
        let mut line = Fields::new();
        if output.is_json() {
            line = line.with("time", clock::rfc3339(frame.time));
        }
        line = line.with_some("sent", frame.is_sent.then_some(true));
        line = describe::describe(line, frame.is_sent, &frame.message);
        if output.is_json() {
            output.write(&line)
        } else {
            write_bare(&format!("{} {}", clock::time_of_day(frame.time), line.to_text()))
        }
        .context("cannot write the frame")?;
        Ok(self.counted())
    }

    /// Prints the content of an update.
    pub(super) fn shown(&mut self, shown: &Shown) -> anyhow::Result<Progress> {
        self.connected();
        let (people, names) = match &self.form {
            Form::Frames(output) => {
                if let Some(line) = shown.fields(*output) {
                    output.write(&line).context("cannot write the content")?;
                }
                // Counted by their frames.
                return Ok(Progress::More);
            }
            Form::People(people, names) => (people, names),
        };
        let time = clock::local_time_of_day(clock::now());
        let space = names.get(&shown.space()).map(String::as_str);
        let line = people.line(Prefix { time: Some(&time), space }, &shown.change());
        write_bare(&line).context("cannot write the change")?;
        Ok(self.counted())
    }

    fn counted(&mut self) -> Progress {
        self.left = self.left.map(|left| left.saturating_sub(1));
        if self.left == Some(0) || !has_reader() { Progress::Done } else { Progress::More }
    }
}
