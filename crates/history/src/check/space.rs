//! What is known of one space.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::obligations::Obligations;
use super::{Verdict, Violation};
use crate::{Change, Row};

/// How a push came out, as far as its writer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Open,
    Acknowledged,
    Rejected,
    Unknown,
}

/// A push.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) op: u64,
    pub(super) line: usize,
    pub(super) changes: Vec<Change>,
    pub(super) outcome: Outcome,
    /// The cursor it got, by its answer or by what others saw.
    pub(super) cursor: Option<u64>,
    /// The newest cursor that anybody had seen when it was sent.
    after: u64,
}

/// A pull under way.
#[derive(Debug)]
struct Pull {
    line: usize,
    since: u64,
    after: u64,
}

/// A space.
#[derive(Debug, Default)]
pub(super) struct Space {
    pushes: Vec<Push>,
    /// Places in `pushes`.
    by_op: HashMap<u64, usize>,
    by_value: HashMap<(String, String), usize>,
    by_cursor: BTreeMap<u64, usize>,
    pulls: HashMap<u64, Pull>,
    /// For each record, the acknowledged pushes that changed it: the line of the answer, and the newest cursor by then.
    acknowledged: HashMap<String, Vec<(usize, u64)>>,
    /// The newest cursor that anybody has seen.
    newest: u64,
    /// Where each subscription stands.
    subscriptions: HashMap<String, u64>,
    obligations: Obligations,
    violations: Vec<Violation>,
}

/// What clients did.
impl Space {
    pub(super) fn push(&mut self, op: u64, line: usize, changes: Vec<Change>) -> Result<(), String> {
        let place = self.pushes.len();
        let mut records = HashSet::new();
        for change in &changes {
            if !records.insert(change.record.as_str()) {
                return Err(format!("record {} twice in one push", change.record));
            }
            if let Some(value) = &change.value {
                let known = self.by_value.insert((change.record.clone(), value.clone()), place);
                if known.is_some() {
                    return Err(format!("value {value} stands for two contents of {}", change.record));
                }
            }
        }
        self.by_op.insert(op, place);
        let after = self.newest;
        self.pushes.push(Push { op, line, changes, outcome: Outcome::Open, cursor: None, after });
        Ok(())
    }

    pub(super) fn pushed(&mut self, op: u64, line: usize, cursor: u64) -> Result<(), String> {
        let place = self.open_push(op)?;
        let Some(push) = self.pushes.get_mut(place) else { return Ok(()) };
        push.outcome = Outcome::Acknowledged;
        if cursor <= push.after {
            let after = push.after;
            self.blame(line, format!("cursor {cursor} is not above {after}, which was seen before the push"));
        }
        self.place_at(line, place, cursor);
        for change in self.pushes.get(place).map(|push| push.changes.clone()).unwrap_or_default() {
            let answers = self.acknowledged.entry(change.record).or_default();
            let newest = answers.last().map_or(cursor, |(_, newest)| cursor.max(*newest));
            answers.push((line, newest));
        }
        self.newest = self.newest.max(cursor);
        Ok(())
    }

    pub(super) fn rejected(&mut self, op: u64) -> Result<(), String> {
        let place = self.open_push(op)?;
        if let Some(push) = self.pushes.get_mut(place) {
            push.outcome = Outcome::Rejected;
        }
        Ok(())
    }

    pub(super) fn lost(&mut self, op: u64) -> Result<(), String> {
        if self.pulls.remove(&op).is_some() {
            return Ok(());
        }
        let place = self.open_push(op)?;
        if let Some(push) = self.pushes.get_mut(place) {
            push.outcome = Outcome::Unknown;
        }
        Ok(())
    }

    pub(super) fn pull(&mut self, op: u64, line: usize, since: u64) {
        self.pulls.insert(op, Pull { line, since, after: self.newest });
    }

    fn open_push(&self, op: u64) -> Result<usize, String> {
        let place = self.by_op.get(&op).copied();
        let open =
            place.filter(|place| self.pushes.get(*place).is_some_and(|push| push.outcome == Outcome::Open));
        open.ok_or_else(|| format!("op {op} is not under way"))
    }
}

/// What clients saw.
impl Space {
    pub(super) fn pulled(&mut self, op: u64, line: usize, cursor: u64, rows: &[Row]) -> Result<(), String> {
        let pull = self.pulls.remove(&op).ok_or_else(|| format!("op {op} is not under way"))?;
        if cursor < pull.after {
            self.blame(line, format!("pulled up to {cursor}, though {} was seen before", pull.after));
        }
        self.newest = self.newest.max(cursor);
        self.judge_order(line, (pull.since, cursor), rows);
        let seen = self.see(line, rows);
        self.judge_whole(line, cursor, pull.since, &seen);
        self.judge_complete(line, cursor, &pull, &seen);
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
            self.blame(line, format!("an event follows {prev}, but the subscription stands at {stands}"));
        }
        if stands.is_some_and(|stands| cursor <= stands) {
            self.blame(line, format!("an event for {cursor} comes again"));
        }
        self.newest = self.newest.max(cursor);
        let seen = self.see(line, rows);
        let pushes: HashSet<usize> = seen.values().filter_map(|seen| seen.push).collect();
        let whole = |push: &Push| push.changes.iter().all(|change| seen.contains_key(change.record.as_str()));
        let torn = pushes.into_iter().filter_map(|place| self.pushes.get(place)).find(|push| !whole(push));
        if let Some(op) = torn.map(|push| push.op) {
            self.blame(line, format!("an event has a part of push {op} only"));
        }
    }

    /// Rows come in the order of their cursors, each record once, within the bounds of the pull.
    fn judge_order(&mut self, line: usize, (since, until): (u64, u64), rows: &[Row]) {
        let (mut last, mut records) = (0, HashSet::new());
        for row in rows {
            if row.cursor < last {
                self.blame(line, format!("{} at {} comes after {last}", row.record, row.cursor));
            }
            if row.cursor <= since || row.cursor > until {
                self.blame(line, format!("{} at {} is outside of the pull", row.record, row.cursor));
            }
            if !records.insert(row.record.as_str()) {
                self.blame(line, format!("{} comes twice", row.record));
            }
            last = row.cursor;
        }
    }

    /// Takes note of rows: which push each is from.
    fn see<'r>(&mut self, line: usize, rows: &'r [Row]) -> HashMap<&'r str, Seen> {
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
        let Some(place) = self.by_value.get(&(row.record.clone(), value.to_owned())).copied() else {
            self.blame(line, format!("{} has the value {value}, which nobody pushed", row.record));
            return None;
        };
        self.place_at(line, place, row.cursor);
        Some(place)
    }

    fn deleter(&mut self, line: usize, row: &Row) -> Option<usize> {
        let known = self.by_cursor.get(&row.cursor).copied();
        match known.and_then(|place| self.pushes.get(place)) {
            Some(push) if !deletes(push, &row.record) => {
                let op = push.op;
                self.blame(
                    line,
                    format!("{} was deleted at {}, but push {op} did not", row.record, row.cursor),
                );
            }
            Some(_) => {}
            None => self.obligations.deleted(line, row.record.clone(), row.cursor),
        }
        known
    }

    /// A push is known to be at this cursor.
    fn place_at(&mut self, line: usize, place: usize, cursor: u64) {
        let Some(push) = self.pushes.get_mut(place) else { return };
        let op = push.op;
        match push.cursor {
            Some(at) if at == cursor => {}
            Some(at) => self.blame(line, format!("push {op} took effect at {at} and again at {cursor}")),
            None => {
                push.cursor = Some(cursor);
                let rejected = push.outcome == Outcome::Rejected;
                let other = self.by_cursor.insert(cursor, place).and_then(|other| self.pushes.get(other));
                if let Some(other) = other.map(|other| other.op) {
                    self.blame(line, format!("cursor {cursor} was given to push {other} and to push {op}"));
                }
                if rejected {
                    self.blame(line, format!("push {op} was rejected and took effect"));
                }
            }
        }
    }

    /// Whatever a pull shows of a push, it shows all of it, unless something newer stands in its place.
    fn judge_whole(&mut self, line: usize, until: u64, since: u64, seen: &HashMap<&str, Seen>) {
        let pushes: HashSet<usize> = seen.values().filter_map(|seen| seen.push).collect();
        for place in pushes {
            let Some(push) = self.pushes.get(place) else { continue };
            let (op, Some(at)) = (push.op, push.cursor) else { continue };
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

    /// A pull has everything that was acknowledged before it was sent, or something newer in its place.
    fn judge_complete(&mut self, line: usize, until: u64, pull: &Pull, seen: &HashMap<&str, Seen>) {
        let records: Vec<&String> = if pull.since == 0 {
            self.acknowledged.keys().collect()
        } else {
            let range = self.by_cursor.range(pull.since + 1..);
            let pushes = range.filter_map(|(_, place)| self.pushes.get(*place));
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

    /// The newest cursor at which a change of `record` was acknowledged before `line`.
    fn last_acknowledged(&self, record: &str, line: usize) -> Option<u64> {
        let answers = self.acknowledged.get(record)?;
        let before = answers.partition_point(|(answered, _)| *answered < line);
        answers.get(..before)?.last().map(|(_, cursor)| *cursor)
    }

    fn is_deletion(&self, cursor: u64, record: &str) -> bool {
        let push = self.by_cursor.get(&cursor).and_then(|place| self.pushes.get(*place));
        push.is_some_and(|push| deletes(push, record))
    }

    fn blame(&mut self, line: usize, what: String) {
        self.violations.push(Violation { line, what });
    }
}

/// The end.
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
        verdict.violations.extend(obligations.judge(&pushes, &by_cursor, newest));
    }
}

/// A record as it was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    cursor: u64,
    push: Option<usize>,
}

pub(super) fn deletes(push: &Push, record: &str) -> bool {
    push.changes.iter().any(|change| change.record == record && change.value.is_none())
}

fn torn(line: usize, op: u64, record: &str) -> Violation {
    Violation { line, what: format!("of push {op} only a part is there: {record} is older") }
}
