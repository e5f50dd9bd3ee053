//! What has to turn out by the end of a history.

use std::collections::{BTreeMap, HashMap};

use super::Violation;
use super::space::{Outcome, Push};

/// Claims that only later lines can bear out.
#[derive(Debug, Default)]
pub(super) struct Obligations {
    deleted: Vec<(usize, String, u64)>,
    replaced: Vec<Replaced>,
}

/// A pull did not show a record at `at`; so something newer must have taken it out of the pull.
#[derive(Debug)]
struct Replaced {
    line: usize,
    record: String,
    at: u64,
    until: u64,
    /// Deleted records were left out of the pull.
    live_only: bool,
}

/// What is known of one record: pushes in the order of their cursors, and those that may have come between.
#[derive(Debug, Default)]
struct Fate<'p> {
    known: Vec<(u64, &'p Push)>,
    unresolved: bool,
    unresolved_deletion: bool,
}

impl Obligations {
    /// A record was seen as deleted at a cursor of which nothing else is known yet.
    pub(super) fn deleted(&mut self, line: usize, record: String, cursor: u64) {
        self.deleted.push((line, record, cursor));
    }

    /// A record that was written at `at` was absent from a pull up to `until`.
    pub(super) fn replaced(&mut self, line: usize, record: String, at: u64, until: u64, live_only: bool) {
        self.replaced.push(Replaced { line, record, at, until, live_only });
    }

    /// What did not turn out.
    pub(super) fn judge(
        self,
        pushes: &[Push],
        by_cursor: &BTreeMap<u64, usize>,
        newest: u64,
    ) -> Vec<Violation> {
        let fates = fates(pushes);
        let mut violations: Vec<Violation> =
            fates.iter().flat_map(|(record, fate)| fate.blind(record)).collect();
        violations.extend(self.deleted.into_iter().filter_map(|claim| unexplained(claim, &fates)));
        violations.extend(self.replaced.iter().filter_map(|claim| claim.unmet(&fates)));
        violations.extend(orphans(pushes, by_cursor, newest));
        violations
    }
}

fn fates(pushes: &[Push]) -> HashMap<&str, Fate<'_>> {
    let mut fates: HashMap<&str, Fate<'_>> = HashMap::new();
    for push in pushes {
        for change in &push.changes {
            let fate = fates.entry(change.record.as_str()).or_default();
            match push.cursor {
                Some(cursor) => fate.known.push((cursor, push)),
                None if may_have_happened(push) => {
                    fate.unresolved = true;
                    fate.unresolved_deletion |= change.value.is_none();
                }
                None => {}
            }
        }
    }
    for fate in fates.values_mut() {
        fate.known.sort_by_key(|(cursor, _)| *cursor);
    }
    fates
}

fn may_have_happened(push: &Push) -> bool {
    matches!(push.outcome, Outcome::Open | Outcome::Unknown)
}

impl Fate<'_> {
    /// Pushes that replaced what their writer had not seen (storage P12).
    fn blind(&self, record: &str) -> Vec<Violation> {
        let before = std::iter::once(0).chain(self.known.iter().map(|(cursor, _)| *cursor));
        let blind = before.zip(&self.known).filter_map(|(before, (_, push))| {
            let change = push.changes.iter().find(|change| change.record == record)?;
            let explained = change.expected == before || (self.unresolved && change.expected > before);
            (!explained).then(|| Violation {
                line: push.line,
                what: format!(
                    "push {} replaced {record} at {before}, though it expected {}",
                    push.op, change.expected
                ),
            })
        });
        blind.collect()
    }
}

fn unexplained(
    (line, record, cursor): (usize, String, u64),
    fates: &HashMap<&str, Fate<'_>>,
) -> Option<Violation> {
    let fate = fates.get(record.as_str());
    let by_known = fate.is_some_and(|fate| fate.known.iter().any(|(at, _)| *at == cursor));
    let explained = by_known || fate.is_some_and(|fate| fate.unresolved_deletion);
    (!explained).then(|| Violation { line, what: format!("{record} was deleted at {cursor} by nobody") })
}

impl Replaced {
    fn unmet(&self, fates: &HashMap<&str, Fate<'_>>) -> Option<Violation> {
        let Self { line, record, at, until, live_only } = self;
        let fate = fates.get(record.as_str());
        let met = fate.is_some_and(|fate| {
            fate.unresolved
                || fate.known.iter().any(|(cursor, push)| {
                    cursor > until || (*live_only && cursor > at && super::space::deletes(push, record))
                })
        });
        (!met).then(|| Violation {
            line: *line,
            what: format!("{record}, written at {at}, is missing in a pull up to {until}: lost"),
        })
    }
}

/// Every cursor belongs to a push: more cursors without one than pushes of unknown fate are too many (storage P2).
fn orphans(pushes: &[Push], by_cursor: &BTreeMap<u64, usize>, newest: u64) -> Option<Violation> {
    let unresolved = pushes.iter().filter(|push| push.cursor.is_none() && may_have_happened(push)).count();
    let nobodys = newest.saturating_sub(by_cursor.len() as u64);
    let line = pushes.last().map_or(0, |push| push.line);
    (nobodys > unresolved as u64).then(|| Violation {
        line,
        what: format!(
            "{nobodys} cursors up to {newest} belong to no push, and only {unresolved} fates are unknown"
        ),
    })
}
