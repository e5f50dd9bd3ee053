//! Consistency checker.
//!
//! The checker reads a history once, in one pass, and checks each space separately. Conditions on earlier lines are checked
//! immediately; conditions on pushes whose outcome appears later are kept as obligations until the end.

mod obligations;
mod push;
mod space;
mod verdict;

use std::collections::HashMap;
use std::io::BufRead;

use crate::Event;
use space::Space;

pub use verdict::{Unreadable, Verdict, Violation};

/// Checks a history. Blank lines are ignored.
///
/// # Errors
/// [`Unreadable`]; a well-formed history always has a verdict.
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
    /// Space of every request.
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
