//! Obligations: conditions that are checked at the end of a history.

use std::collections::{BTreeMap, HashMap};

use super::push::Push;
use super::verdict::Violation;

/// Conditions that later lines must fulfil.
#[derive(Debug, Default)]
pub(super) struct Obligations {
    deleted: Vec<(usize, String, u64)>,
    replaced: Vec<Replaced>,
    rewritten: Vec<Rewritten>,
}

/// Obligation of an event with a part of a push that took effect at `at`: another push must have written the record since.
#[derive(Debug)]
struct Rewritten {
    line: usize,
    op: u64,
    record: String,
    at: u64,
}

/// Obligation of a pull without a record that was written at `at`: a push must have deleted it before the pull began.
#[derive(Debug)]
struct Replaced {
    line: usize,
    record: String,
    at: u64,
    until: u64,
    /// True if the pull excluded deleted records.
    live_only: bool,
}

/// Pushes that changed one record: known ones by cursor, and unresolved ones, which may have committed in between.
#[derive(Debug, Default)]
struct RecordPushes<'p> {
    known: Vec<(u64, &'p Push)>,
    /// True if an unresolved push changed the record.
    unresolved: bool,
    /// True if an unresolved push deleted the record.
    unresolved_deletion: bool,
}

impl Obligations {
    /// Requires a push that deleted the record at a cursor without a known push.
    pub(super) fn deleted(&mut self, line: usize, record: String, cursor: u64) {
        self.deleted.push((line, record, cursor));
    }

    /// Requires a push that explains why a record written at `at` was absent from a pull up to `until`.
    pub(super) fn replaced(&mut self, line: usize, record: String, at: u64, until: u64, live_only: bool) {
        self.replaced.push(Replaced { line, record, at, until, live_only });
    }

    /// Requires a push above `at` that explains why an event has no such record of a push.
    pub(super) fn rewritten(&mut self, line: usize, op: u64, record: String, at: u64) {
        self.rewritten.push(Rewritten { line, op, record, at });
    }

    /// Violations by obligations that are not fulfilled.
    pub(super) fn check(
        self,
        pushes: &[Push],
        by_cursor: &BTreeMap<u64, usize>,
        newest: u64,
    ) -> Vec<Violation> {
        let records = pushes_by_record(pushes);
        let mut violations: Vec<Violation> =
            records.iter().flat_map(|(record, pushes)| pushes.blind(record)).collect();
        violations.extend(self.deleted.into_iter().filter_map(|claim| unexplained(claim, &records)));
        violations.extend(self.replaced.iter().filter_map(|claim| claim.unmet(&records)));
        violations.extend(self.rewritten.iter().filter_map(|claim| claim.unmet(&records)));
        violations.extend(orphans(pushes, by_cursor, newest));
        violations
    }
}

fn pushes_by_record(pushes: &[Push]) -> HashMap<&str, RecordPushes<'_>> {
    let mut records: HashMap<&str, RecordPushes<'_>> = HashMap::new();
    for push in pushes {
        for change in &push.changes {
            let record = records.entry(change.record.as_str()).or_default();
            match push.cursor {
                Some(cursor) => record.known.push((cursor, push)),
                None if push.is_unresolved() => {
                    record.unresolved = true;
                    record.unresolved_deletion |= change.value.is_none();
                }
                None => {}
            }
        }
    }
    for record in records.values_mut() {
        record.known.sort_by_key(|(cursor, _)| *cursor);
    }
    records
}

impl RecordPushes<'_> {
    /// Violations by pushes that replaced a state that their writer had not seen (storage P12). With an unresolved push, an
    /// expected cursor between two known ones may be its cursor.
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
    records: &HashMap<&str, RecordPushes<'_>>,
) -> Option<Violation> {
    let pushes = records.get(record.as_str());
    let by_known = pushes.is_some_and(|pushes| pushes.known.iter().any(|(at, _)| *at == cursor));
    let explained = by_known || pushes.is_some_and(|pushes| pushes.unresolved_deletion);
    (!explained).then(|| Violation { line, what: format!("{record} was deleted at {cursor} by no push") })
}

impl Replaced {
    fn unmet(&self, records: &HashMap<&str, RecordPushes<'_>>) -> Option<Violation> {
        let Self { line, record, at, until, live_only } = self;
        let pushes = records.get(record.as_str());
        let met = pushes.is_some_and(|pushes| {
            pushes.unresolved
                || pushes.known.iter().any(|(cursor, push)| {
                    *live_only && cursor > at && cursor <= until && push.deletes(record)
                })
        });
        (!met).then(|| Violation {
            line: *line,
            what: format!("{record}, written at {at}, is missing in a pull up to {until}: lost"),
        })
    }
}

impl Rewritten {
    fn unmet(&self, records: &HashMap<&str, RecordPushes<'_>>) -> Option<Violation> {
        let Self { line, op, record, at } = self;
        let pushes = records.get(record.as_str());
        let met = pushes
            .is_some_and(|pushes| pushes.unresolved || pushes.known.iter().any(|(cursor, _)| cursor > at));
        (!met).then(|| Violation {
            line: *line,
            what: format!("an event has a part of push {op} only, without {record}"),
        })
    }
}

/// Violation by more cursors without a push than pushes of unknown outcome: every cursor belongs to a push (storage P2).
fn orphans(pushes: &[Push], by_cursor: &BTreeMap<u64, usize>, newest: u64) -> Option<Violation> {
    let unresolved = pushes.iter().filter(|push| push.cursor.is_none() && push.is_unresolved()).count();
    let orphans = newest.saturating_sub(by_cursor.len() as u64);
    let line = pushes.last().map_or(0, |push| push.line);
    (orphans > unresolved as u64).then(|| Violation {
        line,
        what: format!(
            "{orphans} cursors up to {newest} belong to no push, and only {unresolved} outcomes are unknown"
        ),
    })
}
