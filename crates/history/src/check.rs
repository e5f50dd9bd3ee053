//! The checker.
//!
//! It reads the history once, and looks at each space by itself. What can be judged from the past alone is judged at
//! once; what depends on pushes whose fate shows later waits as an obligation until the end.

mod obligations;
mod space;

use std::collections::HashMap;
use std::io::{self, BufRead};

use crate::Event;
use space::Space;

/// What a history comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Pushes that were acknowledged.
    pub acknowledged: u64,
    /// Pushes whose fate the writer never learned.
    pub unknown: u64,
    /// Of those, the ones that others saw.
    pub unknown_seen: u64,
    /// Pushes that were rejected.
    pub rejected: u64,
    /// Pulls that were answered.
    pub pulls: u64,
    /// Live events.
    pub events: u64,
    /// Every promise that was broken, in the order of lines.
    pub violations: Vec<Violation>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The line that shows it, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// The file is not a history.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It cannot be read.
    #[error("cannot read the history")]
    Read(#[from] io::Error),
    /// A line is no event.
    #[error("line {line} is no event")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// A line does not fit the lines before it.
    #[error("line {line}: {what}")]
    Sense {
        /// Which, from 1.
        line: usize,
        /// Why.
        what: String,
    },
}

/// Judges a history. Blank lines are passed over.
///
/// # Errors
/// [`Unreadable`]; a history that is readable always gets a verdict.
pub fn check(history: impl BufRead) -> Result<Verdict, Unreadable> {
    let mut checker = Checker::default();
    for (index, text) in history.lines().enumerate() {
        let (line, text) = (index + 1, text?);
        if !text.trim().is_empty() {
            let event = serde_json::from_str(&text).map_err(|cause| Unreadable::Line { line, cause })?;
            checker.read(line, event).map_err(|what| Unreadable::Sense { line, what })?;
        }
    }
    Ok(checker.finish())
}

#[derive(Debug, Default)]
struct Checker {
    spaces: HashMap<String, Space>,
    /// The space of every request.
    ops: HashMap<u64, String>,
    verdict: Verdict,
}

impl Checker {
    fn read(&mut self, line: usize, event: Event) -> Result<(), String> {
        match event {
            Event::Push { op, space, changes } => self.begin(op, space)?.push(op, line, changes),
            Event::Pull { op, space, since } => {
                self.begin(op, space)?.pull(op, line, since);
                Ok(())
            }
            Event::Pushed { op, cursor } => self.of(op)?.pushed(op, line, cursor),
            Event::Rejected { op } => self.of(op)?.rejected(op),
            Event::Lost { op } => self.of(op)?.lost(op),
            Event::Pulled { op, cursor, rows } => {
                self.verdict.pulls += 1;
                self.of(op)?.pulled(op, line, cursor, &rows)
            }
            Event::Sync { subscription, space, prev, cursor, rows } => {
                self.verdict.events += 1;
                let space = self.spaces.entry(space).or_default();
                space.synced(line, subscription, (prev, cursor), &rows);
                Ok(())
            }
            Event::Note { .. } => Ok(()),
        }
    }

    fn begin(&mut self, op: u64, space: String) -> Result<&mut Space, String> {
        if self.ops.insert(op, space.clone()).is_some() {
            return Err(format!("op {op} begins for the second time"));
        }
        Ok(self.spaces.entry(space).or_default())
    }

    fn of(&mut self, op: u64) -> Result<&mut Space, String> {
        let space = self.ops.get(&op).and_then(|space| self.spaces.get_mut(space));
        space.ok_or_else(|| format!("op {op} never began"))
    }

    fn finish(mut self) -> Verdict {
        for space in self.spaces.into_values() {
            space.finish(&mut self.verdict);
        }
        self.verdict.violations.sort_by_key(|violation| violation.line);
        self.verdict
    }
}
