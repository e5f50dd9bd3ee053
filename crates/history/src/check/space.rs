//! State of one space while its history is checked.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::obligations::Obligations;
use super::push::{Outcome, Push};
use super::verdict::{Verdict, Violation};
use crate::{Change, Row};

/// Pull without a result so far.
#[derive(Debug)]
struct Pull {
    line: usize,
    since: u64,
    /// Newest cursor that any client had seen when the pull was sent.
    after: u64,
}

/// State of a space.
#[derive(Debug, Default)]
pub(super) struct Space {
    pushes: Vec<Push>,
    /// Index into `pushes` by request.
    by_op: HashMap<u64, usize>,
    /// Index into `pushes` by record and value.
    by_value: HashMap<(String, String), usize>,
    /// Index into `pushes` by cursor.
    by_cursor: BTreeMap<u64, usize>,
    pulls: HashMap<u64, Pull>,
    /// Acknowledged pushes by record: the line of each acknowledgement, and the highest cursor acknowledged up to it.
    acknowledged: HashMap<String, Vec<(usize, u64)>>,
    /// Newest cursor that any client has seen.
    newest: u64,
    /// Cursor of each subscription.
    subscriptions: HashMap<String, u64>,
    obligations: Obligations,
    violations: Vec<Violation>,
}

/// Requests of clients, and their outcomes.
impl Space {
    pub(super) fn push(&mut self, op: u64, line: usize, changes: Vec<Change>) -> Result<(), String> {
        let index = self.pushes.len();
        let mut records = HashSet::new();
        for change in &changes {
            if !records.insert(change.record.as_str()) {
                return Err(format!("record {} twice in one push", change.record));
            }
            if let Some(value) = &change.value {
                let known = self.by_value.insert((change.record.clone(), value.clone()), index);
                if known.is_some() {
                    return Err(format!("value {value} stands for two contents of {}", change.record));
                }
            }
        }
        self.by_op.insert(op, index);
        let after = self.newest;
        self.pushes.push(Push { op, line, changes, outcome: Outcome::Open, cursor: None, after });
        Ok(())
    }

    pub(super) fn pushed(&mut self, op: u64, line: usize, cursor: u64) -> Result<(), String> {
        let index = self.open_push(op)?;
        let Some(push) = self.pushes.get_mut(index) else { return Ok(()) };
        push.outcome = Outcome::Acknowledged;
        if cursor <= push.after {
            let after = push.after;
            self.violation(
                line,
                format!("cursor {cursor} is not above {after}, which was seen before the push"),
            );
        }
        self.assign_cursor(line, index, cursor);
        for change in self.pushes.get(index).map(|push| push.changes.clone()).unwrap_or_default() {
            let acknowledgements = self.acknowledged.entry(change.record).or_default();
            let newest = acknowledgements.last().map_or(cursor, |(_, newest)| cursor.max(*newest));
            acknowledgements.push((line, newest));
        }
        self.newest = self.newest.max(cursor);
        Ok(())
    }

    pub(super) fn rejected(&mut self, op: u64) -> Result<(), String> {
        let index = self.open_push(op)?;
        if let Some(push) = self.pushes.get_mut(index) {
            push.outcome = Outcome::Rejected;
        }
        Ok(())
    }

    pub(super) fn lost(&mut self, op: u64) -> Result<(), String> {
        if self.pulls.remove(&op).is_some() {
            return Ok(());
        }
        let index = self.open_push(op)?;
        if let Some(push) = self.pushes.get_mut(index) {
            push.outcome = Outcome::Unknown;
        }
        Ok(())
    }

    pub(super) fn pull(&mut self, op: u64, line: usize, since: u64) {
        self.pulls.insert(op, Pull { line, since, after: self.newest });
    }

    fn open_push(&self, op: u64) -> Result<usize, String> {
        let index = self.by_op.get(&op).copied();
        let open =
            index.filter(|index| self.pushes.get(*index).is_some_and(|push| push.outcome == Outcome::Open));
        open.ok_or_else(|| format!("op {op} is not under way"))
    }
}

/// Observations of clients.
impl Space {
    pub(super) fn pulled(&mut self, op: u64, line: usize, cursor: u64, rows: &[Row]) -> Result<(), String> {
        let pull = self.pulls.remove(&op).ok_or_else(|| format!("op {op} is not under way"))?;
        if cursor < pull.after {
            self.violation(line, format!("pulled up to {cursor}, though {} was seen before", pull.after));
        }
        self.newest = self.newest.max(cursor);
        self.check_order(line, (pull.since, cursor), rows);
        let seen = self.observe(line, rows);
        self.check_atomic(line, cursor, pull.since, &seen);
        self.check_complete(line, cursor, &pull, &seen);
        Ok(())
    }

    pub(super) fn synced(
        &mut self,
        line: usize,
        subscription: String,
        (prev, cursor): (u64, u64),
        rows: &[Row],
    ) {
        let stands = self.subscriptions.insert(subscription, cursor);
        if let Some(stands) = stands.filter(|stands| prev != *stands && !rows.is_empty()) {
            self.violation(line, format!("an event follows {prev}, but the subscription stands at {stands}"));
        }
        if stands.is_some_and(|stands| cursor <= stands) {
            self.violation(line, format!("an event for {cursor} comes again"));
        }
        self.newest = self.newest.max(cursor);
        let seen = self.observe(line, rows);
        let pushes: HashSet<usize> = seen.values().filter_map(|seen| seen.push).collect();
        for push in pushes.into_iter().filter_map(|index| self.pushes.get(index)) {
            let missing = push.changes.iter().filter(|change| !seen.contains_key(change.record.as_str()));
            for change in missing {
                self.obligations.rewritten(line, push.op, change.record.clone(), cursor);
            }
        }
    }

    /// Checks that rows are above `since`, ordered by cursor, and contain each record once up to `until`, the bound of the
    /// pull. Rows that are written during the pull follow above its bound.
    fn check_order(&mut self, line: usize, (since, until): (u64, u64), rows: &[Row]) {
        let (mut last, mut records) = (0, HashSet::new());
        for row in rows {
            if row.cursor < last {
                self.violation(line, format!("{} at {} comes after {last}", row.record, row.cursor));
            }
            if row.cursor <= since {
                self.violation(line, format!("{} at {} is outside of the pull", row.record, row.cursor));
            }
            if !records.insert(row.record.as_str()) && row.cursor <= until {
                self.violation(line, format!("{} comes twice", row.record));
            }
            last = row.cursor;
        }
    }

    /// Records rows: returns the cursor and the push of each.
    fn observe<'r>(&mut self, line: usize, rows: &'r [Row]) -> HashMap<&'r str, Seen> {
        let mut seen = HashMap::with_capacity(rows.len());
        for row in rows {
            let push = match &row.value {
                Some(value) => self.writer(line, row, value),
                None => self.deleter(line, row),
            };
            seen.insert(row.record.as_str(), Seen { cursor: row.cursor, push });
        }
        seen
    }

    fn writer(&mut self, line: usize, row: &Row, value: &str) -> Option<usize> {
        let Some(index) = self.by_value.get(&(row.record.clone(), value.to_owned())).copied() else {
            self.violation(line, format!("{} has the value {value}, which no push wrote", row.record));
            return None;
        };
        self.assign_cursor(line, index, row.cursor);
        Some(index)
    }

    fn deleter(&mut self, line: usize, row: &Row) -> Option<usize> {
        let known = self.by_cursor.get(&row.cursor).copied();
        match known.and_then(|index| self.pushes.get(index)) {
            Some(push) if !push.deletes(&row.record) => {
                let op = push.op;
                self.violation(
                    line,
                    format!("{} was deleted at {}, but push {op} did not", row.record, row.cursor),
                );
            }
            Some(_) => {}
            None => self.obligations.deleted(line, row.record.clone(), row.cursor),
        }
        known
    }

    /// Records the cursor of a push, and checks that it is consistent.
    fn assign_cursor(&mut self, line: usize, index: usize, cursor: u64) {
        let Some(push) = self.pushes.get_mut(index) else { return };
        let op = push.op;
        match push.cursor {
            Some(at) if at == cursor => {}
            Some(at) => self.violation(line, format!("push {op} took effect at {at} and again at {cursor}")),
            None => {
                push.cursor = Some(cursor);
                let rejected = push.outcome == Outcome::Rejected;
                let other = self.by_cursor.insert(cursor, index).and_then(|other| self.pushes.get(other));
                if let Some(other) = other.map(|other| other.op) {
                    self.violation(
                        line,
                        format!("cursor {cursor} was given to push {other} and to push {op}"),
                    );
                }
                if rejected {
                    self.violation(line, format!("push {op} was rejected and took effect"));
                }
            }
        }
    }

    /// Checks atomicity: a pull with one change of a push has all its changes, or newer ones.
    fn check_atomic(&mut self, line: usize, until: u64, since: u64, seen: &HashMap<&str, Seen>) {
        let pushes: HashSet<usize> = seen.values().filter_map(|seen| seen.push).collect();
        for index in pushes {
            let Some(push) = self.pushes.get(index) else { continue };
            // Above the bound a pull may meet a part of a push only: its other records have moved on.
            let (op, Some(at)) = (push.op, push.cursor.filter(|at| *at <= until)) else { continue };
            for change in &push.changes {
                match seen.get(change.record.as_str()) {
                    Some(seen) if seen.cursor >= at => {}
                    Some(_) => self.violations.push(torn(line, op, &change.record)),
                    None if since == 0 && change.value.is_none() => {}
                    None => self.obligations.replaced(line, change.record.clone(), at, until, since == 0),
                }
            }
        }
    }

    /// Checks durability: a pull has every change acknowledged before it was sent, or a newer one.
    fn check_complete(&mut self, line: usize, until: u64, pull: &Pull, seen: &HashMap<&str, Seen>) {
        let records: Vec<&String> = if pull.since == 0 {
            self.acknowledged.keys().collect()
        } else {
            let range = self.by_cursor.range(pull.since + 1..);
            let pushes = range.filter_map(|(_, index)| self.pushes.get(*index));
            pushes.flat_map(|push| &push.changes).map(|change| &change.record).collect()
        };
        for record in records {
            let Some(at) = self.last_acknowledged(record, pull.line).filter(|at| *at > pull.since) else {
                continue;
            };
            match seen.get(record.as_str()) {
                Some(seen) if seen.cursor >= at => {}
                Some(seen) => {
                    let what = format!("{record} is at {}, though {at} was acknowledged: lost", seen.cursor);
                    self.violations.push(Violation { line, what });
                }
                None if pull.since == 0 && self.is_deletion(at, record) => {}
                None => self.obligations.replaced(line, record.clone(), at, until, pull.since == 0),
            }
        }
    }

    /// Highest cursor of a change of `record` acknowledged before `line`.
    fn last_acknowledged(&self, record: &str, line: usize) -> Option<u64> {
        let acknowledgements = self.acknowledged.get(record)?;
        let before = acknowledgements.partition_point(|(acknowledged, _)| *acknowledged < line);
        acknowledgements.get(..before)?.last().map(|(_, cursor)| *cursor)
    }

    fn is_deletion(&self, cursor: u64, record: &str) -> bool {
        let push = self.by_cursor.get(&cursor).and_then(|index| self.pushes.get(*index));
        push.is_some_and(|push| push.deletes(record))
    }

    fn violation(&mut self, line: usize, what: String) {
        self.violations.push(Violation { line, what });
    }
}

/// End of the history.
impl Space {
    pub(super) fn finish(self, verdict: &mut Verdict) {
        let Self { pushes, by_cursor, obligations, newest, violations, .. } = self;
        for push in &pushes {
            match push.outcome {
                Outcome::Acknowledged => verdict.acknowledged += 1,
                Outcome::Rejected => verdict.rejected += 1,
                Outcome::Open | Outcome::Unknown => {
                    verdict.unknown += 1;
                    verdict.unknown_seen += u64::from(push.cursor.is_some());
                }
            }
        }
        verdict.violations.extend(violations);
        verdict.violations.extend(obligations.check(&pushes, &by_cursor, newest));
    }
}

/// Observed row of a record.
#[derive(Clone, Copy, Debug)]
struct Seen {
    cursor: u64,
    push: Option<usize>,
}

fn torn(line: usize, op: u64, record: &str) -> Violation {
    Violation { line, what: format!("of push {op} only a part is there: {record} is older") }
}
